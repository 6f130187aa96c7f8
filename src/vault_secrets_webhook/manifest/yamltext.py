"""YAML as Kubernetes understands it, and nothing else: a value is what JSON can say.

kubectl and the API server read YAML with `sigs.k8s.io/yaml` on `goyaml.v2`, whose plain scalars are neither YAML 1.1
nor 1.2: `yes`, `on` and `y` are booleans, `017` and `0o17` are fifteen, `12:30:45` and `2026-08-01` are text. `resolve`
has its rules. Text is written so that those rules and the stricter ones of other readers both give it back.

libyaml does the reading and writing; all wheels of PyYAML have it. Refused are a key that stands twice in one mapping
(as `kubectl apply` does), tags of applications, aliases that stand in what they stand for or unfold into more than
`LARGEST` values, and numbers that JSON does not have.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
from yaml import events
from yaml.nodes import ScalarNode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Never

    from yaml.events import Event
    from yaml.nodes import Node

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
QUOTE_IT = "quote it if text is meant"
NULLS = frozenset(("", "~", "null", "Null", "NULL"))
WITHOUT_JSON = re.compile(r"\.(nan|NaN|NAN)|[-+]?\.(inf|Inf|INF)")
MERGE_KEY = "<<"
INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
BASES = (16, 2, 8, 10)
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
LONGEST_NUMBER = 400
LEAST_INTEGER, MOST_INTEGER = -(1 << 63), (1 << 64) - 1
LARGEST = 2_000_000
DEEPEST = 200

TAGS = "tag:yaml.org,2002:"
TEXT = TAGS + "str"
TAGS_OF_PLAIN = frozenset(TAGS + name for name in ("bool", "null", "int", "float"))
NO_TEXT = TAGS + "null"  # of a scalar that must be quoted to be text
WIDEST = (1 << 31) - 1


class InvalidYAML(ValueError):
    """Text that is not YAML, or not of the kind that Kubernetes takes. `line` counts from 1, 0 when it is unknown.

    `reason` may name a key, and never quotes a value, nor an alias or a tag: a password that was not quoted looks so.
    """

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason, line)
        self.reason = reason
        self.line = line


def resolve(text: str) -> JSON:
    """Give what a plain scalar stands for. Raises ValueError for a number that JSON does not have."""
    if text in BOOLEANS:
        return BOOLEANS[text]
    if text in NULLS:
        return None
    if WITHOUT_JSON.fullmatch(text):
        raise ValueError(f"a number that JSON does not have; {QUOTE_IT}")
    return resolve_number(text)


def resolve_number(text: str) -> int | float | str:
    """Give the number that a plain scalar stands for, or the text itself."""
    plain = text.replace("_", "") if text[:1] in "+-0123456789" else text
    if len(plain) > LONGEST_NUMBER:
        return text
    if found := INTEGER.fullmatch(plain):
        sign, *digits = found.groups()
        whole = next(int(part, base) for part, base in zip(digits, BASES, strict=True) if part)
        whole = -whole if sign == "-" else whole
        if LEAST_INTEGER <= whole <= MOST_INTEGER:
            return whole
    if FLOAT.fullmatch(plain) and abs(value := float(plain)) < float("inf"):
        return int(value) if value.is_integer() and abs(value) < MOST_INTEGER else value  # 1e3, as Go writes it
    return text


class _Writer(yaml.CSafeDumper):
    """Quotes whatever any reader could take for something else than text."""

    def resolve(self, kind: type[Node], value: str, implicit: tuple[bool, bool]) -> str:
        usual: str = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call] # not in the stubs
        if kind is ScalarNode and implicit[0] and usual == TEXT and not is_plain_text(value):
            return NO_TEXT
        return usual

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def is_plain_text(text: str) -> bool:
    return text != MERGE_KEY and WITHOUT_JSON.fullmatch(text) is None and isinstance(resolve(text), str)


def _represent_text(writer: Any, text: str) -> Node:
    node: Node = writer.represent_scalar(TEXT, text, style="|" if "\n" in text else None)
    return node


_Writer.add_representer(str, _represent_text)


def write_yaml(value: JSON, *, compact: bool = False) -> str:
    """Write one document, keys in the order in which they are, long lines left long.

    In block style, or `compact`: what holds scalars only on one line.
    """
    text: str = yaml.dump(
        value,
        Dumper=_Writer,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None if compact else False,
        width=WIDEST,
    )
    return text


def read_yaml(text: str) -> JSON:
    """Read one document; without one it is null. Raises InvalidYAML."""
    try:
        return Builder(yaml.parse(text, Loader=yaml.CSafeLoader)).build_document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # libyaml's sentences are fixed: none has anything of the text in it.
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise InvalidYAML(reason or "it is not YAML", mark.line + 1 if mark else 0) from None
    except yaml.reader.ReaderError as error:
        line = text.encode()[: error.position].count(b"\n") + 1  # libyaml counts bytes
        raise InvalidYAML(f"the character U+{error.character:04X} must not be in YAML", line) from None


class Builder:
    """Makes values of the parser's events, by recursive descent.

        value = alias | scalar | "[" { value } "]" | "{" { key value } "}"

    (PyYAML's own composer has no limit of depth, and libyaml's overflows the stack.) `count` is of all values made,
    so that aliases cannot multiply without end.
    """

    def __init__(self, events: Iterator[Event]) -> None:
        self.events = events
        self.anchors: dict[str, JSON] = {}
        self.count = 0
        self.depth = 0

    def build_document(self) -> JSON:
        """Make the value of the only document. Raises InvalidYAML."""
        value: JSON = None
        seen = False
        for event in self.events:
            if isinstance(event, events.DocumentStartEvent):
                if seen:
                    fail("another document begins; write --- on a line of its own before it", event)
                seen = True
                value = self.build(next(self.events))
        return value

    def build(self, event: Event) -> JSON:
        """Make the value that begins with an event."""
        assert isinstance(event, events.NodeEvent)  # what else there is, its callers have looked for
        self.count += 1
        if self.count > LARGEST:
            fail(f"it unfolds into more than {LARGEST} values", event)
        if isinstance(event, events.AliasEvent):
            return self.copy_anchored(event)
        value = self.build_collection(event) if isinstance(event, events.CollectionStartEvent) else build_scalar(event)
        if event.anchor is not None:
            self.anchors[event.anchor] = value
        return value

    def copy_anchored(self, event: events.AliasEvent) -> JSON:
        """Copy what an alias stands for, so that a change of the one is none of the other."""
        if event.anchor not in self.anchors:
            fail(f"the alias{name_column(event)} stands for nothing that is complete before it; {QUOTE_IT}", event)
        value = self.anchors[event.anchor]
        self.count += count_values(value)
        if self.count > LARGEST:
            fail(f"it unfolds into more than {LARGEST} values", event)
        return deepcopy(value)

    def build_collection(self, event: events.CollectionStartEvent) -> JSON:
        is_mapping = isinstance(event, events.MappingStartEvent)
        if event.tag not in {None, "!", TAGS + ("map" if is_mapping else "seq")}:
            fail_tag(event)
        self.depth += 1
        if self.depth > DEEPEST:
            fail("it is nested too deep", event)
        value: JSON = self.build_mapping() if is_mapping else self.build_sequence()
        self.depth -= 1
        return value

    def build_sequence(self) -> list[JSON]:
        items = []
        while not isinstance(event := next(self.events), events.SequenceEndEvent):
            items.append(self.build(event))
        return items

    def build_mapping(self) -> dict[str, JSON]:
        """Make a mapping; what `<<` merges in comes last and gives way to the mapping's own keys."""
        mapping: dict[str, JSON] = {}
        merged: list[dict[str, JSON]] = []
        while not isinstance(event := next(self.events), events.MappingEndEvent):
            if is_merge_key(event):
                merged += check_merged(self.build(next(self.events)), event)
                continue
            key = build_key(self.build(event), event)
            if key in mapping:
                fail(f"the key {key!r} stands twice in the mapping", event)
            mapping[key] = self.build(next(self.events))
        for source in merged:
            for key, value in source.items():
                mapping.setdefault(key, value)
        return mapping


def build_scalar(event: events.NodeEvent) -> JSON:
    """Make the value of a scalar: by the rules when it is plain, else by its tag."""
    assert isinstance(event, events.ScalarEvent)
    if event.tag in {None, "!"}:
        if not event.implicit[0]:
            return str(event.value)
    elif event.tag == TEXT:
        return str(event.value)
    elif event.tag not in TAGS_OF_PLAIN:
        fail_tag(event)
    try:
        return resolve(event.value)
    except ValueError as error:
        fail(str(error), event)


def is_merge_key(event: Event) -> bool:
    return isinstance(event, events.ScalarEvent) and event.value == MERGE_KEY and event.implicit[0]


def check_merged(value: JSON, event: Event) -> list[dict[str, JSON]]:
    """Give the mappings that are merged: one, or a list of them."""
    sources = value if isinstance(value, list) else [value]
    mappings = [source for source in sources if isinstance(source, dict)]
    if len(mappings) < len(sources):
        fail("only a mapping, or a list of them, can be merged by <<", event)
    return mappings


def build_key(key: JSON, event: Event) -> str:
    """Make a key; what is not text becomes what JSON writes for it."""
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if not isinstance(key, int | float):
        fail("a key must be text", event)
    return str(key)


def count_values(value: JSON) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(count_values, value.values()))
    return 1 + sum(map(count_values, value)) if isinstance(value, list) else 1


def fail_tag(event: events.ScalarEvent | events.CollectionStartEvent) -> Never:
    fail(f"the value{name_column(event)} has a tag that is not for Kubernetes; {QUOTE_IT}", event)


def name_column(event: Event) -> str:
    return f" at column {event.start_mark.column + 1}" if event.start_mark else ""


def fail(reason: str, event: Event) -> Never:
    raise InvalidYAML(reason, event.start_mark.line + 1 if event.start_mark else 0)
