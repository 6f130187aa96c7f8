"""The times in certificates, which are only checked: nothing here needs to know them.

Sources: golang.org/x/crypto/cryptobyte, `ReadASN1UTCTime` and `ReadASN1GeneralizedTime`; package time, `Parse`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto.der import GENERALIZED_TIME, UTC_TIME
from vault_secrets_webhook.gotemplate.time.civil import count_month

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.crypto.reader import Reader

MONTHS = 12
PIVOT = 69  # the first of the two-digit years that Go reads as 19xx


def read_validity(reader: Reader) -> None:
    """Read the two times. Raises FunctionError with Go's text."""
    for _ in range(2):
        if reader.starts_with(UTC_TIME):
            text = reader.read(UTC_TIME, "x509: malformed UTCTime")
            if not (is_time(text, 2, has_seconds=True) or is_time(text, 2, has_seconds=False)):
                raise FunctionError("x509: malformed UTCTime", is_constant=True)
        elif reader.starts_with(GENERALIZED_TIME):
            text = reader.read(GENERALIZED_TIME, "x509: malformed GeneralizedTime")
            if not is_time(text, 4, has_seconds=True):
                raise FunctionError("x509: malformed GeneralizedTime", is_constant=True)
        else:
            raise FunctionError("x509: unsupported time format", is_constant=True)


def is_time(text: bytes, year_digits: int, *, has_seconds: bool) -> bool:
    """Tell whether text is a time: year, month, day, hour, minute, maybe second, and a zone."""
    size = year_digits + 8 + 2 * has_seconds
    digits, zone = text[:size], text[size:]
    if len(digits) < size or not digits.isdigit() or not is_zone(zone):
        return False
    year = int(digits[:year_digits])
    if year_digits == 2:  # noqa: PLR2004 # a century is missing
        year += 1900 if year >= PIVOT else 2000
    pairs = digits[year_digits:]
    month, day, hour, minute, second = (int(pairs[start : start + 2] or b"0") for start in range(0, 10, 2))
    if not 1 <= month <= MONTHS or hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004 # what a day has
        return False
    return 1 <= day <= count_month(year, month)


def is_zone(zone: bytes) -> bool:
    """Tell whether it is Z, or an offset that is not nil."""
    if zone == b"Z":
        return True
    digits = zone[1:]
    if len(digits) != 4 or zone[:1] not in {b"+", b"-"} or not digits.isdigit():  # noqa: PLR2004 # hours and minutes
        return False
    return int(digits[:2]) <= 24 and int(digits[2:]) <= 59 and int(digits) > 0  # noqa: PLR2004 # what a day has
