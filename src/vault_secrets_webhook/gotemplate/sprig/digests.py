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


def make_digest(compute: Callable[[bytes], str | int]) -> Callable[[Budget, bytes], bytes]:
    """Make the function of templates of one that gives a text or number."""

    def digest(budget: Budget, text: bytes) -> bytes:
        budget.spend_steps(len(text) // STEP_SIZE)
        return str(compute(text)).encode()

    return digest


def compute_adler32(text: bytes) -> int:
    from zlib import adler32  # late: a library that nothing else here needs

    return adler32(text)


FUNCTIONS: dict[str, Entry] = {
    "adler32sum": ("budget, string -> string", make_digest(compute_adler32)),
    "sha1sum": (
        "budget, string -> string",
        make_digest(lambda text: sha1(text, usedforsecurity=False).hexdigest()),
    ),
    "sha256sum": ("budget, string -> string", make_digest(lambda text: sha256(text).hexdigest())),
    "sha512sum": ("budget, string -> string", make_digest(lambda text: sha512(text).hexdigest())),
}
