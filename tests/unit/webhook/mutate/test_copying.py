"""The copying init containers. Their scripts are run with a real shell."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from vault_secrets_webhook.webhook.mutate import copying
from vault_secrets_webhook.webhook.mutate.spec import Container, PodSpec
from vault_secrets_webhook.webhook.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings.from_environment({})
NOTHING = PodSpec()
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def spec(**fields: Any) -> PodSpec:
    return msgspec.convert(fields, PodSpec)


def build(*points: str, of: PodSpec = NOTHING, **options: Any) -> dict[str, Any]:
    changed = msgspec.structs.replace(SETTINGS.defaults, **options)
    return copying.build_executable_copier(of, "vault-env", points, changed, SETTINGS)


def test_executable_copier() -> None:
    assert build() == {
        "name": "copy-vault-env",
        "image": "ghcr.io/bank-vaults/vault-env:latest",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", "cp /usr/local/bin/vault-env /vault/"],
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"cpu": "500m", "memory": "256Mi"},
        },
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": "vault-env", "mountPath": "/vault/"}],
    }


def test_executable_copier_makes_mount_points() -> None:
    assert build("/vault/tls", "/vault/a b$(X)")["command"] == [
        "sh",
        "-c",
        'cp /usr/local/bin/vault-env /vault/ && mkdir -p "$@"',
        "copy-vault-env",
        "/vault/a b$$(X)",
        "/vault/tls",
    ]


def test_token_copier() -> None:
    assert copying.build_token_copier(NOTHING, "vault-env", ("tokens", "$(app)"), SETTINGS.defaults) == {
        "name": "copy-vault-token",
        "image": "hashicorp/vault:latest",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", 'cp "/token/$1" /vault/.vault-token', "copy-vault-token", "$$(app)"],
        "resources": {"limits": {"cpu": "50m", "memory": "64Mi"}},
        "securityContext": RESTRICTED,
        "volumeMounts": [
            {"name": "vault-env", "mountPath": "/vault/"},
            {"name": "tokens", "mountPath": "/token", "readOnly": True},
        ],
    }


def run_relocated(command: list[str], root: Path) -> None:
    """Run a copying command as kubelet would start it, with the three folders it uses below `root`."""
    script = command[2].replace("/usr/local/bin", f"{root}/bin").replace("/vault/", f"{root}/vault/")
    script = script.replace("/token/", f"{root}/token/")
    arguments = [one.replace("$$", "$").replace("/vault/", f"{root}/vault/") for one in command[3:]]
    subprocess.run(["sh", "-c", script, *arguments], check=True, timeout=30)


HOSTILE = ["a b", "-rf", "$(touch pwned)", "`touch pwned`", "x;touch pwned", "'\"*?", "$1", "$$HOME"]


@pytest.mark.parametrize("name", HOSTILE)
def test_token_file_name_is_never_part_of_the_script(name: str, tmp_path: Path) -> None:
    for folder in ("vault", "token"):
        (tmp_path / folder).mkdir()
    (tmp_path / "token" / name).write_text("the token")
    run_relocated(copying.build_token_copier(NOTHING, "v", ("t", name), SETTINGS.defaults)["command"], tmp_path)
    assert (tmp_path / "vault" / ".vault-token").read_text() == "the token"
    assert not list(tmp_path.rglob("pwned"))


def test_mount_points_are_never_part_of_the_script(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "vault-env").write_text("executable")
    run_relocated(build(*(f"/vault/{name}" for name in HOSTILE))["command"], tmp_path)
    made = {one.name for one in (tmp_path / "vault").iterdir() if one.is_dir()}
    assert made == set(HOSTILE)
    assert (tmp_path / "vault" / "vault-env").read_text() == "executable"


@pytest.mark.parametrize(
    ("pod", "options", "changes"),
    [
        ({}, {"allow_privilege_escalation": True}, {"allowPrivilegeEscalation": True}),
        ({}, {"readonly_root_fs": False}, {"readOnlyRootFilesystem": False}),
        ({}, {"run_as_non_root": True}, {"runAsNonRoot": True}),
        (
            {},
            {"run_as_user": 1000, "run_as_group": 2000},
            {"runAsUser": 1000, "runAsGroup": 2000, "runAsNonRoot": True},
        ),
        ({"runAsUser": 5}, {}, {"runAsUser": 5, "runAsNonRoot": True}),
        ({"runAsUser": 5}, {"run_as_user": 7}, {"runAsUser": 7, "runAsNonRoot": True}),
        ({"runAsUser": 0}, {}, {"runAsUser": 0}),
        ({"runAsUser": None}, {}, {}),
    ],
)
def test_security_context(pod: dict[str, Any], options: dict[str, Any], changes: dict[str, Any]) -> None:
    assert build(of=spec(securityContext=pod), **options)["securityContext"] == {**RESTRICTED, **changes}


def test_names_do_not_collide() -> None:
    taken = spec(initContainers=[{"name": "copy-vault-env"}], containers=[{"name": "copy-vault-token"}])
    assert build(of=taken)["name"] == "copy-vault-env-1"
    assert copying.build_token_copier(taken, "v", ("t", "f"), SETTINGS.defaults)["name"] == "copy-vault-token-1"


OURS = build("/vault/tls", "/vault/$x")
FOREIGN = {
    "name": "copy-vault-env",
    "command": ["sh", "-c", "cp /usr/local/bin/vault-env /vault/"],
    "volumeMounts": [{"name": "vault-env", "mountPath": "/vault/"}],
}
OTHER = {"name": "migrate", "command": ["sh", "-c", "cp /usr/local/bin/vault-env /vault/ && migrate"]}
VOLUMES = [{"name": "vault-env"}]


@pytest.mark.parametrize(
    ("init_containers", "volumes", "before", "expected"),
    [
        ([OURS], VOLUMES, 1, copying.Copier("vault-env", frozenset(("/vault/tls", "/vault/$x")))),
        ([OTHER, FOREIGN], VOLUMES, 2, copying.Copier("vault-env", frozenset())),
        (
            [{**OURS, "name": "renamed"}],
            VOLUMES,
            1,
            copying.Copier("vault-env", frozenset(("/vault/tls", "/vault/$x"))),
        ),
        ([OTHER, OURS], VOLUMES, 1, None),
        ([OURS], [], 1, None),
        ([{**OURS, "volumeMounts": None}], VOLUMES, 1, None),
        ([{**OTHER, "volumeMounts": OURS["volumeMounts"]}], VOLUMES, 1, None),
        ([{"name": "copy-vault-env", "command": ["other"]}], VOLUMES, 1, None),
        (None, None, 0, None),
    ],
    ids=["ours", "foreign", "by-what-it-does", "too-late", "no-volume", "no-mount", "other", "only-name", "none"],
)
def test_find_copier(init_containers: Any, volumes: Any, before: int, expected: copying.Copier | None) -> None:
    assert copying.find_copier(spec(initContainers=init_containers, volumes=volumes), before) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (OURS["command"], True),
        (build()["command"], True),
        (copying.build_token_copier(NOTHING, "v", ("t", "f"), SETTINGS.defaults)["command"], True),
        (["sh", "-c", "cp /usr/local/bin/secret-init /bao/"], True),
        (["sh", "-c", "cp /token/file /vault/.vault-token"], True),
        (["sh", "-c", "cp /token/file /vault/.vault-token; app"], False),
        (["sh", "-c", "cp /usr/local/bin/vault-env /vault/; app"], False),
        (["sh", "-c", "app"], False),
        (["sh", "-c"], False),
        (["bash", "-c", "cp /usr/local/bin/vault-env /vault/"], False),
        ([], False),
        (None, False),
    ],
)
def test_is_copying(command: list[str] | None, expected: bool) -> None:
    assert copying.is_copying(Container(command=command)) is expected


@pytest.mark.parametrize(
    ("volume", "before", "expected"), [("vault-env", 1, True), ("vault-env", 0, False), ("other", 1, False)]
)
def test_copies_token(volume: str, before: int, expected: bool) -> None:
    copier = copying.build_token_copier(NOTHING, "vault-env", ("t", "f"), SETTINGS.defaults)
    assert copying.copies_token(spec(initContainers=[copier, OURS]), volume, before) is expected
