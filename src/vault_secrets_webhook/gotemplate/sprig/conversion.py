"""Sprig's type conversions: atoi, float64, int, int64, toDecimal.

Source: Sprig v3.3.0, numeric.go and functions.go; documentation "Type Conversion Functions".
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.sprig.cast import to_float64, to_int, to_int64
from vault_secrets_webhook.gotemplate.values import Int64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry


def atoi(text: bytes) -> int:
    """Read a decimal number without complaint: the nearest int of one that is too large, 0 for what is none."""
    from vault_secrets_webhook.gotemplate import strconv

    try:
        return strconv.atoi(text)
    except strconv.NumberError as error:
        return int(error.value)


def read_octal(budget: Budget, value: object) -> Int64:
    """Read what a value prints as octal digits; 0 if they are none or too many."""
    from vault_secrets_webhook.gotemplate.fmt import write_value
    from vault_secrets_webhook.gotemplate.strconv import NumberError, parse_int

    try:
        return Int64(parse_int(write_value(value, budget), 8))
    except NumberError:
        return Int64(0)


FUNCTIONS: dict[str, Entry] = {
    "atoi": ("string -> int", atoi),
    "float64": ("interface {} -> float64", to_float64),
    "int": ("interface {} -> int", to_int),
    "int64": ("interface {} -> int64", to_int64),
    "toDecimal": ("budget, interface {} -> int64", read_octal),
}
