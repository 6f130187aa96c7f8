"""The search for matches in one text: it lets the machines of a regular expression run over it.

Places in the text are counted in runes, as Go moves through it, where each byte that is not UTF-8 is a rune.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import decode

from .forward import CHUNK, RUNES_PER_STEP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from vault_secrets_webhook.gotemplate.limits import Budget

    from .backward import Backward
    from .backward import State as Targets
    from .forward import Forward

    Span: TypeAlias = tuple[int, int]

NONE = -1


class Search:
    """A text that is searched by a regular expression. All methods raise LimitError when the budget is spent."""

    __slots__ = ("backward", "budget", "forward", "graph", "marks", "runes", "size", "symbols", "text")

    def __init__(self, forward: Forward, backward: Backward, text: bytes, budget: Budget) -> None:
        budget.spend_steps(1 + len(text) // (4 * RUNES_PER_STEP))
        self.forward = forward
        self.backward = backward
        self.graph = forward.graph
        self.budget = budget
        self.text = text
        self.runes = decode(text)
        self.size = len(self.runes)
        self.symbols: Sequence[int] = ()
        self.marks: bytes | None = None
        if not self.graph.is_literal:
            self.symbols = self.graph.alphabet.translate(self.runes)
            if isinstance(self.symbols, bytes) and not self.graph.prefix:
                self.mark_candidates(self.symbols)

    def mark_candidates(self, symbols: bytes) -> None:
        """Note where a match may begin, so that the rest can be gone over quickly."""
        candidates = self.graph.candidates
        if candidates is not None and len(candidates) < self.graph.alphabet.edge:
            self.marks = symbols.translate(bytes(symbol in candidates for symbol in range(256)))

    def cut(self, start: int, end: int) -> bytes:
        """Give a part of the text."""
        if len(self.text) == self.size:
            return self.text[start:end]
        return self.runes[start:end].encode("utf-8", "surrogateescape")

    def skip(self, place: int) -> int:
        """Give the next place where a match may begin, or NONE."""
        if self.graph.prefix:
            return self.runes.find(self.graph.prefix, place)
        return place if self.marks is None else self.marks.find(1, place)

    def find(self, place: int) -> Span | None:
        """Give the leftmost match from a place on."""
        if self.graph.is_literal:
            start = self.runes.find(self.graph.prefix, place)
            self.budget.spend_steps(1 + max(start - place, 0) // (16 * RUNES_PER_STEP))
            return None if start < 0 else (start, start + len(self.graph.prefix))
        end = self.find_end(place)
        return None if end == NONE else (self.find_start(place, end), end)

    def find_end(self, place: int, *, is_any: bool = False) -> int:
        """Give where the leftmost match from a place on ends, or NONE; if `is_any`, where the first to end does."""
        graph, symbols, forward, budget = self.graph, self.symbols, self.forward, self.budget
        if graph.is_anchored and place > 0:
            return NONE
        found = NONE
        stop = len(symbols)
        can_skip = bool(graph.prefix) or self.marks is not None
        state = forward.find_start(symbols[place - 1])
        while place < stop and not state.is_over:
            if state.is_idle and can_skip:
                place = self.skip(place)
                if place == NONE:
                    break
                state = forward.find_start(symbols[place - 1])
            first = place
            for index in range(first, min(first + CHUNK, stop)):
                following = state.after[symbols[index]]
                state = forward.advance(state, symbols[index], budget) if following is None else following
                place = index + 1
                if state.is_special:
                    if state.has_match:
                        found = index
                    if state.is_over or (state.is_idle and can_skip) or (is_any and state.has_match):
                        break
            budget.spend_steps(1 + (place - first) // RUNES_PER_STEP)
            if is_any and found != NONE:
                break
        return found

    def find_start(self, place: int, end: int) -> int:
        """Give where the match begins that ends there, at `place` at the earliest."""
        symbols, backward, budget = self.symbols, self.backward, self.budget
        if self.graph.is_anchored:
            return 0
        start = index = end
        state = backward.find_end(symbols[end])
        for index in range(end - 1, place - 2, -1):
            symbol = symbols[index]
            previous = state.before[symbol]
            state = backward.retreat(state, symbol, budget) if previous is None else previous
            if state.is_special:
                if state.is_start:
                    start = index + 1
                if not state.targets:
                    break
        budget.spend_steps(1 + (end - index) // RUNES_PER_STEP)
        return start

    def find_captures(self, span: Span, count: int) -> list[int]:
        """Give the bounds of all captures of a match, -1 where there is none."""
        start, end = span
        slots = [NONE] * (2 * count)
        slots[:2] = span
        symbols, budget, kinds = self.symbols, self.budget, self.graph.alphabet.kinds
        if not symbols:
            symbols = self.symbols = self.graph.alphabet.translate(self.runes)
        place = self.backward.program.start
        index = start
        for state in self.list_targets(start, end):
            before = kinds[symbols[index - 1]]
            known = state.moves.get(4 * place + before)
            place, recorded = known or self.backward.move(state, place, before, budget)
            for slot in recorded:
                slots[slot] = index
            index += 1
        return slots

    def list_targets(self, start: int, end: int) -> Iterator[Targets]:
        """Give the states of all places of a match, from its beginning to its end."""
        symbols, backward, budget = self.symbols, self.backward, self.budget
        budget.spend_steps(1 + (end - start) // 2)  # more than for a rune elsewhere, for this takes memory
        state = backward.find_end(symbols[end])
        states = [state]
        for index in range(end - 1, start - 1, -1):
            symbol = symbols[index]
            previous = state.before[symbol]
            state = backward.retreat(state, symbol, budget) if previous is None else previous
            states.append(state)
        return reversed(states)
