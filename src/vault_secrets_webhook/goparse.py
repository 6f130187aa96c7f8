"""Go's textual forms of booleans, durations and integers, which annotations and VAULT_* variables use.

Sources: `strconv.ParseBool`, `time.ParseDuration`, and `parseutil.ParseDurationSecond` of Vault's own client,
for which a bare number is seconds.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    T = TypeVar("T")

TRUE_WORDS = frozenset(("1", "t", "T", "TRUE", "true", "True"))
FALSE_WORDS = frozenset(("0", "f", "F", "FALSE", "false", "False"))
NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "\N{MICRO SIGN}s": 1_000,
    "\N{GREEK SMALL LETTER MU}s": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
SECOND = NANOSECONDS["s"]
LONGEST_DURATION = (1 << 63) - 1
LONGEST_TEXT = 100  # characters of a duration that is worth reading
MOST_DIGITS = 40  # more than any number has, and few enough for `int`
DIGITS = frozenset("0123456789")


def parse_bool(text: str) -> bool:
    """Read one of the twelve words of `strconv.ParseBool`; ValueError for any other."""
    if text in TRUE_WORDS:
        return True
    if text in FALSE_WORDS:
        return False
    raise ValueError(f"{text!r} is not a boolean: write true or false")


def read_bool(environ: Mapping[str, str], name: str) -> bool:
    """Read a boolean variable; unset and empty are false. Raises ConfigurationError that names it."""
    return read_setting(name, environ.get(name) or "false", parse_bool)


def read_setting(name: str, text: str, parser: Callable[[str], T]) -> T:
    """Parse the text of a setting; the parser's ValueError becomes a ConfigurationError that names the setting."""
    try:
        return parser(text)
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from None


def parse_duration(text: str) -> int:
    """Read a duration that is not negative (`10s`, `1m30s`, `1.5h`; a bare number is seconds) as nanoseconds.

    Raises ValueError for anything else.
    """
    if not text or len(text) > LONGEST_TEXT:
        raise ValueError("a duration is needed, for example 10s")
    if is_digits(text):
        return check_range(text, int(text) * SECOND)
    total = 0
    rest = text
    while rest:
        number, rest = take_while(rest, DIGITS | {"."})
        unit, rest = take_until(rest, DIGITS | {"."})
        if unit not in NANOSECONDS or number.count(".") > 1 or not number.strip("."):
            raise ValueError(f"{text!r} is not a duration: write it like 10s, 1m30s or 500ms")
        whole, _, fraction = number.partition(".")
        total += int(whole or "0") * NANOSECONDS[unit]
        total += int(fraction or "0") * NANOSECONDS[unit] // 10 ** len(fraction)
    return check_range(text, total)


def parse_whole_number(text: str) -> int:
    """Read decimal digits as a number below 2**63; ValueError for signs, exponents, spaces and the rest."""
    if not is_digits(text):
        raise ValueError(f"{text!r} is not a whole number")
    return check_range(text, int(text))


def is_digits(text: str) -> bool:
    """Tell whether the text is one or more of the ASCII digits (`str.isdigit` takes others as well)."""
    return 0 < len(text) <= MOST_DIGITS and DIGITS.issuperset(text)


def format_duration(nanoseconds: int) -> str:
    """Write a duration as Go's `Duration.String` does: `10s`, `1m30s`, `1.5s`, `500ms`."""
    if nanoseconds < SECOND:
        return format_below_second(nanoseconds)
    minutes, rest = divmod(nanoseconds, NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = decimal(rest, SECOND) + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def format_below_second(nanoseconds: int) -> str:
    if nanoseconds == 0:
        return "0s"
    unit = next(unit for unit in ("ms", "\N{MICRO SIGN}s", "ns") if nanoseconds >= NANOSECONDS[unit])
    return decimal(nanoseconds, NANOSECONDS[unit]) + unit


def decimal(value: int, unit: int) -> str:
    """Write value / unit without trailing zeros; `unit` is a power of ten."""
    whole, fraction = divmod(value, unit)
    digits = str(fraction).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if fraction else str(whole)


def check_range(text: str, value: int) -> int:
    if value > LONGEST_DURATION:
        raise ValueError(f"{text!r} is out of range")
    return value


def take_while(text: str, chars: frozenset[str]) -> tuple[str, str]:
    end = 0
    while end < len(text) and text[end] in chars:
        end += 1
    return text[:end], text[end:]


def take_until(text: str, chars: frozenset[str]) -> tuple[str, str]:
    end = 0
    while end < len(text) and text[end] not in chars:
        end += 1
    return text[:end], text[end:]
