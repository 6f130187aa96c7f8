"""What a step limit means for Sprig's functions of regular expressions, and the types of what they give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig import MODULES, SPRIG
from vault_secrets_webhook.gotemplate.sprig.regex import FUNCTIONS
from vault_secrets_webhook.gotemplate.values import Slice, find_type

if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.functions import Function

NAMES = MODULES["regex"].split()
TAKING_PATTERNS = [name for name in NAMES if name != "regexQuoteMeta"]


def find_function(name: str) -> Function:
    found = SPRIG.get(name)
    assert found is not None
    return found


def call(name: str, budget: Budget, pattern: bytes, text: bytes) -> object:
    """Call a function with further arguments as its signature wants them."""
    further = {"string": b"x", "int": -1}
    function = find_function(name)
    return function.call(budget, pattern, text, *(further[kind.name] for kind in function.parameters[2:]))


def test_every_function_is_there() -> None:
    assert sorted(FUNCTIONS) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_result_has_the_type_of_the_signature(name: str) -> None:
    function = find_function(name)
    result = function.call(Budget(), b"a.b") if name not in TAKING_PATTERNS else call(name, Budget(), b"b", b"abc")
    types = {"bool": bool, "string": bytes, "[]string": Slice}
    assert type(result) is types[function.result.name]
    if isinstance(result, Slice):
        assert result.go_type is find_type("[]string")
        assert all(type(part) is bytes for part in result)


@pytest.mark.parametrize("name", TAKING_PATTERNS)
def test_limit_is_an_error_of_each(name: str) -> None:
    with pytest.raises(LimitError):
        call(name, Budget(steps=1_000), b"(?:a|a)*b", b"a" * 100_000)


@pytest.mark.parametrize("name", [name for name in TAKING_PATTERNS if name != "regexMatch"])
def test_bad_pattern_is_an_error(name: str) -> None:
    with pytest.raises(FunctionError, match="missing closing") as caught:
        call(name, Budget(), b"(", b"a")
    assert str(caught.value).startswith("regexp: Compile(`(`)") != name.startswith("must")


def test_regex_match_says_nothing_of_a_bad_pattern() -> None:
    assert call("regexMatch", Budget(), b"(", b"a") is False


def test_quoting_is_limited() -> None:
    with pytest.raises(LimitError):
        find_function("regexQuoteMeta").call(Budget(memory=100), b"." * 100)
