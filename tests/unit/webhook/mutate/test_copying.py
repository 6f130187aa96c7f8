"""The copying init containers. Their scripts are run with a real shell."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.mutate import copying
from vault_secrets_webhook.webhook.mutate.flavour import VAULT_ENV
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


ITS_OWN = Settings.from_environment({"VAULT_ENV_COPY": "self", "VAULT_ENV_IMAGE": "vault-env:1"})


def spec(**fields: Any) -> PodSpec:
    return msgspec.convert(fields, PodSpec)


def build(*points: str, of: PodSpec = NOTHING, settings: Settings = SETTINGS, image: str = "") -> dict[str, Any]:
    options = msgspec.structs.replace(settings.defaults, vault_env_image=image or settings.defaults.vault_env_image)
    circumstances = copying.Circumstances(VAULT_ENV, of, "vault-env", RESTRICTED, options)
    return copying.build_executable_copier(circumstances, points, settings)


def build_token(volume: str = "tokens", file: str = "file", **fields: Any) -> dict[str, Any]:
    of = spec(**{"volumes": [{"name": volume}], **fields})
    circumstances = copying.Circumstances(VAULT_ENV, of, "vault-env", RESTRICTED, SETTINGS.defaults)
    return copying.build_token_copier(circumstances, ("tokens", file))


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


@pytest.mark.parametrize(
    ("points", "expected"), [((), []), (("/vault/tls", "/vault/a b$(X)"), ["/vault/a b$$(X)", "/vault/tls"])]
)
def test_executable_that_copies_itself(points: tuple[str, ...], expected: list[str]) -> None:
    assert build(*points, settings=ITS_OWN) == {
        **build(image="vault-env:1"),
        "command": ["/usr/local/bin/vault-env", "copy", "/vault/", *expected],
    }


@pytest.mark.parametrize(
    ("image", "is_by_itself"),
    [("", True), ("vault-env:1", True), ("vault-env:2", False), ("mirror/vault-env:1", False)],
)
def test_only_the_image_of_the_operator_copies_itself(image: str, is_by_itself: bool) -> None:
    assert (build("/vault/tls", settings=ITS_OWN, image=image)["command"][0] != "sh") is is_by_itself


def test_token_copier() -> None:
    assert build_token(file="$(app)") == {
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


@pytest.mark.parametrize("volumes", [None, [], [{"name": "other"}]])
def test_a_token_from_a_volume_that_is_not_there_is_refused(volumes: Any) -> None:
    with pytest.raises(Refused, match=r"^annotation .*/token-auth-mount: the pod has no volume tokens: ") as caught:
        build_token(volumes=volumes)
    assert caught.value.code == 422


CPU, MEMORY = {"cpu": "1"}, {"memory": "1Gi"}


@pytest.mark.parametrize(
    ("shared", "expected", "of_token"),
    [
        (None, "cpu memory", "cpu memory"),
        ({}, "cpu memory", "cpu memory"),
        ({"requests": None, "limits": None}, "cpu memory", "cpu memory"),
        ({"limits": {"hugepages-2Mi": 4}}, "cpu memory", "cpu memory"),
        ({"limits": CPU}, "memory", "memory"),
        ({"requests": MEMORY}, "cpu", "cpu"),
        ({"requests": CPU, "limits": MEMORY}, "", ""),
        ({"requests": {**CPU, **MEMORY}, "limits": {**CPU, **MEMORY}}, "", ""),
    ],
)
def test_what_the_pod_has_an_amount_of_together_is_left_out(shared: Any, expected: str, of_token: str) -> None:
    resources = build(of=spec(resources=shared))["resources"]
    assert list(resources) == (["requests", "limits"] if expected else [])
    assert all(list(amounts) == expected.split() for amounts in resources.values())
    assert [*build_token(resources=shared)["resources"].get("limits", ())] == of_token.split()


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
    run_relocated(build_token(file=name)["command"], tmp_path)
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


NON_ROOT = {"runAsNonRoot": True}
# Security contexts of the pod and of the containers that are served, options, what is added to `RESTRICTED`.
CONTEXTS: list[tuple[str, Any, list[Any], dict[str, Any], dict[str, Any]]] = [
    ("silent", None, [None], {}, {}),
    ("escalation", {}, [{}], {"allow_privilege_escalation": True}, {"allowPrivilegeEscalation": True}),
    ("root-filesystem", {}, [{}], {"readonly_root_fs": False}, {"readOnlyRootFilesystem": False}),
    ("non-root-by-annotation", {}, [{}], {"run_as_non_root": True}, NON_ROOT),
    (
        "user-by-annotation",
        {"runAsUser": 5},
        [{"runAsUser": 9}],
        {"run_as_user": 1000, "run_as_group": 2000},
        {"runAsUser": 1000, "runAsGroup": 2000, "runAsNonRoot": True},
    ),
    ("of-the-pod", {"runAsUser": 5}, [{}], {}, {"runAsUser": 5, "runAsNonRoot": True}),
    ("of-the-pod-before-containers", {"runAsUser": 5}, [{"runAsUser": 9}], {}, {"runAsUser": 5, "runAsNonRoot": True}),
    ("root-of-the-pod", {"runAsUser": 0}, [{"runAsUser": 9}], {}, {"runAsUser": 0}),
    ("null-of-the-pod", {"runAsUser": None}, [{}], {}, {}),
    ("non-root-of-the-pod", NON_ROOT, [{}], {}, {}),  # it holds for ours as well
    ("agreed", {}, [{"runAsUser": 7}] * 2, {}, {"runAsUser": 7, "runAsNonRoot": True}),
    ("agreed-on-top-of-the-pod", NON_ROOT, [{"runAsUser": 7}], {}, {"runAsUser": 7, "runAsNonRoot": True}),
    ("agreed-on-root", {}, [{"runAsUser": 0}] * 2, {}, {}),
    ("disagreed", {}, [{"runAsUser": 7}, {"runAsUser": 8}], {}, {}),
    ("agreed-by-some", {}, [{"runAsUser": 7}, None], {}, {}),
    ("non-root", {}, [NON_ROOT] * 2, {}, {"runAsUser": 65534, "runAsNonRoot": True}),
    (
        "non-root-against-the-pod",
        {"runAsNonRoot": False},
        [NON_ROOT],
        {},
        {"runAsUser": 65534, "runAsNonRoot": True},
    ),
    (
        "non-root-and-agreed",
        None,
        [{"runAsUser": 7, **NON_ROOT}] * 2,
        {},
        {"runAsUser": 7, "runAsNonRoot": True},
    ),
    (
        "non-root-and-disagreed",
        None,
        [{"runAsUser": 7, **NON_ROOT}, {"runAsUser": 8, **NON_ROOT}],
        {},
        {"runAsUser": 65534, "runAsNonRoot": True},
    ),
    ("non-root-of-some", {}, [NON_ROOT, {}], {}, {}),
    ("non-root-everywhere", NON_ROOT, [NON_ROOT], {}, {}),
]


def build_context(pod: Any, containers: list[Any], **options: Any) -> dict[str, Any]:
    changed = msgspec.structs.replace(SETTINGS.defaults, **options)
    served = msgspec.convert([{"securityContext": one} for one in containers], list[Container])
    return copying.build_security_context(spec(securityContext=pod), served, changed)


@pytest.mark.parametrize(
    ("pod", "containers", "options", "changes"), [row[1:] for row in CONTEXTS], ids=[row[0] for row in CONTEXTS]
)
def test_security_context(pod: Any, containers: list[Any], options: dict[str, Any], changes: dict[str, Any]) -> None:
    assert build_context(pod, containers, **options) == {**RESTRICTED, **changes}


@pytest.mark.parametrize(
    ("pod", "options", "words"),
    [
        (
            {"runAsUser": 0},
            {"run_as_non_root": True},
            "which annotation vault.security.banzaicloud.io/run-as-non-root ",
        ),
        ({"runAsUser": 0, **NON_ROOT}, {}, "which its runAsNonRoot forbids"),
    ],
)
def test_root_that_must_not_be_is_refused(pod: dict[str, Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as caught:
        build_context(pod, [{}], **options)
    assert words in str(caught.value)
    assert "set annotation vault.security.banzaicloud.io/run-as-user" in str(caught.value)
    assert caught.value.code == 422
    assert build_context(pod, [{}], **options, run_as_user=5)["runAsUser"] == 5


def test_names_do_not_collide() -> None:
    taken = spec(initContainers=[{"name": "copy-vault-env"}], containers=[{"name": "copy-vault-token"}])
    assert build(of=taken)["name"] == "copy-vault-env-1"
    containers = [{"name": "copy-vault-token"}]
    assert build_token(containers=containers)["name"] == "copy-vault-token-1"


OURS = build("/vault/tls", "/vault/$x")
ITSELF = build("/vault/tls", "/vault/$x", settings=ITS_OWN)
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
        ([OURS], VOLUMES, 1, copying.Copier(VAULT_ENV, "vault-env", frozenset(("/vault/tls", "/vault/$x")))),
        ([OTHER, FOREIGN], VOLUMES, 2, copying.Copier(VAULT_ENV, "vault-env", frozenset())),
        (
            [{**OURS, "name": "renamed"}],
            VOLUMES,
            1,
            copying.Copier(VAULT_ENV, "vault-env", frozenset(("/vault/tls", "/vault/$x"))),
        ),
        (
            [{**ITSELF, "name": "renamed"}],
            VOLUMES,
            1,
            copying.Copier(VAULT_ENV, "vault-env", frozenset(("/vault/tls", "/vault/$x"))),
        ),
        ([build(settings=ITS_OWN)], VOLUMES, 1, copying.Copier(VAULT_ENV, "vault-env", frozenset())),
        ([{**ITSELF, "command": ["/usr/local/bin/vault-env", "copy", "/other/"]}], VOLUMES, 1, None),
        ([OTHER, ITSELF], VOLUMES, 1, None),
        ([ITSELF], [], 1, None),
        ([OTHER, OURS], VOLUMES, 1, None),
        ([OURS], [], 1, None),
        ([{**OURS, "volumeMounts": None}], VOLUMES, 1, None),
        ([{**OTHER, "volumeMounts": OURS["volumeMounts"]}], VOLUMES, 1, None),
        ([{"name": "copy-vault-env", "command": ["other"]}], VOLUMES, 1, None),
        (None, None, 0, None),
    ],
    ids=[
        "ours",
        "foreign",
        "by-what-it-does",
        "itself",
        "itself-without-points",
        "itself-elsewhere",
        "itself-too-late",
        "itself-no-volume",
        "too-late",
        "no-volume",
        "no-mount",
        "other",
        "only-name",
        "none",
    ],
)
def test_find_copier(init_containers: Any, volumes: Any, before: int, expected: copying.Copier | None) -> None:
    assert copying.find_copier(spec(initContainers=init_containers, volumes=volumes), before, VAULT_ENV) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (OURS["command"], True),
        (build()["command"], True),
        (build_token()["command"], True),
        (ITSELF["command"], True),
        (["/usr/local/bin/vault-env", "copy", "/vault/"], True),
        (["/usr/local/bin/vault-env", "copy"], False),
        (["/usr/local/bin/vault-env", "copy", "/other/"], False),
        (["/usr/local/bin/vault-env", "app"], False),
        (["vault-env", "copy", "/vault/"], False),
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
    assert copying.copies_token(spec(initContainers=[build_token(), OURS]), volume, before, VAULT_ENV) is expected
