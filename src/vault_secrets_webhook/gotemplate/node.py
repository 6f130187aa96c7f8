"""The tree that a template is parsed to, and how it is printed.

Role: what `parse` makes and `exec` walks. Theory: each kind of node has its class, named as in Go, because executors tell
them apart by class. A node knows where it begins (`pos`, a character offset in the text of the template, which
`parse.locate` makes a line and a column) and of which pieces its print consists: strings, and nodes whose pieces go
there. `str(node)` joins them with a stack of its own, so that no depth of a tree exhausts Python's.

Sources: package text/template/parse, node.go. Errors quote what is printed here, so it is Go's print to the byte; it has
`{{` and `}}` whatever the delimiters were.
"""

from __future__ import annotations

from .values import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import ClassVar, TypeAlias

    Pieces: TypeAlias = Iterable["str | Node"]


class Node:
    """An element of the tree. `str` gives Go's print of it; bytes that are not UTF-8 are surrogates there."""

    __slots__ = ("pos",)

    def __init__(self, pos: int) -> None:
        self.pos = pos

    def give_pieces(self) -> Pieces:
        """Give what the print of the node is made of."""
        raise NotImplementedError

    def __str__(self) -> str:
        printed: list[str] = []
        waiting: list[str | Node] = [self]
        while waiting:
            piece = waiting.pop()
            if isinstance(piece, str):
                printed.append(piece)
            else:
                waiting.extend(reversed(list(piece.give_pieces())))
        return "".join(printed)


class ListNode(Node):
    """Nodes in their order."""

    __slots__ = ("nodes",)

    def __init__(self, pos: int, nodes: list[Node]) -> None:
        super().__init__(pos)
        self.nodes = nodes

    def give_pieces(self) -> Pieces:
        return self.nodes


class TextNode(Node):
    """Text outside of actions, trimmed already."""

    __slots__ = ("text",)

    def __init__(self, pos: int, text: bytes) -> None:
        super().__init__(pos)
        self.text = text

    def give_pieces(self) -> Pieces:
        return (decode(self.text),)


class PipeNode(Node):
    """Commands, each given the result of the one before; `decl` are the variables that are set to the last result."""

    __slots__ = ("cmds", "decl", "is_assign", "line")

    def __init__(
        self, pos: int, line: int, *, is_assign: bool, decl: list[VariableNode], cmds: list[CommandNode]
    ) -> None:
        super().__init__(pos)
        self.line = line
        self.is_assign = is_assign
        self.decl = decl
        self.cmds = cmds

    def give_pieces(self) -> Pieces:
        if self.decl:
            yield from separate(self.decl, ", ")
            yield " = " if self.is_assign else " := "
        yield from separate(self.cmds, " | ")


class ActionNode(Node):
    """An action that is no control structure: `{{pipeline}}`."""

    __slots__ = ("line", "pipe")

    def __init__(self, pos: int, line: int, pipe: PipeNode) -> None:
        super().__init__(pos)
        self.line = line
        self.pipe = pipe

    def give_pieces(self) -> Pieces:
        return ("{{", self.pipe, "}}")


class CommandNode(Node):
    """Operands, of which the first may be called with the rest."""

    __slots__ = ("args",)

    def __init__(self, pos: int, args: list[Node]) -> None:
        super().__init__(pos)
        self.args = args

    def give_pieces(self) -> Pieces:
        for index, arg in enumerate(self.args):
            if index:
                yield " "
            yield from enclose(arg)


class IdentifierNode(Node):
    """The name of a function."""

    __slots__ = ("ident",)

    def __init__(self, pos: int, ident: str) -> None:
        super().__init__(pos)
        self.ident = ident

    def give_pieces(self) -> Pieces:
        return (self.ident,)


class VariableNode(Node):
    """A variable, its dollar sign included, and the fields behind it: `$x.a.b` is `["$x", "a", "b"]`."""

    __slots__ = ("ident",)

    def __init__(self, pos: int, ident: list[str]) -> None:
        super().__init__(pos)
        self.ident = ident

    def give_pieces(self) -> Pieces:
        return (".".join(self.ident),)


class DotNode(Node):
    """The dot, `.`."""

    __slots__ = ()

    def give_pieces(self) -> Pieces:
        return (".",)


class NilNode(Node):
    """The constant nil."""

    __slots__ = ()

    def give_pieces(self) -> Pieces:
        return ("nil",)


class FieldNode(Node):
    """Fields of the dot: `.a.b` is `["a", "b"]`."""

    __slots__ = ("ident",)

    def __init__(self, pos: int, ident: list[str]) -> None:
        super().__init__(pos)
        self.ident = ident

    def give_pieces(self) -> Pieces:
        return (f".{name}" for name in self.ident)


class ChainNode(Node):
    """Fields of a term that is neither field nor variable: `(pipeline).a.b`, `function.a`."""

    __slots__ = ("field", "node")

    def __init__(self, pos: int, node: Node, field: list[str]) -> None:
        super().__init__(pos)
        self.node = node
        self.field = field

    def give_pieces(self) -> Pieces:
        yield from enclose(self.node)
        for name in self.field:
            yield f".{name}"


class BoolNode(Node):
    """The constant true or false."""

    __slots__ = ("value",)

    def __init__(self, pos: int, *, value: bool) -> None:
        super().__init__(pos)
        self.value = value

    def give_pieces(self) -> Pieces:
        return ("true" if self.value else "false",)


class NumberNode(Node):
    """A number: its text, and its value as each of the four sorts of number that can hold it (`is_...`)."""

    __slots__ = (
        *("complex_value", "float_value", "int_value", "is_complex", "is_float", "is_int", "is_uint", "text"),
        "uint_value",
    )

    def __init__(self, pos: int, text: str) -> None:
        super().__init__(pos)
        self.text = text
        self.is_int = self.is_uint = self.is_float = self.is_complex = False
        self.int_value = self.uint_value = 0
        self.float_value = 0.0
        self.complex_value = 0j

    def give_pieces(self) -> Pieces:
        return (self.text,)


class StringNode(Node):
    """A string constant: as it was written, with its quotes, and what that means."""

    __slots__ = ("quoted", "text")

    def __init__(self, pos: int, quoted: str, text: bytes) -> None:
        super().__init__(pos)
        self.quoted = quoted
        self.text = text

    def give_pieces(self) -> Pieces:
        return (self.quoted,)


class BranchNode(Node):
    """What `if`, `range` and `with` have in common; `else_list` is None where there is no else."""

    __slots__ = ("else_list", "line", "list", "pipe")
    keyword: ClassVar[str]

    def __init__(self, pos: int, line: int, pipe: PipeNode, body: ListNode, else_list: ListNode | None) -> None:
        super().__init__(pos)
        self.line = line
        self.pipe = pipe
        self.list = body
        self.else_list = else_list

    def give_pieces(self) -> Pieces:
        yield from ("{{", self.keyword, " ", self.pipe, "}}", self.list)
        if self.else_list is not None:
            yield from ("{{else}}", self.else_list)
        yield "{{end}}"


class IfNode(BranchNode):
    """`{{if pipeline}}`."""

    __slots__ = ()
    keyword = "if"


class RangeNode(BranchNode):
    """`{{range pipeline}}`."""

    __slots__ = ()
    keyword = "range"


class WithNode(BranchNode):
    """`{{with pipeline}}`."""

    __slots__ = ()
    keyword = "with"


class BreakNode(Node):
    """`{{break}}`."""

    __slots__ = ("line",)

    def __init__(self, pos: int, line: int) -> None:
        super().__init__(pos)
        self.line = line

    def give_pieces(self) -> Pieces:
        return ("{{break}}",)


class ContinueNode(Node):
    """`{{continue}}`."""

    __slots__ = ("line",)

    def __init__(self, pos: int, line: int) -> None:
        super().__init__(pos)
        self.line = line

    def give_pieces(self) -> Pieces:
        return ("{{continue}}",)


class TemplateNode(Node):
    """`{{template "name" pipeline}}`, which `{{block}}` becomes too; `pipe` is None where there is none."""

    __slots__ = ("line", "name", "pipe")

    def __init__(self, pos: int, line: int, name: str, pipe: PipeNode | None) -> None:
        super().__init__(pos)
        self.line = line
        self.name = name
        self.pipe = pipe

    def give_pieces(self) -> Pieces:
        from .quote import quote  # late: most templates print none

        yield from ("{{template ", decode(quote(encode(self.name))))
        if self.pipe is not None:
            yield from (" ", self.pipe)
        yield "}}"


def separate(nodes: Sequence[Node], separator: str) -> Pieces:
    """Give nodes with a separator between them."""
    for index, node in enumerate(nodes):
        if index:
            yield separator
        yield node


def enclose(node: Node) -> Pieces:
    """Give a node, a pipeline in parentheses."""
    return ("(", node, ")") if isinstance(node, PipeNode) else (node,)
