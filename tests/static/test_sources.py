"""Where sources come from: what the caller gives, archives with every kind of fault, downloads from a server of ours."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from static import sources
from static.commands import BuildError, check_sum, run
from static.sources import download, provide_source, read_versions, unpack_archive, unpack_given

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write_archive(path: Path, *members: tuple[str, bytes | str], kind: bytes = tarfile.REGTYPE) -> Path:
    """An archive of files (bytes), or of links of a kind (text)."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = kind, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def test_every_source_is_pinned() -> None:
    versions = read_versions()
    for part in ("python", "openssl", "authorities"):
        pinned = versions[part]
        assert pinned["package"]
        for checksum in (pinned["sha256"], pinned.get("upstream", pinned)["sha256"]):
            assert len(bytes.fromhex(checksum)) == hashlib.sha256().digest_size
    for part in ("python", "openssl"):
        assert versions[part]["upstream"]["url"].startswith("https://")


def test_a_given_folder_is_copied_without_what_a_build_left(tmp_path: Path) -> None:
    given = tmp_path / "given"
    (given / "Objects").mkdir(parents=True)
    for name in ("configure", "Objects/call.c", "Objects/call.o", "libpython3.11.a"):
        (given / name).write_text("")
    top = unpack_given("python", given, tmp_path)
    assert top.parent == tmp_path
    assert top != given
    assert sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()) == [
        "Objects/call.c",
        "configure",
    ]


def test_a_given_archive_is_unpacked(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "source.tgz", ("Python-3.11.2/configure", b"text"))
    assert (provide_source("python", str(archive), tmp_path / "work") / "configure").read_text() == "text"


def test_an_archive_without_a_folder_at_its_top(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "source.tgz", ("configure", b""), ("README", b""))
    assert unpack_archive(archive, tmp_path / "work") == tmp_path / "work"


def test_what_is_given_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"--openssl .*/nowhere: there is no such folder or archive"):
        provide_source("openssl", str(tmp_path / "nowhere"), tmp_path)


@pytest.mark.parametrize("has_filter", [True, False], ids=["filter of Python", "filter of ours"])
@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        pytest.param("../outside", b"", tarfile.REGTYPE, id="above"),
        pytest.param("top/../../outside", b"", tarfile.REGTYPE, id="above, from within"),
        pytest.param("top/link", "/etc/passwd", tarfile.SYMTYPE, id="link to an absolute path"),
        pytest.param("top/link", "../../outside", tarfile.SYMTYPE, id="link to above"),
        pytest.param("top/link", "../outside", tarfile.LNKTYPE, id="hard link to above"),
        pytest.param("top/device", "", tarfile.CHRTYPE, id="device"),
    ],
)
def test_an_archive_that_reaches_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | str, kind: bytes, has_filter: bool
) -> None:
    if has_filter and not hasattr(tarfile, "data_filter"):
        pytest.skip("this Python has none")
    if not has_filter:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    archive = write_archive(tmp_path / "source.tgz", (name, content), kind=kind)
    with pytest.raises(BuildError, match=r"source\.tgz cannot be unpacked"):
        unpack_archive(archive, tmp_path / "folder" / "work")
    assert not list(tmp_path.rglob("outside"))


@pytest.mark.parametrize("has_filter", [True, False], ids=["filter of Python", "filter of ours"])
@pytest.mark.filterwarnings(
    "ignore:Python 3.14 will:DeprecationWarning"
)  # of a Python that has a filter and is denied it
def test_an_archive_with_links_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_filter: bool) -> None:
    if not has_filter:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    archive = write_archive(tmp_path / "a.tgz", ("top/file", b"text"), ("top/link", "file"), kind=tarfile.SYMTYPE)
    assert (unpack_archive(archive, tmp_path / "work") / "link").read_text() == "text"


WHOLE = b"content of some length " * 1000


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w:bz2", "w"])
@pytest.mark.parametrize("damage", ["nothing of it", "cut", "changed"])
def test_an_archive_that_is_none(tmp_path: Path, mode: str, damage: str) -> None:
    path = tmp_path / "source.tar"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        info = tarfile.TarInfo("top/file")
        info.size = len(WHOLE)
        archive.addfile(info, io.BytesIO(WHOLE))
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes({"nothing of it": b"text", "cut": data[:half], "changed": b"\0\xff" * 10 + data[20:half]}[damage])
    with pytest.raises(BuildError, match=r"source\.tar cannot be unpacked: \S"):
        unpack_archive(path, tmp_path / "work")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the files in `tmp_path / "served"`."""
    served = tmp_path / "served"
    served.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(served))) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def without_apt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "find_mirrors", list)


def pin(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str, sha256: str) -> None:
    """Another versions.toml, in which only CPython can be downloaded."""
    versions = folder / "versions.toml"
    versions.write_text(
        f'release = "none"\n[python.upstream]\nurl = "{url}"\nsha256 = "{sha256}"\n[authorities]\npackage = "none"\n'
    )
    monkeypatch.setattr(sources, "VERSIONS", versions)


@pytest.mark.usefixtures("without_apt")
def test_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    archive = write_archive(tmp_path / "served" / "Python-3.11.99.tgz", ("Python-3.11.99/configure", b"text"))
    pin(monkeypatch, tmp_path, f"{server}/{archive.name}", hashlib.sha256(archive.read_bytes()).hexdigest())
    work = tmp_path / "work"
    work.mkdir()
    assert (provide_source("python", None, work) / "configure").read_text() == "text"


@pytest.mark.usefixtures("without_apt")
def test_a_download_of_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    write_archive(tmp_path / "served" / "other.tgz", ("top/configure", b"text"))
    pin(monkeypatch, tmp_path, f"{server}/other.tgz", "0" * 64)
    with pytest.raises(BuildError, match=r"other\.tgz has the SHA-256 .*, and versions\.toml says 0{64}"):
        provide_source("python", None, tmp_path)


def test_a_download_of_what_is_not_there(tmp_path: Path, server: str) -> None:
    with pytest.raises(BuildError, match=r"/missing\.tgz cannot be downloaded: .*404"):
        download(f"{server}/missing.tgz", "", tmp_path)


def test_a_download_from_nobody(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"cannot be downloaded: .*refused"):
        download("http://127.0.0.1:1/source.tgz", "", tmp_path)


@pytest.mark.usefixtures("without_apt")
def test_no_source_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, tmp_path, "", "")
    with pytest.raises(BuildError, match="give --authorities PATH"):
        provide_source("authorities", None, tmp_path)


def test_a_checksum(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    check_sum(file, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    with pytest.raises(BuildError, match="not what was reviewed"):
        check_sum(file, "00")


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"no-such-command cannot be started \(No such file or directory\)"):
        run(["no-such-command"], tmp_path)


def test_a_command_that_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(["sh", "-c", "echo silence; echo more >&2"], tmp_path)
    with pytest.raises(BuildError, match=r"`sh -c .*` failed with status 3:\none\ntwo"):
        run(["sh", "-c", "echo one; echo two >&2; exit 3"], tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_long_command_is_shown_by_its_ends(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"`false -o -o .* \.\.\. .* -o the-last` failed") as caught:
        run(["false", *["-o"] * 100, "the-last"], tmp_path)
    assert len(str(caught.value)) < 200
