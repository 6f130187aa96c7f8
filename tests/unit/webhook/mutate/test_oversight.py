"""References that stay as they are: which of them their author is told about."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.fakes.cluster import apply, mutate
from vault_secrets_webhook.webhook.annotations import MUTATE, PROVIDER
from vault_secrets_webhook.webhook.mutate.flavour import EXECUTABLES
from vault_secrets_webhook.webhook.mutate.grammar import OF_VAULT
from vault_secrets_webhook.webhook.mutate.oversight import warn_of_arguments, warn_of_left, warn_of_wrapped
from vault_secrets_webhook.webhook.mutate.spec import Container

EXE = "/vault/vault-env"
INLINE = "x ${vault:a#b}"
ARGUMENT = "container 'app': a reference in command or args has no effect: put it into env"
DOUBT = (
    f"container 'app' is left as it is, because {EXE} stands in its command or args: if that does not start it, its"
    " references stay as they are"
)


def container(name: str = "app", text: str | None = "vault:secret/data/a#b", **more: Any) -> dict[str, Any]:
    return {"name": name, "command": ["app"], "env": [{"name": "N"}, {"name": "A", "value": text}], **more}


def mounted(path: str) -> list[dict[str, str]]:
    return [{"name": "v", "mountPath": path}]


def decode(*containers: dict[str, Any]) -> list[Container]:
    return msgspec.convert(containers, list[Container])


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {}, "spec": {"containers": list(containers), **spec}}


def describe_missing(executable: str, folder: str) -> str:
    return (
        f"container 'app' starts with {executable} but nothing is mounted at {folder}: leave it out of the command,"
        " this webhook brings it"
    )


@pytest.mark.parametrize("text", ["vault:a#b", ">>vault:a#b", "vault:", INLINE, "bao:a#b"])
def test_windows(text: str) -> None:
    expected = "container 'app', variable 'A': the reference stays as it is, because pods for Windows are left alone"
    containers = decode(container("plain", "x"), container(text=text), container("other"))
    assert warn_of_left(containers, "windows") == [expected]


@pytest.mark.parametrize("text", ["x", "", None, " vault:a#b"])
def test_windows_without_references(text: str | None) -> None:
    assert warn_of_left(decode(container(text=text), {}), "windows") == []


LEFT: list[tuple[str, dict[str, str], dict[str, str], str]] = [
    (
        "no provider",
        {"REQUIRE_PROVIDER": "true"},
        {},
        f"objects without a provider are left alone: set annotation {PROVIDER} to vault or bao",
    ),
    (
        "not opted in",
        {"OPT_IN": "true"},
        {},
        f'only objects that ask for it are changed: set annotation {MUTATE} to "true"',
    ),
    ("skipped", {"OPT_IN": "true"}, {MUTATE: "skip"}, ""),
]


@pytest.mark.parametrize(("environ", "annotations", "why"), [row[1:] for row in LEFT], ids=[row[0] for row in LEFT])
def test_pods_that_did_not_ask(environ: dict[str, str], annotations: dict[str, str], why: str) -> None:
    document = {**pod(container()), "metadata": {"annotations": annotations}}
    mutation = mutate(document, environ=environ)
    expected = [f"container 'app', variable 'A': the reference stays as it is, because {why}"] if why else []
    assert (mutation.patch, mutation.warnings) == ([], expected)


def test_what_another_webhook_wrapped_is_nothing_to_warn_of() -> None:
    wrapped = container(command=[EXE], args=["app"], volumeMounts=mounted("/vault/"))
    assert mutate(pod(wrapped), environ={"REQUIRE_PROVIDER": "true"}).warnings == []


ARGUMENTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("args", {"args": ["-p", "vault:a#b"]}, [ARGUMENT]),
    ("command", {"command": ["sh", "-c", INLINE]}, [ARGUMENT]),
    ("several", {"command": [INLINE], "args": [INLINE, "vault:a#b"]}, [ARGUMENT]),
    ("within", {"args": ["--password=vault:a#b"]}, []),
    ("none", {"command": None, "args": None}, []),
]


@pytest.mark.parametrize(("more", "expected"), [row[1:] for row in ARGUMENTS], ids=[row[0] for row in ARGUMENTS])
def test_arguments(more: dict[str, Any], expected: list[str]) -> None:
    assert warn_of_arguments(decode({}, container(**more), container("other", **more)), OF_VAULT) == expected


@pytest.mark.parametrize("executable", sorted(EXECUTABLES))
def test_every_executable_needs_a_mount(executable: str) -> None:
    folder = executable.rpartition("/")[0]
    command = [executable, "app"]
    assert warn_of_wrapped(decode(container(command=command)), (), OF_VAULT) == [describe_missing(executable, folder)]
    for path in (folder, folder + "/", executable):
        assert warn_of_wrapped(decode(container(command=command, volumeMounts=mounted(path))), (), OF_VAULT) == []


WRAPPED: list[tuple[str, dict[str, Any], tuple[str, ...], list[str]]] = [
    ("other-mount", {"command": [EXE], "volumeMounts": mounted("/data")}, (), [describe_missing(EXE, "/vault")]),
    ("marked-without-mount", {"command": [EXE]}, ("app",), [describe_missing(EXE, "/vault")]),
    ("no-reference", {"command": [EXE], "text": "x"}, (), []),
    ("in-args", {"args": ["-x", EXE]}, (), [DOUBT]),
    ("in-args-alone", {"command": None, "args": [EXE]}, (), [DOUBT]),
    ("behind-another", {"command": ["tini", "--", EXE]}, (), [DOUBT]),
    ("in-args-marked", {"args": [EXE]}, ("app",), []),
    ("in-args-no-reference", {"args": [EXE], "text": "x"}, (), []),
]


@pytest.mark.parametrize(("more", "marked", "expected"), [row[1:] for row in WRAPPED], ids=[row[0] for row in WRAPPED])
def test_wrapped(more: dict[str, Any], marked: tuple[str, ...], expected: list[str]) -> None:
    assert warn_of_wrapped(decode(container(**more)), marked, OF_VAULT) == expected


def test_one_warning_of_a_kind() -> None:
    several = decode(*(container(f"c{number}", command=[EXE]) for number in range(3)), container(args=[EXE]))
    assert [warning.split(" ")[1] for warning in warn_of_wrapped(several, (), OF_VAULT)] == ["'c0'", "'app'"]


def test_a_pod_tells_all_of_it() -> None:
    assert mutate(pod(container(command=[EXE, INLINE]))).warnings == [ARGUMENT, describe_missing(EXE, "/vault")]
    assert len(mutate(pod(initContainers=[container()], os={"name": "windows"})).warnings) == 1
    assert mutate(pod(container(text="x", args=[INLINE]))).reason == "no-references"


def test_what_was_wrapped_here_warns_in_the_same_words() -> None:
    """The API server shows a warning once, however often webhooks give it."""
    document = pod(container(args=["vault:a#b"]))
    once = mutate(document)
    assert once.warnings == [ARGUMENT]
    assert mutate(apply(document, once)).warnings == once.warnings


def test_a_copier_and_the_executable_as_an_argument() -> None:
    document = pod(container("first"))
    once = apply(document, mutate(document))
    once["spec"]["containers"].append(container(args=["--start", EXE]))
    mutation = mutate(once)
    assert (mutation.reason, mutation.warnings) == ("already-injected", [DOUBT])
