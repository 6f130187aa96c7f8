"""The archive of an image: that its parts are what they are said to be, and the same each time."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import time
from typing import TYPE_CHECKING, Any

import pytest

from images.layout import Image, write_archive
from images.tree import Tree

if TYPE_CHECKING:
    from pathlib import Path

EPOCH = 1_700_000_000
NAME = "localhost/some/image:1.2.3"
BLOBS = "blobs/sha256/"


def make_image(**changes: Any) -> Image:
    first, second = Tree(), Tree()
    first.add_file("etc/one", b"1" * 100_000)
    second.add_folder("two")
    settings: dict[str, Any] = {
        "name": NAME,
        "architecture": "arm64",
        "layers": [first, second],
        "user": "65534:65534",
        "entrypoint": ["/bin/one"],
        "labels": {"b": "2", "a": "1"},
    }
    return Image(**settings | changes)


class Archive:
    """Reads an OCI archive as an engine does: from the index down, each part by its digest."""

    def __init__(self, path: Path) -> None:
        with tarfile.open(path) as archive:
            self.members = archive.getmembers()
            self.files = {
                member.name: content.read() for member in self.members if (content := archive.extractfile(member))
            }
        self.index = json.loads(self.files["index.json"])
        (self.descriptor,) = self.index["manifests"]
        self.manifest = json.loads(self.read_blob(self.descriptor))
        self.config = json.loads(self.read_blob(self.manifest["config"]))
        self.layers = [self.read_blob(layer) for layer in self.manifest["layers"]]

    def read_blob(self, descriptor: dict[str, Any]) -> bytes:
        algorithm, _, digest = descriptor["digest"].partition(":")
        blob = self.files[BLOBS + digest]
        assert algorithm == "sha256"
        assert hashlib.sha256(blob).hexdigest() == digest
        assert len(blob) == descriptor["size"]
        return blob


def write(folder: Path, **changes: Any) -> Archive:
    write_archive(make_image(**changes), folder / "image.tar", EPOCH)
    return Archive(folder / "image.tar")


def list_names(layer: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        return archive.getnames()


def test_it_is_an_image_layout(tmp_path: Path) -> None:
    archive = write(tmp_path)
    assert json.loads(archive.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert archive.index["schemaVersion"] == archive.manifest["schemaVersion"] == 2
    assert archive.descriptor["mediaType"] == archive.manifest["mediaType"]
    # Nothing lies about that nothing leads to.
    named = {archive.descriptor["digest"], archive.manifest["config"]["digest"]}
    named |= {layer["digest"] for layer in archive.manifest["layers"]}
    assert set(archive.files) == {"oci-layout", "index.json"} | {BLOBS + digest[7:] for digest in named}


def test_containerd_and_others_find_the_name(tmp_path: Path) -> None:
    assert write(tmp_path).descriptor["annotations"] == {
        "io.containerd.image.name": NAME,
        "org.opencontainers.image.ref.name": NAME,
    }


def test_layers_are_those_of_the_configuration(tmp_path: Path) -> None:
    archive = write(tmp_path)
    unpacked = [gzip.decompress(layer) for layer in archive.layers]
    assert archive.config["rootfs"] == {
        "type": "layers",
        "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in unpacked],
    }
    assert [list_names(layer) for layer in unpacked] == [["etc", "etc/one"], ["two"]]
    assert len(archive.config["history"]) == len(unpacked)


def test_how_a_container_starts(tmp_path: Path) -> None:
    archive = write(tmp_path, command=["serve"], ports=["8443/tcp"], environment=["PATH=/bin", "A=b"])
    assert archive.config["config"] == {
        "User": "65534:65534",
        "ExposedPorts": {"8443/tcp": {}},
        "Env": ["PATH=/bin", "A=b"],
        "Entrypoint": ["/bin/one"],
        "Cmd": ["serve"],
        "WorkingDir": "/",
        "Labels": {"a": "1", "b": "2"},
    }
    assert (archive.config["architecture"], archive.config["os"]) == ("arm64", "linux")
    assert archive.descriptor["platform"] == {"architecture": "arm64", "os": "linux"}
    assert archive.config["created"] == "2023-11-14T22:13:20Z"


def test_what_is_not_set_is_left_out(tmp_path: Path) -> None:
    config = write(tmp_path, user="", entrypoint=[], labels={}).config["config"]
    assert set(config) == {"Env", "WorkingDir"}


def test_the_same_image_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for now, mask in ((1_600_000_000.0, 0o022), (1_800_000_000.0, 0o077)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        before = os.umask(mask)
        try:
            write_archive(make_image(), tmp_path / "image.tar", EPOCH)
        finally:
            os.umask(before)
        results.append((tmp_path / "image.tar").read_bytes())
    assert results[0] == results[1]


def test_another_time_gives_another_digest(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    assert write_archive(make_image(), path, EPOCH).digest != write_archive(make_image(), path, EPOCH + 1).digest


def test_the_packed_layers_tell_neither_time_nor_name_nor_system(tmp_path: Path) -> None:
    for layer in write(tmp_path).layers:
        assert layer[:4] == b"\x1f\x8b\x08\x00"  # no flags: no name
        assert layer[4:8] == bytes(4)  # time
        assert layer[9] == 255  # an unknown system


def test_the_archive_says_nothing_of_who_built_it(tmp_path: Path) -> None:
    for member in write(tmp_path).members:
        assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", EPOCH)


def test_what_is_told_of_the_result(tmp_path: Path) -> None:
    path = tmp_path / "new" / "image.tar"
    written = write_archive(make_image(), path, EPOCH)
    archive = Archive(path)
    assert written.digest == archive.descriptor["digest"]
    assert written.packed == sum(map(len, archive.layers))
    assert written.unpacked == sum(len(gzip.decompress(layer)) for layer in archive.layers)


def test_an_old_archive_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(b"old")
    with path.open("rb") as opened:
        write_archive(make_image(), path, EPOCH)
        assert opened.read() == b"old"
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(OSError, match="No space"):
        write_archive(make_image(), path, EPOCH + 1)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
