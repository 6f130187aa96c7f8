"""Where a match ends: a deterministic machine that is made while it runs.

A state is what a backtracking search could still try, the preferred first, as places in the program. So the machine
keeps to the leftmost match and to the one among those that Perl would find, and yet reads each rune once. States and
transitions are kept from one text to the next; what is new costs as much as the program is long.

Assertions look at the rune after a place. A state is therefore left as it is until the next rune is known: only then it
turns out whether there is a match before that rune.

Theory: R. Cox, "Regular Expression Matching in the Wild" (the DFA of RE2).
"""

from __future__ import annotations

from .graph import WEIGHT_LIMIT, Transitions
from .program import ACCEPT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vault_secrets_webhook.gotemplate.limits import Budget

    from .graph import Graph

CHUNK = 4096  # runes that are read between two looks at the budget
RUNES_PER_STEP = 16


class State:
    """What may still match after the runes that were read.

    `places` are where in the program it may go on, `before` is the kind of the last rune. `is_open` tells that matches
    may still begin, `has_match` that one ends before the last rune.
    """

    __slots__ = ("after", "before", "has_match", "is_idle", "is_open", "is_over", "is_special", "places")

    def __init__(self, places: tuple[int, ...], before: int, *, is_open: bool, has_match: bool, after: Any) -> None:
        self.places = places
        self.before = before
        self.is_open = is_open
        self.has_match = has_match
        self.is_idle = is_open and not places
        self.is_over = not is_open and not places
        self.is_special = has_match or not places
        self.after = after


class Forward:
    """The machine of one program."""

    __slots__ = ("graph", "starts", "states", "weight")

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.forget()

    def forget(self) -> None:
        self.states: dict[tuple[object, ...], State] = {}
        self.weight = 0

    def find_state(self, places: tuple[int, ...], before: int, *, is_open: bool, has_match: bool) -> State:
        key = (places, before, is_open, has_match)
        state = self.states.get(key)
        if state is None:
            size = self.graph.alphabet.edge + 1
            after: Any = [None] * size if size <= 256 else Transitions()  # noqa: PLR2004 # small alphabets
            state = State(places, before, is_open=is_open, has_match=has_match, after=after)
            self.weight += len(places) + min(size, 256) + 8
            if self.weight > WEIGHT_LIMIT:
                self.forget()
            self.states[key] = state
        return state

    def find_start(self, symbol: int) -> State:
        """Give the state before a text, or in it after a rune of that class."""
        graph = self.graph
        if graph.is_anchored:
            return self.find_state(graph.entries, graph.alphabet.kinds[symbol], is_open=False, has_match=False)
        return self.find_state((), graph.alphabet.kinds[symbol], is_open=True, has_match=False)

    def advance(self, state: State, symbol: int, budget: Budget) -> State:
        """Make the state after a rune of that class."""
        graph = self.graph
        kind = graph.alphabet.kinds[symbol]
        places = (*state.places, graph.start) if state.is_open else state.places
        taken, has_match, cost = graph.enter(places, symbol, 4 * state.before + kind)
        found = graph.explore(taken)
        budget.spend_steps(1 + cost + len(found))
        is_open = state.is_open and not has_match and (not found or graph.ops[found[-1]] != ACCEPT)
        following = self.find_state(found, kind, is_open=is_open, has_match=has_match)
        state.after[symbol] = following
        return following
