"""What the parser makes of a pattern: a tree of nodes, simplified as it grows.

Each node knows what Go limits: its height, the size of the program that it becomes, and how many copies of its innermost
part its repetitions make. So no limit needs a walk over the tree. `core` is the simplest node that matches the same: the
program is made of cores, while the parser and the limits see what was written.

Sources: package regexp/syntax, regexp.go (`Regexp`), parse.go (`calcSize`, `calcHeight`, `repeatIsValid`), simplify.go.
"""

from __future__ import annotations

from .charset import find_orbit, list_ranges, unite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .charset import Charset

LITERAL, SET, EMPTY, ASSERTION, CAPTURE, SEQUENCE, CHOICE, STAR, PLUS, OPTION, REPEAT = range(11)


class Node:
    """A part of a pattern.

    `runes` are those of a literal. `value` is the charset of a set, the condition of an assertion, the number of a capture, and
    minimum and maximum (-1: none) of a repetition. `is_marked` means that a literal's case is ignored, and that a
    repetition is greedy.
    """

    __slots__ = ("copies", "core", "height", "is_marked", "is_nullable", "op", "parts", "runes", "size", "value")

    def __init__(
        self, op: int, value: tuple[int, ...] = (), parts: Sequence[Node] = (), *, is_marked: bool = False
    ) -> None:
        self.op: int = op
        self.value = value
        self.parts = parts
        self.runes: list[int] = []
        self.is_marked = is_marked
        self.core = self
        self.height: int = 1 + max([part.height for part in parts], default=0)
        self.size = 1
        self.copies: int = max([part.copies for part in parts], default=1)
        self.is_nullable = op in (EMPTY, ASSERTION)

    @property
    def is_single(self) -> bool:
        """Tell whether the node matches one rune whatever it matches."""
        return self.op == SET or (self.op == LITERAL and len(self.runes) == 1)

    @property
    def charset(self) -> Charset:
        """What a node that is single matches."""
        if self.op == SET:
            return self.value
        rune = self.runes[0]
        return find_orbit(rune) if self.is_marked else (rune, rune)


def make_literal(rune: int, *, ignores_case: bool) -> Node:
    node = Node(LITERAL, is_marked=ignores_case)
    node.runes.append(rune)
    return node


def make_set(charset: Charset) -> Node:
    """Make a set, or a literal of what is one rune, whatever its case."""
    if len(charset) in (2, 4):
        low, high = charset[0], charset[-1]
        if low == high:
            return make_literal(low, ignores_case=False)
        count = sum(last - first + 1 for first, last in list_ranges(charset))
        if count == 2 and find_orbit(low) == charset:  # noqa: PLR2004 # a pair
            return make_literal(low, ignores_case=True)
    return Node(SET, charset)


def make_capture(number: int, part: Node) -> Node:
    node = Node(CAPTURE, (number,), (part,))
    node.size = 2 + part.size
    node.is_nullable = part.core.is_nullable
    return node


def flatten(op: int, parts: list[Node]) -> list[Node]:
    return [inner for part in parts for inner in (part.parts if part.op == op else (part,))]


def make_sequence(parts: list[Node]) -> Node:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Node(EMPTY)
    node = Node(SEQUENCE, (), flatten(SEQUENCE, parts))
    node.size = sum(part.size for part in node.parts)
    node.is_nullable = all(part.core.is_nullable for part in node.parts)
    return node


def make_choice(parts: list[Node]) -> Node:
    if len(parts) == 1:
        return parts[0]
    node = Node(CHOICE, (), flatten(CHOICE, parts))
    node.size = sum(part.size for part in node.parts) + len(node.parts) - 1
    node.is_nullable = any(part.core.is_nullable for part in node.parts)
    return node


def merge_singles(first: Node, second: Node) -> Node:
    """Make one node of two alternatives that are single."""
    if first.op == second.op and first.is_marked == second.is_marked and first.charset == second.charset:
        return first
    return Node(SET, unite([*list_ranges(first.charset), *list_ranges(second.charset)]))


def make_loop(op: int, part: Node, *, is_greedy: bool) -> Node:
    """Make `*`, `+` or `?` of a node."""
    node = Node(op, (), (part,), is_marked=is_greedy)
    node.size = part.size + (2 if op == STAR else 1)
    node.core = simplify_loop(node)
    return node


def simplify_loop(node: Node) -> Node:
    part = node.parts[0].core
    node.is_nullable = node.op != PLUS or part.is_nullable
    if part.op == EMPTY or (part.op == node.op and part.is_marked == node.is_marked):
        return part
    return node


def make_repeat(part: Node, least: int, most: int, *, is_greedy: bool) -> Node:
    """Make `{least,most}` of a node, `most` being -1 where there is no most."""
    node = Node(REPEAT, (least, most), (part,), is_marked=is_greedy)
    node.size = measure_repeat(part.size, least, most)
    node.copies = 1 if most == 0 else max(1, least if most < 0 else most) * part.copies
    node.core = simplify_repeat(node)
    return node


def measure_repeat(size: int, least: int, most: int) -> int:
    if most < 0:
        return size + 2 if least == 0 else 1 + least * size
    return max(1, most * size + most - least)


def simplify_repeat(node: Node) -> Node:
    least, most = node.value
    part = node.parts[0]
    if most == 0:
        return Node(EMPTY)
    if (least, most) == (1, 1):
        return part.core
    loop = {(0, -1): STAR, (1, -1): PLUS, (0, 1): OPTION}.get((least, most))
    if loop is not None:
        return make_loop(loop, part, is_greedy=node.is_marked).core
    node.is_nullable = least == 0 or part.core.is_nullable
    return node
