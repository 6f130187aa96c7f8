"""Calls of functions and methods: which function a name means, whether its arguments fit, and what its error says.

Theory: Go checks arguments by the types of the parameters when the call is executed. Constants take the type that is
wanted of them; other values must have it, after being taken out of the interface that they are in.

Sources: package text/template, exec.go (calls, arguments) and funcs.go (which function a name means, `call`).
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError, TemplateError

from .expression import EVALUATORS, MISSING
from .functions import Function, SignatureError
from .lex import quote_text
from .node import BoolNode, NilNode, NumberNode, StringNode
from .values import (
    ANY,
    INTEGER_CLASSES,
    JSON_NUMBER,
    NILABLE,
    PLAIN,
    REFLECT_VALUE,
    SIGNED,
    UNSIGNED,
    Boxed,
    JsonNumber,
    is_true,
    make_zero,
    type_of,
    unbox,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .exec import Execution
    from .expression import Args
    from .limits import Budget
    from .node import Node
    from .values import Method, Type

SHORT_CIRCUITS = frozenset(("and", "or"))  # builtins that do not evaluate all of their arguments
CONSTANTS = frozenset((BoolNode, NumberNode, StringNode))
SIZE_A_STEP = 16  # bytes or elements of the arguments of functions
# Results of these types are what was there before, such as an element, or are counted by who makes them.
UNCOUNTED = (REFLECT_VALUE, ANY)
LEFT_OUT = "(its words are left out here: they may quote a secret)"


def call_function(execution: Execution, dot: object, name: str, node: Node, args: Args, final: object) -> object:
    """Call the function of that name; an error is at `node`."""
    if name in SHORT_CIRCUITS and execution.functions.get(name) is None:
        return call_short_circuit(execution, dot, name, args, final)
    function, is_builtin = execution.found.get(name) or find_function(execution, name)
    values = evaluate_arguments(execution, dot, function, name, args, final)
    if not is_builtin:
        if REFLECT_VALUE in function.parameters:
            values = [unbox(value) for value in values]
    elif name == "call":
        values.insert(0, name_callee(args, final))
    return call_checked(execution, function, name, node, values, args, final)


def find_function(execution: Execution, name: str) -> tuple[Function, bool]:
    """Give a function and whether it is built in. Functions that were given win over those."""
    given = execution.functions.get(name)
    if given is None:
        from .funcs import find_builtin

        builtin = find_builtin(name)
        if builtin is None:
            raise execution.make_error(f"{quote_text(name)} is not a defined function")
        found = builtin, True
    else:
        found = given if isinstance(given, Function) else adapt(name, given), False
    execution.found[name] = found
    return found


def adapt(name: str, given: Callable[..., object]) -> Function:
    """Make a function of a bare callable: it takes any arguments, and knows Python's values and exceptions alone."""
    from .data import convert, restore

    def call(budget: Budget, *values: object) -> object:
        try:
            result = convert(given(*map(restore, values)))
        except (FunctionError, TemplateError, MemoryError, RecursionError):
            raise
        except Exception as error:  # what a function of Go would return as its error, or panic with
            raise FunctionError(str(error)) from error
        budget.count_result(result)
        return result

    return Function(name, "budget, ...interface {} -> interface {}", call)


def call_method(
    execution: Execution,
    dot: object,
    receiver: object,
    method: Method,
    node: Node,
    name: str,
    args: Args,
    final: object,
) -> object:
    """Call a method of a value."""
    function = Function(name, *method)
    values = evaluate_arguments(execution, dot, function, name, args, final)
    return call_checked(execution, function, name, node, [receiver, *map(unbox, values)], None, receiver)


def call_short_circuit(execution: Execution, dot: object, name: str, args: Args, final: object) -> object:
    """Give the first argument that decides, or the last; those behind it are not evaluated."""
    operands = args[1:] if args else []
    if not operands and final is MISSING:
        raise execution.make_error(f"wrong number of args for {name}: want at least 1 got 0")
    value: object = None
    for operand in operands:
        value = evaluate_argument(execution, dot, REFLECT_VALUE, operand)
        if is_true(unbox(value)) is (name == "or"):
            return value
    return value if final is MISSING else final


def name_callee(args: Args, final: object) -> bytes:
    """Give the words for what the builtin `call` is asked to call."""
    if args is not None and len(args) > 1:
        return str(args[1]).encode("utf-8", "surrogateescape")
    if isinstance(final, bytes):
        return final
    return b"<invalid Value>" if final is None else f"<{type_of(final)} Value>".encode()


def call_checked(
    execution: Execution,
    function: Function,
    name: str,
    node: Node,
    values: list[object],
    args: Args,
    final: object,
) -> object:
    """Call a function with values that fit it. `args` and `final` tell whether its error may be shown."""
    budget = execution.budget
    try:
        budget.spend_steps(function.cost + estimate_cost(values))
        result = function.call(budget, *values) if function.is_metered else function.call(*values)
        if function.result not in UNCOUNTED and not any(result is value for value in values):
            budget.count_result(result)
    except SignatureError as error:
        raise execution.make_error(str(error)) from None
    except FunctionError as error:
        execution.node = node
        shown = None
        if not (error.is_constant or (final is MISSING and are_constants(args))):
            shown = f"error calling {name}: {LEFT_OUT}"
        raise execution.make_error(f"error calling {name}: {error}", shown) from None
    return Boxed(result) if function.result is ANY else result


def estimate_cost(values: list[object]) -> int:
    """Give the steps for what is long: most functions look at all of what they are given, if only to compare it.

    `go_size` of a struct or pointer that may be long is how many bytes are in it.
    """
    cost = 0
    for value in values:
        inner = value.value if type(value) is Boxed else value
        if isinstance(inner, bytes | list):
            cost += len(inner) // SIZE_A_STEP
        elif inner is not None and type(inner) not in PLAIN:
            cost += getattr(inner, "go_size", 0) // SIZE_A_STEP
    return cost


def are_constants(args: Args) -> bool:
    return all(type(arg) in CONSTANTS or type(arg) is NilNode for arg in (args or ())[1:])


def evaluate_arguments(
    execution: Execution, dot: object, function: Function, name: str, args: Args, final: object
) -> list[object]:
    """Give the values of the arguments, the one that comes down the pipeline last. Fails if they do not fit."""
    operands: Sequence[Node] = args[1:] if args else ()
    parameters = function.parameters
    last = len(parameters) - 1
    count = len(operands) + (final is not MISSING)
    if function.is_variadic:
        if count < last:
            raise execution.make_error(f"wrong number of args for {name}: want at least {last} got {len(operands)}")
    elif count != last + 1:
        raise execution.make_error(f"wrong number of args for {name}: want {last + 1} got {count}")
    values = []
    for index, operand in enumerate(operands):
        wanted = parameters[min(last, index)]
        values.append(evaluate_argument(execution, dot, wanted, operand))
    if final is not MISSING:
        values.append(check_value(execution, final, parameters[min(count - 1, last)]))
    return values


def evaluate_argument(execution: Execution, dot: object, wanted: Type, node: Node) -> object:
    """Give the value of an argument for a parameter of type `wanted`; for one of type reflect.Value it may be Boxed."""
    execution.node = node
    kind = type(node)
    if kind in CONSTANTS:
        if wanted is ANY or wanted is REFLECT_VALUE:
            return EVALUATORS[kind](execution, dot, node, None, MISSING)
        return make_constant(execution, wanted, node)
    if kind is NilNode:
        if not can_be_nil(wanted):
            raise execution.make_error(f"cannot assign nil to {wanted}")
        return make_zero(wanted)
    return check_value(execution, EVALUATORS[kind](execution, dot, node, None, MISSING), wanted)


def can_be_nil(wanted: Type) -> bool:
    return wanted.kind in NILABLE or wanted is REFLECT_VALUE


def check_value(execution: Execution, value: object, wanted: Type) -> object:
    """Give a value as an argument for a parameter of type `wanted`. Fails if it is of another type."""
    if value is None:
        if not can_be_nil(wanted):
            raise execution.make_error(f"invalid value; expected {wanted}")
        return make_zero(wanted)
    if wanted is REFLECT_VALUE:
        return value
    inner = value.value if type(value) is Boxed else value
    if wanted is ANY:
        return inner
    got = ANY if inner is None else type_of(inner)
    if got is not wanted:
        raise execution.make_error(f"wrong type for value; expected {wanted}; got {got}")
    return inner


def make_constant(execution: Execution, wanted: Type, node: Node) -> object:
    """Give a constant the type that is wanted. Fails if it has no such value."""
    maker = MAKERS.get(wanted.kind)
    if maker is None:
        raise execution.make_error(f"can't handle {node} for arg of type {wanted}")
    return maker(execution, wanted, node)


def make_bool(execution: Execution, wanted: Type, node: Node) -> bool:  # noqa: ARG001 # as all makers
    if isinstance(node, BoolNode):
        return node.value
    raise execution.make_error(f"expected bool; found {node}")


def make_string(execution: Execution, wanted: Type, node: Node) -> bytes:
    if isinstance(node, StringNode):
        return JsonNumber(node.text) if wanted is JSON_NUMBER else node.text
    raise execution.make_error(f"expected string; found {node}")


def make_integer(execution: Execution, wanted: Type, node: Node) -> int:
    if isinstance(node, NumberNode) and node.is_int:
        return INTEGER_CLASSES.get(wanted, int)(node.int_value)
    raise execution.make_error(f"expected integer; found {node}")


def make_unsigned_integer(execution: Execution, wanted: Type, node: Node) -> int:
    if isinstance(node, NumberNode) and node.is_uint:
        return INTEGER_CLASSES.get(wanted, int)(node.uint_value)
    raise execution.make_error(f"expected unsigned integer; found {node}")


def make_float(execution: Execution, wanted: Type, node: Node) -> float:  # noqa: ARG001 # as all makers
    if isinstance(node, NumberNode) and node.is_float:
        return node.float_value
    raise execution.make_error(f"expected float; found {node}")


MAKERS: dict[str, Callable[[Execution, Type, Any], object]] = {
    "bool": make_bool,
    "string": make_string,
    "float64": make_float,
    **dict.fromkeys(SIGNED, make_integer),
    **dict.fromkeys(UNSIGNED, make_unsigned_integer),
}
