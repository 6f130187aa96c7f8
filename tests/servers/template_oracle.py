"""Real Go, asked what it makes of templates: text/template with Sprig v3, built from `gotemplate/`.

The program is built with the release of Go that go.mod names, into the cache of the servers, under a name that is made
of its sources: a change of any of them is another program.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from tests.servers.build import build_environ, find_go, lock_cache, report
from tests.servers.errors import ServerMissing
from tests.servers.lookup import cache_root, goarch

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCES = Path(__file__).parent / "gotemplate"


class Case(TypedDict):
    """A template with its data, as the program reads it. What is left out has the default of `render`."""

    id: str
    text: NotRequired[str]
    text_base64: NotRequired[str]
    data: NotRequired[object]
    floats: NotRequired[bool]
    name: NotRequired[str]
    left: NotRequired[str]
    right: NotRequired[str]
    missingkey: NotRequired[str]
    parse_only: NotRequired[bool]


class Answer(TypedDict):
    """What Go made of a case: an error if there is one, else the output. Bytes that are no UTF-8 are in base64."""

    id: str
    output: NotRequired[str]
    output_base64: NotRequired[str]
    error: NotRequired[str]
    error_base64: NotRequired[str]


def find_or_build_oracle() -> Path:
    """The program, built if it is not in the cache. Raises `ServerMissing`."""
    files = sorted(path for path in SOURCES.iterdir() if path.suffix in {".go", ".mod", ".sum"})
    digest = hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)).hexdigest()
    program = cache_root() / f"gotemplate-oracle-{digest[:12]}-{goarch()}" / "gotemplate-oracle"
    if program.exists():
        return program
    go = find_go()
    with lock_cache():
        program.parent.mkdir(exist_ok=True)
        unfinished = program.with_name(f".{program.name}")
        command = [go, "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-o", str(unfinished), "."]
        built = subprocess.run(command, cwd=SOURCES, env=build_environ(), check=False)
        if built.returncode != 0:
            raise ServerMissing(f"building {program.name} with {go} failed with status {built.returncode}, see above")
        unfinished.replace(program)
        report(f"built {program.name}")
    return program


def read_versions(program: Path) -> str:
    """The releases that answer, such as `go1.26.8 sprig v3.3.0`."""
    return subprocess.run([program, "-versions"], capture_output=True, text=True, check=True).stdout.strip()


def ask(program: Path, lines: Iterable[str]) -> list[Answer]:
    """The answers to cases, each a line of JSON, in their order, given in UTC and with no more of an environment."""
    environ = {"TZ": "UTC", "PATH": os.defpath}
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run([program], input=text.encode(), capture_output=True, check=False, env=environ)
    if done.returncode != 0:
        raise ValueError(f"{program.name}: {done.stderr.decode()}")
    return [json.loads(line) for line in done.stdout.splitlines()]
