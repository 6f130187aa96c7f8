"""Records what a real kube-apiserver sends to a webhook: `python -m tests.golden.reviews.capture`, `make capture-reviews`.

Each step of `steps` gives one file here, `NAME.json` (`NAME-v1beta1.json` for the older version). What differs from
run to run (ids, times, versions, made-up names) is replaced, so that a new recording differs only where Kubernetes
does.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fakes.certificates import make_pair
from tests.fakes.server import FakeServer, Reply
from tests.golden.reviews.steps import DATABASES, GROUP, IMPOSSIBLE, STEPS
from tests.servers.kubernetes import ApiServer
from tests.servers.process import poll

if TYPE_CHECKING:
    from tests.fakes.certificates import Pair
    from tests.fakes.server import Asked
    from tests.golden.reviews.steps import Step

FOLDER = Path(__file__).parent
RECORDED = "v1.37.2"  # the version whose reviews are here
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RESOURCES = ["pods", "pods/*", "secrets", "configmaps", "databases", "databases/*"]
NAMESPACES = {"v1": "shop", "v1beta1": "shop-old"}
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"')
MADE_UP = (
    (re.compile(r"kube-api-access-[a-z0-9]{5}"), "kube-api-access-abcde"),
    (re.compile(r"(web-5d4f8c7b9-)[a-z0-9]{5}"), r"\g<1>abcde"),
    (re.compile(r'"(resourceVersion|kubernetes.io/config.hash)": "\w+"'), r'"\1": "1"'),
    (TIME, '"2026-01-02T03:04:05Z"'),
)


def allow(asked: Asked) -> Reply:
    """Answer as a webhook that has nothing to change."""
    review = asked.json()
    response = {"uid": review["request"]["uid"], "allowed": True}
    return Reply(200, {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response})


def make_definition() -> dict[str, Any]:
    """Describe a custom resource with a status and fields of any form."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": free, "status": free}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    names = {"plural": "databases", "singular": "database", "kind": "Database"}
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": f"databases.{GROUP}"}, "spec": spec}


def make_configuration(version: str, server: FakeServer, pair: Pair) -> dict[str, Any]:
    """Describe a webhook that is asked about everything in one namespace."""
    bundle = base64.b64encode(pair.certificate.read_bytes()).decode()
    rule = {"apiGroups": ["", GROUP], "apiVersions": ["*"], "resources": RESOURCES, "operations": ["*"]}
    webhook = {
        "name": f"{version}.record.test.invalid",
        "clientConfig": {"url": f"{server.address}/", "caBundle": bundle},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACES[version]}},
        "admissionReviewVersions": [version],
        "sideEffects": "None",
    }
    return {"metadata": {"name": f"record-{version}"}, "webhooks": [webhook]}


def take_step(api: ApiServer, step: Step, namespace: str) -> tuple[int, Any]:
    """Send a step's request; gives status and answer."""
    root = f"/apis/{GROUP}/v1" if step.path.startswith(DATABASES) else "/api/v1"
    path, body = f"{root}/namespaces/{namespace}{step.path}", step.body
    if step.method == "PUT" and body is not None:
        version = api.act("GET", path)["metadata"]["resourceVersion"]
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": version}}
    return api.request(step.method, path, body, content_type=step.content_type)


def record(api: ApiServer, version: str, pair: Pair) -> dict[str, Any]:
    """Take all steps of a version; gives the reviews by the names of their files."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    namespace, reviews = NAMESPACES[version], {}
    api.create_namespace(namespace)
    api.create_service_account(namespace, "app")
    with FakeServer(allow, tls=context) as server:
        api.act("POST", CONFIGURATIONS, make_configuration(version, server, pair))
        trial = {"metadata": {"name": "trial"}}
        path = f"/api/v1/namespaces/{namespace}/configmaps?dryRun=All"
        poll(lambda: api.act("POST", path, trial) and server.asked, what="webhook in force")
        for step in STEPS:
            if version == "v1beta1" and not step.is_old:
                continue
            server.asked.clear()
            status, answer = take_step(api, step, namespace)
            if status >= 400 and step.name != IMPOSSIBLE:
                raise RuntimeError(f"{step.name}: {answer}")
            name = step.name if version == "v1" else f"{step.name}-{version}"
            reviews[name] = choose_review([asked.json() for asked in server.asked])
        api.act("DELETE", f"{CONFIGURATIONS}/record-{version}")
    return reviews


def choose_review(reviews: list[Any]) -> Any:
    """Choose that of the step itself: an eviction is followed by a deletion, and a deletion by another one.

    The API server asks again when it was about an object that is out of date, as its cache had it: the last time counts.
    """
    first = what_it_is_about(reviews[0])
    if first[0] == "DELETE":
        return reviews[0]
    return [review for review in reviews if what_it_is_about(review) == first][-1]


def what_it_is_about(review: Any) -> tuple[Any, ...]:
    request = review["request"]
    return request["operation"], request["resource"], request.get("subResource")


def scrub(review: Any) -> str:
    """Write a review without what is different each time."""
    text = json.dumps(review, indent=1, ensure_ascii=False)
    found = dict.fromkeys(UUID.findall(text))
    for number, uid in enumerate(found):
        text = text.replace(uid, f"00000000-0000-4000-8000-{number:012}")
    for pattern, replacement in MADE_UP:
        text = pattern.sub(replacement, text)
    return text + "\n"


def define_database(api: ApiServer) -> None:
    """Make the custom resource, and return when it can be used."""
    if api.request("GET", f"{DEFINITIONS}/databases.{GROUP}")[0] == 404:
        api.act("POST", DEFINITIONS, make_definition())
    poll(lambda: api.request("GET", f"/apis/{GROUP}/v1/databases")[0] == 200, what="custom resource served")


def capture(api: ApiServer, folder: Path) -> dict[str, str]:
    """Record everything with an API server; gives texts by the names of their files. `folder` is for a certificate."""
    define_database(api)
    pair = make_pair(folder)
    reviews = {**record(api, "v1", pair), **record(api, "v1beta1", pair)}
    texts = {name: scrub(review) for name, review in reviews.items()}
    for name, text in texts.items():
        if api.admin_token in text or pair.key.read_text() in text:
            raise RuntimeError(f"{name}: a credential is in the review")
    return texts


def main() -> int:
    """Write everything anew."""
    with ApiServer() as api, tempfile.TemporaryDirectory() as folder:
        texts = capture(api, Path(folder))
        version = api.act("GET", "/version")["gitVersion"]
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, text in texts.items():
        (FOLDER / f"{name}.json").write_text(text)
    print(f"{len(texts)} reviews of Kubernetes {version}")
    if version != RECORDED:
        print(f"write {version} into RECORDED")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
