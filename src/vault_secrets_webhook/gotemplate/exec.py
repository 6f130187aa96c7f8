"""The walk through a parsed template, which writes its output.

Role: actions and control structures; what stands inside of an action is evaluated by `expression`. Theory: the walk keeps
its own stack of what goes on behind a body (`Block`, `Loop`, `Invocation`), instead of Python's, so that templates
within templates reach their limit of depth and no limit of the interpreter or of the thread's stack. As in Go there is
always a current node (`Execution.node`): it is where an error is said to be.

Sources: package text/template, exec.go and the section "Actions" of its documentation.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import TemplateError

from .expression import evaluate_pipeline
from .lex import quote_text
from .limits import DEPTH_LIMIT, OUTPUT_LIMIT, LimitError
from .node import (
    ActionNode,
    BreakNode,
    ContinueNode,
    IfNode,
    ListNode,
    RangeNode,
    TemplateNode,
    TextNode,
    WithNode,
)
from .values import ANY, Boxed, decode, is_true, type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, TypeAlias

    from .functions import Function, FunctionSet
    from .limits import Budget
    from .node import Node

    # What a loop goes through: the index, None where there is none, and the element.
    Item: TypeAlias = tuple[object, object]

# Bytes that a template within a template, and a body of a control structure, take until they are left.
INVOCATION_SIZE, BLOCK_SIZE = 400, 250
HIDDEN = "(a value is left out here: it may be a secret)"


class Execution:
    """One execution of a template: where it is, what its variables hold, and what it has written."""

    __slots__ = (
        *("budget", "depth", "dot", "found", "frames", "functions", "missing_key", "name", "node", "nodes", "output"),
        *("size", "template", "templates", "text", "variables", "visible"),
    )

    def __init__(self, templates: Mapping[str, ListNode], name: str, text: str, budget: Budget) -> None:
        self.templates = templates
        self.name = self.template = name
        self.text = text
        self.budget = budget
        self.functions: FunctionSet = {}
        self.missing_key = "default"
        self.found: dict[str, tuple[Function, bool]] = {}  # functions that were looked up; whether they are built in
        self.node: Node | None = None
        self.nodes: Iterator[Node] = iter(())
        self.dot: object = None
        self.frames: list[Block] = []
        self.depth = 0
        # The values of each variable by name, the visible one last, and the names in the order of their declarations.
        self.variables: dict[str, list[object]] = {}
        self.visible: list[str] = []
        self.output: list[bytes] = []
        self.size = 0

    def make_error(self, text: str, shown: str | None = None) -> TemplateError:
        """Make an error that says where the execution is. `shown` is the text without what may be secret."""
        if self.node is None:
            where = f"template: {self.name}: "
        else:
            from .parse import locate

            line, column = locate(self.text, self.node.pos)
            where = f"template: {self.name}:{line}:{column}: executing {quote_text(self.template)} at <{self.node}>: "
        return TemplateError(where + text, None if shown is None else where + shown)

    def write(self, chunk: bytes) -> None:
        """Add to the output. Raises LimitError when it is too long."""
        self.size += len(chunk)
        if self.size > OUTPUT_LIMIT:
            raise LimitError(f"the output is larger than {OUTPUT_LIMIT >> 20} MiB")
        self.output.append(chunk)

    def declare(self, name: str, value: object) -> None:
        self.variables.setdefault(name, []).append(value)
        self.visible.append(name)

    def forget(self, mark: int) -> None:
        """Take back the declarations made since there were `mark` of them."""
        while len(self.visible) > mark:
            self.variables[self.visible.pop()].pop()

    def find_values(self, name: str) -> list[object]:
        """Give the values of a variable, the visible one last.

        A declaration that was not executed, as that in `and false ($x := 1)`, leaves none: this fails then.
        """
        values = self.variables.get(name)
        if not values:
            raise self.make_error(f"undefined variable: {name}")
        return values

    def run(self, root: ListNode, data: object) -> bytes:
        """Walk through a template. Raises TemplateError."""
        self.declare("$", data)
        self.nodes = iter(root.nodes)
        self.dot = data
        try:
            self.walk()
            return b"".join(self.output)
        except LimitError as error:
            raise self.make_error(str(error)) from None
        except RecursionError:
            raise self.make_error("this, or a value that it uses, is nested too deep") from None
        except MemoryError:
            raise self.make_error("there is not enough memory for this") from None

    def walk(self) -> None:
        budget = self.budget
        while True:
            for node in self.nodes:
                self.node = node
                budget.steps -= 1
                if budget.steps < 0:
                    budget.spend_steps(0)
                if WALKERS[type(node)](self, node):
                    break
            else:
                if not self.frames:
                    return
                self.frames.pop().resume(self)

    def enter(self, body: ListNode, dot: object) -> None:
        """Go on with the nodes of a body."""
        self.node = body
        self.nodes = iter(body.nodes)
        self.dot = dot


class Block:
    """The body of a control structure: what goes on behind it."""

    __slots__ = ("dot", "mark", "nodes")

    def __init__(self, execution: Execution, mark: int) -> None:
        self.nodes = execution.nodes
        self.dot = execution.dot
        self.mark = mark

    def resume(self, execution: Execution) -> None:
        """Do what comes when the nodes of the body are at their end."""
        self.leave(execution)

    def leave(self, execution: Execution) -> None:
        execution.forget(self.mark)
        execution.nodes = self.nodes
        execution.dot = self.dot


class RangeElse(Block):
    """The else of a range. As in Go, a `break` there ends this range, a `continue` goes on with the loop around it."""

    __slots__ = ()


class Loop(Block):
    """The body of a range, for one item after the other."""

    __slots__ = ("inner_mark", "items", "node")

    def __init__(self, execution: Execution, mark: int, node: RangeNode, items: Iterator[Item]) -> None:
        super().__init__(execution, mark)
        self.inner_mark = len(execution.visible)
        self.node = node
        self.items = items

    def resume(self, execution: Execution) -> None:
        for item in self.items:
            execution.budget.spend_steps(1)
            execution.forget(self.inner_mark)
            if self.node.pipe.decl:
                set_variables(execution, self.node, item)
            execution.frames.append(self)
            execution.enter(self.node.list, item[1])
            return
        self.leave(execution)


def set_variables(execution: Execution, node: RangeNode, item: Item) -> None:
    """Give the variables of a range their values for an iteration: of two the first is the index."""
    names = [variable.ident[0] for variable in node.pipe.decl]
    if node.pipe.is_assign:
        for name, value in zip(names, item if len(names) > 1 else item[1:], strict=True):
            execution.find_values(name)[-1] = value
        return
    execution.find_values(names[-1])[-1] = item[1]
    if len(names) > 1:
        # Of two variables of one name the element is the visible one.
        execution.find_values(names[0])[-2 if names[0] == names[1] else -1] = item[0]


class Invocation(Block):
    """A template within a template: it sees no variables but its own."""

    __slots__ = ("template", "variables", "visible")

    def __init__(self, execution: Execution, template: str, data: object) -> None:
        super().__init__(execution, 0)
        self.template = execution.template
        self.variables = execution.variables
        self.visible = execution.visible
        execution.template = template
        execution.variables = {"$": [data]}
        execution.visible = ["$"]
        execution.depth += 1

    def leave(self, execution: Execution) -> None:
        execution.template = self.template
        execution.variables = self.variables
        execution.visible = self.visible
        execution.depth -= 1
        execution.nodes = self.nodes
        execution.dot = self.dot


# Walkers do what a node says, and tell whether the nodes to go on with are others now.


def walk_text(execution: Execution, node: TextNode) -> bool:
    execution.write(node.text)
    return False


def walk_action(execution: Execution, node: ActionNode) -> bool:
    value = evaluate_pipeline(execution, execution.dot, node.pipe)
    if not node.pipe.decl:
        execution.node = node
        # A json.Number prints as it is written, and is the only other type of kind string.
        execution.write(value if isinstance(value, bytes) else format_value(execution, value))
    return False


def format_value(execution: Execution, value: object) -> bytes:
    """Write a value as an action prints it."""
    if value is None:
        return b"<no value>"
    if type(value) is int:
        return b"%d" % value
    from .fmt import write_value

    return write_value(value, execution.budget)


def walk_if(execution: Execution, node: IfNode) -> bool:
    mark = len(execution.visible)
    value = evaluate_pipeline(execution, execution.dot, node.pipe)
    return enter_body(execution, node.list if is_true(value) else node.else_list, execution.dot, mark)


def walk_with(execution: Execution, node: WithNode) -> bool:
    mark = len(execution.visible)
    value = evaluate_pipeline(execution, execution.dot, node.pipe)
    if is_true(value):
        return enter_body(execution, node.list, value, mark)
    return enter_body(execution, node.else_list, execution.dot, mark)


def enter_body(execution: Execution, body: ListNode | None, dot: object, mark: int, frame: type[Block] = Block) -> bool:
    """Go on with a body if there is one; the variables declared since `mark` live as long as it."""
    if body is None:
        execution.forget(mark)
        return False
    execution.frames.append(frame(execution, mark))
    execution.enter(body, dot)
    return True


def walk_range(execution: Execution, node: RangeNode) -> bool:
    mark = len(execution.visible)
    value = evaluate_pipeline(execution, execution.dot, node.pipe)
    if value is None:
        items = None
    elif isinstance(value, dict | list):
        if isinstance(value, dict):
            execution.budget.spend_steps(len(value))  # it is sorted
        items = list_items(value) if value else None
    elif isinstance(value, int) and type(value) is not bool:
        if len(node.pipe.decl) > 1:
            raise make_value_error(execution, "can't use {} to iterate over more than one variable", value)
        items = count_items(value) if value > 0 else None
    else:
        raise make_value_error(execution, "range can't iterate over {}", value)
    if items is None:
        return enter_body(execution, node.else_list, execution.dot, mark, RangeElse)
    Loop(execution, mark, node, items).resume(execution)
    return True


def list_items(value: dict[bytes, object] | list[object]) -> Iterator[Item]:
    """Give the elements of a list with their indices, those of a map with their keys and in the order of these."""
    elem = type_of(value).elem
    pairs: Any = sorted(value.items()) if isinstance(value, dict) else enumerate(value)
    if elem is ANY:
        return ((index, Boxed(element)) for index, element in pairs)
    return iter(pairs)


def count_items(value: int) -> Iterator[Item]:
    """Count up to an integer, with integers of its type."""
    make = type(value)
    return ((None, make(index)) for index in range(value))


def make_value_error(execution: Execution, text: str, value: object) -> TemplateError:
    """Make an error that quotes a value, of a pointer what it points to."""
    from .fmt import write_value

    quoted = decode(write_value(getattr(value, "go_pointed", value), execution.budget))
    return execution.make_error(text.format(quoted), text.format(HIDDEN))


def walk_template(execution: Execution, node: TemplateNode) -> bool:
    root = execution.templates.get(node.name)
    if root is None:
        raise execution.make_error(f"template {quote_text(node.name)} not defined")
    if execution.depth == DEPTH_LIMIT:
        raise execution.make_error(f"exceeded maximum template depth ({DEPTH_LIMIT})")
    blocks = len(execution.frames) - execution.depth
    execution.budget.expect_room(execution.depth * INVOCATION_SIZE + blocks * BLOCK_SIZE)
    data = None if node.pipe is None else evaluate_pipeline(execution, execution.dot, node.pipe)
    execution.frames.append(Invocation(execution, node.name, data))
    execution.enter(root, data)
    return True


def walk_break(execution: Execution, _: BreakNode) -> bool:
    find_frame(execution, Loop, RangeElse).leave(execution)
    return True


def walk_continue(execution: Execution, _: ContinueNode) -> bool:
    find_frame(execution, Loop).resume(execution)
    return True


def find_frame(execution: Execution, *kinds: type[Block]) -> Block:
    """Give up the bodies inside of the innermost of a kind, and that: there is one, or the template would not parse."""
    while True:
        frame = execution.frames.pop()
        if type(frame) in kinds:
            return frame


WALKERS: dict[type, Callable[[Execution, Any], bool]] = {
    ActionNode: walk_action,
    BreakNode: walk_break,
    ContinueNode: walk_continue,
    IfNode: walk_if,
    RangeNode: walk_range,
    TemplateNode: walk_template,
    TextNode: walk_text,
    WithNode: walk_with,
}


def execute(
    templates: Mapping[str, ListNode],
    name: str,
    text: str,
    data: object,
    functions: FunctionSet,
    missing_key: str,
    budget: Budget,
) -> bytes:
    """Execute the template `name` of those that `text` was parsed to. Raises TemplateError.

    Source: package text/template, `Template.Execute`.
    """
    execution = Execution(templates, name, text, budget)
    execution.functions = functions
    execution.missing_key = missing_key
    root = templates.get(name)
    if root is None:
        raise execution.make_error(f"{quote_text(name)} is an incomplete or empty template")
    return execution.run(root, data)
