"""Documents of a file, as Kubernetes' tools separate them, with the text that they were read from.

A file that starts with `{` is a stream of JSON objects; any other is YAML, in which a line `---` (a comment may follow)
separates documents, wherever it stands (`k8s.io/apimachinery/pkg/util/yaml`, `YAMLOrJSONDecoder`).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.errors import Error

from .yamltext import DEEPEST, InvalidYAML, read_yaml, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Never

    from .yamltext import JSON

LINE = re.compile(r"[^\n]*\n|[^\n]+")
SEPARATOR = re.compile(r"---\s*(#.*)?")
LARGEST_FILE = 64 * 1024 * 1024


class InvalidManifest(Error):
    """A file, or a document or object in it, that cannot be used. The text names the place and shows no values."""


class Document(NamedTuple):
    """One document: file, number in it from 1, its text without separators, and what it says (null when empty)."""

    file: str
    number: int
    text: str
    value: JSON
    is_json: bool

    def place(self) -> str:
        """Name the document for a message."""
        return name_place(self.file, self.number)


class Reading(NamedTuple):
    """The documents of a file, and what was wrong with the others."""

    documents: list[Document]
    faults: list[InvalidManifest]


def read_documents(file: str, data: bytes) -> Reading:
    """Read the content of a file; `file` is what messages call it."""
    try:
        text = decode(file, data)
    except InvalidManifest as fault:
        return Reading([], [fault])
    if text.lstrip()[:1] == "{" and (documents := read_json_stream(file, text)):
        return Reading(documents, [])
    reading = Reading([], [])
    number = 0
    for first_line, part in split_yaml(text):
        try:
            document = read_yaml_part(file, number + 1, first_line, part)
        except InvalidManifest as fault:
            number += 1
            reading.faults.append(fault)
            continue
        number += document.value is not None
        reading.documents.append(document)
    return reading


def decode(file: str, data: bytes) -> str:
    if len(data) > LARGEST_FILE:
        raise InvalidManifest(f"{file}: larger than {LARGEST_FILE} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidManifest(f"{file}: not UTF-8 at byte {error.start}") from None


def read_json_stream(file: str, text: str) -> list[Document]:
    """Read JSON objects, one after the other; nothing when the text is not that, so that it may be YAML yet."""
    decoder = json.JSONDecoder(
        object_pairs_hook=build_object, parse_float=resolve, parse_int=resolve, parse_constant=refuse_constant
    )
    documents: list[Document] = []
    position = skip_space(text, 0)
    try:
        while position < len(text):
            value, end = decoder.raw_decode(text, position)
            check_values(value)
            documents.append(Document(file, len(documents) + 1, text[position:end], value, is_json=True))
            position = skip_space(text, end)
    except (ValueError, RecursionError):
        return []
    return documents


def build_object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    """Make an object. Raises ValueError for a key that stands twice in it."""
    built = dict(pairs)
    if len(built) < len(pairs):
        raise ValueError("a key stands twice")
    return built


def refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def split_yaml(text: str) -> Iterator[tuple[int, str]]:
    """Give the parts between separators that hold anything, each with the number of its first line from 0."""
    part: list[str] = []
    start = 0
    for number, found in enumerate(LINE.finditer(text)):
        line = found[0]
        if SEPARATOR.fullmatch(line.rstrip()):
            if any(not before.isspace() for before in part):
                yield start, "".join(part)
            part, start = [], number + 1
        else:
            part.append(line)
    if any(not before.isspace() for before in part):
        yield start, "".join(part)


def read_yaml_part(file: str, number: int, first_line: int, text: str) -> Document:
    """Read a part of a YAML file; one that holds comments only has no value."""
    place = name_place(file, number)
    try:
        value = read_yaml(text)
        check_values(value)
    except InvalidYAML as error:
        where = f"{place}, line {first_line + error.line}" if error.line else place
        raise InvalidManifest(f"{where}: {error.reason}") from None
    except (ValueError, RecursionError):
        raise InvalidManifest(f"{place}: nested too deep") from None
    return Document(file, number, text, value, is_json=False)


def check_values(value: JSON) -> None:
    """Raise ValueError for what is nested deeper than anything that Kubernetes has, and for halves of characters."""
    level = [value]
    for _ in range(DEEPEST):
        for text in level:
            if isinstance(text, str):
                text.encode()  # JSON can write half of a surrogate pair, which nothing else can
        level = [inner for outer in level for inner in list_inner(outer)]
        if not level:
            return
    raise ValueError("nested too deep")


def list_inner(value: JSON) -> list[JSON]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def name_place(file: str, number: int) -> str:
    return f"{file}, document {number}"
