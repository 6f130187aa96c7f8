"""Whom vault-env trusts where nobody is named, in a container with these files and no others."""

from __future__ import annotations

import ssl
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.certificates import Authority
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.wire import authorities
from vault_secrets_webhook.wire.tls import TLSSettings, build_context

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """PEM texts of authorities by their names; `junk` is no certificate."""
    made = {name: Authority(tmp_path_factory.mktemp(name), name).ca_file.read_text() for name in ("one", "two", "own")}
    return {**made, "both": made["one"] + made["two"], "junk": "a README"}


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty file system, as far as the usual places are concerned."""
    for name in ("SYSTEM_FILES", "SYSTEM_DIRECTORIES", "DISTRIBUTED"):
        places = [str(tmp_path) + place for place in getattr(authorities, name)]
        monkeypatch.setattr(authorities, name, tuple(places))
    return tmp_path


@pytest.fixture
def _own(monkeypatch: pytest.MonkeyPatch, certificates: dict[str, str]) -> None:
    """The set that the static executable has."""
    module = ModuleType("_vaultenv_roots")
    module.CERTIFICATES = ssl.PEM_cert_to_DER_cert(certificates["own"])  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "_vaultenv_roots", module)


FILE, LATER_FILE = "etc/ssl/certs/ca-certificates.crt", "etc/ssl/cert.pem"
CASES: list[tuple[str, dict[str, str], dict[str, str], set[str]]] = [
    ("nothing", {}, {}, {"own"}),
    ("a file", {FILE: "one"}, {}, {"one"}),
    ("Alpine's other file", {LATER_FILE: "one"}, {}, {"one"}),
    ("the first file counts", {FILE: "one", LATER_FILE: "two"}, {}, {"one"}),
    ("a file that holds nothing", {FILE: "junk", LATER_FILE: "two"}, {}, {"two"}),
    ("only junk", {FILE: "junk", "etc/ssl/certs/README": "junk"}, {}, {"own"}),
    ("a directory", {"etc/ssl/certs/a.pem": "one", "etc/pki/tls/certs/b": "two"}, {}, {"one", "two"}),
    ("beside the file", {FILE: "one", "etc/ssl/certs/mine.crt": "two"}, {}, {"one", "two"}),
    ("named file", {FILE: "one", "x": "two"}, {"SSL_CERT_FILE": "x"}, {"two"}),
    (
        "named file and one that is mounted",
        {"x": "two", "etc/ssl/certs/mine.crt": "one"},
        {"SSL_CERT_FILE": "x"},
        {"one", "two"},
    ),
    ("named directory", {"x/a": "one", "etc/ssl/certs/b": "two"}, {"SSL_CERT_DIR": "x"}, {"one"}),
    ("several named", {"x/a": "one", "y/a": "two"}, {"SSL_CERT_DIR": "x:gone:y"}, {"one", "two"}),
    ("named directory and a file", {"x/a": "one", FILE: "two"}, {"SSL_CERT_DIR": "x"}, {"one", "two"}),
    ("named directory without any", {"x/a": "junk", FILE: "two"}, {"SSL_CERT_DIR": "x"}, {"two"}),
    (
        "both named",
        {"x/a": "one", "f": "two", FILE: "own"},
        {"SSL_CERT_DIR": "x", "SSL_CERT_FILE": "f"},
        {"one", "two"},
    ),
]


def write(container: Path, files: dict[str, str], certificates: dict[str, str]) -> None:
    for name, content in files.items():
        (container / name).parent.mkdir(parents=True, exist_ok=True)
        (container / name).write_text(certificates[content])


def trusted(environ: dict[str, str], certificates: dict[str, str]) -> set[str]:
    """The names of the authorities that a client trusts."""
    loaded = build_context(TLSSettings(), environ).get_ca_certs(True)
    known = {
        ssl.PEM_cert_to_DER_cert(text): name for name, text in certificates.items() if name in {"one", "two", "own"}
    }
    return {known[der] for der in loaded}


@pytest.mark.parametrize(("files", "environ", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
@pytest.mark.usefixtures("_own")
def test_order(
    container: Path,
    monkeypatch: pytest.MonkeyPatch,
    certificates: dict[str, str],
    files: dict[str, str],
    environ: dict[str, str],
    expected: set[str],
) -> None:
    write(container, files, certificates)
    monkeypatch.chdir(container)
    assert trusted(environ, certificates) == expected


@pytest.mark.usefixtures("_own")
def test_links(container: Path, certificates: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file has as well is not read again: three hundred links, on Debian."""
    directory = container / "etc/ssl/certs"
    write(
        container, {"etc/ssl/certs/here": "one", "usr/share/ca-certificates/x": "two", "volume/y": "own"}, certificates
    )
    (directory / "hash.0").symlink_to("here")
    (directory / "distributed.pem").symlink_to(container / "usr/share/ca-certificates/x")
    (directory / "mounted.crt").symlink_to("../../../volume/y")
    read: list[str] = []
    load_file = authorities.load_file

    def note(context: Any, path: str) -> bool:
        is_loaded = load_file(context, path)
        if is_loaded:
            read.append(path)
        return is_loaded

    monkeypatch.setattr(authorities, "load_file", note)
    assert trusted({}, certificates) == {"one", "two", "own"}
    assert str(directory / "hash.0") not in read
    write(container, {"elsewhere/bundle.pem": "both"}, certificates)
    (container / FILE).symlink_to(container / "elsewhere/bundle.pem")
    read.clear()
    assert trusted({}, certificates) == {"one", "two", "own"}
    assert read == [str(container / FILE), str(directory / "here"), str(directory / "mounted.crt")]


WRONG: list[tuple[str, dict[str, str], str]] = [
    ("no file", {"SSL_CERT_FILE": "gone"}, "^SSL_CERT_FILE gone cannot be read: No such file"),
    ("no certificate", {"SSL_CERT_FILE": "junk"}, "^SSL_CERT_FILE junk cannot be used: it holds no certificate in PEM"),
    ("a directory in its place", {"SSL_CERT_FILE": "folder"}, "^SSL_CERT_FILE folder cannot be "),
    ("no directory", {"SSL_CERT_DIR": "gone"}, "^SSL_CERT_DIR gone has no certificate in it"),
    ("directory without any", {"SSL_CERT_DIR": "folder"}, "^SSL_CERT_DIR folder has no certificate in it: correct or"),
]


@pytest.mark.parametrize(("environ", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
@pytest.mark.usefixtures("_own")
def test_what_is_named_must_be_there(
    container: Path,
    monkeypatch: pytest.MonkeyPatch,
    certificates: dict[str, str],
    environ: dict[str, str],
    message: str,
) -> None:
    write(container, {"junk": "junk", "folder/README": "junk"}, certificates)
    monkeypatch.chdir(container)
    with pytest.raises(ConfigurationError, match=message):
        trusted(environ, certificates)


def test_interpreter_has_none_of_its_own(
    container: Path, monkeypatch: pytest.MonkeyPatch, certificates: dict[str, str]
) -> None:
    """OpenSSL then looks where it was told to when it was built, or where variables of its own say."""
    write(container, {"default": "one"}, certificates)
    monkeypatch.setenv("SSL_CERT_FILE", str(container / "default"))  # read by OpenSSL, not by us
    assert trusted({}, certificates) == {"one"}


@pytest.mark.usefixtures("_own", "container")
def test_directory_of_vault_is_one(tmp_path: Path, certificates: dict[str, str]) -> None:
    write(tmp_path, {"a:b/one": "one"}, certificates)
    context = build_context(TLSSettings(ca_path=str(tmp_path / "a:b")), {})
    assert len(context.get_ca_certs()) == 1
