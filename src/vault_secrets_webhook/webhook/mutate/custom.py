"""Any other object: references in every text of it but its metadata, its kind and its API version.

The object is read for its texts only and never written again; the patch replaces texts and touches nothing else, so
that numbers, the order of members and unknown fields stay as they are.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from vault_secrets_webhook.errors import Refused

from .document import MARKS, MOST_REFERENCES, Metadata, Text, decode_object, has_mark, name_place, remove
from .patch import PatchOperation, escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vault_secrets_webhook.webhook.refusals import Refusals

    from .document import Values
    from .grammar import Grammar

    Steps = tuple[str | int, ...]

PASSED_OVER = frozenset(("metadata", "apiVersion", "kind"))
DEEPEST = 200  # steps to a text; what is deeper is a mistake or an attack


class Custom(msgspec.Struct, frozen=True):
    """What is used of an object of any kind."""

    metadata: Metadata | None = None


class Found(NamedTuple):
    """A text of the object, and the steps that lead to it."""

    steps: Steps
    text: str

    def path(self) -> str:
        """Write the steps as a JSON Pointer (RFC 6901)."""
        return "".join(f"/{step if isinstance(step, int) else escape(step)}" for step in self.steps)


HEAD_DECODER = msgspec.json.Decoder(Custom)
DECODER = msgspec.json.Decoder(dict[str, Any])


class CustomDocument:
    """A `Document` of an object of any kind."""

    def __init__(self, text: bytes) -> None:
        """Read what says something about it. Raises Refused."""
        metadata = decode_object(HEAD_DECODER, "object", text).metadata or Metadata()
        self.text = text
        self.annotations: Mapping[str, str] = metadata.annotations or {}
        self.object_name = metadata.name or ""
        self.changed: list[str] = []
        self.found: list[Found] = []

    def left_alone(self) -> str:
        """Pass over nothing."""
        return ""

    def has_mark(self) -> bool:
        """Tell whether it is worth while to look at every text."""
        return has_mark(self.text)

    def find(self, grammar: Grammar, refusals: Refusals) -> list[Text]:
        """Give the texts with references."""
        tree = decode_object(DECODER, "object", self.text)
        fields = {name: value for name, value in tree.items() if name not in PASSED_OVER}
        found = (one for one in list_texts(fields) if grammar.has_reference(one.text))
        try:
            # One more than is allowed is enough to be refused for, and paths of more would be long work for nothing.
            self.found = list(islice(found, MOST_REFERENCES + 1))
        except RecursionError:
            refusals.add(Refused(f"the object is nested deeper than {DEEPEST} steps"))
        return [Text(one.path(), name_place(*one.steps), one.text) for one in self.found]

    def change(self, values: Values, refusals: Refusals) -> list[PatchOperation]:
        """Put the values in; then take out what has none, from the end, because the indices of lists change by it."""
        replaced, removed = [], []
        for one in self.found:
            path, place = one.path(), name_place(*one.steps)
            if path in values.missing:
                removed.append(remove(path))
            elif path in values.found:
                value = refusals.attempt(decode_value, place, values.found[path])
                replaced.append(PatchOperation("replace", path, value))
            else:
                continue
            self.changed.append(place)
        return [*replaced, *reversed(removed)]


def list_texts(tree: Mapping[str, Any]) -> Iterator[Found]:
    """Give the texts that may hold a reference, in the order of the object. Raises RecursionError for too deep ones.

    What waits is one iterator for each step: a wide object far down costs no more than a narrow one.
    """
    steps: list[str | int] = []
    waiting: list[Iterator[tuple[str | int, Any]]] = [iter(tree.items())]
    while waiting:
        for step, value in waiting[-1]:
            if isinstance(value, str):
                if any(mark in value for mark in MARKS):  # most texts are not worth more than this look
                    yield Found((*steps, step), value)
            elif isinstance(value, dict | list):
                if len(steps) >= DEEPEST:
                    raise RecursionError
                steps.append(step)
                waiting.append(iter(value.items() if isinstance(value, dict) else enumerate(value)))
                break
        else:
            waiting.pop()
            del steps[-1:]


def decode_value(place: str, value: bytes) -> str:
    """Give the text of a value. Raises Refused."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Refused(f"{place}: the value is not UTF-8, which this object cannot hold") from None
