"""Volumes, their names, and the mounts of containers."""

from __future__ import annotations

from typing import Any

import jsonpatch
import msgspec
import pytest

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.mutate.flavour import VAULT_ENV
from vault_secrets_webhook.webhook.mutate.patch import Patch
from vault_secrets_webhook.webhook.mutate.spec import Container, PodSpec
from vault_secrets_webhook.webhook.mutate.volume import (
    Mount,
    Supply,
    Volumes,
    add_mounts,
    build_certificate_volume,
    normalize_path,
    plan_volumes,
)

SOURCE = {"emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}


def plan(volumes: list[Any] | None = None, existing: str = "", secret: str = "") -> Volumes:
    spec = msgspec.convert({"volumes": volumes}, PodSpec)
    return plan_volumes(spec, Supply(existing, SOURCE), VAULT_ENV, secret, has_token=False)


@pytest.mark.parametrize("sub_path", ["", "usr/local/bin"])
def test_executable_volume(sub_path: str) -> None:
    volumes = plan_volumes(PodSpec(), Supply("", SOURCE, sub_path), VAULT_ENV, "", has_token=False)
    assert volumes.executable == Mount("vault-env", "/vault", sub_path)
    assert volumes.added == [{"name": "vault-env", **SOURCE}]
    assert volumes.certificate is None
    assert volumes.certificate_file() == ""


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["data"], "vault-env"), (["vault-env"], "vault-env-1"), (["vault-env", "vault-env-1"], "vault-env-2")],
)
def test_a_volume_of_the_author_keeps_its_name(names: list[str], expected: str) -> None:
    volumes = plan([{"name": name} for name in names])
    assert volumes.executable.volume == expected
    assert [volume["name"] for volume in volumes.added] == [expected]


def test_an_existing_executable_volume_is_used() -> None:
    volumes = plan([{"name": "x"}], existing="x")
    assert volumes.executable.volume == "x"
    assert volumes.added == []


OTHER = [{"name": "vault-tls", "secret": {"secretName": "ca"}}]
CERTIFICATES: list[tuple[str, list[dict[str, Any]], Mount, bool]] = [
    ("free", [], Mount("vault-tls", "/vault/tls"), True),
    ("taken", OTHER, Mount("vault-env-tls", "/vault-env/tls"), True),
    ("both-taken", [*OTHER, {"name": "vault-env-tls"}], Mount("vault-env-tls-1", "/vault-env/tls"), True),
    ("ours", [build_certificate_volume("vault-tls", "ca")], Mount("vault-tls", "/vault/tls"), False),
    (
        "ours-beside",
        [*OTHER, build_certificate_volume("vault-env-tls", "ca")],
        Mount("vault-env-tls", "/vault-env/tls"),
        False,
    ),
    (
        "of-another-secret",
        [build_certificate_volume("vault-tls", "other")],
        Mount("vault-env-tls", "/vault-env/tls"),
        True,
    ),
    (
        "of-another-kind",
        [{"name": "vault-tls", "projected": {"sources": [{"configMap": {"name": "ca"}}]}}],
        Mount("vault-env-tls", "/vault-env/tls"),
        True,
    ),
    (
        "of-another-key",
        [
            {
                "name": "vault-tls",
                "projected": {"sources": [{"secret": {"name": "ca", "items": [{"key": "k", "path": "p"}]}}]},
            }
        ],
        Mount("vault-env-tls", "/vault-env/tls"),
        True,
    ),
]


@pytest.mark.parametrize(
    ("existing", "mount", "is_new"), [row[1:] for row in CERTIFICATES], ids=[row[0] for row in CERTIFICATES]
)
def test_certificate_volume(existing: list[Any], mount: Mount, is_new: bool) -> None:
    volumes = plan(existing, secret="ca")
    assert volumes.certificate == mount
    assert volumes.certificate_file() == mount.folder + "/ca.crt"
    expected = {
        "name": mount.volume,
        "projected": {"sources": [{"secret": {"name": "ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}]},
    }
    assert volumes.added[1:] == ([expected] if is_new else [])


OUR_MOUNT = {"name": "vault-env", "mountPath": "/vault/", "readOnly": True}
OUR_WRITABLE = {"name": "vault-env", "mountPath": "/vault/"}
TLS_MOUNT = {"name": "vault-tls", "mountPath": "/vault/tls/", "readOnly": True}
WITHOUT = Volumes(VAULT_ENV, Mount("vault-env", "/vault"), None, [], ("/vault/vault-env",))
WITH = msgspec.structs.replace(WITHOUT, certificate=Mount("vault-tls", "/vault/tls"))
BESIDE = msgspec.structs.replace(WITHOUT, certificate=Mount("vault-env-tls", "/vault-env/tls"))
DATA = {"name": "data", "mountPath": "/data"}
IMAGE = msgspec.structs.replace(WITH, executable=Mount("vault-env", "/vault", "usr/local/bin"))
IMAGE_MOUNT = {**OUR_MOUNT, "subPath": "usr/local/bin"}
BELOW = {"name": "data", "mountPath": "/vault/secrets/"}
FILE = {"name": "data", "mountPath": "/vault/app.json", "subPath": "app.json"}
EXPANDED = {"name": "data", "mountPath": "/vault/x", "subPathExpr": "$(POD)"}

MOUNTS: list[tuple[str, Any, Volumes, set[str], Any, bool]] = [
    ("absent", None, WITHOUT, set(), [OUR_MOUNT], False),
    ("empty", [], WITHOUT, set(), [OUR_MOUNT], False),
    ("other", [DATA], WITHOUT, set(), [DATA, OUR_MOUNT], False),
    ("certificate", [DATA], WITH, {"/vault/tls"}, [DATA, OUR_MOUNT, TLS_MOUNT], False),
    ("certificate-without-point", None, WITH, set(), [OUR_WRITABLE, TLS_MOUNT], True),
    (
        "certificate-beside",
        None,
        BESIDE,
        set(),
        [OUR_MOUNT, {"name": "vault-env-tls", "mountPath": "/vault-env/tls/", "readOnly": True}],
        False,
    ),
    ("below", [BELOW], WITHOUT, {"/vault/secrets"}, [BELOW, OUR_MOUNT], False),
    ("below-without-point", [BELOW], WITHOUT, set(), [BELOW, OUR_WRITABLE], True),
    ("file", [FILE], WITHOUT, {"/vault/app.json"}, [FILE, OUR_WRITABLE], True),
    ("expanded", [EXPANDED], WITHOUT, {"/vault/x"}, [EXPANDED, OUR_WRITABLE], True),
    ("there", [OUR_MOUNT], WITHOUT, set(), [OUR_MOUNT], False),
    ("sub-path", [DATA], IMAGE, {"/vault/tls"}, [DATA, IMAGE_MOUNT, TLS_MOUNT], False),
    ("sub-path-there", [IMAGE_MOUNT], IMAGE, {"/vault/tls"}, [IMAGE_MOUNT, TLS_MOUNT], False),
    ("there-without-slash", [{"name": "vault-env", "mountPath": "/vault"}], WITH, {"/vault/tls"}, None, False),
]


@pytest.mark.parametrize(
    ("existing", "volumes", "made", "expected", "warns"), [row[1:] for row in MOUNTS], ids=[row[0] for row in MOUNTS]
)
def test_add_mounts(existing: Any, volumes: Volumes, made: set[str], expected: Any, warns: bool) -> None:
    document = {"name": "app", "volumeMounts": existing}
    patch = Patch()
    warning = add_mounts(patch, "", msgspec.convert(document, Container), volumes, made)
    operations = msgspec.json.decode(msgspec.json.encode(patch.operations))
    result = jsonpatch.JsonPatch(operations).apply(document)["volumeMounts"]
    assert result == (expected or [*existing, TLS_MOUNT])
    assert (warning is not None) == warns
    if warning:
        assert "container 'app'" in warning
        assert "writable" in warning


@pytest.mark.parametrize("path", ["/vault", "/vault/", "//vault//", "vault", "/x/../vault"])
def test_another_volume_in_our_place_is_refused(path: str) -> None:
    container = msgspec.convert({"name": "app", "volumeMounts": [{"name": "data", "mountPath": path}]}, Container)
    with pytest.raises(Refused, match=r"^container 'app' mounts the volume 'data' at /vault/, ") as caught:
        add_mounts(Patch(), "", container, WITHOUT, set())
    assert caught.value.code == 422


@pytest.mark.parametrize("order", [1, -1])
def test_two_volumes_in_our_place_are_refused(order: int) -> None:
    mounts = [{"name": "vault-env", "mountPath": "/vault"}, {"name": "data", "mountPath": "/vault/"}][::order]
    container = msgspec.convert({"name": "app", "volumeMounts": mounts}, Container)
    with pytest.raises(Refused, match=r"^container 'app' mounts the volume 'data' at /vault/, "):
        add_mounts(Patch(), "", container, WITHOUT, set())


@pytest.mark.parametrize(
    ("volumes", "more"),
    [
        (IMAGE, {}),
        (IMAGE, {"subPath": "bin"}),
        (IMAGE, {"subPathExpr": "$(POD)"}),
        (WITH, {"subPath": "usr/local/bin"}),
        (WITH, {"subPathExpr": "$(POD)"}),
    ],
    ids=["root-of-the-image", "other-folder", "expanded", "folder-of-an-empty-volume", "expanded-of-an-empty-volume"],
)
def test_another_part_of_our_volume_in_our_place_is_refused(volumes: Volumes, more: dict[str, str]) -> None:
    mounts = [{"name": "vault-env", "mountPath": "/vault/", **more}]
    container = msgspec.convert({"name": "app", "volumeMounts": mounts}, Container)
    with pytest.raises(Refused, match=r"^container 'app' mounts the volume 'vault-env' at /vault/, "):
        add_mounts(Patch(), "", container, volumes, {"/vault/tls"})


WITH_TOKEN = msgspec.structs.replace(WITHOUT, files=("/vault/vault-env", "/vault/.vault-token"))


@pytest.mark.parametrize(
    ("path", "volumes", "file"),
    [
        ("/vault/vault-env", WITHOUT, "/vault/vault-env"),
        ("//vault/./vault-env/", WITHOUT, "/vault/vault-env"),
        ("/vault/vault-env/below", WITHOUT, "/vault/vault-env"),
        ("/vault/.vault-token", WITH_TOKEN, "/vault/.vault-token"),
        ("/vault/vault-env", WITH_TOKEN, "/vault/vault-env"),
        ("/vault/.vault-token", WITHOUT, None),
        ("/vault/vault-env-2", WITHOUT, None),
        ("/vault/.vault-token-2", WITH_TOKEN, None),
    ],
)
@pytest.mark.parametrize("more", [{}, {"subPath": "file"}])
def test_a_volume_where_a_file_of_ours_must_be_is_refused(
    path: str, volumes: Volumes, file: str | None, more: dict[str, str]
) -> None:
    mounts = [{"name": "data", "mountPath": path, **more}]
    container = msgspec.convert({"name": "app", "volumeMounts": mounts}, Container)
    if file is None:
        add_mounts(Patch(), "", container, volumes, {path})
        return
    with pytest.raises(Refused, match=rf"^container 'app' mounts a volume at .*, where {file} must be: ") as caught:
        add_mounts(Patch(), "", container, volumes, {path})
    assert caught.value.code == 422


@pytest.mark.parametrize(
    ("has_token", "files"),
    [(False, ("/vault/vault-env",)), (True, ("/vault/vault-env", "/vault/.vault-token"))],
)
def test_files_of_the_executable_volume(has_token: bool, files: tuple[str, ...]) -> None:
    assert plan_volumes(PodSpec(), Supply("", SOURCE), VAULT_ENV, "", has_token=has_token).files == files


def test_another_volume_in_the_place_of_the_certificate_is_refused() -> None:
    mounts = [{"name": "data", "mountPath": "/vault/tls"}]
    container = msgspec.convert({"name": "app", "volumeMounts": mounts}, Container)
    with pytest.raises(Refused, match=r"^container 'app' mounts the volume 'data' at /vault/tls/, "):
        add_mounts(Patch(), "", container, WITH, {"/vault/tls"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/a//", "/a"),
        ("a", "/a"),
        ("a/b/", "/a/b"),
        ("//a", "/a"),
        ("/a/.b", "/a/.b"),
        ("/a/../b/./c/", "/b/c"),
        ("/../x", "/x"),
        ("/", "/"),
        ("", "/"),
    ],
)
def test_normalize_path(path: str, expected: str) -> None:
    assert normalize_path(path) == expected
