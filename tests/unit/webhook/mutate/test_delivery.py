"""How vault-env gets into containers: which pods have the image as a volume, and for which it is copied."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from vault_secrets_webhook.webhook.mutate.copying import build_copying_command
from vault_secrets_webhook.webhook.mutate.delivery import Delivery, Demand, plan_delivery
from vault_secrets_webhook.webhook.mutate.flavour import VAULT_ENV
from vault_secrets_webhook.webhook.mutate.spec import PodSpec
from vault_secrets_webhook.webhook.mutate.volume import Mount
from vault_secrets_webhook.webhook.settings import Settings

IMAGE = {"VAULT_ENV_VOLUME_MEDIUM": "Image", "VAULT_ENV_IMAGE": "vault-env:1"}
IMAGE_VOLUME = {"image": {"reference": "vault-env:1", "pullPolicy": "IfNotPresent"}}
EMPTY_DIR = {"emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}


def plan(
    mounts: list[Any] | None = None, environ: dict[str, str] | None = None, before: int = 0, **fields: Any
) -> Delivery:
    """Plan for a pod with one chosen container; fields of Options are told from those of the spec by their names."""
    settings = Settings.from_environment(IMAGE if environ is None else environ)
    changes = {name: fields.pop(name) for name in settings.defaults.__struct_fields__ if name in fields}
    options = msgspec.structs.replace(settings.defaults, **changes)
    spec = msgspec.convert({"containers": [{"name": "app", "volumeMounts": mounts}], **fields}, PodSpec)
    has_token = options.token_auth_mount is not None
    allows_image = settings.vault_env_volume_medium == "Image"
    demand = Demand(spec.containers or [], before, frozenset(), options.vault_tls_secret, has_token, allows_image)
    return plan_delivery(spec, demand, options, settings)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, EMPTY_DIR["emptyDir"]),
        ({"VAULT_ENV_VOLUME_MEDIUM": "Disk"}, {"sizeLimit": "64Mi"}),
        ({"VAULT_ENV_VOLUME_SIZE_LIMIT": "128Mi"}, {"medium": "Memory", "sizeLimit": "128Mi"}),
    ],
)
def test_an_empty_volume_to_copy_into(environ: dict[str, str], expected: dict[str, str]) -> None:
    delivery = plan(environ=environ)
    assert delivery.needs_copier
    assert delivery.points == frozenset()
    assert delivery.volumes.executable == Mount("vault-env", "/vault")
    assert delivery.volumes.added == [{"name": "vault-env", "emptyDir": expected}]


def test_the_image_as_a_volume() -> None:
    delivery = plan(vault_env_pull_policy="Never")
    assert not delivery.needs_copier
    assert delivery.points == {"/vault/tls", "/vault/secrets"}
    assert delivery.volumes.executable == Mount("vault-env", "/vault", "usr/local/bin")
    image = {"reference": "vault-env:1", "pullPolicy": "Never"}
    assert delivery.volumes.added == [{"name": "vault-env", "image": image}]


def mount(path: str, **more: str) -> dict[str, str]:
    return {"name": "data", "mountPath": path, **more}


ENOUGH: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("elsewhere", [mount("/data"), mount("/vaults/x"), mount("/a", subPath="b")], {}),
    ("secrets", [mount("/vault/secrets/")], {}),
    ("certificate", [mount("//vault/./secrets")], {"vault_tls_secret": "ca"}),
    ("mount-of-the-author-for-certificates", [mount("/vault/tls")], {}),
    ("certificate-beside", [], {"vault_tls_secret": "ca", "volumes": [{"name": "vault-tls"}]}),
    ("image-repeated", [], {"vault_env_image": "vault-env:1"}),
]


@pytest.mark.parametrize(("mounts", "fields"), [row[1:] for row in ENOUGH], ids=[row[0] for row in ENOUGH])
def test_the_image_is_enough(mounts: list[Any], fields: dict[str, Any]) -> None:
    delivery = plan(mounts, **fields)
    assert not delivery.needs_copier
    assert delivery.volumes.added[0] == {"name": "vault-env", **IMAGE_VOLUME}


MORE: list[tuple[str, list[Any], dict[str, Any], set[str]]] = [
    ("point", [mount("/vault/x")], {}, {"/vault/x"}),
    ("point-below", [mount("/vault/tls/x"), mount("/vault/secrets")], {}, {"/vault/tls/x", "/vault/secrets"}),
    ("sub-path", [mount("/vault/secrets", subPath="x")], {}, set()),
    ("sub-path-expanded", [mount("/vault/tls", subPathExpr="$(X)")], {}, set()),
    ("token", [mount("/vault/secrets")], {"token_auth_mount": ("data", "token")}, {"/vault/secrets"}),
    ("image-of-the-author", [], {"vault_env_image": "vault-env:2", "vault_tls_secret": "ca"}, {"/vault/tls"}),
]


@pytest.mark.parametrize(("mounts", "fields", "points"), [row[1:] for row in MORE], ids=[row[0] for row in MORE])
def test_a_pod_that_needs_more_has_it_copied_into_memory(
    mounts: list[Any], fields: dict[str, Any], points: set[str]
) -> None:
    delivery = plan(mounts, **fields)
    assert delivery.needs_copier
    assert delivery.points == points
    assert delivery.volumes.executable == Mount("vault-env", "/vault")
    assert delivery.volumes.added[0] == {"name": "vault-env", **EMPTY_DIR}


@pytest.mark.parametrize(
    ("volumes", "name", "is_new"),
    [
        ([{"name": "data", **IMAGE_VOLUME}], "data", False),
        ([{"name": "vault-env", **IMAGE_VOLUME}], "vault-env", False),
        ([{"name": "a", "image": {"reference": "vault-env:1", "pullPolicy": "Always"}}], "a", False),
        ([{"name": "vault-env", "image": {"reference": "other"}}], "vault-env-1", True),
        ([{"name": "vault-env", "image": {}}, {"name": "data", "image": None}], "vault-env-1", True),
        ([{"name": "vault-env", "emptyDir": {}}], "vault-env-1", True),
    ],
)
def test_an_image_volume_is_known_by_its_image(volumes: list[Any], name: str, is_new: bool) -> None:
    delivery = plan(volumes=volumes)
    assert delivery.volumes.executable == Mount(name, "/vault", "usr/local/bin")
    assert delivery.volumes.added == ([{"name": name, **IMAGE_VOLUME}] if is_new else [])


def copier(*, is_by_itself: bool) -> dict[str, Any]:
    return {
        "name": "copy",
        "command": build_copying_command(VAULT_ENV, ["/vault/x"], is_by_itself=is_by_itself),
        "volumeMounts": [{"name": "exe", "mountPath": "/vault/"}],
    }


@pytest.mark.parametrize("environ", [{}, IMAGE], ids=["copying", "image"])
@pytest.mark.parametrize("is_by_itself", [False, True])
@pytest.mark.parametrize(("before", "points", "needs_copier"), [(1, {"/vault/x"}, False), (0, set(), True)])
def test_what_is_copied_already_is_used(
    environ: dict[str, str], is_by_itself: bool, before: int, points: set[str], needs_copier: bool
) -> None:
    there = {"initContainers": [copier(is_by_itself=is_by_itself)], "volumes": [{"name": "exe", "emptyDir": {}}]}
    delivery = plan(environ=environ, before=before, **there)
    assert delivery.volumes.executable == Mount("exe", "/vault")
    assert delivery.volumes.added == []
    assert delivery.points == points
    assert delivery.needs_copier is needs_copier
