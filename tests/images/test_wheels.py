"""Python packages for the image: the lock files, and what of a wheel gets in."""

from __future__ import annotations

import hashlib
import re
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from images.errors import ImageError
from images.tree import Tree
from images.wheels import Lock, add_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "images" / "webhook"


def read_versions(path: Path) -> dict[str, str]:
    return Lock(path).versions


@pytest.mark.parametrize("name", ["requirements.txt", "build-requirements.txt"])
def test_the_image_has_the_versions_that_the_tests_ran_with(name: str) -> None:
    tested = read_versions(ROOT / "requirements" / "test.txt")
    assert read_versions(LOCKS / name).items() <= tested.items(), "run `make lock`"


def list_names(lines: Iterable[str]) -> set[str]:
    return {match[0].lower() for line in lines if (match := re.match(r"[\w.-]+", line))}


def test_the_lock_file_has_all_that_the_project_needs_and_nothing_of_its_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = set(read_versions(LOCKS / "requirements.txt"))
    needed = list_names(project["dependencies"])
    extra = list_names(line for lines in project["optional-dependencies"].values() for line in lines)
    assert needed <= locked
    assert not extra & locked


@pytest.mark.parametrize("name", ["requirements.txt", "build-requirements.txt"])
def test_no_lock_file_depends_on_where_it_is_read(name: str) -> None:
    """Markers would be judged by the Python that builds, not by the one of the image."""
    assert ";" not in (LOCKS / name).read_text()


def write_wheel(path: Path, files: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def test_what_of_a_wheel_gets_in(tmp_path: Path) -> None:
    wheel = tmp_path / "one-1-py3-none-any.whl"
    write_wheel(
        wheel,
        {
            "one/__init__.py": "",
            "one-1.dist-info/METADATA": "Name: one",
            "one-1.data/platlib/one/fast.so": "",
            "one-1.data/purelib/two.py": "",
            "one-1.data/scripts/one": "#!python",
            "one-1.data/data/share/man/one.1": "",
        },
    )
    tree = Tree()
    add_wheel(tree, wheel, "lib")
    assert tree.find("*") == ["lib/one-1.dist-info/METADATA", "lib/one/__init__.py", "lib/one/fast.so", "lib/two.py"]


def test_a_wheel_cannot_leave_its_folder(tmp_path: Path) -> None:
    wheel = tmp_path / "one-1-py3-none-any.whl"
    write_wheel(wheel, {"../../etc/passwd": ""})
    with pytest.raises(ImageError, match="no path within an image"):
        add_wheel(Tree(), wheel, "lib")


class Cached:
    """A lock file with one wheel, and a cache that already has it, so that no pip is asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache = folder / "cache"
        wheel = b"a wheel"
        path = folder / "lock.txt"
        path.write_text(f"one==1 \\\n    --hash=sha256:{hashlib.sha256(wheel).hexdigest()}\n")
        self.lock = Lock(path)
        self.asked: list[tuple[str, ...]] = []

        def run_pip(*arguments: str) -> None:
            self.asked.append(arguments)
            target = Path(arguments[arguments.index("--dest") + 1])
            target.mkdir()
            (target / "one-1-py3-none-any.whl").write_bytes(wheel)

        monkeypatch.setattr("images.wheels.run_pip", run_pip)

    def find(self, python: str = "3.11", architecture: str = "amd64") -> list[Path]:
        return self.lock.find_wheels(self.cache, python, architecture)


def test_pip_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = Cached(tmp_path, monkeypatch)
    assert cached.find() == cached.find()
    assert len(cached.asked) == 1
    assert "--require-hashes" in cached.asked[0]
    assert "--only-binary=:all:" in cached.asked[0]


def test_wheels_are_those_for_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = Cached(tmp_path, monkeypatch)
    assert cached.find("3.13", "arm64") != cached.find("3.11", "amd64")
    words = cached.asked[0]
    assert (words[words.index("--python-version") + 1], words[words.index("--abi") + 1]) == ("3.13", "cp313")
    assert "manylinux_2_28_aarch64" in words


@pytest.mark.parametrize("damage", ["changed", "removed", "added"])
def test_a_cache_that_somebody_changed_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    cached = Cached(tmp_path, monkeypatch)
    (wheel,) = cached.find()
    if damage == "changed":
        wheel.write_bytes(b"another wheel")
    elif damage == "removed":
        wheel.unlink()
    else:
        wheel.with_name("two-1-py3-none-any.whl").write_bytes(b"another wheel")
    with pytest.raises(ImageError, match=r"does not hold what .* lists: remove it"):
        cached.find()
