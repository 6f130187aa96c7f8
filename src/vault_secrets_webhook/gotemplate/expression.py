"""The values of expressions: pipelines, constants, variables, fields.

Role: what stands inside of actions. Functions and methods are called by `call`, which is imported when the first of them
is met; templates that only name fields need none of it.

Evaluators have the signature of `Evaluator`: `word` is the operand; `args` are the operands of the command that it is
the first of, None where it stands alone; `final` is the result of the command before it in the pipeline, or MISSING.

Sources: package text/template, exec.go, and the sections "Arguments" and "Pipelines" of its documentation.
"""

from __future__ import annotations

from .lex import quote_text
from .node import (
    BoolNode,
    ChainNode,
    DotNode,
    FieldNode,
    IdentifierNode,
    NilNode,
    NumberNode,
    PipeNode,
    StringNode,
    VariableNode,
)
from .values import ANY, PLAIN, Boxed, Map, encode, find_fields, find_methods, make_zero, type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from .exec import Execution
    from .node import Node

    Args: TypeAlias = list[Node] | None
    Evaluator: TypeAlias = Callable[[Execution, object, Any, Args, object], object]


class Missing:
    """The type of MISSING."""

    __slots__ = ()


MISSING = Missing()  # no value comes down the pipeline, not even nil


def evaluate_pipeline(execution: Execution, dot: object, pipe: PipeNode) -> object:
    """Give the value of a pipeline, taken out of its interface; set the variables that it declares or assigns to."""
    execution.node = pipe
    value: object = MISSING
    for command in pipe.cmds:
        execution.budget.steps -= 1  # the walk looks whether any are left
        args = command.args
        word = args[0]
        if type(word) is IdentifierNode:
            value = evaluate_function(execution, dot, word, command, args, value)
        else:
            value = EVALUATORS[type(word)](execution, dot, word, args, value)
        if type(value) is Boxed:
            value = value.value
    for variable in pipe.decl:
        if pipe.is_assign:
            execution.find_values(variable.ident[0])[-1] = value
        else:
            execution.declare(variable.ident[0], value)
    return value


def refuse_arguments(execution: Execution, args: Args, final: object) -> None:
    """Fail if what cannot be called is given arguments."""
    if args is not None and (len(args) > 1 or final is not MISSING):
        raise execution.make_error(f"can't give argument to non-function {args[0]}")


def evaluate_dot(execution: Execution, dot: object, word: DotNode, args: Args, final: object) -> object:
    execution.node = word
    refuse_arguments(execution, args, final)
    return dot


def evaluate_nil(execution: Execution, _dot: object, word: NilNode, args: Args, final: object) -> object:
    execution.node = word
    refuse_arguments(execution, args, final)
    raise execution.make_error("nil is not a command")


def evaluate_bool(execution: Execution, _dot: object, word: BoolNode, args: Args, final: object) -> object:
    execution.node = word
    refuse_arguments(execution, args, final)
    return word.value


def evaluate_string(execution: Execution, _dot: object, word: StringNode, args: Args, final: object) -> object:
    execution.node = word
    refuse_arguments(execution, args, final)
    return word.text


def evaluate_number(execution: Execution, _dot: object, word: NumberNode, args: Args, final: object) -> object:
    """Give a number the type that it is written as: complex128, float64 or int."""
    execution.node = word
    refuse_arguments(execution, args, final)
    if word.is_complex:
        return word.complex_value
    if word.is_float and is_written_as_float(word.text):
        return word.float_value
    if word.is_int:
        return word.int_value
    raise execution.make_error(f"{word.text} overflows int")


def is_written_as_float(text: str) -> bool:
    if text.startswith("'"):
        return False
    is_hexadecimal = text[:2] in {"0x", "0X"}
    return any(letter in text for letter in ("pP" if is_hexadecimal else ".eEpP"))


def evaluate_parenthesized(execution: Execution, dot: object, word: PipeNode, args: Args, final: object) -> object:
    refuse_arguments(execution, args, final)
    return evaluate_pipeline(execution, dot, word)


def evaluate_variable(execution: Execution, dot: object, word: VariableNode, args: Args, final: object) -> object:
    execution.node = word
    names = word.ident
    value = execution.find_values(names[0])[-1]
    if len(names) == 1:
        refuse_arguments(execution, args, final)
        return value
    return evaluate_fields(execution, dot, value, word, names[1:], args, final)


def evaluate_field(execution: Execution, dot: object, word: FieldNode, args: Args, final: object) -> object:
    execution.node = word
    return evaluate_fields(execution, dot, dot, word, word.ident, args, final)


def evaluate_chain(execution: Execution, dot: object, word: ChainNode, args: Args, final: object) -> object:
    execution.node = word
    if isinstance(word.node, NilNode):
        raise execution.make_error(f"indirection through explicit nil in {word}")
    execution.node = word.node
    value = EVALUATORS[type(word.node)](execution, dot, word.node, None, MISSING)
    return evaluate_fields(execution, dot, value, word, word.field, args, final)


def evaluate_identifier(execution: Execution, dot: object, word: IdentifierNode, args: Args, final: object) -> object:
    """Call the function that stands alone as an argument; one that begins a command is called by its pipeline."""
    return evaluate_function(execution, dot, word, word, args, final)


def evaluate_function(
    execution: Execution, dot: object, word: IdentifierNode, command: Node, args: Args, final: object
) -> object:
    from .call import call_function

    execution.node = word
    return call_function(execution, dot, word.ident, command, args, final)


EVALUATORS: dict[type, Evaluator] = {
    BoolNode: evaluate_bool,
    ChainNode: evaluate_chain,
    DotNode: evaluate_dot,
    FieldNode: evaluate_field,
    IdentifierNode: evaluate_identifier,
    NilNode: evaluate_nil,
    NumberNode: evaluate_number,
    PipeNode: evaluate_parenthesized,
    StringNode: evaluate_string,
    VariableNode: evaluate_variable,
}


def evaluate_fields(
    execution: Execution,
    dot: object,
    value: object,
    node: Node,
    names: Sequence[str],
    args: Args,
    final: object,
) -> object:
    """Go from a value through fields and methods; what stands behind the last of them are its arguments."""
    for name in names[:-1]:
        value = find_member(execution, dot, value, node, name, None, MISSING)
    return find_member(execution, dot, value, node, names[-1], args, final)


def find_member(
    execution: Execution, dot: object, value: object, node: Node, name: str, args: Args, final: object
) -> object:
    """Give what a name stands for in a value: what a method of it gives, a field, or the element of a map."""
    if value is None:
        if execution.missing_key == "error":
            raise execution.make_error(f"nil data; no entry for key {quote_text(name)}")
        return None
    inner = value.value if type(value) is Boxed else value
    if type(inner) is dict:
        return find_element(execution, inner, name, args, final)
    if inner is None:
        raise execution.make_error(f"nil pointer evaluating interface {{}}.{name}")
    if type(inner) not in PLAIN:
        method = find_methods(inner).get(name)
        if method is not None:
            from .call import call_method

            return call_method(execution, dot, inner, method, node, name, args, final)
        if isinstance(inner, Map):
            return find_element(execution, inner, name, args, final)
        if name in find_fields(inner):
            if has_arguments(args, final):
                raise execution.make_error(f"{name} has arguments but cannot be invoked as function")
            return find_fields(inner)[name]
    raise execution.make_error(explain_absence(value, inner, name))


def explain_absence(value: object, inner: object, name: str) -> str:
    """Say why a value has no field of that name. `go_hidden_fields` of a class are those that Go does not export."""
    if name in getattr(inner, "go_hidden_fields", ()):
        return f"{name} is an unexported field of struct type {type_of(value)}"
    return f"can't evaluate field {name} in type {type_of(value)}"


def has_arguments(args: Args, final: object) -> bool:
    return final is not MISSING or (args is not None and len(args) > 1)


def find_element(execution: Execution, found: dict[bytes, object], name: str, args: Args, final: object) -> object:
    """Give the element of a map; of one that has none what the option `missingkey` says."""
    if has_arguments(args, final):
        raise execution.make_error(f"{name} is not a method but has arguments")
    elem = type_of(found).elem
    assert elem is not None
    try:
        value = found[encode(name)]
    except KeyError:
        if execution.missing_key == "error":
            raise execution.make_error(f"map has no entry for key {quote_text(name)}") from None
        if execution.missing_key != "zero":
            return None
        value = make_zero(elem)
    return Boxed(value) if elem is ANY else value
