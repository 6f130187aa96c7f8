"""Go's values as templates meet them, written with Python's.

What a template sees has a Go type, and types show: in `printf "%T"`, in which values compare, in what an error says.
The types of decoded JSON are Python's own, without a wrapper; the rest are small classes that carry their `go_type`:

    string                   bytes          (Go's strings are bytes, mostly UTF-8)
    bool, int, float64       bool, int, float
    complex128               complex
    []interface {}           list
    map[string]interface {}  dict with keys of type bytes
    json.Number              JsonNumber     (kind string: a number as it was written)
    int64, uint8, ...        Int64, Uint8, ...
    []string, ...            Slice          (a list that knows its type, and may be nil)
    map[string]string, ...   Map
    structs and pointers     a class with `go_type`, `go_fields`, `go_methods`

None is the nil interface inside of lists and maps, and outside of them "no value", the zero `reflect.Value`. The
executor must also know which values it took out of an interface, because Go's errors then name the type `interface {}`:
these it holds as `Boxed`. Functions of templates never see a `Boxed`.

Sources: package reflect, section "Types" of the Go specification.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, ClassVar, TypeAlias

    # A method of a Go type: its signature without the receiver (see `functions`), and what it does to the receiver.
    Method: TypeAlias = tuple[str, Callable[..., object]]

# Of Go's kinds of numbers those that values have.
SIGNED = frozenset(("int", "int32", "int64"))
UNSIGNED = frozenset(("uint8", "uint32", "uint64"))
INTEGERS = SIGNED | UNSIGNED
# unicode.White_Space. Unlike `str.isspace` it has not the separators U+001C to U+001F.
SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000"
)
NILABLE = frozenset(("chan", "func", "interface", "map", "ptr", "slice"))


class Type:
    """A Go type: its name as `reflect.Type.String` gives it, its kind, and what it is made of."""

    __slots__ = ("elem", "key", "kind", "name")

    def __init__(self, name: str, kind: str, elem: Type | None = None, key: Type | None = None) -> None:
        self.name = name
        self.kind = kind
        self.elem = elem
        self.key = key

    def __repr__(self) -> str:
        return self.name


ANY = Type("interface {}", "interface")
ERROR = Type("error", "interface")
REFLECT_VALUE = Type("reflect.Value", "struct")
STRING = Type("string", "string")
BOOL = Type("bool", "bool")
INT = Type("int", "int")
INT32 = Type("int32", "int32")
INT64 = Type("int64", "int64")
UINT8 = Type("uint8", "uint8")
UINT32 = Type("uint32", "uint32")
UINT64 = Type("uint64", "uint64")
FLOAT64 = Type("float64", "float64")
COMPLEX128 = Type("complex128", "complex128")
JSON_NUMBER = Type("json.Number", "string")

TYPES: dict[str, Type] = {
    kind.name: kind
    for kind in (
        *(ANY, ERROR, REFLECT_VALUE, STRING, BOOL, INT, INT32, INT64, UINT8, UINT32, UINT64, FLOAT64, COMPLEX128),
        JSON_NUMBER,
    )
}


def find_type(name: str) -> Type:
    """Give the type of a name; slices and maps of known types are made when asked for. Each name has one type."""
    known = TYPES.get(name)
    if known is None:
        if name.startswith("[]"):
            known = Type(name, "slice", find_type(name[2:]))
        elif name.startswith("map[string]"):
            known = Type(name, "map", find_type(name[11:]), STRING)
        else:
            raise LookupError(name)
        TYPES[name] = known
    return known


def define_type(name: str, kind: str) -> Type:
    """Make a named type known, such as `time.Time`."""
    TYPES[name] = defined = Type(name, kind)
    return defined


SLICE_OF_ANY = find_type("[]interface {}")
SLICE_OF_STRING = find_type("[]string")
MAP_OF_ANY = find_type("map[string]interface {}")
MAP_OF_STRING = find_type("map[string]string")

PLAIN: dict[type, Type] = {
    bytes: STRING,
    bool: BOOL,
    int: INT,
    float: FLOAT64,
    complex: COMPLEX128,
    list: SLICE_OF_ANY,
    dict: MAP_OF_ANY,
}


class Int64(int):
    """An int64; arithmetic gives plain ints, which `wrap_int64` brings back into range."""

    __slots__ = ()
    go_type: ClassVar[Type] = INT64


class Int32(int):
    """An int32, which a rune is."""

    __slots__ = ()
    go_type: ClassVar[Type] = INT32


class Uint8(int):
    """A uint8: a byte of a string."""

    __slots__ = ()
    go_type: ClassVar[Type] = UINT8


class Uint64(int):
    """A uint64."""

    __slots__ = ()
    go_type: ClassVar[Type] = UINT64


class JsonNumber(bytes):
    """A `json.Number`: kind string, and no string where a function asks for one."""

    __slots__ = ()
    go_type: ClassVar[Type] = JSON_NUMBER

    @property
    def go_methods(self) -> Mapping[str, Method]:
        """`String`, `Int64` and `Float64`."""
        from .numbers import JSON_NUMBER_METHODS

        return JSON_NUMBER_METHODS


class Slice(list[object]):
    """A slice of another type than []interface {}, or a nil one of any type."""

    __slots__ = ("go_type", "is_nil")

    def __init__(self, go_type: Type, items: Any = (), *, is_nil: bool = False) -> None:
        super().__init__(items)
        self.go_type = go_type
        self.is_nil = is_nil


class Map(dict[bytes, object]):
    """A map of another type than map[string]interface {}, or a nil one of any type."""

    __slots__ = ("go_type", "is_nil")

    def __init__(self, go_type: Type, items: Any = (), *, is_nil: bool = False) -> None:
        super().__init__(items)
        self.go_type = go_type
        self.is_nil = is_nil


class Boxed:
    """A `reflect.Value` of kind interface: a value, or nil, seen through the static type `interface {}`."""

    __slots__ = ("value",)
    go_type: ClassVar[Type] = ANY

    def __init__(self, value: object) -> None:
        self.value = value


def type_of(value: object) -> Type:
    """Give the type of a value that is not None; of a Boxed it is `interface {}`."""
    plain = PLAIN.get(type(value))
    return value.go_type if plain is None else plain  # type: ignore[attr-defined] # whatever is not plain has one


def kind_of(value: object) -> str:
    """Give the kind of a value as `reflect.Kind.String` does; of None it is `invalid`."""
    return "invalid" if value is None else type_of(value).kind


def unbox(value: object) -> object:
    """Give what is in the interface; anything else is given back."""
    return value.value if type(value) is Boxed else value


def is_nil(value: object) -> bool:
    """Tell whether a value is None, or a nil slice or map."""
    return value is None or (isinstance(value, Slice | Map) and value.is_nil)


def is_true(value: object) -> bool:
    """Tell whether a value counts as true in `if`: not the zero value of its type, and not empty."""
    if isinstance(value, bytes | int | float | complex | list | dict):
        return bool(value)
    return value is not None  # structs always are, and pointers that are not nil


def find_methods(value: object) -> Mapping[str, Method]:
    """Give the methods of a value's type, by name."""
    return getattr(value, "go_methods", {})


def find_fields(value: object) -> Mapping[str, object]:
    """Give the exported fields of a struct, in their order."""
    return getattr(value, "go_fields", {})


def make_zero(kind: Type) -> object:
    """Give the zero value of a type. Of an interface and of a pointer it is None."""
    match kind.kind:
        case "string":
            return JsonNumber(b"") if kind is JSON_NUMBER else b""
        case "bool":
            return False
        case "float64":
            return 0.0
        case "complex128":
            return 0j
        case "slice":
            return Slice(kind, is_nil=True)
        case "map":
            return Map(kind, is_nil=True)
    return INTEGER_CLASSES[kind](0) if kind in INTEGER_CLASSES else None


INTEGER_CLASSES: dict[Type, type[int]] = {INT: int, INT32: Int32, INT64: Int64, UINT8: Uint8, UINT64: Uint64}


def wrap_int64(value: int) -> Int64:
    """Bring a number into the range of int64 as Go's arithmetic does, by dropping its upper bits."""
    return Int64((value + (1 << 63)) % (1 << 64) - (1 << 63))


def encode(text: str) -> bytes:
    """Encode text as a Go string. Surrogates are bytes that came from outside; JSON's lone ones become U+FFFD."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b"".join(encode_char(char) for char in text)


def encode_char(char: str) -> bytes:
    try:
        return char.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b"\xef\xbf\xbd"


def decode(string: bytes) -> str:
    """Decode a Go string; each byte that is not UTF-8 becomes a surrogate, and `encode` gives it back."""
    return string.decode("utf-8", "surrogateescape")


def decode_runes(string: bytes) -> str:
    """Decode a Go string to its runes; each byte that is not UTF-8 is U+FFFD, as when Go ranges over it."""
    try:
        return string.decode()
    except UnicodeDecodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in decode(string))
