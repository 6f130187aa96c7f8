"""Takes Python packages out of wheels: those that a lock file pins by hash, and the project's own.

pip only downloads; the wheels are unpacked here, so that nothing of this machine gets into the image. Wheels are chosen
for the image's Python, not for the one that runs this. Knows nothing of what is imported.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from .debian import run
from .errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .tree import Tree

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
# Wheels for these versions of glibc and for all between run on Debian 12's (PEP 600).
OLDEST_GLIBC, NEWEST_GLIBC = 17, 36
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


class Lock:
    """A lock file: exact versions, each with the hashes of its files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = path.read_text()
        self.hashes = frozenset(HASH.findall(self._text))
        self.versions: dict[str, str] = dict(PIN.findall(self._text))

    def find_wheels(self, cache: Path, python: str, architecture: str) -> list[Path]:
        """List the wheels of all packages for a Python such as `3.11`; downloads them where the cache lacks them."""
        key = hashlib.sha256(f"{python} {architecture}\n{self._text}".encode()).hexdigest()[:32]
        folder = cache / "wheels" / key
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                download = Path(scratch, "wheels")
                self._download(download, python, architecture)
                if not folder.exists():
                    download.rename(folder)
        wheels = sorted(folder.glob("*.whl"))
        found = {hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels}
        if len(wheels) != len(self.versions) or not found <= self.hashes:
            raise ImageError(f"{folder} does not hold what {self.path} lists: remove it")
        return wheels

    def _download(self, folder: Path, python: str, architecture: str) -> None:
        abi = f"cp{python.replace('.', '')}"
        machine = MACHINES.get(architecture, architecture)
        glibcs = [f"manylinux_2_{minor}_{machine}" for minor in range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)]
        platforms = [*glibcs, f"manylinux2014_{machine}"]
        run_pip(
            *("download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"),
            *("--python-version", python, "--implementation", "cp", "--abi", abi, "--abi", "abi3", "--abi", "none"),
            *(word for name in platforms for word in ("--platform", name)),
            *("--dest", str(folder), "--requirement", str(self.path)),
        )


def run_pip(*arguments: str) -> None:
    """Run pip. Raises ImageError with what it complains of, and when this Python has none."""
    try:
        words = ("-m", "pip", "--no-input", "--disable-pip-version-check", *arguments)
        run(sys.executable, *words, label=f"pip {arguments[0]}")
    except ImageError as error:
        if "No module named pip" in str(error):
            raise ImageError(
                f"{sys.executable} has no pip: run `make images`, or on Debian apt-get install python3-pip"
            ) from None
        raise


def build_wheel(project: Path, tools: Iterable[Path], epoch: int, folder: Path) -> Path:
    """Build the project's own wheel into a folder. `tools` are the wheels of its build system."""
    library = folder / "tools"
    for wheel in tools:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(library)
    settings = {"PYTHONPATH": str(library), "SOURCE_DATE_EPOCH": str(epoch), "PYTHONDONTWRITEBYTECODE": "1"}
    code = "import sys, hatchling.build; hatchling.build.build_wheel(sys.argv[1])"
    run(sys.executable, "-c", code, str(folder), label="the wheel", folder=project, settings=settings)
    return next(folder.glob("*.whl"))


def add_wheel(tree: Tree, wheel: Path, folder: str) -> None:
    """Add the packages of a wheel to a folder of a tree. Its scripts stay out, they name an interpreter to be filled in."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            top, _, rest = member.filename.partition("/")
            if member.is_dir():
                continue
            path = member.filename
            if top.endswith(".data"):
                scheme, _, path = rest.partition("/")
                if scheme not in {"purelib", "platlib"}:
                    continue
            tree.add_file(f"{folder}/{path}", archive.read(member))
