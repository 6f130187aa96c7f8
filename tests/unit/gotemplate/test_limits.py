"""What a rendering may spend."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.gotemplate import TemplateError, render
from vault_secrets_webhook.gotemplate.limits import ELEMENT_SIZE, OUTPUT_LIMIT, PLACE_SIZE, Budget, LimitError

STEPS = "^the template takes more than 10 steps$"
MEMORY = "^the template makes more than 1 MiB of values$"
RESULT = "^the result would be larger than 16 MiB$"


def test_steps_to_the_last() -> None:
    budget = Budget(steps=10)
    budget.spend_steps(4)
    budget.spend_steps(6)
    with pytest.raises(LimitError, match=STEPS) as caught:
        budget.spend_steps(1)
    assert caught.value.is_constant


def test_memory_to_the_last() -> None:
    budget = Budget(memory=1 << 20)
    budget.reserve(1 << 19)
    budget.reserve_elements((1 << 19) // ELEMENT_SIZE)
    with pytest.raises(LimitError, match=MEMORY):
        budget.reserve(1)


def test_one_string_is_no_larger_than_the_output() -> None:
    budget = Budget()
    budget.reserve(OUTPUT_LIMIT)
    with pytest.raises(LimitError, match=RESULT):
        budget.reserve(OUTPUT_LIMIT + 1)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (b"abc", 3),
        ([1, 2], 2 * PLACE_SIZE),
        ({b"a": 1}, PLACE_SIZE),
        (5, 0),
        (None, 0),
    ],
)
def test_results_are_counted_by_their_size(value: object, size: int) -> None:
    budget = Budget(memory=1000)
    budget.count_result(value)
    assert budget.memory == 1000 - size


def test_parts_of_lists_are_counted() -> None:
    text = "{{$l := until 9000}}{{$m := list}}{{range 1000}}{{$m = append $m (slice $l 0 9000)}}{{end}}{{len $m}}"
    with pytest.raises(TemplateError, match="the template makes more than 64 MiB of values"):
        render(text, None)


def test_results_of_callables_are_counted() -> None:
    with pytest.raises(TemplateError, match="error calling make: the template makes more than 64 MiB of values"):
        render("{{range 9}}{{$x := make}}{{end}}", None, functions={"make": lambda: "x" * (8 << 20)})


@pytest.mark.parametrize(
    "text",
    [
        "{{$d := dict}}{{range 2000}}{{$_ := set $d (print .) .}}{{end}}{{len $d}}",
        "{{$l := until 2000}}{{range 2000}}{{$l = default list $l}}{{end}}{{len $l}}",
        "{{$d := dict `l` (until 2000)}}{{range 2000}}{{$_ := get $d `l`}}{{end}}{{len $d.l}}",
        "{{$l := list}}{{range 2000}}{{$l = append $l .}}{{end}}{{len $l}}",
    ],
    ids=["set", "default", "get", "append"],
)
def test_what_was_there_before_is_not_counted_again(text: str) -> None:
    assert render(text, None) == "2000"
