"""The TLS and proxy variables, as a process reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.server import Asked, FakeServer, Reply, Tunnel
from tests.fakes.vault import kv1, serve_paths
from tests.process.runner import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.certificates import Authority

REFERENCE = {"A": "vault:kv/a#k", "VAULT_TOKEN": "t", "VAULT_MAX_RETRIES": "0"}
ANSWER = serve_paths({"kv/a": kv1({"k": "v"})})


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[FakeServer]:
    with FakeServer(ANSWER, tls=authority.server_context("127.0.0.1", "vault.example.com")) as server:
        yield server


@pytest.fixture(scope="module")
def folder(authority: Authority, stranger: Authority) -> Path:
    """The authority's folder with a directory of authorities in it."""
    authorities = authority.folder / "authorities"
    authorities.mkdir()
    (authorities / "README").write_text("x")
    (authorities / "one.pem").write_text(stranger.ca_file.read_text())
    (authorities / "two.pem").write_text(authority.ca_file.read_text())
    return authority.folder


TRUSTED: list[tuple[str, dict[str, str]]] = [
    ("CA file", {"VAULT_CACERT": "{}/ca.crt"}),
    ("CA directory", {"VAULT_CAPATH": "{}/authorities"}),
    ("CA bytes", {"VAULT_CACERT_BYTES": "CA"}),
    ("CA bytes win", {"VAULT_CACERT_BYTES": "CA", "VAULT_CACERT": "{}/gone"}),
    ("CA file wins over the directory", {"VAULT_CACERT": "{}/ca.crt", "VAULT_CAPATH": "{}/gone"}),
    ("system's file", {"SSL_CERT_FILE": "{}/ca.crt"}),
    ("server name", {"VAULT_CACERT": "{}/ca.crt", "VAULT_TLS_SERVER_NAME": "vault.example.com"}),
    ("not checked", {"VAULT_SKIP_VERIFY": "true"}),
]


@pytest.mark.parametrize("given", [row[1] for row in TRUSTED], ids=[row[0] for row in TRUSTED])
def test_trusted(server: FakeServer, folder: Path, given: dict[str, str]) -> None:
    ca = (folder / "ca.crt").read_text()
    given = {name: ca if value == "CA" else value.format(folder) for name, value in given.items()}
    assert run({"VAULT_ADDR": server.address, **REFERENCE, **given}).environ["A"] == "v"


NOT_TRUSTED: list[tuple[str, dict[str, str], str]] = [
    ("system's", {}, "is not trusted: unable to get local issuer certificate"),
    ("wrong CA", {"VAULT_CACERT": "STRANGER"}, "is not trusted: unable to get local issuer certificate"),
    (
        "wrong name",
        {"VAULT_CACERT": "{}/ca.crt", "VAULT_TLS_SERVER_NAME": "x.example.com"},
        "is not trusted: Hostname mismatch",
    ),
    ("no CA file", {"VAULT_CACERT": "{}/gone"}, "VAULT_CACERT "),
    ("CA file is none", {"VAULT_CACERT": "{}/authorities/README"}, "VAULT_CACERT "),
    ("CA bytes are none", {"VAULT_CACERT_BYTES": "x"}, "VAULT_CACERT_BYTES cannot be used"),
    ("no CA directory", {"VAULT_CAPATH": "{}/gone"}, "VAULT_CAPATH "),
    (
        "half a client certificate",
        {"VAULT_SKIP_VERIFY": "1", "VAULT_CLIENT_KEY": "{}/x"},
        "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY",
    ),
    (
        "no client certificate",
        {"VAULT_SKIP_VERIFY": "1", "VAULT_CLIENT_CERT": "{}/x", "VAULT_CLIENT_KEY": "{}/x"},
        "the client certificate",
    ),
]


@pytest.mark.parametrize("name", ["VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY"])
def test_key_in_place_of_its_file_is_not_shown(folder: Path, canary: str, name: str) -> None:
    pem = f"-----BEGIN PRIVATE KEY-----\n{canary}\n-----END PRIVATE KEY-----\n"
    files = {"VAULT_CLIENT_CERT": f"{folder}/ca.crt", "VAULT_CLIENT_KEY": f"{folder}/ca.key"}
    seen = run({"VAULT_ADDR": "https://127.0.0.1:1", **REFERENCE, **files, "VAULT_SKIP_VERIFY": "1", name: pem})
    assert seen.code == 1
    assert "the client certificate " in seen.log
    assert canary not in seen.log


@pytest.mark.parametrize(("given", "message"), [row[1:] for row in NOT_TRUSTED], ids=[row[0] for row in NOT_TRUSTED])
def test_not_trusted(
    server: FakeServer, folder: Path, stranger: Authority, given: dict[str, str], message: str, canary: str
) -> None:
    asked = len(server.asked)
    given = {
        name: str(stranger.ca_file) if value == "STRANGER" else value.format(folder) for name, value in given.items()
    }
    seen = run({"VAULT_ADDR": server.address, **REFERENCE, **given, "VAULT_TOKEN": canary})
    assert (seen.code, seen.output, len(server.asked)) == (1, b"", asked)
    assert message in seen.log
    assert "internal error" not in seen.log
    assert canary not in seen.log


def test_client_certificate(authority: Authority) -> None:
    certificate, key = authority.issue("process-client")
    shown = {"VAULT_CLIENT_CERT": str(certificate), "VAULT_CLIENT_KEY": str(key)}
    with FakeServer(ANSWER, tls=authority.server_context("127.0.0.1", asks_client=True)) as server:
        common = {"VAULT_ADDR": server.address, "VAULT_CACERT": str(authority.ca_file), **REFERENCE}
        assert run({**common, **shown}).environ["A"] == "v"
        assert run(common).code == 1


def test_https_goes_through_a_tunnel(server: FakeServer, authority: Authority) -> None:
    common = {"VAULT_ADDR": "https://vault.example.com:8200", "VAULT_CACERT": str(authority.ca_file), **REFERENCE}
    with FakeServer(lambda _: Tunnel(server.port)) as proxy:
        assert run({**common, "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}).environ["A"] == "v"
        (asked,) = proxy.asked
        assert (asked.method, asked.target) == ("CONNECT", "vault.example.com:8200")
        assert "x-vault-token" not in asked.headers


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "VAULT_HTTP_PROXY", "VAULT_PROXY_ADDR"])
def test_http_goes_through_a_proxy(name: str) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(200, kv1({"k": asked.target}))

    given = {f"V{number}": f"vault:kv/{number}#k" for number in range(3)}
    with FakeServer(answer) as proxy:
        environ = {
            "VAULT_ADDR": "http://vault.example.com",
            **REFERENCE,
            **given,
            name: f"http://127.0.0.1:{proxy.port}",
        }
        seen = run(environ).environ
    assert [seen[f"V{number}"] for number in range(3)] == [f"http://vault.example.com/v1/kv/{n}" for n in range(3)]
    assert (name in seen) is not name.startswith("VAULT")


def test_no_proxy() -> None:
    with FakeServer(ANSWER) as server:
        given = {"VAULT_ADDR": f"http://localhost:{server.port}", "HTTP_PROXY": "http://127.0.0.1:1"}
        assert run({**REFERENCE, **given}).environ["A"] == "v"


def test_unix_socket(tmp_path: Path) -> None:
    with FakeServer(ANSWER, path=tmp_path / "agent.sock") as server:
        seen = run({**REFERENCE, "VAULT_AGENT_ADDR": server.address, "VAULT_ADDR": "https://127.0.0.1:1"})
        assert seen.environ["A"] == "v"
        assert server.asked[0].target == "/v1/kv/a"
