"""What the log says about reviews: which object, how it ended, and nothing of what is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.webhook.serving import UID, in_loop, make_review, make_settings, post, serving
from vault_secrets_webhook.errors import InvalidReference, Refused, Unreachable
from vault_secrets_webhook.webhook.admission import decode_review
from vault_secrets_webhook.webhook.journal import name_object
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.objects import NoCluster
from vault_secrets_webhook.webhook.mutate.patch import PatchOperation
from vault_secrets_webhook.webhook.mutate.pod import mutate_pod
from vault_secrets_webhook.webhook.mutation import Mutation, Reviewer

if TYPE_CHECKING:
    from vault_secrets_webhook.webhook.admission import AdmissionRequest

LONG = "x" * 100_000
# How lines of the log name the object of `make_review`.
OBJECT = f"kind=Pod namespace=shop name=web- operation=CREATE uid={UID}"


@in_loop
async def test_a_refused_value_is_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    async def refuse(pod: bytes, request: AdmissionRequest) -> Mutation:
        raise Refused(f"container 'app', variable 'A': {InvalidReference('no key', 'vault:hunter2', 13, 14)}")

    async with serving(mutate=refuse) as (server, session):
        _, _, document = await post(session, f"{server.url}/pods", make_review())
    assert "hunter2" in document["response"]["status"]["message"]
    log = capfd.readouterr().err
    assert "container 'app', variable 'A': no key" in log
    assert "hunter2" not in log


@in_loop
async def test_mutated_is_logged_once(capfd: pytest.CaptureFixture[str]) -> None:
    async with serving() as (server, session):
        await post(session, f"{server.url}/pods", make_review())
        await post(session, f"{server.url}/pods", make_review(operation="UPDATE"))
    lines = [line for line in capfd.readouterr().err.splitlines() if "pod " in line]
    assert len(lines) == 1
    assert f'msg="pod mutated" {OBJECT} changed=app reason=injected' in lines[0]


NAMES = [
    ("of the request", {"name": "web-1"}, "web-2", "web-1"),
    ("of the mutation", {}, "web-2", "web-2"),
    ("too long in the mutation", {}, "x" * 254, "x" * 252 + "…"),
    ("of the object, which the mutation has not read", {}, "", "web-"),
]


@pytest.mark.parametrize(("fields", "name", "expected"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES])
def test_the_name_of_an_object(fields: dict[str, str], name: str, expected: str) -> None:
    assert name_object(decode_review(make_review(**fields)).request, name)["name"] == expected


@pytest.mark.parametrize(
    ("metadata", "expected"), [({"name": "web-1", "generateName": "web-"}, "web-1"), ({"generateName": "web-"}, "web-")]
)
@in_loop
async def test_the_mutation_of_a_pod_tells_its_name(metadata: dict[str, str], expected: str) -> None:
    env = [{"name": "A", "value": "vault:secret/data/a#b"}]
    pod = {"metadata": metadata, "spec": {"containers": [{"name": "app", "command": ["/app"], "env": env}]}}
    mutation = await mutate_pod(json.dumps(pod).encode(), "shop", make_settings(), NoCluster())
    assert (mutation.reason, mutation.name) == ("injected", expected)


@in_loop
async def test_lines_of_the_log_are_bounded(capfd: pytest.CaptureFixture[str]) -> None:
    """Names come from whoever sends reviews, and from pods that were not validated yet."""
    outcomes: list[Mutation | Exception] = [
        Mutation([PatchOperation("add", "/x", 1)], [], [LONG] * 1000, "injected", [LONG] * 1000),
        Refused(LONG),
        KubernetesError("no"),
        KeyError("no"),
        TimeoutError(),
    ]

    async def mutate(pod: bytes, request: AdmissionRequest) -> Mutation:
        outcome = outcomes[int(json.loads(pod)["outcome"])]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async with serving(mutate=mutate) as (server, session):
        for number in range(len(outcomes)):
            review = make_review(uid=LONG, namespace=LONG, name=LONG, object={"outcome": number})
            await post(session, f"{server.url}/pods", review)
        assert LONG.encode() not in server.endpoints.metrics.render()
    lines = [line for line in capfd.readouterr().err.splitlines() if "kind=Pod" in line]
    assert len(lines) == len(outcomes) + 1
    assert max(map(len, lines)) < 12_000
    assert sum("and 980 more" in line for line in lines) == 2


@in_loop
async def test_objects_that_could_not_be_read(capfd: pytest.CaptureFixture[str]) -> None:
    async def leave(pod: bytes, request: AdmissionRequest) -> Mutation:
        return Mutation([], [], [], "no-references", ["Secret db: RBAC", "ConfigMap c: RBAC"])

    async with serving(mutate=leave) as (server, session):
        await post(session, f"{server.url}/pods", make_review())
        registry = server.endpoints.metrics.registry
        assert registry.get_sample_value("vault_secrets_webhook_unread_objects_total") == 2.0
    [line] = [line for line in capfd.readouterr().err.splitlines() if "could not be read" in line]
    assert "level=WARN" in line
    assert f'{OBJECT} objects="Secret db: RBAC,ConfigMap c: RBAC"' in line


@in_loop
async def test_each_path_has_its_reviewer(capfd: pytest.CaptureFixture[str]) -> None:
    async def fail(_: bytes, request: AdmissionRequest) -> Mutation:
        raise Unreachable(f"Vault is away, asked for {request.name}")

    secrets = Reviewer("/secrets", "Secret", "vault-secrets-secrets", None, frozenset(("UPDATE",)), fail)
    review = make_review(operation="UPDATE", name="db", kind={"version": "v1", "kind": "Secret"})
    async with serving(others=[secrets]) as (server, session):
        status, _, _ = await post(session, f"{server.url}/pods", review)
        assert status == 200
        status, _, document = await post(session, f"{server.url}/secrets", review)
        assert (status, document["message"]) == (500, "Vault is away, asked for db")
        registry = server.endpoints.metrics.registry
        assert (
            registry.get_sample_value(
                "vault_secrets_webhook_reviews_total", {"reason": "vault-error", "kind": "v1/Secret"}
            )
            == 1.0
        )
        metrics = server.endpoints.metrics.render().decode()
    assert 'success="false",webhook_id="vault-secrets-secrets"' in metrics
    assert 'success="true",webhook_id="vault-secrets-pods"' in metrics
    [line] = [line for line in capfd.readouterr().err.splitlines() if "ERROR" in line]
    assert 'msg="a Secret could not be reviewed"' in line
    assert f"kind=Secret namespace=shop name=db operation=UPDATE uid={UID}" in line


@in_loop
async def test_untouched_is_logged_for_debugging(capfd: pytest.CaptureFixture[str]) -> None:
    async with serving(level="debug") as (server, session):
        await post(session, f"{server.url}/pods", make_review(operation="UPDATE"))
    assert (
        f'level=DEBUG msg="pod left as it is" {OBJECT.replace("CREATE", "UPDATE")} reason=operation'
        in capfd.readouterr().err
    )
