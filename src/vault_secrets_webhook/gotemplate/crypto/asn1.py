"""DER read into known structures as Go's package encoding/asn1 does, with its error texts.

A structure is a name and its fields; a field says which type it holds. Values come back as int, bytes, an identifier as
`1.2.840`, a structure as a list of its values; what is optional and absent is None.

Source: package encoding/asn1, `Unmarshal`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

UNIVERSAL, CONTEXT = 0, 2
LONG_TAG = 0x1F
LENGTH_LIMIT = 1 << 23  # one more byte of length would leave 31 bits
BASE128_BYTES = 5
INT32_MAX = (1 << 31) - 1
INT64_SIZE = 8

# Type -> name in Go, tag, whether it is made of other elements. "any" takes every element and gives it whole.
TYPES: dict[str, tuple[str, int, bool]] = {
    "int": ("int", 2, False),
    "big": ("", 2, False),
    "bits": ("BitString", 3, False),
    "octets": ("", 4, False),
    "identifier": ("ObjectIdentifier", 6, False),
    "any": ("RawValue", -1, False),
}
STRUCT_TAG = 16


class Field:
    """A field of a structure: its type, or structure, or the structure whose repetition it is."""

    __slots__ = ("explicit_tag", "is_optional", "is_repeated", "type")

    def __init__(
        self, kind: str | Struct, *, optional: bool = False, explicit: int | None = None, repeated: bool = False
    ) -> None:
        self.type = kind
        self.is_optional = optional
        self.explicit_tag = explicit
        self.is_repeated = repeated

    def __str__(self) -> str:
        """Give the options as Go prints them."""
        return (
            f"{{optional:{str(self.is_optional).lower()} explicit:false application:false private:false "
            "defaultValue:<nil> tag:<nil> stringType:0 timeType:0 set:false omitEmpty:false}"
        )


class Struct:
    """A structure: its name in Go and its fields."""

    __slots__ = ("fields", "name")

    def __init__(self, name: str, *fields: Field) -> None:
        self.name = name
        self.fields = fields


class Header:
    """Tag and length of an element; `end` is where its content starts."""

    __slots__ = ("class_", "end", "is_compound", "length", "tag")

    def __init__(self, data: bytes, offset: int) -> None:
        first = data[offset]
        self.class_ = first >> 6
        self.is_compound = bool(first & 0x20)
        self.tag = first & LONG_TAG
        offset += 1
        if self.tag == LONG_TAG:
            self.tag, offset = read_base128(data, offset)
            if self.tag < LONG_TAG:
                raise make_syntax_error("non-minimal tag")
        self.length, self.end = read_length(data, offset)

    def __str__(self) -> str:
        """Give it as Go prints it."""
        compound = str(self.is_compound).lower()
        return f"{{class:{self.class_} tag:{self.tag} length:{self.length} isCompound:{compound}}}"


def make_syntax_error(text: str) -> FunctionError:
    return FunctionError(f"asn1: syntax error: {text}", is_constant=True)


def make_structure_error(text: str) -> FunctionError:
    return FunctionError(f"asn1: structure error: {text}", is_constant=True)


def read_length(data: bytes, offset: int) -> tuple[int, int]:
    if offset >= len(data):
        raise make_syntax_error("truncated tag or length")
    length = data[offset]
    offset += 1
    if length < 0x80:  # noqa: PLR2004 # lengths below it are one byte
        return length, offset
    count, length = length & 0x7F, 0
    if count == 0:
        raise make_syntax_error("indefinite length found (not DER)")
    for position in range(offset, offset + count):
        if position >= len(data):
            raise make_syntax_error("truncated tag or length")
        if length >= LENGTH_LIMIT:
            raise make_structure_error("length too large")
        length = length << 8 | data[position]
        if length == 0:
            raise make_structure_error("superfluous leading zeros in length")
    if length < 0x80:  # noqa: PLR2004 # see above
        raise make_structure_error("non-minimal length")
    return length, offset + count


def read_base128(data: bytes, offset: int) -> tuple[int, int]:
    number = 0
    for count, byte in enumerate(data[offset : offset + BASE128_BYTES + 1]):
        if count == BASE128_BYTES:
            raise make_structure_error("base 128 integer too large")
        if count == 0 and byte == 0x80:  # noqa: PLR2004 # a digit 0 that says nothing
            raise make_syntax_error("integer is not minimally encoded")
        number = number << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 # the last digit
            if number > INT32_MAX:
                raise make_structure_error("base 128 integer too large")
            return number, offset + count + 1
    raise make_syntax_error("truncated base 128 integer")


def unmarshal(data: bytes, kind: str | Struct) -> tuple[object, bytes]:
    """Read one element. Gives its value and what is behind it; raises FunctionError with Go's text."""
    value, offset = read_field(data, 0, Field(kind))
    return value, data[offset:]


def read_field(data: bytes, start: int, field: Field) -> tuple[object, int]:
    """Give the value and where the next element starts."""
    if start == len(data):
        if field.is_optional:
            return None, start
        raise make_syntax_error("sequence truncated")
    header = Header(data, start)
    if field.explicit_tag is not None:
        inner = unwrap(data, header, field.explicit_tag)
        if inner is None:
            return None, start
        header = inner
    name, tag, is_compound = describe(field)
    is_any = field.type == "any"
    if not is_any and (header.class_, header.tag, header.is_compound) != (UNIVERSAL, tag, is_compound):
        if field.is_optional:
            return None, start
        raise FunctionError(f"asn1: structure error: tags don't match ({tag} vs {header}) {field} {name} @{header.end}")
    end = header.end + header.length
    if end > len(data):
        raise make_syntax_error("data truncated")
    return (data[start:end] if is_any else read_content(data[header.end : end], field)), end


def describe(field: Field) -> tuple[str, int, bool]:
    if isinstance(field.type, Struct):
        return ("" if field.is_repeated else field.type.name), STRUCT_TAG, True
    return TYPES[field.type]


def unwrap(data: bytes, header: Header, tag: int) -> Header | None:
    """Give the header within an explicit tag, which all are optional here; None if it is absent."""
    if header.end == len(data):
        raise make_structure_error("explicit tag has no child")
    if (header.class_, header.tag) != (CONTEXT, tag) or (header.length and not header.is_compound):
        return None
    if not header.length:
        raise make_structure_error("zero length explicit tag was not an asn1.Flag")
    return Header(data, header.end)


def read_content(content: bytes, field: Field) -> object:
    if not isinstance(field.type, Struct):
        return READERS[field.type](content)
    if field.is_repeated:
        return read_repeated(content, field.type)
    values, offset = [], 0
    for inner in field.type.fields:  # what is behind the last one is none of ours
        value, offset = read_field(content, offset, inner)
        values.append(value)
    return values


def read_repeated(content: bytes, struct: Struct) -> list[object]:
    offset = 0
    while offset < len(content):
        header = Header(content, offset)
        if (header.class_, header.tag, header.is_compound) != (UNIVERSAL, STRUCT_TAG, True):
            raise make_structure_error("sequence tag mismatch")
        offset = header.end + header.length
        if offset > len(content):
            raise make_syntax_error("truncated sequence")
    values: list[object] = []
    offset = 0
    while offset < len(content):
        value, offset = read_field(content, offset, Field(struct))
        values.append(value)
    return values


def read_integer(content: bytes) -> int:
    if not content:
        raise make_structure_error("empty integer")
    if len(content) > 1 and (content[0], content[1] >> 7) in ((0, 0), (0xFF, 1)):
        raise make_structure_error("integer not minimally-encoded")
    return int.from_bytes(content, "big", signed=True)


def read_int(content: bytes) -> int:
    number = read_integer(content)
    if len(content) > INT64_SIZE:
        raise make_structure_error("integer too large")
    return number


def read_bits(content: bytes) -> bytes:
    """Give the whole content, the count of unused bits first."""
    if not content:
        raise make_syntax_error("zero length BIT STRING")
    unused = content[0]
    if unused > 7 or (len(content) == 1 and unused) or content[-1] & (1 << unused) - 1:  # noqa: PLR2004 # bits of a byte
        raise make_syntax_error("invalid padding bits in BIT STRING")
    return content


def read_identifier(content: bytes) -> str:
    if not content:
        raise make_syntax_error("zero length OBJECT IDENTIFIER")
    first, offset = read_base128(content, 0)
    numbers = [*divmod(first, 40)] if first < 80 else [2, first - 80]  # noqa: PLR2004 # two numbers in one: 40 * a + b
    while offset < len(content):
        number, offset = read_base128(content, offset)
        numbers.append(number)
    return ".".join(map(str, numbers))


READERS: dict[str, Callable[[bytes], object]] = {
    "int": read_int,
    "big": read_integer,
    "bits": read_bits,
    "octets": bytes,
    "identifier": read_identifier,
}
