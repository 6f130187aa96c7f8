"""The Dockerfiles: that an engine makes of them what `make images` makes without one.

No engine runs here. But all that a Dockerfile does beyond describing the image is to call what `make images` calls, in
a folder that holds what .dockerignore lets through; test_containers.py does that.
"""

from __future__ import annotations

import json
import re
import shlex
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from images import vault_env_image, webhook_image
from images.build import RECIPES

ROOT = Path(__file__).parents[2]
DESCRIBE = {"vault-env": vault_env_image.describe, "webhook": webhook_image.describe}


def read_instructions(name: str) -> list[tuple[str, str]]:
    """List the instructions of a Dockerfile: first word, rest."""
    text = (ROOT / "images" / name / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def read_last_stage(name: str) -> dict[str, Any]:
    """Tell what the last stage says of the image, by the keys of an image's configuration."""
    instructions = read_instructions(name)
    start = max(number for number, (word, _) in enumerate(instructions) if word == "FROM")
    found: dict[str, Any] = {"Env": [], "ExposedPorts": [], "Cmd": []}
    for word, rest in instructions[start:]:
        if word == "ENV":
            found["Env"].append(rest)
        elif word == "EXPOSE":
            found["ExposedPorts"].append(rest)
        elif word in {"ENTRYPOINT", "CMD"}:
            found[word.capitalize()] = json.loads(rest)
        else:
            found[word.capitalize()] = rest
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_the_image_is_described_alike(name: str) -> None:
    image = DESCRIBE[name]("name", "amd64", [], {})
    assert read_last_stage(name) == {
        "From": "scratch",
        "Copy": "--from=build /image/ /",
        "User": image.user,
        "Env": list(image.environment),
        "ExposedPorts": list(image.ports),
        "Entrypoint": list(image.entrypoint),
        "Cmd": list(image.command),
    }


@pytest.mark.parametrize("name", RECIPES)
def test_the_user_is_a_number_other_than_root(name: str) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", read_last_stage(name)["User"])


@pytest.mark.parametrize("name", RECIPES)
def test_the_files_come_from_the_builder_of_this_project(name: str) -> None:
    runs = [shlex.split(rest) for word, rest in read_instructions(name) if word == "RUN"]
    assert ["python3", "-m", "images.build", name, "--tree", "/image"] in [words[:6] for words in runs]


@pytest.mark.parametrize("name", RECIPES)
def test_no_stage_is_tied_to_a_platform_or_a_registry(name: str) -> None:
    instructions = read_instructions(name)
    assert not [rest for word, rest in instructions if "--platform" in rest or "ARCH" in rest]
    assert [rest for word, rest in instructions if word == "ARG"] == ["DEBIAN=debian:bookworm-slim"]
    assert [rest for word, rest in instructions if word == "FROM"] == ["${DEBIAN} AS build", "scratch"]


def list_context() -> list[str]:
    """List what .dockerignore lets an engine see: the last line that matches a path, or a folder above it, wins."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    found = []
    for top in ROOT.iterdir():
        seen = False
        for rule in rules:
            if fnmatch(top.name, rule.removeprefix("!")):
                seen = rule.startswith("!")
        if seen:
            found.append(top.name)
    return sorted(found)


def test_the_context_is_what_the_builds_read() -> None:
    assert list_context() == ["LICENSE", "README.md", "images", "pyproject.toml", "src", "static"]
