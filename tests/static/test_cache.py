"""The cache of the build: whole entries or none, one builder at a time, and an end to what is old."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from static import cache
from static.cache import cache_root, hash_inputs, provide
from static.commands import BuildError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cache that is not there yet, with a space in its path."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "some cache"))
    return cache_root()


def write(result: Path, work: Path) -> None:
    (work / "draft").write_text("draft")
    (result / "file").write_text("whole")


def never(result: Path, work: Path) -> None:
    pytest.fail(f"built again: {result}, {work}")


def fail(result: Path, work: Path) -> None:
    write(result, work)
    raise BuildError("half of it")


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("/some where", "/some where"), ("relative/path", "/home/someone/.cache"), ("", "/home/someone/.cache")],
)
def test_where_it_is(monkeypatch: pytest.MonkeyPatch, variable: str, expected: str) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_CACHE_HOME", variable)
    assert cache_root() == Path(expected) / "vault-secrets-webhook" / "static"


def test_a_user_without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def expand(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", expand)
    with pytest.raises(BuildError, match="XDG_CACHE_HOME"):
        cache_root()


def test_an_entry_is_built_once(root: Path) -> None:
    entry = provide("kind", "key", write)
    assert entry == root / "kind-key"
    assert provide("kind", "key", never) == entry
    assert [path.name for path in root.rglob("*")] == ["kind-key", "file"]


def test_a_build_that_fails_leaves_nothing(root: Path) -> None:
    with pytest.raises(BuildError, match="half of it"):
        provide("kind", "key", fail)
    assert list(root.iterdir()) == []
    assert (provide("kind", "key", write) / "file").read_text() == "whole"


def test_a_build_that_needs_another(root: Path) -> None:
    def build(result: Path, work: Path) -> None:
        write(result, work)
        assert (provide("part", "key", write) / "file").exists()

    provide("kind", "key", build)
    assert sorted(path.name for path in root.iterdir()) == ["kind-key", "part-key"]


def test_what_an_interrupted_build_left(root: Path) -> None:
    for left in ("build/result/old", "build/work/old", "lock"):
        (root / ".kind-key" / left).parent.mkdir(parents=True, exist_ok=True)
        (root / ".kind-key" / left).write_text("")
    assert [path.name for path in provide("kind", "key", write).iterdir()] == ["file"]
    assert [path.name for path in root.iterdir()] == ["kind-key"]


BUILDER = """
import sys, time
from pathlib import Path
from static.cache import provide

def build(result, work):
    print("building", flush=True)
    (result / "first").write_text("")
    time.sleep(float(sys.argv[1]))
    if sys.argv[2:]:
        sys.exit("it fails")
    (result / "second").write_text("")

entry = provide("kind", "key", build)
print(sorted(path.name for path in entry.iterdir()))
"""


def start(seconds: float, *failing: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILDER, str(seconds), *failing]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("error", [FileExistsError, FileNotFoundError])
def test_a_folder_that_goes_away_while_it_is_made(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    """As `mkdir` has it: there is something, says the kernel, and when it looks whether that is a folder, there is none."""
    make, failures = Path.mkdir, [error()]

    def fail_once(path: Path, *args: Any, **kwargs: Any) -> None:
        if path.name.startswith(".kind") and failures:
            raise failures.pop()
        make(path, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", fail_once)
    assert provide("kind", "key", write) == root / "kind-key"
    assert failures == []


@pytest.mark.usefixtures("root")
def test_many_builds_at_once() -> None:
    running = [start(0.3) for _ in range(6)]
    outputs = [process.communicate(timeout=30)[0].splitlines() for process in running]
    assert [process.returncode for process in running] == [0] * 6
    assert {output[-1] for output in outputs} == {"['first', 'second']"}
    assert sum(output.count("building") for output in outputs) == 1
    assert any("waiting for another build, of kind-key" in output for output in outputs)


@pytest.mark.usefixtures("root")
def test_a_build_that_waits_for_one_that_is_killed() -> None:
    first = start(60)
    assert first.stdout
    assert first.stdout.readline() == "building\n"
    second = start(0)
    assert second.stdout
    assert second.stdout.readline() == "waiting for another build, of kind-key\n"
    first.kill()
    first.communicate()
    output, _ = second.communicate(timeout=30)
    assert output.splitlines() == ["building", "['first', 'second']"]


@pytest.mark.usefixtures("root")
def test_a_build_that_waits_for_one_that_fails() -> None:
    first = start(0.5, "failing")
    assert first.stdout
    assert first.stdout.readline() == "building\n"
    second = start(0)
    output, _ = second.communicate(timeout=30)
    first.communicate()
    assert first.returncode == 1
    assert output.splitlines() == ["waiting for another build, of kind-key", "building", "['first', 'second']"]


@pytest.mark.usefixtures("root")
def test_a_read_only_cache_that_has_the_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    entry = provide("kind", "key", write)
    for name in ("utime", "mkdir"):  # root, who may run this, can write into any folder
        monkeypatch.setattr(os, name, refuse)
    assert provide("kind", "key", never) == entry
    with pytest.raises(OSError, match="Read-only"):
        provide("kind", "other", never)


def make_entry(root: Path, name: str, age: float) -> None:
    (root / name).mkdir(parents=True)
    os.utime(root / name, (time.time() - age, time.time() - age))


def test_old_entries_go(root: Path) -> None:
    old, new = cache.SECONDS_IN_USE * 2, cache.SECONDS_IN_USE / 2
    for index in range(cache.KEPT):
        make_entry(root, f"kind-{index}", old + index)
    for name, age in (("kind-used", new), ("other-kind-1", old), (".kind-interrupted", old), (".kind-running", new)):
        make_entry(root, name, age)
    provide("kind", "key", write)
    names = {path.name for path in root.iterdir()}
    assert names == {"kind-key", "kind-used", "kind-0", "kind-1", "kind-2", "other-kind-1", ".kind-running"}


def test_a_long_build_keeps_its_folder(root: Path) -> None:
    """That of a part ends while the whole is still at work."""

    def build(result: Path, work: Path) -> None:
        os.utime(root / ".kind-key", (0, 0))
        provide("part", "key", write)
        write(result, work)

    assert (provide("kind", "key", build) / "file").exists()


def test_an_entry_that_is_used_stays(root: Path) -> None:
    make_entry(root, "kind-key", 10 * cache.SECONDS_IN_USE)
    before = (root / "kind-key").stat().st_mtime
    provide("kind", "key", never)
    assert (root / "kind-key").stat().st_mtime > before


def test_hashes(tmp_path: Path) -> None:
    for name in ("one/a/file", "two/a/file"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("content")
    one, two = tmp_path / "one" / "a", tmp_path / "two" / "a"
    assert hash_inputs(one) == hash_inputs(two), "the place does not count"
    before = hash_inputs(one)
    (one / "file").write_text("other")
    assert hash_inputs(one) != before, "the content does"
    (two / "file").rename(two / "renamed")
    assert hash_inputs(two) != before, "the names do"
    (two / "renamed").rename(two / "file")
    (two / "more").write_text("")
    assert hash_inputs(two) != before, "so do further files"
    assert len({hash_inputs("a", "b"), hash_inputs("ab"), hash_inputs("b", "a"), hash_inputs(None), hash_inputs()}) == 5
    assert hash_inputs(tmp_path / "missing") != hash_inputs(tmp_path / "missing too")
