"""The runes that a program tells apart, as few classes; the machines know a text by these alone.

Two runes are in the same class if each set of the program has both or neither. If the program has assertions, runes
are also told apart by what those look at: newlines, letters of words. The last class, `edge`, is what is before and
after the text.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.limits import LimitError

from .charclass import PERL
from .charset import list_ranges
from .parser import BEGIN_LINE, BEGIN_TEXT, END_LINE, END_TEXT, NO_WORD_BOUNDARY, WORD_BOUNDARY
from .program import CHECK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .charset import Charset
    from .program import Program

OTHER, WORD, NEWLINE, EDGE = range(4)  # what assertions know of a rune; two of them, as 4 * before + after, a context
CONTEXTS = [(before, after) for before in range(4) for after in range(4)]
HOLDS: dict[int, tuple[bool, ...]] = {
    BEGIN_LINE: tuple(before >= NEWLINE for before, _ in CONTEXTS),
    END_LINE: tuple(after >= NEWLINE for _, after in CONTEXTS),
    BEGIN_TEXT: tuple(before == EDGE for before, _ in CONTEXTS),
    END_TEXT: tuple(after == EDGE for _, after in CONTEXTS),
    WORD_BOUNDARY: tuple((before == WORD) != (after == WORD) for before, after in CONTEXTS),
    NO_WORD_BOUNDARY: tuple((before == WORD) == (after == WORD) for before, after in CONTEXTS),
}
OVERLAP_LIMIT = 1_000_000  # members of all classes, counted for each set: what telling the classes apart takes
BYTE_CLASSES = 256
RUNES_LIMIT = 20_000  # runes whose class is remembered
REPLACEMENT = 0xFFFD


class Alphabet(dict[int, int]):
    """The class of each rune, for `str.translate`; those that have not been asked for are found when they are.

    `members` are the classes of each of the program's sets, `kinds` what assertions know of each class.
    """

    __slots__ = ("bounds", "classes", "edge", "kinds", "members")

    def __init__(self, program: Program) -> None:
        """Raise LimitError if the sets overlap too much."""
        super().__init__()
        charsets = [*program.charsets]
        conditions = {arg for op, arg in zip(program.ops, program.args, strict=True) if op == CHECK}
        if conditions & {WORD_BOUNDARY, NO_WORD_BOUNDARY}:
            charsets.append(PERL["w"])
        if conditions & {BEGIN_LINE, END_LINE}:
            charsets.append((10, 10))
        self.members: list[set[int]] = [set() for _ in charsets]
        self.bounds: list[int] = [0]
        self.classes: list[int] = [0]
        self.edge = self.divide(charsets)
        self.kinds = [OTHER] * self.edge + [EDGE if conditions else OTHER]
        for charset, kind in ((PERL["w"], WORD), ((10, 10), NEWLINE)):
            if charset in charsets[len(program.charsets) :]:
                for member in self.members[charsets.index(charset, len(program.charsets))]:
                    self.kinds[member] = kind

    def divide(self, charsets: Sequence[Charset]) -> int:
        """Find the classes, and give how many they are."""
        changes: dict[int, list[int]] = {}
        for number, charset in enumerate(charsets):
            for low, high in list_ranges(charset):
                changes.setdefault(low, []).append(number)
                changes.setdefault(high + 1, []).append(number)
        current: set[int] = set()
        found: dict[frozenset[int], int] = {frozenset(): 0}
        total = 0
        for bound in sorted(changes):
            current.symmetric_difference_update(changes[bound])
            total += len(current)
            if total > OVERLAP_LIMIT:
                raise LimitError("the classes of a regular expression overlap too much")
            self.bounds.append(bound)
            self.classes.append(found.setdefault(frozenset(current), len(found)))
        for numbers, member in found.items():
            for number in numbers:
                self.members[number].add(member)
        return len(found)

    def __missing__(self, code: int) -> int:
        from _bisect import bisect_right

        # A surrogate is a byte that is not UTF-8, which Go reads as this.
        rune = REPLACEMENT if 0xD800 <= code <= 0xDFFF else code  # noqa: PLR2004 # all surrogates
        self[code] = found = self.classes[bisect_right(self.bounds, rune) - 1]
        return found

    def translate(self, text: str) -> Sequence[int]:
        """Give the class of each rune of a text, and after them the edge, which is also what index -1 finds."""
        translated = text.translate(self)
        if len(self) > RUNES_LIMIT:
            self.clear()
        if self.edge < BYTE_CLASSES:
            return translated.encode("latin-1") + bytes((self.edge,))
        # A class may have the number of a surrogate, which chr() and ord() do not mind.
        return [*map(ord, translated), self.edge]
