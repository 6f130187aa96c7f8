"""What is inside of an action: pipelines, their commands, operands and constants.

Role: the lower half of the parser, on which `parse` builds the upper. Theory: recursive descent over the tokens of `lex`,
each method reading one rule of the grammar. Up to three tokens are taken back (`pending`). Errors name the line of the
token that was read last, which may be one behind the culprit: so does Go.

    pipeline  = [ variable [ "," variable ] ( ":=" | "=" ) ] command { "|" command }
    command   = operand { space operand }
    operand   = term { field }
    term      = constant | function | "." | field | variable | "(" pipeline ")"

Sources: package text/template/parse, parse.go.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import TemplateError

from .lex import (
    ASSIGN,
    BOOL,
    CHAR,
    CHAR_CONSTANT,
    COMPLEX,
    DECLARE,
    ERROR,
    FIELD,
    IDENTIFIER,
    LEFT_PAREN,
    NUMBER,
    PIPE,
    RAW_STRING,
    RIGHT_DELIM,
    RIGHT_PAREN,
    SPACE,
    STRING,
    VARIABLE,
    Lexer,
    Token,
    quote_text,
)
from .node import (
    BoolNode,
    ChainNode,
    CommandNode,
    DotNode,
    FieldNode,
    IdentifierNode,
    NilNode,
    Node,
    NumberNode,
    PipeNode,
    StringNode,
    VariableNode,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DEPTH_LIMIT = 100  # of parentheses in each other; Go's is 10,000, Python's recursion limit would be met before
# Constants: only the first command of a pipeline may begin with one, and they have no fields.
CONSTANTS = (BoolNode, DotNode, NilNode, NumberNode, StringNode)


class PipelineParser:
    """Reads pipelines from the tokens of a lexer.

    Its state belongs to one template: `name`, and the variables that are defined at the place that is read. `parse_name`
    is that of the whole text, which errors name. Every method raises TemplateError with Go's text.
    """

    def __init__(self, name: str, parse_name: str, lexer: Lexer, has_function: Callable[[str], bool]) -> None:
        self.name = name
        self.parse_name = parse_name
        self.lexer = lexer
        self.has_function = has_function
        self.pending: list[Token] = []  # what was read and taken back, the next one last
        self.last: Token | None = None  # what the lexer gave last
        self.variables: dict[str, None] = {"$": None}  # in the order in which they became known
        self.action_line = 0  # of the action that is being read; 0 when there is none
        self.paren_depth = 0

    # Tokens

    def next(self) -> Token:
        """Give the next token."""
        if self.pending:
            return self.pending.pop()
        self.last = token = self.lexer.read()
        return token

    def peek(self) -> Token:
        """Give the next token and leave it there."""
        token = self.next()
        self.pending.append(token)
        return token

    def next_non_space(self) -> Token:
        token = self.next()
        while token.kind == SPACE:
            token = self.next()
        return token

    def peek_non_space(self) -> Token:
        token = self.next_non_space()
        self.pending.append(token)
        return token

    def expect(self, kind: str, context: str) -> Token:
        token = self.next_non_space()
        if token.kind != kind:
            raise self.reject(token, context)
        return token

    # Errors

    def fail(self, problem: str) -> TemplateError:
        """Make the error of a problem at the place that was read last."""
        return TemplateError(f"template: {self.parse_name}:{self.last.line if self.last else 0}: {problem}")

    def reject(self, token: Token, context: str) -> TemplateError:
        """Make the error of a token that cannot be there."""
        if token.kind != ERROR:
            return self.fail(f"unexpected {token} in {context}")
        if self.action_line in {0, token.line}:
            return self.fail(token.value)
        into = " in action" if not token.value.endswith(" action") else ""  # no "action in action"
        return self.fail(f"{token}{into} started at {self.parse_name}:{self.action_line}")

    # Pipelines

    def read_pipeline(self, context: str, end: str) -> PipeNode:
        """Read a pipeline and the token that ends it."""
        first = self.peek_non_space()
        is_assign, declared = self.read_declarations(context)
        commands: list[CommandNode] = []
        while (token := self.next_non_space()).kind != end:
            if token.kind not in TERMS:
                raise self.reject(token, context)
            self.pending.append(token)
            commands.append(self.read_command())
        if not commands:
            raise self.fail(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.args[0], CONSTANTS):
                raise self.fail(f"non executable command in pipeline stage {stage}")
        return PipeNode(first.pos, first.line, is_assign=is_assign, decl=declared, cmds=commands)

    def read_declarations(self, context: str) -> tuple[bool, list[VariableNode]]:
        """Read the variables that a pipeline sets, if it does; tell whether they must exist."""
        declared: list[VariableNode] = []
        while self.peek_non_space().kind == VARIABLE:
            variable = self.next()
            after = self.peek()
            token = self.peek_non_space()
            is_comma = token.kind == CHAR and token.value == ","
            if not is_comma and token.kind not in {ASSIGN, DECLARE}:
                if after.kind == SPACE:  # it matters where the variable is an argument
                    self.pending.append(after)
                self.pending.append(variable)
                break
            self.next()
            declared.append(VariableNode(variable.pos, [variable.value]))
            self.variables.setdefault(variable.value)
            if not is_comma:
                return token.kind == ASSIGN, declared
            if context != "range" or len(declared) > 1:
                raise self.fail(f"too many declarations in {context}")
            if self.peek_non_space().kind not in {VARIABLE, RIGHT_DELIM, RIGHT_PAREN}:
                raise self.fail("range can only initialize variables")
        return False, declared

    def read_command(self) -> CommandNode:
        """Read operands up to the end of the command, and the pipe symbol if it ends that way."""
        command = CommandNode(self.peek_non_space().pos, [])
        while True:
            self.peek_non_space()
            operand = self.read_operand()
            if operand is not None:
                command.args.append(operand)
            token = self.next()
            if token.kind != SPACE:
                break
        if token.kind in {RIGHT_DELIM, RIGHT_PAREN}:
            self.pending.append(token)
        elif token.kind != PIPE:
            raise self.reject(token, "operand")
        if not command.args:
            raise self.fail("empty command")
        return command

    def read_operand(self) -> Node | None:
        """Read a term and the fields behind it; None if the next token begins no term."""
        token = self.next_non_space()
        reader = TERMS.get(token.kind)
        if reader is None:
            self.pending.append(token)
            return None
        node = reader(self, token)
        pos = self.peek().pos
        names: list[str] = []
        while self.peek().kind == FIELD:
            names.append(self.next().value[1:])
        if not names:
            return node
        if isinstance(node, FieldNode):
            return FieldNode(pos, node.ident + names)
        if isinstance(node, VariableNode):
            return VariableNode(pos, node.ident + names)
        if isinstance(node, CONSTANTS):
            raise self.fail(f"unexpected . after term {quote_text(str(node))}")
        return ChainNode(pos, node, names)

    def unquote(self, quoted: str) -> bytes:
        from .unquote import unquote  # late: most templates have no strings

        try:
            return unquote(quoted)
        except ValueError as error:
            raise self.fail(str(error)) from None

    # Terms

    def read_function(self, token: Token) -> Node:
        if not self.has_function(token.value):
            raise self.fail(f"function {quote_text(token.value)} not defined")
        return IdentifierNode(token.pos, token.value)

    def read_dot(self, token: Token) -> Node:
        return DotNode(token.pos)

    def read_nil(self, token: Token) -> Node:
        return NilNode(token.pos)

    def read_variable(self, token: Token) -> Node:
        if token.value not in self.variables:
            raise self.fail(f"undefined variable {quote_text(token.value)}")
        return VariableNode(token.pos, [token.value])

    def read_field(self, token: Token) -> Node:
        return FieldNode(token.pos, [token.value[1:]])

    def read_bool(self, token: Token) -> Node:
        return BoolNode(token.pos, value=token.value == "true")

    def read_string(self, token: Token) -> Node:
        return StringNode(token.pos, token.value, self.unquote(token.value))

    def read_number(self, token: Token) -> Node:
        from .constants import read_number  # late: most templates have no numbers

        try:
            return read_number(token)
        except ValueError as error:
            raise self.fail(str(error)) from None

    def read_parenthesized(self, _: Token) -> Node:
        if self.paren_depth >= DEPTH_LIMIT:
            raise self.fail("max expression depth exceeded")
        self.paren_depth += 1
        pipe = self.read_pipeline("parenthesized pipeline", RIGHT_PAREN)
        self.paren_depth -= 1
        return pipe


TERMS: dict[str, Callable[[PipelineParser, Token], Node]] = {
    BOOL: PipelineParser.read_bool,
    CHAR_CONSTANT: PipelineParser.read_number,
    COMPLEX: PipelineParser.read_number,
    ".": PipelineParser.read_dot,
    FIELD: PipelineParser.read_field,
    IDENTIFIER: PipelineParser.read_function,
    LEFT_PAREN: PipelineParser.read_parenthesized,
    "nil": PipelineParser.read_nil,
    NUMBER: PipelineParser.read_number,
    RAW_STRING: PipelineParser.read_string,
    STRING: PipelineParser.read_string,
    VARIABLE: PipelineParser.read_variable,
}
