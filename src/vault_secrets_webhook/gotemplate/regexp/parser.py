"""From a pattern to its tree of nodes.

What is open is kept in a stack of groups, each with the parts of the sequence that is being read and the alternatives
before it, so that a pattern nests as deeply as Go lets it without recursion here.

Source: package regexp/syntax, parse.go, with the flags of `regexp.Compile`.
"""

from __future__ import annotations

from . import node as nodes
from .charset import ANY, NOT_NEWLINE
from .scanner import (
    DOT_NEWLINE,
    FOLD_CASE,
    MULTI_LINE,
    NON_GREEDY,
    PatternError,
    Scanner,
    check_utf8,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .node import Node

HEIGHT_LIMIT = 1000
REPEAT_LIMIT = 1000
SIZE_LIMIT = (128 << 20) // 40  # instructions that Go lets a pattern become
RUNE_LIMIT = (128 << 20) // 4  # bounds of the ranges of its classes
# The conditions of assertions, which `program` knows.
BEGIN_LINE, END_LINE, BEGIN_TEXT, END_TEXT, WORD_BOUNDARY, NO_WORD_BOUNDARY = range(6)
ASSERTIONS = {"A": BEGIN_TEXT, "b": WORD_BOUNDARY, "B": NO_WORD_BOUNDARY, "z": END_TEXT}
LOOPS = {"*": nodes.STAR, "+": nodes.PLUS, "?": nodes.OPTION}
FLAGS = {"i": FOLD_CASE, "m": MULTI_LINE, "s": DOT_NEWLINE, "U": NON_GREEDY}
NO_CAPTURE = 0


class Group:
    """A group that is open: the flags to go back to, and the number of its capture or 0."""

    __slots__ = ("alternatives", "flags", "number", "parts")

    def __init__(self, flags: int, number: int) -> None:
        self.flags = flags
        self.number = number
        self.parts: list[Node] = []
        self.alternatives: list[Node] = []

    def merge_literals(self) -> None:
        """Make one literal of the last two parts. It is done late, for a repetition takes the last rune alone."""
        if len(self.parts) < 2:  # noqa: PLR2004 # two
            return
        before, last = self.parts[-2:]
        if before.op == last.op == nodes.LITERAL and before.is_marked == last.is_marked:
            before.runes += last.runes
            before.size = len(before.runes)
            self.parts.pop()


class Parser(Scanner):
    """The parsing of one pattern. `names` are its groups' names, the whole pattern's first; empty where there is none."""

    __slots__ = ("group", "last_repeat", "names", "open", "runes")

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.names = [""]
        self.group = Group(0, NO_CAPTURE)
        self.open: list[Group] = []
        self.last_repeat = -1  # where the repetition begins that has just been read
        self.runes = 0

    def parse(self) -> Node:
        """Give the tree of the whole pattern."""
        while self.at < len(self.text):
            start = self.at
            is_repeat = READERS.get(self.text[start], Parser.read_literal)(self)
            self.last_repeat = start if is_repeat else -1
        root = self.finish_group()
        if self.open:
            raise PatternError("missing closing )", self.text)
        return root

    # Each reader tells whether it read a repetition.

    def read_literal(self) -> bool:
        self.push_rune(ord(self.read_rune()))
        return False

    def read_group(self) -> bool:
        if self.peek(1) == "?":
            self.read_perl_group()
        else:
            self.at += 1
            self.open_capture("")
        return False

    def read_bar(self) -> bool:
        self.at += 1
        self.finish_alternative()
        return False

    def read_close(self) -> bool:
        self.at += 1
        node = self.finish_group()
        if not self.open:
            raise PatternError("unexpected )", self.text)
        number = self.group.number
        self.flags = self.group.flags
        self.group = self.open.pop()
        self.push(nodes.make_capture(number, node) if number else node)
        return False

    def read_caret(self) -> bool:
        self.at += 1
        self.push_assertion(BEGIN_LINE if self.flags & MULTI_LINE else BEGIN_TEXT)
        return False

    def read_dollar(self) -> bool:
        self.at += 1
        self.push_assertion(END_LINE if self.flags & MULTI_LINE else END_TEXT)
        return False

    def read_dot(self) -> bool:
        self.at += 1
        self.push(nodes.Node(nodes.SET, ANY if self.flags & DOT_NEWLINE else NOT_NEWLINE))
        return False

    def read_class(self) -> bool:
        self.push_set(self.read_bracket())
        return False

    def read_loop(self) -> bool:
        start = self.at
        op = LOOPS[self.text[start]]
        self.at += 1
        part, is_greedy = self.take_repeated(start)
        self.group.parts[-1] = self.check(nodes.make_loop(op, part, is_greedy=is_greedy))
        return True

    def read_counted(self) -> bool:
        start = self.at
        counts = self.read_repeat()
        if counts is None:
            return self.read_literal()
        least, most = counts
        if least < 0 or max(counts) > REPEAT_LIMIT or 0 <= most < least:
            raise PatternError("invalid repeat count", self.text[start : self.at])
        part, is_greedy = self.take_repeated(start)
        node = self.check(nodes.make_repeat(part, least, most, is_greedy=is_greedy))
        if max(counts) > 1 and node.copies > REPEAT_LIMIT:
            raise PatternError("invalid repeat count", self.text[start : self.at])
        self.group.parts[-1] = node
        return True

    def take_repeated(self, start: int) -> tuple[Node, bool]:
        """Give what the repetition that starts there repeats, and whether it is greedy."""
        is_greedy = not self.flags & NON_GREEDY
        if self.peek() == "?":
            self.at += 1
            is_greedy = not is_greedy
        if self.last_repeat >= 0:
            raise PatternError("invalid nested repetition operator", self.text[self.last_repeat : self.at])
        if not self.group.parts:
            raise PatternError("missing argument to repetition operator", self.text[start : self.at])
        return self.group.parts[-1], is_greedy

    def read_backslash(self) -> bool:
        letter = self.peek(1)
        if letter in ASSERTIONS:
            self.at += 2
            self.push_assertion(ASSERTIONS[letter])
        elif letter == "Q":
            self.at += 2
            self.read_quoted()
        elif letter == "C":
            raise PatternError("invalid escape sequence", "\\C")
        elif (charset := self.read_named_class()) is not None:
            self.push_set(charset)
        else:
            self.push_rune(self.read_escape())
        return False

    def read_quoted(self) -> None:
        end = self.text.find("\\E", self.at)
        quoted = Scanner(self.text[self.at : end] if end >= 0 else self.text[self.at :])
        while quoted.at < len(quoted.text):
            self.push_rune(ord(quoted.read_rune()))
        self.at = len(self.text) if end < 0 else end + 2

    def read_perl_group(self) -> None:
        """Read `(?P<name>`, `(?<name>`, `(?flags)` or `(?flags:`."""
        for prefix in ("(?P<", "(?<"):
            if self.starts_with(prefix) and len(self.text) > self.at + len(prefix):
                self.read_named_group(len(prefix))
                return
        start = self.at
        self.at += 2
        turned = {True: 0, False: 0}
        is_on, is_complete = True, True
        while self.at < len(self.text):
            char = self.read_rune()
            if char in FLAGS:
                turned[is_on] |= FLAGS[char]
                is_complete = True
            elif char == "-" and is_on:
                is_on = is_complete = False
            elif char in ":)" and is_complete:
                if char == ":":
                    self.open_group(NO_CAPTURE)
                self.flags = (self.flags | turned[True]) & ~turned[False]
                return
            else:
                break
        raise PatternError("invalid or unsupported Perl syntax", self.text[start : self.at])

    def read_named_group(self, size: int) -> None:
        end = self.text.find(">", self.at)
        if end < 0:
            check_utf8(self.text[self.at :])
            raise PatternError("invalid named capture", self.text[self.at :])
        name = self.text[self.at + size : end]
        check_utf8(name)
        if not (name.isascii() and name.replace("_", "a").isalnum()):
            raise PatternError("invalid named capture", self.text[self.at : end + 1])
        self.at = end + 1
        self.open_capture(name)

    def open_capture(self, name: str) -> None:
        self.names.append(name)
        self.open_group(len(self.names) - 1)

    def open_group(self, number: int) -> None:
        self.open.append(self.group)
        self.group = Group(self.flags, number)

    def finish_group(self) -> Node:
        self.finish_alternative()
        node = self.check(nodes.make_choice(self.group.alternatives))
        self.count_work(len(node.parts))
        return node

    def finish_alternative(self) -> None:
        """Make the sequence that has been read one of the group's alternatives, or a part of the last one."""
        group = self.group
        group.merge_literals()
        node = self.check(nodes.make_sequence(group.parts))
        self.count_work(len(node.parts))
        group.parts = []
        if group.alternatives and node.is_single and group.alternatives[-1].is_single:
            group.alternatives[-1] = merged = nodes.merge_singles(group.alternatives[-1], node)
            self.count_work(len(merged.value))
        else:
            group.alternatives.append(node)

    def push(self, node: Node) -> None:
        self.group.merge_literals()
        self.group.parts.append(self.check(node))

    def push_rune(self, rune: int) -> None:
        self.push(nodes.make_literal(rune, ignores_case=bool(self.flags & FOLD_CASE)))

    def push_set(self, charset: tuple[int, ...]) -> None:
        self.runes += len(charset)
        self.push(nodes.make_set(charset))

    def push_assertion(self, condition: int) -> None:
        self.push(nodes.Node(nodes.ASSERTION, (condition,)))

    def check(self, node: Node) -> Node:
        """Give the node if it is within Go's limits."""
        if self.runes > RUNE_LIMIT or node.size > SIZE_LIMIT:
            raise PatternError("expression too large", self.text)
        if node.height > HEIGHT_LIMIT:
            raise PatternError("expression nests too deeply", self.text)
        return node


READERS: dict[str, Callable[[Parser], bool]] = {
    "(": Parser.read_group,
    "|": Parser.read_bar,
    ")": Parser.read_close,
    "^": Parser.read_caret,
    "$": Parser.read_dollar,
    ".": Parser.read_dot,
    "[": Parser.read_class,
    "*": Parser.read_loop,
    "+": Parser.read_loop,
    "?": Parser.read_loop,
    "{": Parser.read_counted,
    "\\": Parser.read_backslash,
}
