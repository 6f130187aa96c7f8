"""Numbers and literals as Go's strconv reads them; every expectation here is Go's answer."""

from __future__ import annotations

import math

import pytest

from vault_secrets_webhook.gotemplate.numbers import JSON_NUMBER_METHODS
from vault_secrets_webhook.gotemplate.strconv import NumberError, atoi, parse_float, parse_int, parse_uint
from vault_secrets_webhook.gotemplate.unquote import unquote
from vault_secrets_webhook.gotemplate.values import Int64, JsonNumber

MAX_INT64, MAX_UINT64 = (1 << 63) - 1, (1 << 64) - 1


@pytest.mark.parametrize(
    ("text", "base", "expected"),
    [
        (b"12", 10, 12),
        (b"+12", 10, 12),
        (b"-12", 10, -12),
        (b"0012", 10, 12),
        (b"9223372036854775807", 10, MAX_INT64),
        (b"-9223372036854775808", 10, -MAX_INT64 - 1),
        (b"zz", 36, 1295),
        (b"0x1F", 0, 31),
        (b"-0X1f", 0, -31),
        (b"0o17", 0, 15),
        (b"017", 0, 15),
        (b"0b11", 0, 3),
        (b"0", 0, 0),
        (b"1_000", 0, 1000),
        (b"0x_1", 0, 1),
        (b"0_7", 0, 7),
        (b"-1_0", 0, -10),
    ],
)
def test_parse_int(text: bytes, base: int, expected: int) -> None:
    assert parse_int(text, base) == expected


@pytest.mark.parametrize(
    ("text", "base", "reason", "value"),
    [
        (b"", 10, "invalid syntax", 0),
        (b"+", 10, "invalid syntax", 0),
        (b"--1", 10, "invalid syntax", 0),
        (b" 1", 10, "invalid syntax", 0),
        (b"1.0", 10, "invalid syntax", 0),
        (b"1_0", 10, "invalid syntax", 0),
        (b"0x1", 10, "invalid syntax", 0),
        (b"08", 0, "invalid syntax", 0),
        (b"0x", 0, "invalid syntax", 0),
        (b"1__0", 0, "invalid syntax", 0),
        (b"_1", 0, "invalid syntax", 0),
        (b"1_", 0, "invalid syntax", 0),
        (b"2", 2, "invalid syntax", 0),
        ("\u0661".encode(), 10, "invalid syntax", 0),
        (b"9223372036854775808", 10, "value out of range", MAX_INT64),
        (b"-9223372036854775809", 10, "value out of range", -MAX_INT64 - 1),
        (b"18446744073709551616x", 10, "value out of range", MAX_INT64),
        (b"18446744073709551615x", 10, "invalid syntax", 0),
        (b"1" * 5_000, 10, "value out of range", MAX_INT64),
    ],
)
def test_parse_int_fails(text: bytes, base: int, reason: str, value: int) -> None:
    with pytest.raises(NumberError) as caught:
        parse_int(text, base)
    assert str(caught.value).startswith('strconv.ParseInt: parsing "')
    assert (caught.value.reason, caught.value.value) == (reason, value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"+1", 'strconv.ParseUint: parsing "+1": invalid syntax'),
        (b"-1", 'strconv.ParseUint: parsing "-1": invalid syntax'),
        (b"18446744073709551616", 'strconv.ParseUint: parsing "18446744073709551616": value out of range'),
        (b'a"\xff\n', r'strconv.ParseUint: parsing "a\"\xff\n": invalid syntax'),
    ],
)
def test_parse_uint_fails(text: bytes, error: str) -> None:
    with pytest.raises(NumberError) as caught:
        parse_uint(text, 10)
    assert str(caught.value) == error


def test_parse_uint() -> None:
    assert parse_uint(b"18446744073709551615", 10) == MAX_UINT64


@pytest.mark.parametrize(
    ("text", "expected"), [(b"7", 7), (b"-7", -7), (b"+7", 7), (b"000", 0), (b"9" * 18, 10**18 - 1)]
)
def test_atoi(text: bytes, expected: int) -> None:
    assert atoi(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [(b"", "invalid syntax"), (b"a", "invalid syntax"), (b"1e3", "invalid syntax"), (b"9" * 19, "value out of range")],
)
def test_atoi_fails(text: bytes, reason: str) -> None:
    with pytest.raises(NumberError) as caught:
        atoi(text)
    assert str(caught.value) == f'strconv.Atoi: parsing "{text.decode()}": {reason}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"1", 1.0),
        (b"-.5", -0.5),
        (b"5.", 5.0),
        (b"+1e3", 1000.0),
        (b"1E-3", 0.001),
        (b"0x1p-2", 0.25),
        (b"0X1.8P1", 3.0),
        (b"0x.8p1", 1.0),
        (b"0x_1F.8p0", 31.5),
        (b"1_000.5", 1000.5),
        (b"inf", math.inf),
        (b"-Infinity", -math.inf),
        (b"+INF", math.inf),
        (b"1e-400", 0.0),
        (b"0x1p-2000", 0.0),
        (b"0e99999999999", 0.0),
        (b"1e+0000000000000000003", 1000.0),
        (b"0.1" + b"0" * 5_000, 0.1),
        (b"1" + b"0" * 5_000 + b"e-5000", 1.0),
        (b"2.2250738585072011e-308", 2.225073858507201e-308),
    ],
)
def test_parse_float(text: bytes, expected: float) -> None:
    assert parse_float(text) == expected


def test_parse_float_reads_nan() -> None:
    assert math.isnan(parse_float(b"NaN"))


def test_parse_float_keeps_the_sign_of_zero() -> None:
    assert math.copysign(1, parse_float(b"-0")) == -1


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"+", b".", b"e3", b"1e", b"1e+", b"1e3.5", b" 1", b"1 ", b"1__0", b"_1", b"1_", b"1_e3", b"1e_3"),
        *(b"+nan", b"-nan", b"infi", b"in", b"0x", b"0x1", b"0x1.8", b"0xp1", b"0xgp1", b"1p3", b"0_x1p0", b"1.2.3"),
        *("\u0661".encode(), b"\xff", b"1f", b"1e400x"),
    ],
)
def test_parse_float_refuses(text: bytes) -> None:
    with pytest.raises(NumberError) as caught:
        parse_float(text)
    assert (caught.value.reason, caught.value.value) == ("invalid syntax", 0)


@pytest.mark.parametrize("text", [b"1e309", b"1" * 400, b"0x1p1024", b"1e99999999999999999999"])
@pytest.mark.parametrize("sign", [b"", b"-"])
def test_parse_float_is_out_of_range(sign: bytes, text: bytes) -> None:
    with pytest.raises(NumberError) as caught:
        parse_float(sign + text)
    assert str(caught.value) == f'strconv.ParseFloat: parsing "{(sign + text).decode()}": value out of range'
    assert caught.value.value == (-math.inf if sign else math.inf)


@pytest.mark.parametrize(
    ("quoted", "expected"),
    [
        ('"a"', b"a"),
        ('""', b""),
        ('"é"', "é".encode()),
        ("`a\\n\r\n`", b"a\\n\n"),
        ("``", b""),
        (r'"\a\b\f\n\r\t\v\\\""', b'\a\b\f\n\r\t\v\\"'),
        (r'"\xff\377\u00e9\U0001F600"', b"\xff\xff" + "é😀".encode()),
        ('"\udcff"', "\ufffd".encode()),
        ("`\udcff`", b"\xff"),
        ("'a'", b"a"),
        (r"'\''", b"'"),
        (r"'\xff'", b"\xff"),
        ("''", b""),
    ],
)
def test_unquote(quoted: str, expected: bytes) -> None:
    assert unquote(quoted) == expected


@pytest.mark.parametrize(
    "quoted",
    [
        *("", '"', "a", "aa", '"a', 'a"', "\"a'", '"a"b"', "`a`b`", '"a\nb"', r'"\'"', r'"\q"', r'"\x4"', r'"\xg0"'),
        *(r'"\8"', r'"\18"', r'"\400"', r'"\ud800"', r'"\U00110000"', '"\\"', "'ab'", r"'\"'", "'\n'", r'"\u12"'),
    ],
)
def test_unquote_refuses(quoted: str) -> None:
    with pytest.raises(ValueError, match=r"^invalid syntax$"):
        unquote(quoted)


def call_method(name: str, number: bytes) -> object:
    return JSON_NUMBER_METHODS[name][1](JsonNumber(number))


def test_methods_of_json_numbers() -> None:
    string, integer = call_method("String", b"1e3"), call_method("Int64", b"-12")
    assert (string, type(string)) == (b"1e3", bytes)
    assert (integer, type(integer)) == (-12, Int64)
    assert call_method("Float64", b"1e3") == 1000.0


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("Int64", b"1e3", 'strconv.ParseInt: parsing "1e3": invalid syntax'),
        ("Float64", b"1e999", 'strconv.ParseFloat: parsing "1e999": value out of range'),
    ],
)
def test_methods_of_json_numbers_fail(name: str, text: bytes, error: str) -> None:
    with pytest.raises(NumberError) as caught:
        call_method(name, text)
    assert str(caught.value) == error
