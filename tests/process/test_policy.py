"""The operator's lists hold on every way to a server: for each kind of object, in both families, and by namespace.

The webhook is the real process. Each annotation that chooses an address, image, role, mount, namespace, ServiceAccount
or TLS setting is refused where the list does not have it, and never where the namespace has a list of its own that does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.surroundings import Reviewed, encode
from tests.fakes.verdict import find_path, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "canary-of-policies"
FIRST, SECOND = "vault.security.banzaicloud.io/", "secrets-webhook.security.bank-vaults.io/"
OTHER = "http://other.example"  # which is never asked: what is let through is reviewed in a dry run
LISTS = ("images", "roles", "authPaths", "vaultNamespaces", "serviceAccounts", "tlsSecrets")
POLICY = {
    **{name: ["nothing"] for name in LISTS},
    "allowRegistrySkipVerify": False,
    "namespaces": {
        "free": {**{name: ["*"] for name in LISTS}, "addresses": [OTHER], "allowRegistrySkipVerify": True},
    },
}
PATHS = {"Pod": "pods", "Secret": "secrets", "ConfigMap": "configmaps", "Database": "databases"}
# Annotation of the first family, what it chooses, and the variable or setting that the refusal names.
CHOICES = [
    ("vault-addr", OTHER, "VAULT_ADDR_ALLOWLIST"),
    ("vault-role", "admin", "VAULT_ROLE_ALLOWLIST"),
    ("vault-role", "{{ .namespace }}-admin", "VAULT_ROLE_ALLOWLIST"),
    ("vault-path", "other", "VAULT_PATH_ALLOWLIST"),
    ("vault-namespace", "other", "VAULT_NAMESPACE_ALLOWLIST"),
    ("vault-agent-env-variables", '[{"name":"VAULT_NAMESPACE","value":"other"}]', "VAULT_NAMESPACE_ALLOWLIST"),
    ("vault-serviceaccount", "other", "VAULT_SERVICEACCOUNT_ALLOWLIST"),
    ("vault-tls-secret", "other", "VAULT_TLS_SECRET_ALLOWLIST"),
    ("vault-env-image", "other", "IMAGE_ALLOWLIST"),
    ("vault-image", "other", "IMAGE_ALLOWLIST"),
    ("vault-ct-image", "other", "IMAGE_ALLOWLIST"),
    ("registry-skip-verify", "true", "REGISTRY_ALLOW_OBJECT_SKIP_VERIFY"),
]
RENAMED = {"vault-env-image": "secret-init-image"}


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviewed]:
    folder = tmp_path_factory.mktemp("policy")
    (folder / "policy.json").write_text(json.dumps(POLICY))
    with Reviewed(folder, CANARY, POLICY_FILE=str(folder / "policy.json")) as running:
        yield running


def make_object(kind: str, reference: str) -> dict[str, Any]:
    if kind == "Pod":
        container = {"name": "app", "image": "app", "command": ["app"], "env": [{"name": "A", "value": reference}]}
        return {"spec": {"serviceAccountName": "nothing", "containers": [container]}}
    if kind == "Database":
        return {"spec": {"password": reference}}
    return {"data": {"password": encode(reference) if kind == "Secret" else reference}}


def make_review(kind: str, namespace: str, provider: str, annotations: dict[str, str]) -> dict[str, Any]:
    """Make a review, in a dry run: an annotation is looked at in the same way, and no other address asked."""
    metadata = {"name": "one", "namespace": namespace, "annotations": annotations}
    reference = f"{provider or 'vault'}:secret/data/app#password"
    request = {
        "uid": "u",
        "kind": {"group": "", "version": "v1", "kind": kind},
        "resource": {"group": "", "version": "v1", "resource": PATHS[kind]},
        "namespace": namespace,
        "name": "one",
        "operation": "CREATE",
        "object": {"apiVersion": "v1", "kind": kind, "metadata": metadata, **make_object(kind, reference)},
        "dryRun": True,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def annotate(suffix: str, text: str, provider: str) -> tuple[str, dict[str, str]]:
    """Give the name of an annotation in the family of a provider, and the annotations of an object that has it."""
    if not provider:
        return FIRST + suffix, {FIRST + suffix: text}
    name = RENAMED.get(suffix, suffix)
    key = SECOND + (name.replace("vault-", "bao-") if provider == "bao" else name)
    return key, {SECOND + "provider": provider, key: text}


@pytest.mark.parametrize("provider", ["", "vault", "bao"])
@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize(("suffix", "text", "told"), CHOICES)
def test_lists_hold(reviewed: Reviewed, kind: str, suffix: str, text: str, told: str, provider: str) -> None:
    key, annotations = annotate(suffix, text, provider)
    refused, answer = send(reviewed, make_review(kind, "shop", provider, annotations))
    assert not refused
    assert answer["code"] == 403
    assert f"annotation {key}: " in answer["message"]
    assert told in answer["message"]
    allowed, answer = send(reviewed, make_review(kind, "free", provider, annotations))
    assert allowed, answer


def send(reviewed: Reviewed, review: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Send a review: whether the object may be, and why not."""
    status, body = reviewed.post(find_path(review), json.dumps(review).encode())
    judged = judge(review, status, body, CANARY)
    assert judged.faults == []
    return judged.is_allowed, json.loads(body)["response"].get("status", {})


@pytest.mark.parametrize("kind", PATHS)
def test_a_certificate_stays_checked(reviewed: Reviewed, kind: str) -> None:
    review = make_review(kind, "shop", "", {FIRST + "vault-skip-verify": "true"})
    _, body = reviewed.post(find_path(review), json.dumps(review).encode())
    assert "the certificate is checked all the same" in str(json.loads(body)["response"]["warnings"])


@pytest.mark.parametrize("kind", PATHS)
def test_what_the_operator_chose_may_be_repeated(reviewed: Reviewed, kind: str) -> None:
    """His own address is a loopback one here, and on no list."""
    own = {"vault-addr": reviewed.surroundings.server.address, "vault-path": "kubernetes", "vault-namespace": ""}
    annotations = {FIRST + suffix: text for suffix, text in own.items()}
    assert send(reviewed, make_review(kind, "shop", "", annotations)) == (True, {})
