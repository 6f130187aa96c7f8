"""Writing values as JSON.

Values are written in the order of the text, by one loop over a list of what is unfinished: no depth exhausts the stack,
and the budget is asked while the text grows, for a small value may hold the same list a million times.

Source: package encoding/json, `Marshal`, `MarshalIndent` and `Encoder.SetEscapeHTML`.
"""

from __future__ import annotations

from _json import encode_basestring  # a C module; `json` would import `re`

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import OUTPUT_LIMIT
from vault_secrets_webhook.gotemplate.values import JsonNumber, find_fields, find_methods, is_nil, type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vault_secrets_webhook.gotemplate.limits import Budget

CYCLE_DEPTH = 1000  # from here on Go looks for values that hold themselves
LEVEL_STEPS = 2  # to open a container
MOST_PARTS = 4096  # that wait to be joined
SMALLEST_PLAIN = 1e-6
SMALLEST_SCIENTIFIC = 1e21
HTML_ESCAPES = (("&", r"\u0026"), ("<", r"\u003c"), (">", r"\u003e"))
LINE_ESCAPES = (("\u2028", r"\u2028"), ("\u2029", r"\u2029"))
MARSHALERS = ("MarshalJSON", "MarshalText")


def marshal(
    budget: Budget, value: object, *, escape_html: bool = True, indent: bytes = b"", is_pointed_to: bool = False
) -> bytes:
    """Write a value as JSON, over several lines if there is an indent.

    `is_pointed_to` tells that Go is given a pointer to the value: its search for cycles begins a level earlier.

    Raises FunctionError with Go's text for what JSON has no form for: NaN, infinities, complex numbers, a json.Number
    that is none, and values that hold themselves; LimitError for what would be too long.
    """
    writer = Writer(budget, indent, CYCLE_DEPTH - is_pointed_to, escape_html=escape_html)
    writer.write(value)
    return writer.finish()


class Level:
    """An array or object that is being written: what is left of it, each item with the text before it."""

    __slots__ = ("closing", "container", "is_empty", "items")

    def __init__(self, container: object, items: Iterator[tuple[bytes, object]], closing: bytes) -> None:
        self.container = container
        self.items = items
        self.closing = closing
        self.is_empty = True


class Writer:
    """The text as far as it is written, and the containers that are open."""

    __slots__ = ("budget", "cycle_depth", "escape_html", "indent", "levels", "open_ids", "parts", "size", "text")

    def __init__(self, budget: Budget, indent: bytes, cycle_depth: int, *, escape_html: bool) -> None:
        self.budget = budget
        self.indent = indent
        self.cycle_depth = cycle_depth
        self.escape_html = escape_html
        self.text = bytearray()
        self.parts: list[bytes] = []  # of the text, not yet in it
        self.size = 0
        self.levels: list[Level] = []
        self.open_ids: set[int] = set()

    def add(self, text: bytes) -> None:
        """Add to the text. Raises LimitError if it becomes too long."""
        self.parts.append(text)
        self.size += len(text)
        if self.size > OUTPUT_LIMIT:
            self.budget.reserve(self.size)  # it raises; what is short enough is counted as the result that it becomes
        if len(self.parts) > MOST_PARTS:
            self.text += b"".join(self.parts)
            self.parts.clear()

    def finish(self) -> bytes:
        """Give the text."""
        return bytes(self.text) + b"".join(self.parts)

    def write(self, value: object) -> None:
        self.begin(value)
        while self.levels:
            level = self.levels[-1]
            for before, item in level.items:
                self.budget.spend_steps(1)
                level.is_empty = False
                self.add(before)
                if self.begin(item):
                    break
            else:
                self.end(level)

    def begin(self, value: object) -> bool:
        """Write a value, or the opening of one that has items: then True is given."""
        scalar = self.write_scalar(value)
        if scalar is not None:
            self.add(scalar)
            return False
        if isinstance(value, list):
            self.open(value, b"[", b"]", ((b"", item) for item in value))
        elif isinstance(value, dict):
            self.open(value, b"{", b"}", ((self.write_key(key), value[key]) for key in sorted(value)))
        else:
            fields = find_fields(value).items()
            self.open(value, b"{", b"}", ((self.write_key(name.encode()), item) for name, item in fields))
        return True

    def write_scalar(self, value: object) -> bytes | None:
        """Write a value that has no items; for others give None."""
        write = SCALARS.get(type(value))
        if write is not None:
            return write(value)
        if type(value) is bytes:
            return quote(value, escape_html=self.escape_html)
        if is_nil(value):
            return b"null"
        methods = find_methods(value)
        name = next((name for name in MARSHALERS if name in methods), "")
        if name:
            return self.call_marshaler(value, name)
        if isinstance(value, int):
            return b"%d" % value
        if isinstance(value, list) and type_of(value).name == "[]uint8":
            from binascii import b2a_base64

            return b'"%s"' % b2a_base64(bytes(value), newline=False)
        return None

    def call_marshaler(self, value: object, name: str) -> bytes:
        """Let a value write itself. Each marshaler that templates can meet gives a string without any escape."""
        try:
            text = bytes(find_methods(value)[name][1](value))  # type: ignore[call-overload] # []uint8
        except FunctionError as error:
            raise FunctionError(f"json: error calling {name} for type {type_of(value).name}: {error}") from None
        return text if name == "MarshalJSON" else quote(text, escape_html=self.escape_html)

    def open(self, container: object, opening: bytes, closing: bytes, items: Iterable[tuple[bytes, object]]) -> None:
        self.budget.spend_steps(LEVEL_STEPS)
        self.levels.append(Level(container, self.separate(items, len(self.levels) + 1), closing))
        self.check_cycle(container)
        self.add(opening)

    def check_cycle(self, container: object) -> None:
        if len(self.levels) > self.cycle_depth:
            if id(container) in self.open_ids:
                name = type_of(container).name
                raise FunctionError(f"json: unsupported value: encountered a cycle via {name}", is_constant=True)
            self.open_ids.add(id(container))

    def end(self, level: Level) -> None:
        self.levels.pop()
        self.open_ids.discard(id(level.container))
        if self.indent and not level.is_empty:
            self.add(b"\n" + self.indent * len(self.levels))
        self.add(level.closing)

    def separate(self, items: Iterable[tuple[bytes, object]], depth: int) -> Iterator[tuple[bytes, object]]:
        """Put commas between items, and line breaks before them."""
        line = b"\n" + self.indent * depth if self.indent else b""
        separator = line
        for key, item in items:
            yield separator + key, item
            separator = b"," + line

    def write_key(self, key: bytes) -> bytes:
        return quote(key, escape_html=self.escape_html) + (b": " if self.indent else b":")


def quote(text: bytes, *, escape_html: bool) -> bytes:
    """Write a string. What is not UTF-8 becomes an escape, and so do <, > and & for HTML's sake."""
    decoded = text.decode("utf-8", "surrogateescape")
    result = encode_basestring(decoded)
    if not decoded.isascii():
        result = escape_lines(result)
    if escape_html:
        for char, escape in HTML_ESCAPES:
            result = result.replace(char, escape)
    return result.encode()


def escape_lines(text: str) -> str:
    for char, escape in LINE_ESCAPES:
        text = text.replace(char, escape)
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(r"\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


def write_float(value: float) -> bytes:
    """Write a number with as few digits as possible, as JavaScript does. Raises FunctionError for NaN and infinities."""
    plain = repr(value)
    if not set("aen") & set(plain):  # no exponent, and neither `nan` nor `inf`
        return plain.removesuffix(".0").encode()
    from vault_secrets_webhook.gotemplate.formatfloat import format_float

    if value - value != 0:
        raise FunctionError(f"json: unsupported value: {format_float(value, 'g', -1)}")
    if SMALLEST_PLAIN <= abs(value) < SMALLEST_SCIENTIFIC:
        return format_float(value, "f", -1).encode()
    return format_float(value, "e", -1).replace("e-0", "e-").encode()


def write_number(value: JsonNumber) -> bytes:
    """Write a json.Number as it is; an empty one is 0. Raises FunctionError for one that is no number."""
    from .numbers import is_number

    number = bytes(value) or b"0"
    if not is_number(number):
        from vault_secrets_webhook.gotemplate.quote import quote as quote_text

        raise FunctionError(f"json: invalid number literal {quote_text(number).decode()}")
    return number


def refuse_complex(value: complex) -> bytes:
    raise FunctionError(f"json: unsupported type: {type_of(value).name}", is_constant=True)


def find_no_scalar(_: object) -> None:
    """Tell that a value has items."""


SCALARS: dict[type, Callable[..., bytes | None]] = {
    dict: find_no_scalar,
    list: find_no_scalar,
    type(None): lambda _: b"null",
    bool: lambda value: b"true" if value else b"false",
    int: lambda value: b"%d" % value,
    float: write_float,
    complex: refuse_complex,
    JsonNumber: write_number,
}
