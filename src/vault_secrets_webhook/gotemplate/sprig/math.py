"""Sprig's arithmetic: on int64, which wraps around; on floats by way of decimals; and lists of numbers.

Sources: Sprig v3.3.0, numeric.go and functions.go; Go's math package (Pow, Ceil, Floor, Max, Min); documentation
"Math Functions", "Float Math Functions" and "Integer Slice Functions".
"""

from __future__ import annotations

import math  # a C module

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.sprig import decimal
from vault_secrets_webhook.gotemplate.sprig.cast import HIGHEST, LOWEST, to_float64, to_int64
from vault_secrets_webhook.gotemplate.values import Int64, Slice, find_type, wrap_int64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry

SLICE_OF_INT = find_type("[]int")
WHOLE = 2.0**52  # from here on every float is a whole number
LONGEST_EXPONENT = 1 << 12
INT_SIZE = 21  # bytes of the longest int and a space
BITS_PER_STEP = 1 << 12


def add(*values: object) -> Int64:
    return wrap_int64(sum(map(to_int64, values)))


def add_one(value: object) -> Int64:
    return wrap_int64(to_int64(value) + 1)


def subtract(left: object, right: object) -> Int64:
    return wrap_int64(to_int64(left) - to_int64(right))


def multiply(first: object, *values: object) -> Int64:
    product = to_int64(first)
    for value in values:
        product = wrap_int64(product * to_int64(value))
    return product


def divide(left: object, right: object) -> Int64:
    """Divide, towards zero. Raises FunctionError for a divisor of 0."""
    dividend, divisor = to_int64(left), nonzero(to_int64(right))
    quotient = abs(dividend) // abs(divisor)
    return wrap_int64(quotient if (dividend < 0) == (divisor < 0) else -quotient)


def take_remainder(left: object, right: object) -> Int64:
    """Give what a division leaves, with the sign of the dividend. Raises FunctionError for a divisor of 0."""
    dividend, divisor = to_int64(left), nonzero(to_int64(right))
    rest = abs(dividend) % abs(divisor)
    return Int64(-rest if dividend < 0 else rest)


def nonzero(divisor: Int64) -> Int64:
    if not divisor:
        raise FunctionError("runtime error: integer divide by zero", is_constant=True)
    return divisor


def find_largest(first: object, *values: object) -> Int64:
    return max((to_int64(first), *map(to_int64, values)))


def find_smallest(first: object, *values: object) -> Int64:
    return min((to_int64(first), *map(to_int64, values)))


def find_largest_float(first: object, *values: object) -> float:
    largest = to_float64(first)
    for value in values:
        largest = choose(largest, to_float64(value), math.inf, lambda left, right: left > right)
    return largest


def find_smallest_float(first: object, *values: object) -> float:
    smallest = to_float64(first)
    for value in values:
        smallest = choose(smallest, to_float64(value), -math.inf, lambda left, right: left < right)
    return smallest


def choose(left: float, right: float, extreme: float, is_better: Callable[[float, float], bool]) -> float:
    """Choose as `math.Max` and `math.Min` do: the extreme before NaN, NaN before numbers, and the better of zeros."""
    if extreme in (left, right):
        return extreme
    if left != left or right != right:  # noqa: PLR0124 - NaN alone is unlike itself
        return math.nan
    if not left and not right:  # a zero of the sign of the extreme is the better one
        return left if math.copysign(1.0, left) == math.copysign(1.0, extreme) else right
    return left if is_better(left, right) else right


def compute(operate: Callable[[decimal.Decimal, decimal.Decimal], decimal.Decimal]) -> Callable[..., float]:
    """Make a function that goes through its arguments with one decimal operation."""

    def calculate(budget: Budget, first: object, *values: object) -> float:
        result = decimal.from_float(to_float64(first))
        for value in values:
            budget.spend_steps(1 + result[0].bit_length() // BITS_PER_STEP)
            result = operate(result, decimal.from_float(to_float64(value)))
        return decimal.to_float(result)

    return calculate


ADD_FLOATS = compute(decimal.add)


def add_floats(budget: Budget, *values: object) -> float:
    return ADD_FLOATS(budget, 0.0, *values)


def add_one_float(budget: Budget, value: object) -> float:
    return ADD_FLOATS(budget, value, 1)


def floor(value: object) -> float:
    return lower(to_float64(value))


def ceil(value: object) -> float:
    return -lower(-to_float64(value))


def lower(number: float) -> float:
    """Give the next whole number below; infinities, NaN and both zeros as they are."""
    # The comparison is false for NaN.
    return math.copysign(math.floor(number), number) if abs(number) < WHOLE else number


def round_float(value: object, places: int, *threshold: float) -> float:
    """Round to decimal places; up from the threshold of the fraction, .5 if it is not given."""
    power = raise_ten(places)
    digit = power * to_float64(value)
    # As with Go's Modf the fraction has the sign of the number, and of an infinity it is NaN.
    fraction = math.fmod(digit, 1.0) if math.isfinite(digit) else math.nan
    rounded = -lower(-digit) if fraction >= (threshold[0] if threshold else 0.5) else lower(digit)
    return quotient(rounded, power)


def quotient(dividend: float, divisor: float) -> float:
    """Divide as processors do, by zero too; the divisor is not negative."""
    if divisor:
        return dividend / divisor
    return dividend * math.inf if dividend else math.nan  # of NaN it is NaN


def raise_ten(power: int) -> float:
    """Compute 10 to a power by repeated squaring, the way Go does: other ways differ in the last bit."""
    if power == 1:
        return 10.0
    mantissa, exponent = 1.0, 0
    factor, shift = math.frexp(10.0)
    count = abs(power)
    while count:
        if abs(shift) > LONGEST_EXPONENT:
            exponent += shift
            break
        if count & 1:
            mantissa *= factor
            exponent += shift
        factor, lost = math.frexp(factor * factor)
        shift = 2 * shift + lost
        count >>= 1
    return scale(1 / mantissa, -exponent) if power < 0 else scale(mantissa, exponent)


def scale(mantissa: float, exponent: int) -> float:
    try:
        return math.ldexp(mantissa, exponent)
    except OverflowError:
        return math.inf


def count_until(budget: Budget, count: int) -> Slice:
    return Slice(SLICE_OF_INT, make_range(budget, 0, count, -1 if count < 0 else 1))


def count_by_step(budget: Budget, start: int, stop: int, step: int) -> Slice:
    return Slice(SLICE_OF_INT, make_range(budget, start, stop, step))


def make_range(budget: Budget, start: int, stop: int, step: int) -> range:
    """Give the numbers from start to before stop, none if the step does not lead there.

    Raises LimitError if they are too many: among these are those whose step leaps over the stop and the last int, which
    never end in Go.
    """
    if (step >= 0) if stop < start else (step <= 0):
        return range(0)
    count = -(-abs(stop - start) // abs(step))
    never_ends = not LOWEST <= start + count * step <= HIGHEST
    budget.reserve_elements(HIGHEST if never_ends else count)
    return range(start, stop, step)


def make_sequence(budget: Budget, *params: int) -> bytes:
    """Write the numbers that the command `seq` would, on one line; nothing if there are not one to three arguments."""
    if len(params) == 3:  # noqa: PLR2004 - start, step, end
        start, step, end = params
        if end < start and step > 0:
            return b""
    elif 0 < len(params) < 3:  # noqa: PLR2004 - (start,) end
        start, end = params if len(params) == 2 else (1, params[0])  # noqa: PLR2004
        step = -1 if end < start else 1
    else:
        return b""
    # The end is included, and what is behind it may wrap around.
    numbers = make_range(budget, start, wrap_int64(end + (-1 if end < start else 1)), step)
    budget.reserve(len(numbers) * INT_SIZE)
    return b" ".join(b"%d" % number for number in numbers)


FUNCTIONS: dict[str, Entry] = {
    "add": ("...interface {} -> int64", add),
    "add1": ("interface {} -> int64", add_one),
    "add1f": ("budget, interface {} -> float64", add_one_float),
    "addf": ("budget, ...interface {} -> float64", add_floats),
    "biggest": ("interface {}, ...interface {} -> int64", find_largest),
    "ceil": ("interface {} -> float64", ceil),
    "div": ("interface {}, interface {} -> int64", divide),
    "divf": ("budget, interface {}, ...interface {} -> float64", compute(decimal.divide)),
    "floor": ("interface {} -> float64", floor),
    "max": ("interface {}, ...interface {} -> int64", find_largest),
    "maxf": ("interface {}, ...interface {} -> float64", find_largest_float),
    "min": ("interface {}, ...interface {} -> int64", find_smallest),
    "minf": ("interface {}, ...interface {} -> float64", find_smallest_float),
    "mod": ("interface {}, interface {} -> int64", take_remainder),
    "mul": ("interface {}, ...interface {} -> int64", multiply),
    "mulf": ("budget, interface {}, ...interface {} -> float64", compute(decimal.multiply)),
    "round": ("interface {}, int, ...float64 -> float64", round_float),
    "seq": ("budget, ...int -> string", make_sequence),
    "sub": ("interface {}, interface {} -> int64", subtract),
    "subf": ("budget, interface {}, ...interface {} -> float64", compute(decimal.subtract)),
    "until": ("budget, int -> []int", count_until),
    "untilStep": ("budget, int, int, int -> []int", count_by_step),
}
