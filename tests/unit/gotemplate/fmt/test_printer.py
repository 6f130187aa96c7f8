"""Values with methods and fields that no function of Sprig gives, and what Go's fmt says of methods that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.fmt import sprint, sprintf, sprintln, write_value
from vault_secrets_webhook.gotemplate.fmt.layout import NilPointer
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.values import Type, Uint8

if TYPE_CHECKING:
    from collections.abc import Mapping


class Named:
    """A struct with fields, one of them not exported, and whichever methods a test gives it."""

    go_type = Type("main.Named", "struct")

    def __init__(self, **methods: str | Exception) -> None:
        self.methods = methods

    @property
    def go_methods(self) -> Mapping[str, object]:
        return {name: ("-> string", lambda _, answer=answer: give(answer)) for name, answer in self.methods.items()}

    @property
    def go_fields(self) -> Mapping[str, object]:
        inner = Quiet()
        return {"Name": b"x", "Inner": inner, "hidden": inner}


class Quiet:
    """A struct without fields that says `quiet`."""

    go_type = Type("main.Quiet", "struct")
    go_fields: ClassVar[dict[str, object]] = {}
    go_methods: ClassVar = {"String": ("-> string", lambda _: b"quiet")}


class Pointer(Quiet):
    """A pointer to a struct without methods."""

    go_type = Type("*main.Quiet", "ptr")
    go_fields: ClassVar[dict[str, object]] = {"A": 1, "B": [b"x"]}
    go_methods: ClassVar = {}


def give(answer: str | Exception) -> bytes:
    if isinstance(answer, Exception):
        raise answer
    return answer.encode()


def write(text: bytes, *values: object) -> bytes:
    return sprintf(Budget(), text, values)


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        pytest.param(b"%v", Named(String="s"), b"s", id="String"),
        pytest.param(b"%v", Named(String="s", Error="e"), b"e", id="Error comes first"),
        pytest.param(b"%6.2s|", Named(String="str"), b"    st|", id="flags are those of strings"),
        pytest.param(b"%#v", Named(GoString="g<>", String="s"), b"g<>", id="GoString"),
        pytest.param(b"%d", Named(String="s"), b"{%!d(string=x) {} {}}", id="a number is asked of the fields"),
        pytest.param(b"%v", Named(), b"{x quiet {}}", id="methods of exported fields alone"),
        pytest.param(b"%+v", Named(), b"{Name:x Inner:quiet hidden:{}}", id="names of fields"),
        pytest.param(
            b"%#v", Named(), b'main.Named{Name:"x", Inner:main.Quiet{}, hidden:main.Quiet{}}', id="Go's syntax"
        ),
        pytest.param(b"%p", Named(), b"%!p(main.Named={x {} {}})", id="a struct has no address"),
        pytest.param(b"%w", Named(String="s"), b"%!w(main.Named={x {} {}})", id="the verb of Errorf"),
        pytest.param(b"%v", Pointer(), b"&{1 [x]}", id="a pointer's struct"),
        pytest.param(b"%#v", Pointer(), b'&main.Quiet{A:1, B:[]interface {}{"x"}}', id="a pointer's struct in Go"),
        pytest.param(b"%v", [Pointer()], b"[0xc000010000]", id="a pointer in a list"),
        pytest.param(b"%#v", [Pointer()], b"[]interface {}{(*main.Quiet)(0xc000010000)}", id="that in Go's syntax"),
        pytest.param(b"%s", [Pointer()], b"[%!s(*main.Quiet=&{1 [x]})]", id="a pointer that should be a string"),
        pytest.param(b"%4d|", NilPointer("*main.T"), b"   0|", id="a nil pointer as a number"),
        pytest.param(b"%6v|", NilPointer("*main.T"), b" <nil>|", id="a nil pointer"),
        pytest.param(b"%#v", NilPointer("*main.T"), b"(*main.T)(nil)", id="a nil pointer in Go's syntax"),
        pytest.param(b"%t", NilPointer("*main.T"), b"%!t(*main.T=<nil>)", id="a nil pointer that should be a bool"),
        pytest.param(b"%v", Named(String=FunctionError("boom")), b"%!v(PANIC=String method: boom)", id="a failure"),
        pytest.param(b"%q", Named(Error=FunctionError("e")), b"%!q(PANIC=Error method: e)", id="a failing Error"),
        pytest.param(
            b"%#v", Named(GoString=FunctionError("g")), b"%!v(PANIC=GoString method: g)", id="a failing GoString"
        ),
    ],
)
def test_methods_and_fields(text: bytes, value: object, written: bytes) -> None:
    assert write(text, value) == written


def test_fails_the_same_within_a_list() -> None:
    failing = Named(String=FunctionError("boom"))
    assert write(b"%v", [failing, 1]) == b"[%!v(PANIC=String method: boom) 1]"
    assert write(b"%d", [failing]) == b"[{%!d(string=x) {} {}}]"


def test_limits_are_no_panics() -> None:
    with pytest.raises(LimitError):
        write(b"%v", Named(String=LimitError("too much")))


def test_print_and_printf_agree() -> None:
    values = [Named(Error=FunctionError("e")), Pointer(), 0.5, Uint8(7), 1j, [Quiet()], {b"k": Quiet()}]
    for value in values:
        assert write_value(value) == sprint([value]) == sprintln([value])[:-1] == write(b"%v", value)
