"""What the mutations of Secrets, ConfigMaps and other objects have in common: texts with references, and their values.

A `Document` is one object of a kind. It lists the texts in which a reference could be, and takes what came of them; how
references are read and answered is the business of `objects`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import msgspec

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.inject.reference import BAO_SCHEME, SCHEME
from vault_secrets_webhook.webhook.message import escape

from .grammar import ARNS
from .patch import PatchOperation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vault_secrets_webhook.webhook.refusals import Refusals

    from .grammar import Grammar

Decoded = TypeVar("Decoded")

# What every reference of some provider has in it: a first look, which nearly all objects do not outlive.
MARKS = (SCHEME, BAO_SCHEME, *ARNS)
BYTE_MARKS = tuple(mark.encode() for mark in MARKS)
JSON_ESCAPE = b"\\u"
LONGEST_PLACE = 300
MOST_REFERENCES = 2000  # of one object
LOOKS_LIKE_REFERENCE = (
    "the value that the reference gives looks like a reference itself, which the next update of this object would"
    " follow: give such a value to pods only"
)


class Text(NamedTuple):
    """A text with a reference. `name` is unique in the object, `place` is what messages call it."""

    name: str
    place: str
    text: str


class Values(NamedTuple):
    """The values of texts by name, and the names of those whose value does not exist, which is forgiven."""

    found: Mapping[str, bytes]
    missing: Collection[str]


class Document(Protocol):
    """An object. `annotations` are its own; `changed` the places that `change` has changed."""

    annotations: Mapping[str, str]
    object_name: str
    changed: list[str]

    def left_alone(self) -> str:
        """Say in a word why the object is not looked at; "" when it is."""

    def has_mark(self) -> bool:
        """Tell whether it is worth while to look for references."""

    def find(self, grammar: Grammar, refusals: Refusals) -> Sequence[Text]:
        """Give the texts with a reference, right or wrong."""

    def change(self, values: Values, refusals: Refusals) -> list[PatchOperation]:
        """Give the operations that put the values in. What cannot be done goes to the refusals."""


class Metadata(msgspec.Struct, frozen=True):
    """What is used of `ObjectMeta`."""

    name: str | None = None
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None


def has_mark(text: bytes) -> bool:
    """Tell whether JSON text may hold a reference of any provider; an escape may hide one."""
    return any(mark in text for mark in BYTE_MARKS) or JSON_ESCAPE in text


def looks_like_reference(value: bytes, grammar: Grammar) -> bool:
    """Tell whether a second pass would take a value for a reference."""
    return grammar.has_reference(value.decode("utf-8", "surrogateescape"))


def decode_object(decoder: msgspec.json.Decoder[Decoded], kind: str, text: bytes) -> Decoded:
    """Read the JSON of an object. Raises Refused naming the field that is wrong, not what it holds."""
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise Refused(f"the {kind} cannot be read: {error}") from None
    except UnicodeDecodeError:
        raise Refused(f"the {kind} cannot be read: it is not UTF-8") from None
    except RecursionError:
        raise Refused(f"the {kind} cannot be read: it is nested too deep") from None


def name_place(*steps: str | int) -> str:
    """Name a place in an object for messages, `spec.items[0].password`; keys were not validated yet."""
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{escape(step)}" for step in steps)[1:]
    return place if len(place) <= LONGEST_PLACE else place[:LONGEST_PLACE] + "..."


def remove(path: str) -> PatchOperation:
    """Take a member away (RFC 6902, section 4.2; the value has no meaning there)."""
    return PatchOperation("remove", path, None)
