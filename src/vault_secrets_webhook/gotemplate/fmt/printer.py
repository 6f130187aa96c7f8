"""One operand in the words of its verb: by its methods if the verb asks for a string, else by its kind.

Lists, maps and structs hand the verb down to what is in them, so that `%x` of a list writes each string in hexadecimal,
and a verb that does not fit says so at each element: `[%!d(string=a)]`.

Source: package fmt, `print.go`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import LimitError
from vault_secrets_webhook.gotemplate.values import PLAIN, SIGNED, UINT8, UNSIGNED, find_methods, kind_of, type_of

from . import check_size
from .scalars import write_address, write_bool, write_digits, write_integer, write_string
from .style import Style

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from vault_secrets_webhook.gotemplate.limits import Budget

STRING_VERBS = "vsxXq"  # those that call a method which gives a string
ADDRESS_VERBS = "bodxX"
ADDRESS = 0xC000010000  # one that Go's heap could have
VALUE_STEPS = 3  # to find out how a value is written


class Printer:
    """Writes operands at the end of `out`, as `style` says.

    `is_raw` keeps it from calling methods: within the complaint about a verb, and in fields that are not exported.
    """

    __slots__ = ("budget", "is_raw", "out", "style")

    def __init__(self, budget: Budget, out: bytearray) -> None:
        self.budget = budget
        self.out = out
        self.style = Style()
        self.is_raw = False

    def print_operand(self, value: object, verb: str) -> None:
        """Write an operand that was given to Printf itself. Raises LimitError if it is too long."""
        if value is None and verb in "Tv":
            self.write(self.style.pad(b"<nil>"))
        elif value is None or (verb == "w" and not is_bytes(value)):  # the verb of Errorf alone
            self.complain(value, verb)
        elif verb == "T":
            name = type_of(value).name.encode()
            self.write(self.style.pad(self.style.truncate(name)))
        elif verb == "p":
            self.print_address(value, verb)
        else:
            self.print_value(value, verb, 0)

    def print_value(self, value: object, verb: str, depth: int) -> None:
        """Write a value; `depth` is how many lists, maps and structs it is in."""
        self.budget.spend_steps(VALUE_STEPS)
        if value is None:
            self.write(b"interface {}(nil)" if self.style.is_go else b"<nil>")
        elif type(value) in PLAIN or not self.call_method(value, verb):
            write = SCALARS.get(kind_of(value))
            if write is None:
                self.print_composite(value, verb, depth)
            elif (text := write(self.style, value, verb)) is None:
                self.complain(value, verb)
            else:
                self.write(text)

    def write(self, text: bytes) -> None:
        self.out += text
        check_size(self.out)

    def complain(self, value: object, verb: str) -> None:
        """Write that a verb does not fit a value: `%!d(string=hi)`."""
        self.write(b"%%!%b(" % verb.encode())
        if value is None:
            self.write(b"<nil>")
        else:
            self.write(type_of(value).name.encode() + b"=")
            was_raw, self.is_raw = self.is_raw, True
            self.print_value(value, "v", 0)
            self.is_raw = was_raw
        self.write(b")")

    def call_method(self, value: object, verb: str) -> bool:
        """Write what the value says of itself, if it has a method for that; tell whether it has."""
        if self.is_raw or isinstance(value, bytes):  # json.Number is a string that says of itself what it is
            return False
        methods = find_methods(value)
        names = ("GoString",) if self.style.is_go else ("Error", "String") if verb in STRING_VERBS else ()
        name = next((name for name in names if name in methods), None)
        if name is None:
            return False
        try:
            text = methods[name][1](value)
        except LimitError:
            raise
        except FunctionError as error:
            self.print_panic(verb, name, str(error))
            return True
        # A GoString is written as it is, the others as strings are.
        self.write(write_string(self.style, text, "s" if name == "GoString" else verb) or b"")  # type: ignore[arg-type]
        return True

    def print_panic(self, verb: str, method: str, text: str) -> None:
        self.write(f"%!{verb}(PANIC={method} method: {text})".encode("utf-8", "surrogateescape"))

    def print_composite(self, value: Any, verb: str, depth: int) -> None:
        if self.style.is_go:
            from .gosyntax import print_composite

            print_composite(self, value, verb, depth)
            return
        match type_of(value).kind:
            case "slice":
                self.print_slice(value, verb, depth)
            case "map":
                self.print_map(value, verb, depth)
            case "ptr" if depth or is_null(value):
                self.print_address(value, verb)
            case kind:
                self.write(b"&{" if kind == "ptr" else b"{")
                self.print_fields(value, verb, depth + (kind == "ptr"))
                self.write(b"}")

    def print_slice(self, value: list[Any], verb: str, depth: int) -> None:
        if verb in "sqxX" and is_bytes(value):
            self.write(write_string(self.style, bytes(value), verb) or b"")
            return
        self.write(b"[")
        self.print_all(value, verb, depth, b" ")
        self.write(b"]")

    def print_all(self, values: Iterable[object], verb: str, depth: int, separator: bytes) -> None:
        is_first = True
        for value in values:
            if not is_first:
                self.write(separator)
            is_first = False
            self.print_value(value, verb, depth + 1)

    def print_map(self, value: dict[bytes, object], verb: str, depth: int) -> None:
        self.write(b"map[")
        self.print_pairs(value, verb, depth, b" ")
        self.write(b"]")

    def print_pairs(self, value: dict[bytes, object], verb: str, depth: int, separator: bytes) -> None:
        is_first = True
        for key in sorted(value):
            if not is_first:
                self.write(separator)
            is_first = False
            self.print_value(key, verb, depth + 1)
            self.write(b":")
            self.print_value(value[key], verb, depth + 1)

    def print_fields(self, value: object, verb: str, depth: int, separator: bytes = b" ") -> None:
        """Write the fields of a struct; what is not exported must not be called, which a field's name tells."""
        from .layout import find_layout

        is_first = True
        was_raw = self.is_raw
        for name, field in find_layout(value).items():
            if not is_first:
                self.write(separator)
            is_first = False
            if self.style.is_plus or self.style.is_go:
                self.write(f"{name}:".encode())
            self.is_raw = was_raw or not name[0].isupper()
            self.print_value(field, verb, depth + 1)
            self.is_raw = was_raw

    def print_address(self, value: object, verb: str) -> None:
        """Write where a value is."""
        if kind_of(value) not in ("map", "ptr", "slice"):
            self.complain(value, verb)
            return
        address = find_address(value)
        if verb in ADDRESS_VERBS:
            self.write(write_digits(self.style, address, verb))
        elif verb == "v" and not address:
            self.write(self.style.pad(b"<nil>"))
        elif verb in "vp":
            self.write(write_address(self.style, address, is_sharp=not self.style.sharp))
        else:
            self.complain(value, verb)


def is_bytes(value: object) -> bool:
    """Tell whether a value is a []byte: fmt knows these among the slices."""
    return isinstance(value, list) and type_of(value).elem is UINT8


def find_address(value: object) -> int:
    """Give an address: never the real one, which would tell the writer of a template about this process's memory."""
    return 0 if is_null(value) else ADDRESS


def is_null(value: object) -> bool:
    """Tell whether a slice, a map or a pointer is nil."""
    return getattr(value, "is_nil", False)


def write_signed(style: Style, value: int, verb: str) -> bytes | None:
    return write_integer(style, value, verb, is_signed=True)


def write_unsigned(style: Style, value: int, verb: str) -> bytes | None:
    return write_integer(style, value, verb, is_signed=False)


def write_float(style: Style, value: float, verb: str) -> bytes | None:
    from . import floats

    return floats.write_float(style, value, verb)


def write_complex(style: Style, value: complex, verb: str) -> bytes | None:
    from . import floats

    return floats.write_complex(style, value, verb)


SCALARS: dict[str, Callable[[Style, Any, str], bytes | None]] = {
    "string": write_string,
    "bool": write_bool,
    **dict.fromkeys(SIGNED, write_signed),
    **dict.fromkeys(UNSIGNED, write_unsigned),
    "float64": write_float,
    "complex128": write_complex,
}
