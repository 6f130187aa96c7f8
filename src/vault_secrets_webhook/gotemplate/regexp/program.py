"""The program of a pattern: a graph of instructions that tells all that the pattern matches, the preferred first.

A CHOOSE prefers its first way. A TAKE matches one rune of a set; a CHECK passes where its condition holds, a RECORD
notes the place for a capture, and ACCEPT is the end. The graph is the same as Go's, for which of two matches is preferred
depends on its shape: `x*` of what may be empty is `(?:x+)?`.

It is written from its end to its start: each node is told what comes after it and answers where it begins. Nodes nest
deeper than Python may call, so that those with parts are generators that a loop drives.

Source: package regexp/syntax, compile.go and simplify.go.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.limits import LimitError

from . import node as nodes
from .charset import find_orbit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeAlias

    from .charset import Charset
    from .node import Node

    # Yields a node and what comes after it, is sent where that node begins, and returns where the whole begins.
    Emission: TypeAlias = Generator[tuple[Node, int], int, int]

ACCEPT, TAKE, CHOOSE, CHECK, RECORD = range(5)
PROGRAM_LIMIT = 100_000  # instructions; Go stops at 3.3 million, which takes 128 MiB


class Program:
    """Instructions as columns: `ops`, `after` (where each goes) and `args`.

    The argument of a TAKE is the number of its set in `charsets`, of a CHOOSE its second way, of a CHECK its condition
    and of a RECORD the number of the slot.
    """

    __slots__ = ("after", "args", "charsets", "ops", "start")

    def __init__(self, root: Node) -> None:
        """Raise LimitError if the program would be too large."""
        if root.size > PROGRAM_LIMIT:
            raise LimitError(f"a regular expression needs more than {PROGRAM_LIMIT} instructions")
        self.ops = [ACCEPT]
        self.after = [0]
        self.args = [0]
        self.charsets: dict[Charset, int] = {}
        self.start = self.emit(root)

    def emit(self, root: Node) -> int:
        """Write a node and what is in it."""
        running = [self.emit_parts(root, 0)]
        start: int | None = None
        while running:
            try:
                node, after = running[-1].send(start)  # type: ignore[arg-type] # None starts a generator
            except StopIteration as end:
                running.pop()
                start = end.value
                continue
            core = node.core
            if core.op in LEAVES:
                start = LEAVES[core.op](self, core, after)
            else:
                running.append(EMITTERS[core.op](self, core, after))
                start = None
        assert start is not None
        return start

    def add(self, op: int, after: int, arg: int = 0) -> int:
        self.ops.append(op)
        self.after.append(after)
        self.args.append(arg)
        return len(self.ops) - 1

    def add_choice(self, preferred: int, other: int, *, is_greedy: bool) -> int:
        return self.add(CHOOSE, preferred, other) if is_greedy else self.add(CHOOSE, other, preferred)

    def add_take(self, charset: Charset, after: int) -> int:
        return self.add(TAKE, after, self.charsets.setdefault(charset, len(self.charsets)))

    def emit_parts(self, node: Node, after: int) -> Emission:
        after = yield node, after
        return after

    def emit_literal(self, node: Node, after: int) -> int:
        for rune in reversed(node.runes):
            after = self.add_take(find_orbit(rune) if node.is_marked else (rune, rune), after)
        return after

    def emit_set(self, node: Node, after: int) -> int:
        return self.add_take(node.value, after)

    def emit_empty(self, _: Node, after: int) -> int:
        return after

    def emit_assertion(self, node: Node, after: int) -> int:
        return self.add(CHECK, after, node.value[0])

    def emit_capture(self, node: Node, after: int) -> Emission:
        slot = 2 * node.value[0]
        start = yield node.parts[0], self.add(RECORD, after, slot + 1)
        return self.add(RECORD, start, slot)

    def emit_sequence(self, node: Node, after: int) -> Emission:
        for part in reversed(node.parts):
            after = yield part, after
        return after

    def emit_choice(self, node: Node, after: int) -> Emission:
        # The last alternative is written first: it is the second way of the choice before it.
        start = yield node.parts[-1], after
        for part in reversed(node.parts[:-1]):
            preferred = yield part, after
            start = self.add(CHOOSE, preferred, start)
        return start

    def emit_option(self, node: Node, after: int) -> Emission:
        start = yield node.parts[0], after
        return self.add_choice(start, after, is_greedy=node.is_marked)

    def emit_plus(self, node: Node, after: int) -> Emission:
        return (yield from self.emit_loop(node, after))[0]

    def emit_star(self, node: Node, after: int) -> Emission:
        start, choice = yield from self.emit_loop(node, after)
        if node.parts[0].core.is_nullable:
            return self.add_choice(start, after, is_greedy=node.is_marked)
        return choice

    def emit_loop(self, node: Node, after: int) -> Generator[tuple[Node, int], int, tuple[int, int]]:
        """Write a part that may be repeated. Gives where it begins, and the choice after it."""
        choice = self.add(CHOOSE, 0)
        start = yield node.parts[0], choice
        self.after[choice], self.args[choice] = (start, after) if node.is_marked else (after, start)
        return start, choice

    def emit_repeat(self, node: Node, after: int) -> Emission:
        """Write `xx(x(x)?)?` for `x{2,4}`, `xx+` for `x{2,}`."""
        least, most = node.value
        part = node.parts[0]
        if most < 0:
            after = yield nodes.make_loop(nodes.PLUS, part, is_greedy=node.is_marked), after
            least -= 1
        elif part.core.op != nodes.EMPTY:
            end = after
            for _ in range(most - least):
                start = yield part, after
                after = self.add_choice(start, end, is_greedy=node.is_marked)
        for _ in range(least):
            after = yield part, after
        return after


LEAVES: dict[int, Callable[[Program, Node, int], int]] = {
    nodes.LITERAL: Program.emit_literal,
    nodes.SET: Program.emit_set,
    nodes.EMPTY: Program.emit_empty,
    nodes.ASSERTION: Program.emit_assertion,
}
EMITTERS: dict[int, Callable[[Program, Node, int], Emission]] = {
    nodes.CAPTURE: Program.emit_capture,
    nodes.SEQUENCE: Program.emit_sequence,
    nodes.CHOICE: Program.emit_choice,
    nodes.OPTION: Program.emit_option,
    nodes.PLUS: Program.emit_plus,
    nodes.STAR: Program.emit_star,
    nodes.REPEAT: Program.emit_repeat,
}
