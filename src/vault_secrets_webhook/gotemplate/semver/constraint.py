"""Constraints on versions: `>= 1.2, < 2 || ~3.1`.

Alternatives are separated by `||`, what must hold together by commas or spaces. A constraint is an operator and a
version, in which x, X or * in the place of a number, or nothing, stands for any number. `1.2 - 1.4` is short for two.

What is read here is what the regular expressions of the source match; texts are not searched with these, because each
of them has one way only to match. Source: Masterminds/semver v3.3.0, constraints.go.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import LimitError

from .operators import OPERATORS, Pattern
from .version import check_length, is_dotted, parse_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from vault_secrets_webhook.gotemplate.limits import Budget

    # The numbers as they are written, what is before the release, and the whole text.
    Parts: TypeAlias = tuple[list[bytes], bytes, bytes]

SPACES = b"\t\n\f\r "
OPERATOR_CHARS = b"=!<>~^"
NUMBER_CHARS = b"0123456789|xX*"
WORD_CHARS = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"
WILDCARDS = frozenset((b"x", b"X", b"*"))
MOST_NUMBERS = 3
BYTES_PER_STEP = 64  # of text that is gone through
CONSTRAINT_STEPS = 10  # to read one, however short it is
CONSTRAINT_ELEMENTS = 6  # of a list that take as much memory as a constraint does


class Constraint:
    """An operator and the versions that it is about."""

    __slots__ = ("operator", "pattern")

    def __init__(self, operator: bytes, pattern: Pattern) -> None:
        self.operator = operator
        self.pattern = pattern


def parse_constraints(budget: Budget, text: bytes) -> list[list[Constraint]]:
    """Read alternatives of constraints that must hold together. Raises FunctionError for what is none."""
    rewritten = rewrite_ranges(budget, text)
    budget.reserve_elements(1 + rewritten.count(b"||"))
    return [
        [Constraint(operator, make_pattern(parts)) for operator, parts in list(split_constraints(budget, segment))]
        for segment in rewritten.split(b"||")
    ]


def split_constraints(budget: Budget, segment: bytes) -> Iterator[tuple[bytes, Parts]]:
    """Give the operators and versions of a segment."""
    rest = segment.strip(SPACES)
    while True:
        budget.spend_steps(CONSTRAINT_STEPS + len(rest) // BYTES_PER_STEP)
        budget.reserve_elements(CONSTRAINT_ELEMENTS)
        after = rest.lstrip(OPERATOR_CHARS)
        operator = rest[: len(rest) - len(after)]
        after = after.lstrip(SPACES)
        end = find_any(after, SPACES + b",")
        parts = parse_parts(after[:end])
        if operator not in OPERATORS or parts is None:
            raise FunctionError(f"improper constraint: {segment.decode('utf-8', 'surrogateescape')}")
        yield operator, parts
        if end == len(after):
            return
        rest = after[end:].lstrip(SPACES).removeprefix(b",").lstrip(SPACES)


def find_any(text: bytes, chars: bytes) -> int:
    """Give the index of the first of some bytes, the length of the text if it has none."""
    return min(
        (index for index in map(text.find, map(bytes, zip(chars, strict=True))) if index >= 0), default=len(text)
    )


def parse_parts(text: bytes) -> Parts | None:
    """Take the text of a version to pieces; None if it is none. Raises LimitError for what is too long."""
    check_length(text)
    core, plus, metadata = text.partition(b"+")
    core, dash, prerelease = core.partition(b"-")
    numbers = core.removeprefix(b"v").split(b".")
    if len(numbers) > MOST_NUMBERS or not all(number and not number.strip(NUMBER_CHARS) for number in numbers):
        return None
    if (dash and not is_dotted(prerelease)) or (plus and not is_dotted(metadata)):
        return None
    return numbers, dash + prerelease, text


def make_pattern(parts: Parts) -> Pattern:
    """Make of a version the one that others are compared with, zeros in the places of wildcards."""
    numbers, prerelease, text = parts
    # The first wildcard decides: what is behind it does not count.
    known = next((place for place, number in enumerate(numbers) if number in WILDCARDS), len(numbers))
    if known < MOST_NUMBERS:
        text = b".".join((*numbers[:known], *[b"0"] * (MOST_NUMBERS - known))) + prerelease
    try:
        return Pattern(parse_version(text), known)
    except LimitError:
        raise
    except FunctionError:
        raise FunctionError("constraint Parser Error", is_constant=True) from None


def rewrite_ranges(budget: Budget, text: bytes) -> bytes:
    """Write each `1.2 - 1.4` as the two constraints that it stands for."""
    result, start = text, 0
    for index in find_hyphens(text):
        found = match_range(budget, text, start, index)
        if found is not None:
            begin, start, low, high = found
            result = result.replace(text[begin:start], b">= %s, <= %s " % (low, high), 1)
    return result


def find_hyphens(text: bytes) -> Iterator[int]:
    """Give the places of hyphens between spaces."""
    index = text.find(b"-", 1)
    while 0 < index < len(text) - 1:
        if text[index - 1] in SPACES and text[index + 1] in SPACES:
            yield index
        index = text.find(b"-", index + 1)


def match_range(budget: Budget, text: bytes, start: int, hyphen: int) -> tuple[int, int, bytes, bytes] | None:
    """Match a range around a hyphen, not before an index: where it begins and ends, and its two versions."""
    budget.spend_steps(1 + len(text) // BYTES_PER_STEP)
    before = text[start:hyphen].rstrip(SPACES)
    token = start + max(map(before.rfind, map(bytes, zip(SPACES, strict=True)))) + 1
    high = match_version(text[hyphen + 1 :].lstrip(SPACES))
    for begin in range(token, start + len(before)):
        budget.spend_steps(1 + (len(text) - begin) // BYTES_PER_STEP)
        low = text[begin : start + len(before)]
        if high and parse_parts(low) is not None:
            if begin == token:
                begin = start + len(text[start:token].rstrip(SPACES))  # noqa: PLW2901 - spaces before it belong to it
            behind = text[hyphen + 1 :].lstrip(SPACES)[len(high) :]
            return begin, len(text) - len(behind.lstrip(SPACES)), low, high
    return None


def match_version(text: bytes) -> bytes:
    """Give the longest version that the text begins with, nothing if there is none."""
    rest = text.removeprefix(b"v")
    tail = rest.lstrip(NUMBER_CHARS)
    if tail == rest:
        return b""
    for _ in range(MOST_NUMBERS - 1):
        tail = skip_word(tail, b".", NUMBER_CHARS)
    for mark in (b"-", b"+"):
        after = skip_word(tail, mark, WORD_CHARS)
        while len(after) < len(tail):
            tail, after = after, skip_word(after, b".", WORD_CHARS)
    return text[: len(text) - len(tail)]


def skip_word(text: bytes, mark: bytes, chars: bytes) -> bytes:
    """Give what follows a mark and a word; the text itself if it does not begin with these."""
    after = text[1:].lstrip(chars)
    return after if text.startswith(mark) and len(after) < len(text) - 1 else text
