"""The TLS and proxy variables, as a process reads them."""

from __future__ import annotations

import shlex
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.server import Asked, FakeServer, Reply, Tunnel
from tests.fakes.vault import kv1, serve_paths
from tests.process.runner import COMMAND, PATH, can_mount, run

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    ("system's directory", {"SSL_CERT_DIR": "{0}/gone:{0}/authorities"}),
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
    ("system's file that is not there", {"SSL_CERT_FILE": "{}/gone"}, "SSL_CERT_FILE "),
    ("system's file without any", {"SSL_CERT_FILE": "{}/authorities/README"}, "SSL_CERT_FILE "),
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


# What the container has in its usual places -> whose authorities are taken: its own, or those of vault-env.
CONTAINERS: list[tuple[str, dict[str, str], str]] = [
    ("nothing", {}, "vault-env"),
    ("something, but no certificate", {"certs/README": "x"}, "vault-env"),
    ("other authorities", {"certs/ca-certificates.crt": "STRANGER"}, "others"),
    ("another authority in the directory", {"certs/a.pem": "STRANGER"}, "others"),
    ("the authority beside others", {"certs/ca-certificates.crt": "STRANGER", "certs/mine.crt": "CA"}, "container"),
]


@pytest.mark.skipif(not can_mount() or not Path("/etc/ssl").is_dir(), reason="the usual places cannot be emptied here")
@pytest.mark.parametrize(("files", "taken"), [row[1:] for row in CONTAINERS], ids=[row[0] for row in CONTAINERS])
def test_container(
    server: FakeServer,
    authority: Authority,
    stranger: Authority,
    tmp_path: Path,
    form: str,
    files: dict[str, str],
    taken: str,
) -> None:
    """Nothing is in /etc/ssl and /etc/pki but these files.

    The static executable has the world's authorities, which ours is not among; an interpreter is given ours.
    """
    built_in = ssl.PEM_cert_to_DER_cert(authority.ca_file.read_text())
    (tmp_path / "_vaultenv_roots.py").write_text(f"CERTIFICATES = {built_in!r}\n")
    lines = ["mount -t tmpfs none /etc/ssl && mkdir /etc/ssl/certs || exit 99"]
    lines += ["if [ -d /etc/pki ]; then mount -t tmpfs none /etc/pki || exit 99; fi"]
    for name, content in files.items():
        text = {"CA": authority.ca_file, "STRANGER": stranger.ca_file}.get(content)
        source = text.read_text() if text is not None else content
        lines.append(f"printf %s {shlex.quote(source)} > /etc/ssl/{name}")
    lines.append(f"exec {shlex.join(COMMAND)} printenv A")
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", "\n".join(lines)],
        env={"PATH": PATH, "PYTHONPATH": str(tmp_path), "VAULT_ADDR": server.address, **REFERENCE},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if taken == "container" or (taken == "vault-env" and form == "interpreter"):
        assert (ended.returncode, ended.stdout) == (0, "v\n"), ended.stderr
    else:
        assert ended.returncode == 1
        assert "is not trusted: unable to get local issuer certificate" in ended.stderr


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
