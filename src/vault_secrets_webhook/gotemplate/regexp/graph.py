"""A program as the machines see it: without what records captures, and with what can be told of its beginning."""

from __future__ import annotations

from .alphabet import HOLDS, REPLACEMENT, Alphabet
from .parser import BEGIN_TEXT
from .program import ACCEPT, CHECK, CHOOSE, RECORD, TAKE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .program import Program

WEIGHT_LIMIT = 400_000  # instructions and transitions that a machine remembers; then it begins anew


class Graph:
    """Instructions without RECORD, and the alphabet.

    `entries` are where a match may begin; `prefix` is what each match begins with, and `is_literal` tells that each is
    no more than that. `candidates` are the classes that a match can begin with, None if it can be empty.
    """

    __slots__ = (
        *("after", "alphabet", "args", "candidates", "entries", "is_anchored", "is_literal", "ops", "prefix", "start"),
    )

    def __init__(self, program: Program) -> None:
        self.alphabet = Alphabet(program)
        self.ops = program.ops
        targets = [skip_records(program, index) for index in range(len(program.ops))]
        self.after = [targets[index] for index in program.after]
        self.args = [targets[arg] if op == CHOOSE else arg for op, arg in zip(program.ops, program.args, strict=True)]
        self.start = targets[program.start]
        self.entries = self.explore((self.start,))
        self.is_anchored = self.ops[self.start] == CHECK and self.args[self.start] == BEGIN_TEXT
        self.prefix, self.is_literal = self.read_prefix([*program.charsets])
        self.candidates = self.find_candidates()

    def explore(self, places: Iterable[int]) -> tuple[int, ...]:
        """Give the instructions other than choices that places lead to, the preferred first, up to an ACCEPT."""
        ops, after, args = self.ops, self.after, self.args
        found: list[int] = []
        seen: set[int] = set()
        stack = [*places]
        stack.reverse()
        while stack:
            place = stack.pop()
            if place in seen:
                continue
            seen.add(place)
            op = ops[place]
            if op == CHOOSE:
                stack += args[place], after[place]
                continue
            found.append(place)
            if op == ACCEPT:
                break
        return tuple(found)

    def enter(self, places: Iterable[int], symbol: int, context: int) -> tuple[list[int], bool, int]:
        """Let a class of runes be taken from these places.

        Gives the places after it, the preferred first, whether there is a match before it (what is preferred less is
        dropped then), and how many instructions were looked at.
        """
        ops, after, args, members = self.ops, self.after, self.args, self.alphabet.members
        found: list[int] = []
        seen: set[int] = set()
        stack = [*places]
        stack.reverse()
        while stack:
            place = stack.pop()
            if place in seen:
                continue
            seen.add(place)
            op = ops[place]
            if op == TAKE:
                if symbol in members[args[place]]:
                    found.append(after[place])
            elif op == CHOOSE:
                stack += args[place], after[place]
            elif op == ACCEPT:
                return found, True, len(seen)
            elif HOLDS[args[place]][context]:
                stack.append(after[place])
        return found, False, len(seen)

    def read_prefix(self, charsets: list[tuple[int, ...]]) -> tuple[str, bool]:
        runes: list[int] = []
        place = self.start
        while self.ops[place] == TAKE:
            charset = charsets[self.args[place]]
            # Bytes that are not UTF-8 look like the replacement character, and are held as surrogates.
            low = charset[0] if charset else REPLACEMENT
            if charset != (low, low) or low == REPLACEMENT or 0xD800 <= low <= 0xDFFF:  # noqa: PLR2004 # surrogates
                break
            runes.append(low)
            place = self.after[place]
        return "".join(map(chr, runes)), self.ops[place] == ACCEPT

    def find_candidates(self) -> set[int] | None:
        found: set[int] = set()
        seen: set[int] = set()
        stack = [*self.entries]
        while stack:
            place = stack.pop()
            if place in seen:
                continue
            seen.add(place)
            op = self.ops[place]
            if op == ACCEPT:
                return None
            if op == TAKE:
                found |= self.alphabet.members[self.args[place]]
            else:
                stack += (self.after[place], self.args[place]) if op == CHOOSE else (self.after[place],)
        return found


def skip_records(program: Program, place: int) -> int:
    while program.ops[place] == RECORD:
        place = program.after[place]
    return place


class Transitions(dict[int, object]):
    """The transitions of a state in an alphabet that is large. What is not known is None, as in a list."""

    def __missing__(self, symbol: int) -> None:
        return None
