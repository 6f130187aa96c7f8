"""Wrapping one container."""

from __future__ import annotations

from typing import Any

import jsonpatch
import msgspec
import pytest

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.mutate.container import RESERVED, is_wrapped, wrap_command, wrap_handlers
from vault_secrets_webhook.webhook.mutate.patch import Patch
from vault_secrets_webhook.webhook.mutate.spec import Container

EXE = "/vault/vault-env"


def decode(document: dict[str, Any]) -> Container:
    return msgspec.convert({"name": "app", **document}, Container)


def apply(patch: Patch, document: dict[str, Any]) -> Any:
    return jsonpatch.JsonPatch(msgspec.json.decode(msgspec.json.encode(patch.operations))).apply(document)


@pytest.mark.parametrize(
    ("document", "marked", "expected"),
    [
        ({}, (), False),
        ({"command": []}, (), False),
        ({"command": ["app"]}, (), False),
        ({"command": [EXE]}, (), True),
        ({"command": ["/vault/secret-init"]}, (), True),
        ({"command": ["/bao/secret-init"]}, (), True),
        ({"command": ["/aws/secret-init"]}, (), True),
        ({"command": ["vault-env"]}, (), False),
        ({"command": ["app", EXE]}, (), False),
        ({"args": [EXE]}, (), False),
        ({"command": ["/otel/wrap"], "args": [EXE, "app"]}, (), False),
        ({"command": ["/otel/wrap"], "args": [EXE, "app"]}, ("app",), True),
        ({"command": ["/otel/wrap", EXE, "app"]}, ("app",), True),
        ({"command": ["/otel/wrap", EXE, "app"]}, ("other",), False),
        ({"command": ["app"]}, ("app",), False),
        ({"name": None, "command": ["app"]}, ("",), False),
    ],
)
def test_is_wrapped(document: dict[str, Any], marked: tuple[str, ...], expected: bool) -> None:
    assert is_wrapped(decode(document), marked, has_copier=False) is expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"command": ["/sbin/tini", "--", EXE], "args": ["app"]}, True),
        ({"command": ["/sbin/tini", "--"], "args": [EXE, "app"]}, True),
        ({"command": ["/sbin/tini", "--", "/bao/secret-init", "app"]}, True),
        ({"command": ["sh", "-c", f"exec {EXE} app"]}, False),
        ({"command": ["app"]}, False),
        ({}, False),
    ],
)
def test_beside_a_copying_container_the_executable_may_stand_anywhere(document: dict[str, Any], expected: bool) -> None:
    assert is_wrapped(decode(document), (), has_copier=True) is expected


@pytest.mark.parametrize(
    ("document", "args"),
    [
        ({"command": ["app"]}, ["app"]),
        ({"command": ["app"], "args": None}, ["app"]),
        ({"command": ["app"], "args": []}, ["app"]),
        ({"command": ["app", "-v"], "args": ["a", "b"]}, ["app", "-v", "a", "b"]),
        ({"command": ["copy"]}, ["--", "copy"]),
        ({"command": ["copy", "/a"], "args": ["/b"]}, ["--", "copy", "/a", "/b"]),
        ({"command": ["--version"]}, ["--", "--version"]),
        ({"command": ["--"], "args": ["app"]}, ["--", "--", "app"]),
        ({"command": ["app", "copy"]}, ["app", "copy"]),
        ({"command": ["/bin/copy"], "args": ["--help"]}, ["/bin/copy", "--help"]),
        ({"command": ["sh", "-c", "echo $(HOME) $$x"], "args": ["$(POD)"]}, ["sh", "-c", "echo $(HOME) $$x", "$(POD)"]),
    ],
)
def test_wrap_command(document: dict[str, Any], args: list[str]) -> None:
    patch = Patch()
    wrap_command(patch, "", decode(document), document["command"], EXE)
    assert apply(patch, document) == {"command": [EXE], "args": args}


@pytest.mark.parametrize(
    ("document", "command", "args"),
    [
        ({}, ["/app"], ["/app"]),
        ({"command": None}, ["/app", "-v"], ["/app", "-v"]),
        ({"command": [], "args": None}, ["/app"], ["/app"]),
        ({"args": ["a", "$(POD)"]}, ["/app", "$$(POD)"], ["/app", "$$(POD)", "a", "$(POD)"]),
        ({"args": ["sh"]}, [], ["sh"]),
        ({"args": ["copy", "a"]}, [], ["--", "copy", "a"]),
        ({}, ["copy", "a"], ["--", "copy", "a"]),
    ],
)
def test_a_command_of_the_image_is_wrapped(document: dict[str, Any], command: list[str], args: list[str]) -> None:
    patch = Patch()
    wrap_command(patch, "", decode(document), command, EXE)
    assert apply(patch, document) == {"command": [EXE], "args": args}


def test_a_command_that_is_not_known_is_refused() -> None:
    patch = Patch()
    with pytest.raises(Refused, match=r"^because$"):
        wrap_command(patch, "", decode({}), Refused("because"), EXE)
    assert patch.operations == []


PLACES = ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle/postStart", "lifecycle/preStop"]


@pytest.mark.parametrize("place", PLACES)
def test_each_handler_is_wrapped(place: str) -> None:
    def nest(command: list[str]) -> dict[str, Any]:
        document: dict[str, Any] = {"exec": {"command": command}}
        for name in reversed(place.split("/")):
            document = {name: document}
        return document

    patch = Patch()
    wrap_handlers(patch, "", decode(nest(["check", "a"])), EXE)
    assert apply(patch, nest(["check", "a"])) == nest([EXE, "check", "a"])
    again = Patch()
    wrap_handlers(again, "", decode(nest([EXE, "check"])), EXE)
    assert again.operations == []


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_handler_whose_command_is_called_like_one_of_vault_env(word: str) -> None:
    document = {"livenessProbe": {"exec": {"command": [word, "a"]}}}
    patch = Patch()
    wrap_handlers(patch, "", decode(document), EXE)
    assert apply(patch, document) == {"livenessProbe": {"exec": {"command": [EXE, "--", word, "a"]}}}


def test_wrap_handlers() -> None:
    document = {
        "livenessProbe": {"exec": {"command": ["live", "a"]}, "periodSeconds": 3},
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
        "startupProbe": {"exec": {"command": [EXE, "started"]}},
        "lifecycle": {"postStart": {"exec": {"command": ["post"]}}, "preStop": {"exec": {"command": ["pre"]}}},
    }
    patch = Patch()
    wrap_handlers(patch, "", decode(document), EXE)
    assert apply(patch, document) == {
        "livenessProbe": {"exec": {"command": [EXE, "live", "a"]}, "periodSeconds": 3},
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
        "startupProbe": {"exec": {"command": [EXE, "started"]}},
        "lifecycle": {
            "postStart": {"exec": {"command": [EXE, "post"]}},
            "preStop": {"exec": {"command": [EXE, "pre"]}},
        },
    }


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"livenessProbe": None, "lifecycle": None},
        {"livenessProbe": {"exec": None}, "lifecycle": {"preStop": None}},
        {"livenessProbe": {"exec": {"command": None}}},
        {"startupProbe": {"exec": {"command": []}}},
    ],
)
def test_no_handlers(document: dict[str, Any]) -> None:
    patch = Patch()
    wrap_handlers(patch, "", decode(document), EXE)
    assert patch.operations == []
