"""What callers give to a template, as Go's values."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from enum import Enum
from http import HTTPStatus

import pytest

from vault_secrets_webhook.gotemplate import Number, TemplateError
from vault_secrets_webhook.gotemplate.data import convert
from vault_secrets_webhook.gotemplate.values import Int64, JsonNumber


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, None),
        (True, True),
        (1, 1),
        (-(1 << 63), -(1 << 63)),
        (1.5, 1.5),
        ("é", "é".encode()),
        (b"\xff", b"\xff"),
        ("\udcff", b"\xff"),
        (Number("1.50"), JsonNumber(b"1.50")),
        ([1, ["a"]], [1, [b"a"]]),
        ({"é": {"b": []}}, {"é".encode(): {b"b": []}}),
        ({b"a": 1}, {b"a": 1}),
        (Int64(5), Int64(5)),
        ([Int64(5)], [Int64(5)]),
    ],
)
def test_types(data: object, expected: object) -> None:
    converted = convert(data)
    assert converted == expected
    assert type(converted) is type(expected)


class Text(str, Enum):  # noqa: UP042 # the words of a StrEnum are those of its value
    """A str whose own words are others."""

    __slots__ = ()
    A = "é"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(OrderedDict(a=1), {b"a": 1}, id="dict"),
        pytest.param(defaultdict(list, a=[Text.A]), {b"a": ["é".encode()]}, id="dict-with-default"),
        pytest.param({Text.A: 1}, {"é".encode(): 1}, id="key"),
        pytest.param(type("List", (list,), {})([1, "a"]), [1, b"a"], id="list"),
        pytest.param(Text.A, "é".encode(), id="str"),
        pytest.param(HTTPStatus.OK, 200, id="int"),
        pytest.param(type("Float", (float,), {})(1.5), 1.5, id="float"),
        pytest.param(type("Bytes", (bytes,), {})(b"a"), b"a", id="bytes"),
    ],
)
def test_classes_made_of_them(data: object, expected: object) -> None:
    converted = convert(data)
    assert converted == expected
    assert type(converted) is type(expected)


def test_containers_are_copied() -> None:
    data: dict[str, object] = {"a": [1]}
    converted = convert(data)
    assert isinstance(converted, dict)
    converted[b"a"].append(2)
    assert data == {"a": [1]}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (object(), "object"),
        ({1}, "set"),
        ([{"a": bytearray()}], "bytearray"),
        ({1: 2}, "maps with keys of type int"),
        ({None: 2}, "maps with keys of type NoneType"),
        (1 << 63, "integers of more than 64 bits"),
        ([-(1 << 63) - 1], "integers of more than 64 bits"),
    ],
)
def test_types_that_go_does_not_know(data: object, name: str) -> None:
    with pytest.raises(TypeError, match=f"^templates know no {name}$"):
        convert(data)


def nest(depth: int) -> object:
    data: object = "leaf"
    for level in range(depth):
        data = [data] if level % 2 else {"a": data}
    return data


def test_deep_data() -> None:
    assert convert(nest(100)) is not None
    with pytest.raises(TemplateError, match=r"^template: the data are nested too deep$"):
        convert(nest(100_000))


def test_data_that_hold_themselves() -> None:
    data: dict[str, object] = {}
    data["self"] = data
    with pytest.raises(TemplateError, match="nested too deep"):
        convert(data)
