"""The tokens of a template.

Role: gives `parse` one token after the other, only as many as it asks for: what is wrong behind an error is never seen.
Theory: outside of actions the text is searched for the left delimiter; inside, the first character of a token decides
what it is. The right delimiter ends an action wherever a token may begin, and only there: not in a string, but after
any identifier. Whitespace is a token, as `.a.b` and `.a .b` differ.

Sources: package text/template/parse, lex.go; package unicode for what letters and digits are. Text is str here, in which
a byte that is not UTF-8 is a surrogate; positions are counted in characters.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# The kinds of tokens. Keywords, and the dot, are their own kind.
ASSIGN = "="
BOOL = "bool"
CHAR = "char"  # printable ASCII that is nothing else, such as a comma
CHAR_CONSTANT = "char constant"
COMPLEX = "complex"
DECLARE = ":="
EOF = "eof"
ERROR = "error"  # the value is what is wrong; nothing comes behind it
FIELD = "field"
IDENTIFIER = "identifier"
LEFT_DELIM = "left delim"
LEFT_PAREN = "("
NUMBER = "number"
PIPE = "|"
RAW_STRING = "raw string"
RIGHT_DELIM = "right delim"
RIGHT_PAREN = ")"
SPACE = "space"
STRING = "string"
TEXT = "text"
VARIABLE = "variable"

KEYWORDS = frozenset(
    (".", "block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with")
)
REPLACEABLE = ("break", "continue")  # keywords that a function of that name takes the place of

SPACES = " \t\r\n"
TRIM_MARKER_LENGTH = 2  # the minus and the space that parts it from what is inside
TERMINATORS = frozenset(f"{SPACES}.,|:)(")  # what may follow an identifier
PRINTABLE = range(0x20, 0x7F)  # of ASCII
SHOWN_LENGTH = 10  # characters of a token that an error shows

DECIMAL_DIGITS = "0123456789_"
HEX_DIGITS = "0123456789abcdefABCDEF_"
DIGITS_BEHIND = {"x": HEX_DIGITS, "X": HEX_DIGITS, "o": "01234567_", "O": "01234567_", "b": "01_", "B": "01_"}
EXPONENTS = {DECIMAL_DIGITS: "eE", HEX_DIGITS: "pP"}


class Token:
    """A piece of the template; `line` is the one in which it begins, counted from 1."""

    __slots__ = ("kind", "line", "pos", "value")

    def __init__(self, kind: str, pos: int, value: str, line: int) -> None:
        self.kind = kind
        self.pos = pos
        self.value = value
        self.line = line

    def __str__(self) -> str:
        """Give the token as errors show it."""
        if self.kind == EOF:
            return "EOF"
        if self.kind == ERROR:
            return self.value
        if self.kind in KEYWORDS:
            return f"<{self.value}>"
        if measure(self.value) > SHOWN_LENGTH:
            return f"{quote_text(self.value[:SHOWN_LENGTH])}..."
        return quote_text(self.value)


class Lexer:
    """Reads the tokens of a text. `has_function` tells which functions exist: `break` may be one."""

    __slots__ = ("depth", "has_function", "in_action", "left", "line", "pos", "right", "start", "text")

    def __init__(self, text: str, left: str, right: str, has_function: Callable[[str], bool]) -> None:
        self.text = text
        self.left = left or "{{"
        self.right = right or "}}"
        self.has_function = has_function
        self.pos = self.start = 0  # of the token that is being read: its end and its beginning
        self.line = 1  # that of the beginning
        self.in_action = False
        self.depth = 0  # of parentheses

    def read(self) -> Token:
        """Read the next token: EOF at the end, again and again; after an ERROR there is none."""
        return self.read_inside() if self.in_action else self.read_outside()

    def make(self, kind: str) -> Token:
        """Make a token of what was read since the last."""
        value = self.text[self.start : self.pos]
        token = Token(kind, self.start, value, self.line)
        self.line += value.count("\n")
        self.start = self.pos
        return token

    def make_until(self, pos: int, kind: str) -> Token:
        self.pos = pos
        return self.make(kind)

    def make_delimiter(self, kind: str, length: int) -> Token:
        """Make a token of a delimiter, of which Go does not count the lines."""
        token = Token(kind, self.start, self.text[self.start : self.start + length], self.line)
        self.pos = self.start = self.start + length
        return token

    def skip(self, pos: int) -> None:
        """Leave out what was read since the last token, up to a position."""
        self.line += self.text.count("\n", self.start, pos)
        self.pos = self.start = pos

    def fail(self, problem: str) -> Token:
        return Token(ERROR, self.start, problem, self.line)

    def read_outside(self) -> Token:
        """Read text, or a left delimiter; comments are passed over."""
        text = self.text
        while True:
            found = text.find(self.left, self.pos)
            if found < 0:
                return self.make_until(len(text), TEXT if self.pos < len(text) else EOF)
            if found > self.pos:
                self.pos = found
                if self.is_left_marker(found + len(self.left)):
                    self.pos = self.start + len(text[self.start : found].rstrip(SPACES))
                token = self.make(TEXT)
                self.skip(found)
                if token.value:
                    return token
            inside = found + len(self.left)
            if self.is_left_marker(inside):
                inside += TRIM_MARKER_LENGTH
            if not text.startswith("/*", inside):
                return self.read_left_delim(inside)
            self.skip(inside)
            problem = self.skip_comment()
            if problem:
                return self.fail(problem)

    def is_left_marker(self, pos: int) -> bool:
        return self.text.startswith("-", pos) and self.text[pos + 1 : pos + 2] in SPACES_AS_SET

    def read_left_delim(self, inside: int) -> Token:
        token = self.make_delimiter(LEFT_DELIM, len(self.left))
        self.skip(inside)
        self.in_action = True
        self.depth = 0
        return token

    def skip_comment(self) -> str:
        """Pass a comment and the delimiter behind it. Gives what is wrong with it, or nothing."""
        end = self.text.find("*/", self.pos + 2)
        if end < 0:
            return "unclosed comment"
        marker = self.find_right_delim(end + 2)
        if marker is None:
            return "comment ends before closing delimiter"
        behind = end + 2 + marker + len(self.right)
        self.skip(self.find_non_space(behind) if marker else behind)
        return ""

    def find_right_delim(self, pos: int) -> int | None:
        """Tell whether the right delimiter is at a position: None, or the length of the trim marker before it."""
        text = self.text
        if (
            text.startswith("-", pos + 1)
            and text[pos] in SPACES
            and text.startswith(self.right, pos + TRIM_MARKER_LENGTH)
        ):
            return TRIM_MARKER_LENGTH
        return 0 if text.startswith(self.right, pos) else None

    def find_non_space(self, pos: int) -> int:
        text = self.text
        while text[pos : pos + 1] in SPACES_AS_SET:
            pos += 1
        return pos

    def read_right_delim(self, marker: int) -> Token:
        self.skip(self.start + marker)
        token = self.make_delimiter(RIGHT_DELIM, len(self.right))
        if marker:
            self.skip(self.find_non_space(self.pos))
        self.in_action = False
        return token

    def read_inside(self) -> Token:
        """Read a token of an action."""
        marker = self.find_right_delim(self.pos)
        if marker is not None:
            return self.fail("unclosed left paren") if self.depth else self.read_right_delim(marker)
        char = self.text[self.pos : self.pos + 1]
        if not char:
            return self.fail("unclosed action")
        reader = READERS.get(char)
        if reader is not None:
            return reader(self)
        if is_alphanumeric(char):
            return self.read_identifier()
        if ord(char) in PRINTABLE:
            return self.make_until(self.pos + 1, CHAR)
        return self.fail(f"unrecognized character in action: {describe_char(char)}")

    def read_space(self) -> Token:
        """Read whitespace, but not the one that belongs to a trim marker."""
        end = self.find_non_space(self.pos)
        if self.find_right_delim(end - 1) == TRIM_MARKER_LENGTH:
            end -= 1
        return self.make_until(end, SPACE)

    def read_sign(self) -> Token:
        """Read one of the tokens of one character that are their own kind."""
        return self.make_until(self.pos + 1, self.text[self.pos])

    def read_declare(self) -> Token:
        if not self.text.startswith(DECLARE, self.pos):
            return self.fail("expected :=")
        return self.make_until(self.pos + 2, DECLARE)

    def read_left_paren(self) -> Token:
        self.depth += 1
        return self.read_sign()

    def read_right_paren(self) -> Token:
        self.depth -= 1
        return self.fail("unexpected right paren") if self.depth < 0 else self.read_sign()

    def read_raw_string(self) -> Token:
        end = self.text.find("`", self.pos + 1)
        return self.fail("unterminated raw quoted string") if end < 0 else self.make_until(end + 1, RAW_STRING)

    def read_string(self) -> Token:
        end = self.find_quote('"')
        return self.fail("unterminated quoted string") if end < 0 else self.make_until(end + 1, STRING)

    def read_char_constant(self) -> Token:
        end = self.find_quote("'")
        return self.fail("unterminated character constant") if end < 0 else self.make_until(end + 1, CHAR_CONSTANT)

    def find_quote(self, quote: str) -> int:
        """Find the quote that ends what began with one, on the same line; -1 if there is none."""
        text, pos = self.text, self.pos + 1
        while (char := text[pos : pos + 1]) != quote:
            if char == "\\":
                pos += 1
                char = text[pos : pos + 1]
            if char in {"", "\n"}:
                return -1
            pos += 1
        return pos

    def read_identifier(self) -> Token:
        token = self.read_word(self.pos, IDENTIFIER)
        if token.kind == IDENTIFIER:
            if token.value in KEYWORDS and not (token.value in REPLACEABLE and self.has_function(token.value)):
                token.kind = token.value
            elif token.value in {"true", "false"}:
                token.kind = BOOL
        return token

    def read_variable(self) -> Token:
        return self.read_prefixed(VARIABLE, VARIABLE)

    def read_dot(self) -> Token:
        """Read a field, a number that begins with a dot, or the dot itself."""
        behind = self.text[self.pos + 1 : self.pos + 2]
        if not behind or behind in "0123456789":
            return self.read_number()
        return self.read_prefixed(FIELD, ".")

    def read_prefixed(self, kind: str, bare: str) -> Token:
        """Read a word behind a dot or dollar sign, or the sign alone; a delimiter of letters may be behind it."""
        behind = self.pos + 1
        return self.make_until(behind, bare) if self.is_terminated(behind) else self.read_word(behind, kind)

    def read_word(self, pos: int, kind: str) -> Token:
        """Read letters and digits, and see that what follows them may."""
        text = self.text
        while is_alphanumeric(text[pos : pos + 1]):
            pos += 1
        if not self.is_terminated(pos):
            return self.fail(f"bad character {describe_char(text[pos])}")
        return self.make_until(pos, kind)

    def is_terminated(self, pos: int) -> bool:
        text = self.text
        return pos >= len(text) or text[pos] in TERMINATORS or text.startswith(self.right, pos)

    def read_number(self) -> Token:
        """Read what looks like a number; whether it is one is for `numbers` to tell."""
        end, is_whole = self.scan_number(self.pos)
        kind = NUMBER
        if is_whole and self.text[end : end + 1] in SIGNS:
            end, is_whole = self.scan_number(end)
            is_whole = is_whole and self.text[end - 1] == "i"
            kind = COMPLEX
        if not is_whole:
            return self.fail(f"bad number syntax: {quote_text(self.text[self.start : end])}")
        return self.make_until(end, kind)

    def scan_number(self, pos: int) -> tuple[int, bool]:
        """Find the end of a number. If a letter or digit follows, which is wrong, it is the end behind that."""
        text = self.text
        pos = self.pass_one(pos, "+-")
        digits = DECIMAL_DIGITS
        if text.startswith("0", pos):
            pos += 1
            digits = DIGITS_BEHIND.get(text[pos : pos + 1], digits)
            if digits is not DECIMAL_DIGITS:
                pos += 1
        pos = self.pass_one(self.pass_run(pos, digits), ".", digits)
        exponent = EXPONENTS.get(digits, "")
        marked = self.pass_one(pos, exponent)
        if marked > pos:
            pos = self.pass_run(self.pass_one(marked, "+-"), DECIMAL_DIGITS)
        pos = self.pass_one(pos, "i")
        follows = is_alphanumeric(text[pos : pos + 1])
        return pos + follows, not follows

    def pass_one(self, pos: int, accepted: str, then: str = "") -> int:
        """Give the position behind one of the characters, and then any number of others; or the same position."""
        if pos < len(self.text) and self.text[pos] in accepted:
            return self.pass_run(pos + 1, then)
        return pos

    def pass_run(self, pos: int, accepted: str) -> int:
        text = self.text
        while pos < len(text) and text[pos] in accepted:
            pos += 1
        return pos


SIGNS = frozenset("+-")
# Letters and digits of Unicode 15, which Go knows; Python 3.11 has the tables of Unicode 14.
NEW_LETTERS = (
    *((0x1123F, 0x11240), (0x11F02, 0x11F02), (0x11F04, 0x11F10), (0x11F12, 0x11F33), (0x11F50, 0x11F59)),
    *((0x1342F, 0x1342F), (0x13441, 0x13446), (0x1B132, 0x1B132), (0x1B155, 0x1B155), (0x1DF25, 0x1DF2A)),
    *((0x1E030, 0x1E06D), (0x1E4D0, 0x1E4EB), (0x1E4F0, 0x1E4F9), (0x2B739, 0x2B739), (0x31350, 0x323AF)),
)
FIRST_NEW = chr(NEW_LETTERS[0][0])
SPACES_AS_SET = frozenset(SPACES)  # which the empty string at the end of the text is not in

READERS: dict[str, Callable[[Lexer], Token]] = {
    **dict.fromkeys(SPACES, Lexer.read_space),
    **dict.fromkeys("+-0123456789", Lexer.read_number),
    "=": Lexer.read_sign,
    "|": Lexer.read_sign,
    ":": Lexer.read_declare,
    "(": Lexer.read_left_paren,
    ")": Lexer.read_right_paren,
    '"': Lexer.read_string,
    "`": Lexer.read_raw_string,
    "'": Lexer.read_char_constant,
    "$": Lexer.read_variable,
    ".": Lexer.read_dot,
}


def is_alphanumeric(char: str) -> bool:
    """Tell whether a character is of an identifier: a letter, a decimal digit of any script, an underscore."""
    return char.isalpha() or char == "_" or char.isdecimal() or (char >= FIRST_NEW and is_new_letter(ord(char)))


def is_new_letter(code: int) -> bool:
    return any(first <= code <= last for first, last in NEW_LETTERS)


def measure(text: str) -> int:
    """Give the length of text in bytes."""
    from .values import encode

    return len(text) if text.isascii() else len(encode(text))


def quote_text(text: str) -> str:
    """Quote text as `%q` does."""
    from .quote import quote  # late: only errors need it
    from .values import decode, encode

    return decode(quote(encode(text)))


def describe_char(char: str) -> str:
    """Name a character as `%#U` does; a byte that is not UTF-8 is U+FFFD."""
    from .quote import is_print  # late: only errors need it

    code = 0xFFFD if "\ud800" <= char <= "\udfff" else ord(char)
    return f"U+{code:04X} '{chr(code)}'" if is_print(chr(code)) else f"U+{code:04X}"
