"""Sprig's digests.

Source: Sprig v3.3.0, group "crypto".
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.crypto.digest import sha1, sha256, sha512

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry

STEP_SIZE = 4096  # bytes that are digested in the time of a step
ADLER_STEP_SIZE = 128
ADLER_BASE = 65521


def make_digest(compute: Callable[[bytes], str | int], step_size: int = STEP_SIZE) -> Callable[[Budget, bytes], bytes]:
    """Make the function of templates of one that gives a text or number."""

    def digest(budget: Budget, text: bytes) -> bytes:
        budget.spend_steps(len(text) // step_size)
        return str(compute(text)).encode()

    return digest


def compute_adler32(text: bytes) -> int:
    """Give the checksum of RFC 1950, section 8.2, for which the static executable shall not carry all of zlib."""
    from itertools import accumulate

    first = (1 + sum(text)) % ADLER_BASE
    second = (sum(accumulate(text, initial=1)) - 1) % ADLER_BASE
    return second << 16 | first


FUNCTIONS: dict[str, Entry] = {
    "adler32sum": ("budget, string -> string", make_digest(compute_adler32, ADLER_STEP_SIZE)),
    "sha1sum": (
        "budget, string -> string",
        make_digest(lambda text: sha1(text, usedforsecurity=False).hexdigest()),
    ),
    "sha256sum": ("budget, string -> string", make_digest(lambda text: sha256(text).hexdigest())),
    "sha512sum": ("budget, string -> string", make_digest(lambda text: sha512(text).hexdigest())),
}
