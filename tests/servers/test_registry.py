"""The image registry that other tests rely on does what those tests rely on."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from typing import TYPE_CHECKING

import pytest

from images.layout import Image, write_archive
from images.tree import Tree
from tests.conftest import report_missing
from tests.fakes.certificates import Authority
from tests.servers import registry_package
from tests.servers.errors import ServerFailedError, ServerMissing
from tests.servers.process import poll
from tests.servers.registry import Registry
from tests.servers.registry_api import DOCKER, OCI, MediaTypes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., Registry]

pytestmark = pytest.mark.servers

PASSWORD = ("reader", "pass:word")


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a registry with the options of a test."""
    started = []

    def start(password: tuple[str, str] | None = None, tls: Authority | None = None) -> Registry:
        try:
            started.append(Registry(password=password, tls=tls))
        except ServerMissing as error:
            report_missing(error)
        return started[-1]

    yield start
    for server in started:
        server.stop()


def write_image(folder: Path, architecture: str = "amd64") -> Path:
    tree = Tree()
    tree.add_file("etc/which", architecture.encode())
    path = folder / f"{architecture}.tar"
    write_archive(Image("ignored.invalid/name:1", architecture, [tree], entrypoint=["/app"]), path, epoch=0)
    return path


@pytest.mark.parametrize("types", [OCI, DOCKER], ids=["oci", "docker"])
def test_pushed_image_is_read_back(start: Start, tmp_path: Path, types: MediaTypes) -> None:
    registry = start()
    pushed = registry.push(write_image(tmp_path), "team/app:1", types)
    tagged = registry.act("GET", "/v2/team/app/manifests/1", headers={"Accept": types.manifest})
    assert (tagged.headers["Content-Type"], tagged.headers["Docker-Content-Digest"]) == (types.manifest, pushed)
    manifest = json.loads(tagged.body)
    config = json.loads(registry.act("GET", f"/v2/team/app/blobs/{manifest['config']['digest']}").body)
    assert (config["config"]["Entrypoint"], manifest["layers"][0]["mediaType"]) == (["/app"], types.layer)


@pytest.mark.parametrize("types", [OCI, DOCKER], ids=["oci", "docker"])
def test_pushed_index_is_read_back(start: Start, tmp_path: Path, types: MediaTypes) -> None:
    registry = start()
    archives = [write_image(tmp_path, architecture) for architecture in ("arm64", "amd64")]
    pushed = registry.push_index(archives, "team/app:1", types)
    accepted = {"Accept": f"{types.index}, {types.manifest}"}
    tagged = registry.act("GET", "/v2/team/app/manifests/1", headers=accepted)
    assert (tagged.headers["Content-Type"], tagged.headers["Docker-Content-Digest"]) == (types.index, pushed)
    entries = json.loads(tagged.body)["manifests"]
    assert [entry["platform"]["architecture"] for entry in entries] == ["unknown", "arm64", "unknown", "amd64"]
    assert entries[2]["annotations"]["vnd.docker.reference.digest"] == entries[3]["digest"]
    for entry in entries:
        path = f"/v2/team/app/manifests/{entry['digest']}"
        assert registry.act("GET", path, headers={"Accept": entry["mediaType"]}).status == 200


def test_password(start: Start, tmp_path: Path) -> None:
    registry = start(password=PASSWORD)
    registry.push(write_image(tmp_path), "team/app:1")
    wrong = {"Authorization": f"Basic {base64.b64encode(b'reader:wrong').decode()}"}
    asked = [ask(registry, headers) for headers in ({}, wrong)]
    assert [(status, headers["WWW-Authenticate"]) for status, headers in asked] == [(401, 'Basic realm="tests"')] * 2


def ask(registry: Registry, headers: dict[str, str]) -> tuple[int, http.client.HTTPMessage]:
    """Ask for the image as one who is not the owner."""
    connection = http.client.HTTPConnection(registry.address, timeout=60)
    connection.request("GET", "/v2/team/app/manifests/1", headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, response.headers


def test_tls(start: Start, tmp_path: Path) -> None:
    registry = start(tls=Authority(tmp_path))
    assert registry.url.startswith("https://127.0.0.1:")
    registry.push(write_image(tmp_path), "team/app:1")
    stranger = http.client.HTTPSConnection(registry.address, timeout=60, context=ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.request("GET", "/v2/")


def test_requests_are_noted(start: Start) -> None:
    registry = start()
    registry.request("GET", "/v2/team/app/manifests/1")
    poll(lambda: ("GET", "/v2/team/app/manifests/1", 404) in registry.requests, what="request noted")


def test_error_names_the_request(start: Start) -> None:
    with pytest.raises(ServerFailedError, match=r"GET /v2/team/app/manifests/1: status 404, .*MANIFEST_UNKNOWN"):
        start().act("GET", "/v2/team/app/manifests/1")


def test_nothing_is_left(start: Start) -> None:
    registry = start()
    folder = registry._folder
    registry.stop()
    with pytest.raises(ConnectionRefusedError):
        registry.request("GET", "/v2/")
    assert not folder.exists()


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without a registry; its commands are what is put into this folder."""
    monkeypatch.delenv(registry_package.VARIABLE, raising=False)
    monkeypatch.setattr(registry_package, "COMMAND", "a-registry")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    commands = tmp_path / "commands"
    commands.mkdir()
    monkeypatch.setenv("PATH", str(commands))
    return commands


def test_missing(absent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ServerMissing, match=r"a-registry is not on this machine: .*apt-get install docker-registry"):
        Registry()
    monkeypatch.setenv(registry_package.VARIABLE, str(absent))
    for find in (Registry, registry_package.find_or_unpack):
        with pytest.raises(ServerMissing, match=r"is set to .*, which is no executable file"):
            find()


def plant(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    (folder / name).chmod(0o755)


UNPACK = "mkdir -p $3/usr/bin && echo program >$3/usr/bin/a-registry && chmod 755 $3/usr/bin/a-registry"


def test_package_is_unpacked_once(absent: Path) -> None:
    plant(absent, "apt-get", f'test "$2" = download && echo >>{absent}/downloads && touch the.deb')
    plant(absent, "dpkg-deb", UNPACK)
    unpacked = registry_package.find_or_unpack()
    assert unpacked.read_text() == "program\n"
    assert registry_package.find_or_unpack() == registry_package.find_registry() == unpacked
    assert (absent / "downloads").read_text() == "\n"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "apt-get is not on this machine, to get docker-registry with: run `python -m"),
        ("echo E: Unable to locate >&2; exit 100", r"apt-get -qq \w+.* failed \(E: Unable to locate\): run `python -m"),
    ],
)
def test_no_package(absent: Path, script: str | None, message: str) -> None:
    if script is not None:
        plant(absent, "apt-get", script)
    with pytest.raises(ServerMissing, match=message):
        registry_package.find_or_unpack()
