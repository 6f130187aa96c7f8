"""Sprig's functions for dates: what depends on the clock, and limits. The rest is among the golden cases."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig import SPRIG, dates
from vault_secrets_webhook.gotemplate.time.civil import UNIX_EPOCH
from vault_secrets_webhook.gotemplate.time.duration import LONGEST, Duration
from vault_secrets_webhook.gotemplate.time.instant import Time
from vault_secrets_webhook.gotemplate.time.location import LOCAL, UTC
from vault_secrets_webhook.gotemplate.time.names import Month
from vault_secrets_webhook.gotemplate.values import Int32, Int64, JsonNumber, Uint8, Uint64

NOW = 1_700_000_000
OTHERS: tuple[object, ...] = (None, True, 1.5, b"0", JsonNumber(b"0"), [], {}, Uint8(0), Uint64(0))


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still, and the local time zone is UTC."""
    monkeypatch.setattr(LOCAL, "loaded", UTC.loaded)
    monkeypatch.setattr(dates, "read_clock", lambda: Time(NOW + UNIX_EPOCH, 400_000_000, LOCAL))


def call(name: str, *values: object) -> object:
    function = SPRIG.get(name)
    assert function is not None
    return function.call(Budget(), *values) if function.is_metered else function.call(*values)


@pytest.mark.parametrize(
    ("date", "day"),
    [
        (0, b"1970-01-01"),
        (Int64(86_400), b"1970-01-02"),
        (Int32(172_800), b"1970-01-03"),
        (Time(), b"0001-01-01"),
        *((value, b"2023-11-14") for value in OTHERS),
        (Duration(0), b"2023-11-14"),
        (Month(1), b"2023-11-14"),
    ],
)
def test_what_is_a_date(date: object, day: bytes) -> None:
    """All else is now."""
    assert call("htmlDate", date) == day
    assert call("htmlDateInZone", date, b"UTC") == day
    assert call("date", b"2006-01-02", date) == day
    assert call("dateInZone", b"2006-01-02", date, b"Mars/Base") == day


@pytest.mark.parametrize(
    ("date", "age"),
    [
        (NOW, b"0s"),
        (NOW - 1, b"1s"),
        (Int64(NOW - 90), b"1m30s"),
        (Time(NOW + UNIX_EPOCH - 3_600), b"1h0m0s"),
        (Time(NOW + UNIX_EPOCH - 1, 900_000_000), b"1s"),
        (Time(NOW + UNIX_EPOCH, 900_000_000), b"-1s"),
        (NOW + 86_400, b"-24h0m0s"),
        (Time(), b"2562047h47m16.854775807s"),
        *((value, b"0s") for value in (None, b"0", Int32(0), 0.0)),
    ],
)
def test_ago(date: object, age: bytes) -> None:
    assert call("ago", date) == age


@pytest.mark.parametrize(
    ("duration", "text"),
    [(Time(NOW + UNIX_EPOCH - 7_300), b"2h"), (Time(NOW + UNIX_EPOCH + 90), b"1m"), (Time(), b"292y"), (NOW, b"0s")],
)
def test_rough_duration_since_a_time(duration: object, text: bytes) -> None:
    assert call("durationRound", duration) == text


@pytest.mark.parametrize("digits", [20, 5_000])
def test_durations_of_many_digits(digits: int) -> None:
    """More than Python's int would read; Go stops reading at the end of int64, and seconds then wrap around."""
    assert call("duration", b"9" * digits) == b"-1s"
    assert call("duration", b"-" + b"9" * digits) == b"0s"
    assert call("duration", b"0" * digits + b"7") == b"7s"
    assert call("duration", b"9" * digits + b".5") == b"-1s"  # what is behind that end is not looked at
    assert dates.read_seconds(b"9" * digits) == LONGEST


def test_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    now = call("now")
    assert isinstance(now, Time)
    assert now.monotonic is not None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("date", (b"x" * 101, 0)),
        ("htmlDateInZone", (0, b"UTC")),
        ("toDate", (b"x" * 51, b"x" * 51)),
        ("mustToDate", (b"x" * 51, b"x" * 51)),
        ("dateModify", (b"0s" * 51, Time())),
        ("mustDateModify", (b"0s" * 51, Time())),
        ("durationRound", (b"0s" * 51,)),
    ],
)
def test_steps_are_spent(name: str, values: tuple[object, ...]) -> None:
    """Also by those that take no offence at errors."""
    function = SPRIG.get(name)
    assert function is not None
    assert function.is_metered
    with pytest.raises(LimitError):
        function.call(Budget(steps=5), *values)


def test_errors() -> None:
    with pytest.raises(FunctionError, match=r'^parsing time "x" as "2006": cannot parse "x" as "2006"$'):
        call("mustToDate", b"2006", b"x")
    with pytest.raises(FunctionError, match=r'^time: invalid duration "x"$'):
        call("mustDateModify", b"x", Time())


def test_imports_are_few() -> None:
    """Neither Python's own dates nor what they bring: templates are rendered before the application starts."""
    code = (
        "import sys; import vault_secrets_webhook.gotemplate.sprig.dates as d; d.read_clock().find_date(); "
        "print(sorted({'datetime', 'zoneinfo', '_strptime', 'calendar', 'locale', 're', 'typing', 'zipfile'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", PATH + code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


PATH = f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}; "
