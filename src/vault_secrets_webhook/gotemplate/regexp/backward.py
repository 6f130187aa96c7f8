"""Where a match begins, and its captures: the program read backwards from where the match ends.

A state is which of the program's TAKEs can be at its place in the text if the match shall end where it does. It is found
from the state after it, so that one pass from the end gives one for each place; the first place that the program's start
can be at is where the match begins. Going forwards again through the program itself, the preferred way whenever there is
a choice, but only to what the states allow, is then the way that a backtracking search would have found after trying
the others: the captures, in linear time.

Theory: the two passes of a bimachine (Schützenberger); that the first way allowed is the preferred match because the
forward machine has already found where that one ends.
"""

from __future__ import annotations

from .alphabet import HOLDS
from .graph import WEIGHT_LIMIT, Transitions
from .program import ACCEPT, CHECK, CHOOSE, RECORD, TAKE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vault_secrets_webhook.gotemplate.limits import Budget

    from .graph import Graph
    from .program import Program


class State:
    """Which instructions can be at a place. `kind` is that of the rune after it; `is_start` is of the place after it.

    `moves` remembers the ways through the program from here: to which instruction, and which slots they record.
    """

    __slots__ = ("before", "is_special", "is_start", "kind", "moves", "targets")

    def __init__(self, targets: frozenset[int], kind: int, *, is_start: bool, before: Any) -> None:
        self.targets = targets
        self.kind = kind
        self.is_start = is_start
        self.is_special = is_start or not targets
        self.before = before
        self.moves: dict[int, tuple[int, tuple[int, ...]]] = {}


class Backward:
    """The machine of one program."""

    __slots__ = ("choosers", "graph", "program", "states", "takers", "weight")

    def __init__(self, program: Program, graph: Graph) -> None:
        self.program = program
        self.graph = graph
        self.choosers: dict[int, list[int]] = {}  # the choices and checks that lead to an instruction
        self.takers: dict[int, list[int]] = {}
        for place, op in enumerate(graph.ops):
            if op == TAKE:
                self.takers.setdefault(graph.after[place], []).append(place)
            elif op in (CHOOSE, CHECK):
                self.choosers.setdefault(graph.after[place], []).append(place)
                if op == CHOOSE:
                    self.choosers.setdefault(graph.args[place], []).append(place)
        self.forget()

    def forget(self) -> None:
        self.states: dict[tuple[object, ...], State] = {}
        self.weight = 0

    def find_state(self, targets: frozenset[int], kind: int, *, is_start: bool) -> State:
        key = (targets, kind, is_start)
        state = self.states.get(key)
        if state is None:
            size = self.graph.alphabet.edge + 1
            before: Any = [None] * size if size <= 256 else Transitions()  # noqa: PLR2004 # small alphabets
            state = State(targets, kind, is_start=is_start, before=before)
            self.weight += len(targets) + min(size, 256) + 8
            if self.weight > WEIGHT_LIMIT:
                self.forget()
            self.states[key] = state
        return state

    def find_end(self, symbol: int) -> State:
        """Give the state where a match ends before a rune of that class."""
        return self.find_state(frozenset((0,)), self.graph.alphabet.kinds[symbol], is_start=False)

    def retreat(self, state: State, symbol: int, budget: Budget) -> State:
        """Make the state before a rune of that class."""
        graph = self.graph
        kind = graph.alphabet.kinds[symbol]
        reached = self.explore(state.targets, 4 * kind + state.kind)
        members = graph.alphabet.members
        takers = self.takers
        targets = frozenset(
            taker for place in reached for taker in takers.get(place, ()) if symbol in members[graph.args[taker]]
        )
        budget.spend_steps(1 + len(reached) + len(targets))
        following = self.find_state(targets, kind, is_start=graph.start in reached)
        state.before[symbol] = following
        return following

    def explore(self, targets: frozenset[int], context: int) -> set[int]:
        """Give the instructions from which one of the targets is reached without taking a rune."""
        ops, args, choosers = self.graph.ops, self.graph.args, self.choosers
        seen = set(targets)
        stack = [*targets]
        while stack:
            for place in choosers.get(stack.pop(), ()):
                if place not in seen and (ops[place] == CHOOSE or HOLDS[args[place]][context]):
                    seen.add(place)
                    stack.append(place)
        return seen

    def move(self, state: State, place: int, before: int, budget: Budget) -> tuple[int, tuple[int, ...]]:
        """Find the preferred way from an instruction to one that the state allows, before a rune that it takes.

        `before` is the kind of the rune before the place. Gives where the instruction leads, and the slots to record.
        """
        program = self.program
        context = 4 * before + state.kind
        seen: set[int] = set()
        stack: list[tuple[int, Any]] = [(place, None)]
        while True:
            current, slots = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            op = program.ops[current]
            if op in (TAKE, ACCEPT):
                if current in state.targets:
                    break
            elif op == CHOOSE:
                stack += (program.args[current], slots), (program.after[current], slots)
            elif op == RECORD:
                stack.append((program.after[current], (program.args[current], slots)))
            elif HOLDS[program.args[current]][context]:
                stack.append((program.after[current], slots))
        budget.spend_steps(len(seen))
        recorded: list[int] = []
        while slots is not None:
            slot, slots = slots
            recorded.append(slot)
        found = state.moves[4 * place + before] = program.after[current], tuple(recorded)
        return found
