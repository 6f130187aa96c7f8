"""The walk through a template: what the cases of the oracle cannot show, its limits and its errors without secrets."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.gotemplate import Number, Template, TemplateError, render
from vault_secrets_webhook.gotemplate.limits import Budget

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT_DOWN = '{{define "f"}}{{if gt . 1}}{{with sub . 1 | int}}{{template "f" .}}{{end}}{{else}}bottom{{end}}{{end}}'
ENDLESS = '{{define "f"}}{{if true}}{{template "f"}}{{end}}{{end}}{{template "f"}}'
BLOCKS = '{{define "f"}}{{range 1}}{{with 1}}{{if .}}{{template "f"}}{{end}}{{end}}{{end}}{{end}}{{template "f"}}'
DEEP = 20_000
SMALL_STACK = 256 * 1024


def fail(text: str, data: object = None, budget: Budget | None = None) -> str:
    with pytest.raises(TemplateError) as caught:
        Template(text).execute(data, budget)
    return str(caught.value)


def in_small_thread(work: Callable[[], object]) -> object:
    """Do something in a thread with a stack like those of musl."""
    results: list[object] = []
    before = threading.stack_size(SMALL_STACK)
    try:
        thread = threading.Thread(target=lambda: results.append(work()))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    return results[0]


@pytest.mark.parametrize(
    "run", [pytest.param(lambda work: work(), id="main"), pytest.param(in_small_thread, id="small")]
)
def test_templates_nest_to_their_limit(run: Callable[[Callable[[], object]], object]) -> None:
    call = f'{{{{template "f" {DEEP}}}}}'
    assert run(lambda: render(COUNT_DOWN + call, None)) == "bottom"


@pytest.mark.parametrize(
    "run", [pytest.param(lambda work: work(), id="main"), pytest.param(in_small_thread, id="small")]
)
def test_templates_nest_no_deeper(run: Callable[[Callable[[], object]], object]) -> None:
    expected = 'template: template:1:36: executing "f" at <{{template "f"}}>: exceeded maximum template depth (100000)'
    assert run(lambda: fail(ENDLESS)) == expected


def test_bodies_within_templates_are_counted_while_they_last() -> None:
    assert fail(BLOCKS, budget=Budget(memory=1 << 20)).endswith("the template makes more than 1 MiB of values")
    once = '{{define "f"}}{{with 1}}{{.}}{{end}}{{end}}'
    budget = Budget(memory=1 << 10)
    assert Template(once + "{{range 50}}{{template `f`}}{{end}}").execute(None, budget) == b"1" * 50


def test_many_levels_are_left_again() -> None:
    """The variables and the dot of a template are those of before when one within it is at its end."""
    text = '{{define "f"}}{{$x := .}}{{if lt . 9}}{{template "f" (add . 1 | int)}}{{end}}{{$x}}{{.}} {{end}}{{template "f" 5}}{{$}}'
    assert render(text, "end") == "99 88 77 66 55 end"


@pytest.mark.parametrize(
    ("text", "steps", "expected"),
    [
        pytest.param(
            "{{range 9223372036854775807}}{{end}}", 100, "at <>: the template takes more than 100 steps", id="empty"
        ),
        pytest.param(
            "{{range 9223372036854775807}}x{{end}}", 100, "at <x>: the template takes more than 100 steps", id="loop"
        ),
        pytest.param("{{range 50}}{{range 50}}{{end}}{{end}}", 1000, "takes more than 1000 steps", id="nested"),
        pytest.param(
            '{{define "f"}}{{range 4}}{{template "f"}}{{end}}{{end}}{{template "f"}}', 1000, "steps", id="recursion"
        ),
        pytest.param("{{range 100}}{{print}}{{end}}", 250, "steps", id="calls"),
        pytest.param(
            '{{$x := repeat 6400 "x"}}{{range 9}}{{if eq $x $x}}{{end}}{{end}}', 500, "calling eq", id="strings"
        ),
        pytest.param("{{$x := until 6400}}{{range 9}}{{if eq nil $x}}{{end}}{{end}}", 500, "calling eq", id="lists"),
        pytest.param("{{range 9}}{{$.m}}{{end}}", 500, "steps", id="printing"),
        pytest.param("{{range 9}}{{$x := print $.m}}{{end}}", 700, "calling print", id="print"),
        pytest.param("{{range 9}}{{$x := html $.m}}{{end}}", 700, "calling html", id="html"),
        pytest.param("{{range 9}}{{range $.m}}{{break}}{{end}}{{end}}", 500, "steps", id="sorting"),
    ],
)
def test_steps_are_counted(text: str, steps: int, expected: str) -> None:
    data = {"m": {str(number): number for number in range(100)}}
    assert expected in fail(text, data, Budget(steps))


def test_steps_suffice_for_what_is_small() -> None:
    assert Template("{{range 50}}{{.}}{{end}}").execute(None, Budget(250)).startswith(b"0123")


def test_output_is_limited() -> None:
    text = '{{$x := repeat 1048576 "x"}}{{range 17}}{{$x}}{{end}}'
    expected = 'template: template:1:42: executing "template" at <{{$x}}>: the output is larger than 16 MiB'
    assert fail(text) == expected
    assert len(render(text.replace("17", "16"), None)) == 16 << 20


def test_what_functions_give_is_counted() -> None:
    """Memory is counted when it is given, so that values that are thrown away count too."""
    text, data = "{{range 3}}{{$x := upper $}}{{end}}", "x" * (1 << 20)
    expected = "error calling upper: the template makes more than 2 MiB of values"
    assert fail(text, data, Budget(memory=2 << 20)).endswith(expected)
    assert Template(text).execute(data, Budget(memory=3 << 20)) == b""


def test_doubling_a_value_is_stopped() -> None:
    assert "16 MiB" in fail('{{$x := "0123456789abcdef"}}{{range 40}}{{$x = print $x $x}}{{end}}')


def test_value_that_is_nested_deep() -> None:
    """Go would print it. It is an error here, and none of the interpreter."""
    text = "{{$x := list}}{{range 5000}}{{$x = list $x}}{{end}}{{$x}}"
    assert fail(text).endswith("at <{{$x}}>: this, or a value that it uses, is nested too deep")


def test_value_that_holds_itself() -> None:
    """Go would end the process."""
    assert "nested too deep" in fail('{{$d := dict}}{{$_ := set $d "a" $d}}{{$d}}')


def test_memory_that_is_not_there() -> None:
    def exhaust() -> str:
        raise MemoryError

    with pytest.raises(TemplateError, match=r"<exhaust>: there is not enough memory for this"):
        render("{{exhaust}}", None, functions={"exhaust": exhaust})


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("{{range .s}}{{end}}", "range can't iterate over (a value is left out here: it may be a secret)"),
        ("{{range .f}}{{end}}", "range can't iterate over (a value is left out here: it may be a secret)"),
        (
            "{{range $i, $x := int .n}}{{end}}",
            "can't use (a value is left out here: it may be a secret) to iterate over more than one variable",
        ),
        ("{{.s.x}}", "can't evaluate field x in type interface {}"),
        ('{{template "none"}}', 'template "none" not defined'),
        ("{{fail .s}}", "error calling fail: (its words are left out here: they may quote a secret)"),
        ("{{.s | fail}}", "error calling fail: (its words are left out here: they may quote a secret)"),
        ("{{fail (print .s)}}", "error calling fail: (its words are left out here: they may quote a secret)"),
        ("{{print .s | fail | print}}", "error calling fail: (its words are left out here: they may quote a secret)"),
        ('{{fail "plain"}}', "error calling fail: plain"),
        ("{{index .l .i}}", "error calling index: (its words are left out here: they may quote a secret)"),
        ("{{index .l 47}}", "error calling index: (its words are left out here: they may quote a secret)"),
        ("{{eq .l .l}}", "error calling eq: (its words are left out here: they may quote a secret)"),
        ("{{.s | call}}", "error calling call: (its words are left out here: they may quote a secret)"),
        ("{{.n.Int64}}", "error calling Int64: (its words are left out here: they may quote a secret)"),
        ("{{lt .s .f}}", "error calling lt: incompatible types for comparison: string and float64"),
        ("{{len .f}}", "error calling len: len of type float64"),
        ("{{upper .f}}", "wrong type for value; expected string; got float64"),
    ],
)
def test_shown_text_has_no_value(text: str, ending: str) -> None:
    secret = "4711"
    data = {"s": secret, "n": Number("4711.5"), "f": 4711.0, "l": [secret], "i": 4711}
    with pytest.raises(TemplateError) as caught:
        render(text, data)
    assert caught.value.shown.endswith(f">: {ending}")
    assert secret not in caught.value.shown
    assert ("left out" in ending) == (str(caught.value) != caught.value.shown)


def test_renders_run_at_once() -> None:
    """Nothing of a rendering is shared with another, the limits of the interpreter neither."""
    template = Template(COUNT_DOWN + '{{template "f" .n}}:{{range $i, $x := .l}}{{$i}}{{$x}}{{end}}')
    results: dict[int, bytes] = {}

    def work(number: int) -> None:
        for _ in range(5):
            results[number] = template.execute({"n": 200 + number, "l": [number, number]})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: f"bottom:0{number}1{number}".encode() for number in range(4)}
