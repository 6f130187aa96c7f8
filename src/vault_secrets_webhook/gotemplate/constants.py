"""The number constants of templates.

Role: makes of a token the node of a number, for `pipeline`. Theory: a constant has no type until it is used; it is kept
as each of the sorts of numbers that can hold it, so that `1`, `1.0`, `1e0` and `1+0i` are alike.

Sources: package text/template/parse, newNumber; package fmt, how Sscan reads a complex number.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

from .lex import CHAR_CONSTANT, COMPLEX, quote_text
from .node import NumberNode
from .strconv import NumberError, parse_float, parse_int, parse_uint
from .unquote import unquote_char

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .lex import Token

INT_LIMIT = 1 << 63
UINT_LIMIT = 1 << 64
DECIMAL_DIGITS = "0123456789_"
HEX_DIGITS = "0123456789abcdefABCDEF_"


def read_number(token: Token) -> NumberNode:
    """Make the node of a number, imaginary or complex number, or character constant.

    Raises ValueError with Go's text.
    """
    node = NumberNode(token.pos, token.value)
    if token.kind == CHAR_CONSTANT:
        read_char(node)
    elif token.kind == COMPLEX:
        set_complex(node, read_complex(token.value))
    elif not (token.value.endswith("i") and read_imaginary(node)):
        read_plain(node)
    return node


def read_char(node: NumberNode) -> None:
    code, _, end = unquote_char(node.text, 1, "'")
    if end != len(node.text) - 1:
        raise ValueError(f"malformed character constant: {node.text}")
    set_int(node, code)


def read_imaginary(node: NumberNode) -> bool:
    try:
        imaginary = parse_float(node.text[:-1].encode())
    except NumberError:
        return False
    set_complex(node, complex(0.0, imaginary))
    return True


def read_plain(node: NumberNode) -> None:
    """Read a number as an integer, and if it is none as a float."""
    text = node.text.encode()
    for parse in (parse_int, parse_uint):
        try:
            set_int(node, parse(text, 0))
        except NumberError:
            continue
        if node.int_value and node.text.startswith("+"):  # Go reads unsigned integers without any sign, only +0 as well
            node.is_uint, node.uint_value = False, 0
        return
    try:
        number = parse_float(text)
    except NumberError:
        raise ValueError(f"illegal number syntax: {quote_text(node.text)}") from None
    if not any(mark in node.text for mark in ".eEpP"):
        raise ValueError(f"integer overflow: {quote_text(node.text)}")
    set_float(node, number)


def set_int(node: NumberNode, number: int) -> None:
    node.is_int = number < INT_LIMIT
    node.is_uint = number >= 0
    node.is_float = True
    node.int_value = number if node.is_int else 0
    node.uint_value = number if node.is_uint else 0
    node.float_value = float(number)


def set_float(node: NumberNode, number: float) -> None:
    node.is_float = True
    node.float_value = number
    if number.is_integer():
        whole = int(number)
        node.is_int = -INT_LIMIT <= whole < INT_LIMIT
        node.is_uint = 0 <= whole < UINT_LIMIT
        node.int_value = whole if node.is_int else 0
        node.uint_value = whole if node.is_uint else 0


def set_complex(node: NumberNode, number: complex) -> None:
    node.is_complex = True
    node.complex_value = number
    if number.imag == 0:
        set_float(node, number.real)


def read_complex(text: str) -> complex:
    """Read `real+imaginaryi` as fmt.Sscan does, which knows fewer forms of numbers than constants have."""
    middle = find_float_end(text, 0)
    end = find_float_end(text, middle + 1)
    if text[middle : middle + 1] not in {"+", "-"} or text[end : end + 1] != "i":
        raise ValueError("syntax error scanning complex number")
    try:
        return complex(parse_float(text[:middle].encode()), parse_float(text[middle:end].encode()))
    except FunctionError as error:
        raise ValueError(str(error)) from None


def find_float_end(text: str, pos: int) -> int:
    """Find where the number ends that begins at a position."""
    pos = pass_run(text, pos, "+-", 1)
    pos = pass_run(text, pos, "iI", 1)
    digits, markers = DECIMAL_DIGITS, "eEpP"
    if text.startswith(("0x", "0X"), pos):
        pos += 2
        digits, markers = HEX_DIGITS, "pP"
    pos = pass_run(text, pos, digits)
    if text.startswith(".", pos):
        pos = pass_run(text, pos + 1, digits)
    marked = pass_run(text, pos, markers, 1)
    return pass_run(text, pass_run(text, marked, "+-", 1), DECIMAL_DIGITS) if marked > pos else pos


def pass_run(text: str, pos: int, accepted: str, most: int | None = None) -> int:
    """Give the position behind characters that are accepted."""
    end = len(text) if most is None else min(len(text), pos + most)
    while pos < end and text[pos] in accepted:
        pos += 1
    return pos
