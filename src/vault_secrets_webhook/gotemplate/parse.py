"""Templates as trees.

Role: makes of a text the trees that `exec` walks, one for each template that the text defines. Theory: recursive descent
as in `pipeline`, which reads the inside of actions; a chain of `else if` is read in a loop.

    template  = { text | action | "define" name items "end" }
    action    = pipeline | "if" | "range" | "with" pipeline items [ "else" items ] "end" | "template" name [ pipeline ]
              | "block" name pipeline items "end" | "break" | "continue"

Sources: package text/template/parse, parse.go and node.go (how constants are read); package text/template, template.go.
Nesting is limited to less than Go's, so that Python's recursion limit is not met.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import TemplateError

from .lex import EOF, LEFT_DELIM, RAW_STRING, RIGHT_DELIM, STRING, TEXT, Lexer, Token, measure, quote_text
from .node import (
    ActionNode,
    BranchNode,
    BreakNode,
    ContinueNode,
    IfNode,
    ListNode,
    Node,
    PipeNode,
    RangeNode,
    TemplateNode,
    TextNode,
    WithNode,
)
from .pipeline import PipelineParser
from .values import SPACES, decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DEPTH_LIMIT = 100  # of actions in each other
END, ELSE = "{{end}}", "{{else}}"  # what ends a list of items, as errors print it
BRANCHES: dict[str, type[BranchNode]] = {kind.keyword: kind for kind in (IfNode, RangeNode, WithNode)}


def parse(name: str, text: str, left: str, right: str, has_function: Callable[[str], bool]) -> dict[str, ListNode]:
    """Parse a template and those that it defines. Gives the tree of each by its name.

    Empty delimiters stand for `{{` and `}}`. Raises TemplateError with Go's text.
    """
    trees: dict[str, ListNode] = {}
    parser = Parser(name, name, Lexer(text, left, right, has_function), has_function, trees)
    try:
        parser.read_template()
    except RecursionError:
        # The stack was nearly full when we were called: the limits of nesting are far below Python's.
        raise TemplateError(f"template: {name}:{parser.lexer.line}: max expression depth exceeded") from None
    return trees


def locate(text: str, pos: int) -> tuple[int, int]:
    """Give the line of a position, counted from 1, and its column in bytes, counted from 0."""
    return 1 + text.count("\n", 0, pos), measure(text[text.rfind("\n", 0, pos) + 1 : pos])


def is_empty(items: ListNode) -> bool:
    """Tell whether a template consists of nothing but whitespace; one that does replaces none."""
    return all(isinstance(node, TextNode) and not decode(node.text).strip(SPACES) for node in items.nodes)


class Parser(PipelineParser):
    """Reads one template of the text. Those that are defined within it have parsers of their own, and share the lexer."""

    def __init__(
        self, name: str, parse_name: str, lexer: Lexer, has_function: Callable[[str], bool], trees: dict[str, ListNode]
    ) -> None:
        super().__init__(name, parse_name, lexer, has_function)
        self.trees = trees
        self.complete: set[str] = set()  # the names of trees that are more than whitespace
        self.range_depth = 0
        self.depth = 0

    def derive(self, name: str) -> Parser:
        """Make the parser of a template that is defined here: it sees no variables of ours, and no range."""
        parser = Parser(name, self.parse_name, self.lexer, self.has_function, self.trees)
        parser.complete = self.complete
        parser.depth = self.depth
        return parser

    # Templates

    def read_template(self) -> None:
        """Read all of the text."""
        items = ListNode(self.peek().pos, [])
        while (token := self.next()).kind != EOF:
            if token.kind == LEFT_DELIM:
                behind = self.next_non_space()
                if behind.kind == "define":
                    self.derive("definition").read_definition()
                    continue
                self.pending.append(behind)
            self.pending.append(token)
            item = self.read_item()
            if isinstance(item, str):
                raise self.fail(f"unexpected {item}")
            items.nodes.append(item)
        self.add(items)

    def read_definition(self) -> None:
        """Read what is behind `define`."""
        context = "define clause"
        token = self.next_non_space()
        self.name = self.read_name(token, context)
        self.expect(RIGHT_DELIM, context)
        items, end = self.read_items()
        if end != END:
            raise self.fail(f"unexpected {end} in {context}")
        self.add(items)

    def add(self, items: ListNode) -> None:
        """Make the template known, unless it is empty and there is one of its name."""
        has_content = not is_empty(items)
        if self.name not in self.complete:
            self.trees[self.name] = items
            if has_content:
                self.complete.add(self.name)
        elif has_content:
            raise self.fail(f"template: multiple definition of template {quote_text(self.name)}")

    def read_items(self) -> tuple[ListNode, str]:
        """Read items until `end` or `else`, and tell which it was."""
        items = ListNode(self.peek_non_space().pos, [])
        while self.peek_non_space().kind != EOF:
            item = self.read_item()
            if isinstance(item, str):
                return items, item
            items.nodes.append(item)
        raise self.fail("unexpected EOF")

    def read_item(self) -> Node | str:
        """Read text or an action; END and ELSE are given as they are."""
        token = self.next_non_space()
        if token.kind == TEXT:
            return TextNode(token.pos, encode(token.value))
        if token.kind != LEFT_DELIM:
            raise self.reject(token, "input")
        self.action_line = token.line
        item = self.read_action()
        self.action_line = 0
        return item

    # Actions

    def read_action(self) -> Node | str:
        token = self.next_non_space()
        reader = ACTIONS.get(token.kind)
        if reader is not None:
            return reader(self, token)
        self.pending.append(token)
        return ActionNode(token.pos, token.line, self.read_pipeline("command", RIGHT_DELIM))

    def read_break(self, token: Token) -> Node:
        """Read what is behind `break` or `continue`."""
        behind = self.next_non_space()
        if behind.kind != RIGHT_DELIM:
            raise self.reject(behind, f"{{{{{token.kind}}}}}")
        if not self.range_depth:
            raise self.fail(f"{{{{{token.kind}}}}} outside {{{{range}}}}")
        return BreakNode(token.pos, token.line) if token.kind == "break" else ContinueNode(token.pos, token.line)

    def read_end(self, _: Token) -> str:
        self.expect(RIGHT_DELIM, "end")
        return END

    def read_else(self, _: Token) -> str:
        if self.peek_non_space().kind not in {"if", "with"}:  # whether they go on, `read_branch` sees
            self.expect(RIGHT_DELIM, "else")
        return ELSE

    def read_branch(self, token: Token) -> Node:
        """Read what is behind `if`, `range` or `with`, up to the end of the last `else if`."""
        keyword = token.kind
        known = len(self.variables)
        self.enter()
        branches = [self.read_branch_body(keyword, token.pos)]
        while (end := branches[-1][3]) == ELSE and keyword != "range" and self.peek().kind == keyword:
            branches.append(self.read_branch_body(keyword, self.next().pos))
        else_list = None
        if end == ELSE:
            else_list, end = self.read_items()
            if end != END:
                raise self.fail(f"expected end; found {end}")
        self.depth -= 1
        while len(self.variables) > known:
            self.variables.popitem()
        while True:
            pos, pipe, body, _ = branches.pop()
            branch = BRANCHES[keyword](pipe.pos, pipe.line, pipe, body, else_list)
            if not branches:
                return branch
            else_list = ListNode(pos, [branch])

    def enter(self) -> None:
        """Count a level of actions in each other."""
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise self.fail(f"actions are nested more than {DEPTH_LIMIT} deep")

    def read_branch_body(self, keyword: str, pos: int) -> tuple[int, PipeNode, ListNode, str]:
        pipe = self.read_pipeline(keyword, RIGHT_DELIM)
        in_range = keyword == "range"
        self.range_depth += in_range
        body, end = self.read_items()
        self.range_depth -= in_range
        return pos, pipe, body, end

    def read_block(self, _: Token) -> Node:
        """Read what is behind `block`: the definition of a template, and its use."""
        context = "block clause"
        token = self.next_non_space()
        name = self.read_name(token, context)
        pipe = self.read_pipeline(context, RIGHT_DELIM)
        self.enter()
        block = self.derive(name)
        items, end = block.read_items()
        if end != END:
            raise self.fail(f"unexpected {end} in {context}")
        block.add(items)
        self.depth -= 1
        return TemplateNode(token.pos, token.line, name, pipe)

    def read_use(self, _: Token) -> Node:
        """Read what is behind `template`."""
        context = "template clause"
        token = self.next_non_space()
        name = self.read_name(token, context)
        pipe = None
        behind = self.next_non_space()
        if behind.kind != RIGHT_DELIM:
            self.pending.append(behind)
            pipe = self.read_pipeline(context, RIGHT_DELIM)
        return TemplateNode(token.pos, token.line, name, pipe)

    def read_name(self, token: Token, context: str) -> str:
        if token.kind not in {STRING, RAW_STRING}:
            raise self.reject(token, context)
        return decode(self.unquote(token.value))


ACTIONS: dict[str, Callable[[Parser, Token], Node | str]] = {
    **dict.fromkeys(BRANCHES, Parser.read_branch),
    "block": Parser.read_block,
    "break": Parser.read_break,
    "continue": Parser.read_break,
    "else": Parser.read_else,
    "end": Parser.read_end,
    "template": Parser.read_use,
}
