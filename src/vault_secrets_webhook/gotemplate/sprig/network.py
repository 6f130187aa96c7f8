"""Sprig's look-up of a host.

Sources: Sprig v3.3.0, `getHostByName`; package net, `LookupHost` and `isDomainName`.
"""

from __future__ import annotations

from _socket import SOCK_STREAM, getaddrinfo

from vault_secrets_webhook.gotemplate.crypto.addresses import is_literal, is_old_form
from vault_secrets_webhook.gotemplate.sprig.random import choose_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.sprig import Entry

COST = 400_000  # the resolver may wait for seconds
LONGEST, LONGEST_LABEL = 254, 63
LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
OTHERS = b"0123456789-."


def find_address(name: bytes) -> bytes:
    """Give one of a host's addresses. Raises FunctionError if it has none: Sprig then asks for one of none, and panics."""
    addresses = look_up(name)
    return addresses[choose_below(len(addresses))]


def look_up(name: bytes) -> list[bytes]:
    if is_literal(name):
        return [name]
    if not is_domain(name) or is_old_form(name):
        return []
    try:
        found = getaddrinfo(name, None, type=SOCK_STREAM)
    except OSError:  # also what is wrong with this machine, as Go has it
        return []
    return list(dict.fromkeys(str(address[0]).encode() for *_, address in found))


def is_domain(name: bytes) -> bool:
    """Tell whether it can be looked up at all."""
    if name == b".":
        return True
    if not name or len(name) > LONGEST or (len(name) == LONGEST and not name.endswith(b".")):
        return False
    if name.translate(None, LETTERS + OTHERS) or not name.translate(None, b"0123456789."):
        return False
    labels = name.removesuffix(b".").split(b".")
    return all(0 < len(label) <= LONGEST_LABEL and label == label.strip(b"-") for label in labels)


FUNCTIONS: dict[str, Entry] = {"getHostByName": ("string -> string", find_address, COST)}
