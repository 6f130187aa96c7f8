"""Any other object: references in every text of it but its metadata, its kind and its API version.

The object is read for its texts only and never written again; the patch replaces texts and touches nothing else, so
that numbers, the order of members and unknown fields stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from vault_secrets_webhook.errors import Refused

from .document import MARKS, Metadata, Text, decode_object, has_mark, name_place, remove
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
        try:
            self.found = [one for one in list_texts(fields) if grammar.has_reference(one.text)]
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
    """Give the texts that may hold a reference, in the order of the object. Raises RecursionError for too deep ones."""
    waiting: list[tuple[Steps, Any]] = [((), tree)]
    while waiting:
        steps, value = waiting.pop()
        if isinstance(value, str):
            yield Found(steps, value)
            continue
        if len(steps) > DEEPEST:
            raise RecursionError
        members = value.items() if isinstance(value, dict) else enumerate(value)
        waiting += [((*steps, step), inner) for step, inner in reversed(list(members)) if is_promising(inner)]


def is_promising(value: Any) -> bool:
    """Tell whether a reference may be in a value. Most are not worth a place among those that wait."""
    if isinstance(value, str):
        return any(mark in value for mark in MARKS)
    return isinstance(value, dict | list)


def decode_value(place: str, value: bytes) -> str:
    """Give the text of a value. Raises Refused."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Refused(f"{place}: the value is not UTF-8, which this object cannot hold") from None
