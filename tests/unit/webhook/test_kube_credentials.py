"""Tokens from files and from plugins: when they are read, what is accepted, and that no message shows them."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.certificates import make_pair
from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.kube import plugin as plugin_module
from vault_secrets_webhook.webhook.kube.credentials import Access, FixedCredentials, TokenFile, basic, bearer
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.plugin import ExecConfig, ExecPlugin, ExecVariable
from vault_secrets_webhook.webhook.kube.tls import KeyPair, Trust, make_client_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

V1 = "client.authentication.k8s.io/v1"
SOURCE = "kubeconfig F, user U"
NOW = dt.datetime(2026, 8, 1, 12, tzinfo=dt.UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def token_of(access: Access) -> str:
    return access.headers["Authorization"].removeprefix("Bearer ")


@in_loop
async def test_token_file_is_read_once_a_minute(tmp_path: Path) -> None:
    file, clock = tmp_path / "token", Clock(1000.0)
    credentials = TokenFile(str(file), clock)
    seen = []
    for now, written in ((1000.0, "a\n"), (1060.0, "b"), (1060.5, " c "), (1100.0, "d")):
        clock.now = now
        file.write_text(written)
        seen.append(token_of(await credentials.access()))
    assert seen == ["a", "a", "c", "c"]


@in_loop
async def test_a_token_file_that_is_away_for_a_while(tmp_path: Path) -> None:
    """The token at hand is used on, and the file looked for each time."""
    file, clock = tmp_path / "token", Clock()
    credentials = TokenFile(str(file), clock)
    with pytest.raises(KubernetesError, match="token"):
        await credentials.access()
    file.write_text("first")
    await credentials.access()
    file.unlink()
    clock.now = 61.0
    first = await credentials.access()
    assert token_of(first) == "first"
    with pytest.raises(KubernetesError, match="token"):
        await credentials.renew(first)
    file.write_text("second")
    assert token_of(await credentials.access()) == "second"


@in_loop
async def test_token_file_is_read_again_when_it_was_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a")
    credentials = TokenFile(str(file), Clock(1000.0))
    first = await credentials.access()
    assert not await credentials.renew(first)
    file.write_text("b")
    assert await credentials.renew(first)
    assert token_of(await credentials.access()) == "b"


@pytest.mark.parametrize("text", [b"", b" \n", b"two words", b"line\nline", b"\xff", b"a\x00b"], ids=repr)
def test_no_token_in_the_file(text: bytes, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(text)
    with pytest.raises(KubernetesError) as caught:
        asyncio.run(TokenFile(str(file)).access())
    assert str(file) in str(caught.value)
    assert "two" not in str(caught.value)


def test_no_repr_shows_a_credential(canary: str) -> None:
    pair = KeyPair(canary.encode(), canary.encode())
    shown = repr([bearer(canary, "x"), basic("user", canary), pair])
    assert canary not in shown
    assert base64.b64encode(canary.encode()).decode() not in shown


def test_basic() -> None:
    assert basic("Aladdin", "open sesame").headers == {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}


@in_loop
async def test_fixed_credentials() -> None:
    access = bearer("t", "x")
    credentials = FixedCredentials(access)
    assert await credentials.access() is access
    assert not await credentials.renew(access)


PROGRAM = """
import json, os, sys
with open(os.environ["COUNT"], "a") as count:
    count.write("x")
print(json.dumps(eval(os.environ["ANSWER"])))
sys.exit(int(os.environ.get("STATUS", "0")))
"""


def printed(**status: str) -> str:
    """Write the expression for a credential with this status."""
    return repr({"kind": "ExecCredential", "apiVersion": V1, "status": status})


class Plugin:
    """A plugin that prints the value of the Python expression in ANSWER, and how often it ran."""

    def __init__(self, directory: Path, clock: Callable[[], float] | None = None, **fields: Any) -> None:
        self.count = directory / "count"
        config = {
            "command": sys.executable,
            "args": ["-I", "-c", PROGRAM],
            "api_version": V1,
            "env": [ExecVariable("COUNT", str(self.count))],
            **fields,
        }
        self.credentials = ExecPlugin(
            ExecConfig(**config), SOURCE, {"server": "https://s"}, self.make_context, clock or Clock()
        )

    def make_context(self, pair: KeyPair) -> ssl.SSLContext:
        return make_client_context(Trust(), pair, SOURCE)

    def say(self, status: dict[str, str]) -> None:
        """Let the plugin print a credential with this status."""
        os.environ["ANSWER"] = printed(**status)

    def runs(self) -> int:
        return len(self.count.read_text()) if self.count.exists() else 0


@pytest.fixture(autouse=True)
def no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the variable after `Plugin.say`."""
    monkeypatch.setenv("ANSWER", "None")


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


@in_loop
async def test_plugin_runs_once(plugin: Plugin) -> None:
    plugin.say({"token": "a"})
    found = await asyncio.gather(*(plugin.credentials.access() for _ in range(10)))
    found.append(await plugin.credentials.access())
    assert {token_of(access) for access in found} == {"a"}
    assert plugin.runs() == 1


@in_loop
async def test_plugin_runs_again_when_its_credential_is_over(tmp_path: Path) -> None:
    clock = Clock(NOW.timestamp())
    plugin = Plugin(tmp_path, clock)
    plugin.say({"token": "a", "expirationTimestamp": "2026-08-01T12:01:00Z"})
    assert token_of(await plugin.credentials.access()) == "a"
    plugin.say({"token": "b", "expirationTimestamp": "2026-08-01T15:00:00+02:00"})
    for seconds, expected in ((49.0, "a"), (50.0, "b"), (3589.0, "b")):
        clock.now = NOW.timestamp() + seconds
        assert token_of(await plugin.credentials.access()) == expected
    assert plugin.runs() == 2


@in_loop
async def test_plugin_runs_again_when_its_credential_was_refused(tmp_path: Path) -> None:
    clock = Clock(1000.0)
    plugin = Plugin(tmp_path, clock)
    plugin.say({"token": "a"})
    first = await plugin.credentials.access()
    assert not await plugin.credentials.renew(first)  # it has only just run
    clock.now += 60.0
    plugin.say({"token": "b"})
    assert all(await asyncio.gather(*(plugin.credentials.renew(first) for _ in range(5))))
    assert token_of(await plugin.credentials.access()) == "b"
    assert plugin.runs() == 2


@in_loop
async def test_plugin_with_client_certificate(plugin: Plugin, tmp_path: Path) -> None:
    pair = make_pair(tmp_path)
    plugin.say({"clientCertificateData": pair.certificate.read_text(), "clientKeyData": pair.key.read_text()})
    access = await plugin.credentials.access()
    assert access.headers == {}
    assert access.context is not None


BAD_ANSWERS: list[tuple[str, str, str]] = [
    ("not JSON", "object()", "failed with exit status 1"),
    ("null", "None", "something that is not an ExecCredential"),
    ("another kind", repr({"kind": "Pod", "apiVersion": V1}), f"did not print an ExecCredential of {V1}"),
    ("another version", printed(token="CANARY").replace("/v1", "/v1beta1"), f"did not print an ExecCredential of {V1}"),
    ("no status", repr({"kind": "ExecCredential", "apiVersion": V1}), "without a status"),
    ("nothing in it", printed(), "neither a token nor"),
    ("certificate without key", printed(clientCertificateData="CANARY"), "without its key"),
    ("no certificate", printed(clientCertificateData="CANARY", clientKeyData="CANARY"), "not a pair of PEM files"),
    ("no time", printed(token="CANARY", expirationTimestamp="soon"), "not RFC 3339"),
    ("no zone", printed(token="CANARY", expirationTimestamp="2026-08-01T12:00:00"), "not RFC 3339"),
    ("two lines", printed(token="CANARY\n1"), "is empty or has characters that no token has"),
]


@pytest.mark.parametrize(("answer", "message"), [row[1:] for row in BAD_ANSWERS], ids=[row[0] for row in BAD_ANSWERS])
def test_bad_answer(
    answer: str, message: str, plugin: Plugin, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANSWER", answer)
    with pytest.raises(KubernetesError) as caught:
        asyncio.run(plugin.credentials.access())
    assert message in str(caught.value)
    assert "kubeconfig F, user U" in str(caught.value)
    assert "CANARY" not in str(caught.value)
    assert capfd.readouterr().out == ""


def test_plugin_that_fails(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin.say({"token": "CANARY"})
    monkeypatch.setenv("STATUS", "3")
    with pytest.raises(KubernetesError, match="failed with exit status 3"):
        asyncio.run(plugin.credentials.access())
    monkeypatch.setenv("STATUS", "0")
    assert token_of(asyncio.run(plugin.credentials.access())) == "CANARY"


def test_plugin_that_is_not_there(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, command="/nowhere/plugin", install_hint="install it from the shop")
    with pytest.raises(
        KubernetesError, match=r"'/nowhere/plugin' cannot be started: No such.*install it from the shop"
    ):
        asyncio.run(plugin.credentials.access())


def test_plugin_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_module, "RUN_SECONDS", 0.05)
    plugin = Plugin(tmp_path, args=["-I", "-c", "input = __import__('time').sleep(3600)"])
    with pytest.raises(KubernetesError, match=r"did not end within 0\.05 seconds"):
        asyncio.run(plugin.credentials.access())


@in_loop
async def test_who_stops_waiting_does_not_stop_the_plugin(plugin: Plugin) -> None:
    plugin.say({"token": "a"})
    waiting = asyncio.create_task(plugin.credentials.access())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert token_of(await plugin.credentials.access()) == "a"
    assert plugin.runs() == 1


@pytest.mark.parametrize("provides", [False, True])
def test_what_the_plugin_is_told(provides: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "{'kind': 'ExecCredential', 'apiVersion': '%s', 'status': {'token': os.environ['KUBERNETES_EXEC_INFO'].replace(' ', '')}}"
    monkeypatch.setenv("ANSWER", told % V1)
    plugin = Plugin(tmp_path, provide_cluster_info=provides)
    info = json.loads(token_of(asyncio.run(plugin.credentials.access())))
    spec = {"interactive": False, **({"cluster": {"server": "https://s"}} if provides else {})}
    assert info == {"apiVersion": V1, "kind": "ExecCredential", "spec": spec}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"api_version": "client.authentication.k8s.io/v1alpha1"}, "apiVersion client.authentication.k8s.io/v1 or"),
        ({"api_version": ""}, "apiVersion client.authentication.k8s.io/v1 or"),
        ({"interactive_mode": "Always"}, "wants to ask at a terminal"),
    ],
)
def test_plugin_that_cannot_be_used(fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Plugin(tmp_path, **fields)
