"""Sprig's JSON functions. Sources: Sprig v3.3.0, defaults.go; documentation "Defaults Functions"."""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.json import decode, marshal, unmarshal
from vault_secrets_webhook.gotemplate.limits import LimitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry

INDENT = b"  "


def read(budget: Budget, text: bytes) -> object:
    """Read a document; what is no JSON is nil, and so is a number in it that is no float64."""
    return decode(budget, text)[0]


def write_strictly(budget: Budget, value: object) -> bytes:
    return marshal(budget, value)


def write_pretty_strictly(budget: Budget, value: object) -> bytes:
    return marshal(budget, value, indent=INDENT)


def write(budget: Budget, value: object) -> bytes:
    """Write a value; what has no form in JSON gives the empty string."""
    return write_quietly(budget, value, b"")


def write_pretty(budget: Budget, value: object) -> bytes:
    return write_quietly(budget, value, INDENT)


def write_quietly(budget: Budget, value: object, indent: bytes) -> bytes:
    try:
        return marshal(budget, value, indent=indent)
    except LimitError:
        raise
    except FunctionError:
        return b""


def write_raw(budget: Budget, value: object) -> bytes:
    """Write a value without the escapes for HTML's sake. Raises FunctionError for what has no form in JSON."""
    return marshal(budget, value, escape_html=False, is_pointed_to=True)


FUNCTIONS: dict[str, Entry] = {
    "fromJson": ("budget, string -> interface {}", read),
    "mustFromJson": ("budget, string -> interface {}", unmarshal),
    "mustToJson": ("budget, interface {} -> string", write_strictly),
    "mustToPrettyJson": ("budget, interface {} -> string", write_pretty_strictly),
    "mustToRawJson": ("budget, interface {} -> string", write_raw),
    "toJson": ("budget, interface {} -> string", write),
    "toPrettyJson": ("budget, interface {} -> string", write_pretty),
    "toRawJson": ("budget, interface {} -> string", write_raw),
}
