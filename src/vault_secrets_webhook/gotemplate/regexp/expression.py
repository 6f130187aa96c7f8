"""A regular expression that is compiled: matching, finding, replacing and splitting as Go's package regexp does it.

A pattern becomes a program; a text is read by two deterministic machines that are made of it on demand. The forward
one tells where the leftmost match ends, the backward one where it begins, and what it captures if that is asked for. All
of it takes time in proportion to the text for each match, whatever the pattern is, and each step that could take longer
is counted.

Source: package regexp, regexp.go.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.limits import ELEMENT_SIZE, OUTPUT_LIMIT
from vault_secrets_webhook.gotemplate.values import decode

from .backward import Backward
from .expansion import parse_replacement
from .forward import Forward
from .graph import Graph
from .parser import Parser
from .program import Program
from .search import NONE, Search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vault_secrets_webhook.gotemplate.limits import Budget

    from .search import Span

CACHE_SIZE = 32
MOST_PIECES = 4096  # that wait to be joined
CACHED_PATTERN_LIMIT = 4096  # bytes of a pattern that is kept
BYTES_PER_STEP = 4  # of a replacement that is read
PATTERN_STEPS = 20  # that each byte of a pattern costs
META = frozenset(rb"\.+*?()|[]{}^$")


class Regexp:
    """A compiled pattern. All methods raise LimitError when the budget is spent, or too small for what they give."""

    __slots__ = ("backward", "forward", "names", "pattern")

    def __init__(self, pattern: bytes) -> None:
        """Raise PatternError with Go's text, or LimitError if the pattern is too large."""
        parser = Parser(decode(pattern))
        program = Program(parser.parse())
        graph = Graph(program)
        self.pattern = pattern
        self.names = parser.names
        self.forward = Forward(graph)
        self.backward = Backward(program, graph)

    def open(self, budget: Budget, text: bytes) -> Search:
        return Search(self.forward, self.backward, text, budget)

    def match(self, budget: Budget, text: bytes) -> bool:
        """Tell whether there is a match anywhere in the text."""
        search = self.open(budget, text)
        if search.graph.is_literal:
            return search.find(0) is not None
        return search.find_end(0, is_any=True) != NONE

    def find(self, budget: Budget, text: bytes) -> bytes | None:
        """Give the leftmost match, or None."""
        search = self.open(budget, text)
        span = search.find(0)
        return None if span is None else search.cut(*span)

    def find_all(self, budget: Budget, text: bytes, limit: int = -1) -> list[bytes]:
        """Give the matches one after another, at most `limit` unless that is negative."""
        search = self.open(budget, text)
        found: list[bytes] = []
        for span in list_matches(search, limit):
            add_part(budget, found, search.cut(*span))
        return found

    def replace_all(self, budget: Budget, text: bytes, replacement: bytes) -> bytes:
        """Replace each match; `$1` and the like in the replacement are captures."""
        budget.spend_steps(len(replacement) // BYTES_PER_STEP)
        budget.reserve_elements(replacement.count(b"$"))
        parts = parse_replacement(replacement, self.names)
        if all(isinstance(part, bytes) for part in parts):
            return self.replace_all_literal(budget, text, b"".join(part for part in parts if isinstance(part, bytes)))
        search = self.open(budget, text)
        # The whole match is known without a look at the captures.
        count = len(self.names) if any(part != [0] for part in parts if not isinstance(part, bytes)) else 0

        def expand(span: Span) -> Iterator[bytes]:
            budget.spend_steps(len(parts))
            slots = search.find_captures(span, count) if count else [*span]
            for part in parts:
                yield part if isinstance(part, bytes) else choose_capture(search, slots, part)

        return replace_matches(search, expand)

    def replace_all_literal(self, budget: Budget, text: bytes, replacement: bytes) -> bytes:
        """Replace each match by a text that is taken as it is."""
        return replace_matches(self.open(budget, text), lambda _: (replacement,))

    def split(self, budget: Budget, text: bytes, limit: int = -1) -> list[bytes] | None:
        """Give what is between the matches, at most `limit` parts unless that is negative. None if it is 0."""
        if limit == 0:
            return None
        if self.pattern and not text:
            return [b""]
        search = self.open(budget, text)
        parts: list[bytes] = []
        start = end = 0
        for match_start, match_end in list_matches(search, limit):
            if 0 < limit <= len(parts) + 1:
                break
            end = match_start
            if match_end != 0:
                add_part(budget, parts, search.cut(start, end))
            start = match_end
        if end != search.size:
            parts.append(search.cut(start, search.size))
        return parts


def choose_capture(search: Search, slots: list[int], numbers: list[int]) -> bytes:
    for number in numbers:
        if slots[2 * number] >= 0:
            return search.cut(slots[2 * number], slots[2 * number + 1])
    return b""


def list_matches(search: Search, limit: int) -> Iterator[Span]:
    """Give the matches as the `All` functions of Go do: none that is empty right after another."""
    place, last_end = 0, -1
    while limit != 0 and place <= search.size:
        span = search.find(place)
        if span is None:
            return
        start, end = span
        is_accepted = end != place or start != last_end
        place = place + 1 if end == place else end
        last_end = end
        if is_accepted:
            yield span
            limit -= 1


def replace_matches(search: Search, expand: Callable[[Span], Iterable[bytes]]) -> bytes:
    """Replace the matches as `ReplaceAll` does, which has its own rule for those that are empty."""
    output = Output(search.budget)
    place = last_end = 0
    while place <= search.size:
        span = search.find(place)
        if span is None:
            break
        start, end = span
        output.add(search.cut(last_end, start))
        if end > last_end or start == 0:
            for piece in expand(span):
                output.add(piece)
        last_end = end
        place = max(place + 1, end)
    output.add(search.cut(last_end, search.size))
    return output.finish()


def add_part(budget: Budget, parts: list[bytes], part: bytes) -> None:
    """Add to a list that is going to be a result, unless it is too long for that already."""
    parts.append(part)
    if len(parts) * ELEMENT_SIZE > budget.memory:
        budget.reserve_elements(len(parts))


class Output:
    """What a replacement gives, which may be much more than what it is made of. Who called it counts it when done."""

    __slots__ = ("budget", "pieces", "size", "text")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.text = bytearray()
        self.pieces: list[bytes] = []  # of the text, not yet in it
        self.size = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > min(OUTPUT_LIMIT, self.budget.memory):
            self.budget.reserve(self.size)
        if piece:
            self.pieces.append(piece)
            if len(self.pieces) > MOST_PIECES:
                self.text += b"".join(self.pieces)
                self.pieces.clear()

    def finish(self) -> bytes:
        return bytes(self.text) + b"".join(self.pieces)


def quote_meta(text: bytes) -> bytes:
    """Escape what has a meaning in patterns, so that the text matches itself."""
    return b"".join(b"\\%c" % byte if byte in META else b"%c" % byte for byte in text)


CACHE: dict[bytes, Regexp] = {}


def compile_pattern(pattern: bytes, budget: Budget | None = None) -> Regexp:
    """Compile a pattern, or give it as it was compiled before. Raises PatternError with Go's text, or LimitError."""
    known = CACHE.get(pattern)
    if known is not None:
        return known
    if budget is not None:
        budget.spend_steps(PATTERN_STEPS * len(pattern))
    compiled = Regexp(pattern)
    if budget is not None:
        budget.spend_steps(len(compiled.forward.graph.ops))
    if len(pattern) <= CACHED_PATTERN_LIMIT:
        for oldest in [*CACHE][: len(CACHE) - CACHE_SIZE + 1] if len(CACHE) >= CACHE_SIZE else ():
            CACHE.pop(oldest, None)  # another thread may have been quicker
        CACHE[pattern] = compiled
    return compiled
