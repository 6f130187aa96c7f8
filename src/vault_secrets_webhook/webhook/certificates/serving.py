"""The TLS context that is served, and the certificate in it.

Until there is one, a certificate that nobody trusts is served, made for this process alone: probes of the kubelet do
not check it, and so they hear that the process lives and is not ready, instead of nothing at all.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.certificate import describe, make_context
from vault_secrets_webhook.webhook.nameless import nameless_file

from .mint import CertificateMint

if TYPE_CHECKING:
    import ssl

    from .state import Serving

PLACEHOLDER = "not-ready.invalid"
PLACEHOLDER_SECONDS = 10 * 365 * 24 * 3600.0


class OwnCertificate:
    """A certificate of our own in a context that serves TLS 1.2 and later.

    `context` stays the same object for good; `serving` is what is in it, None before the first one, which
    `arrived` tells of.
    """

    def __init__(self) -> None:
        self.context = make_context()
        self.serving: Serving | None = None
        self.arrived = asyncio.Event()
        mint, now = CertificateMint(PLACEHOLDER_SECONDS, PLACEHOLDER_SECONDS), time.time()
        load_chain(self.context, mint.make_serving(mint.make_authority(now), {PLACEHOLDER}, now))

    def find_obstacle(self) -> str:
        """Tell why reviews must not be sent here yet; an empty text when nothing is in the way."""
        if self.serving is None:
            return "there is no certificate yet that the caBundle trusts"
        return "" if time.time() < self.serving.end else "the certificate has expired"

    def use(self, serving: Serving) -> None:
        """Serve another certificate from the next handshake on. Raises ConfigurationError, the old one stays then."""
        load_chain(make_context(), serving)  # what does not fit together must not be tried on the live one
        load_chain(self.context, serving)
        self.serving = serving
        self.arrived.set()


def load_chain(context: ssl.SSLContext, serving: Serving) -> None:
    """Load a certificate and its key into a context. Raises ConfigurationError."""
    try:
        with nameless_file(serving.certificate + serving.key.pem) as name:
            context.load_cert_chain(name)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigurationError(f"the own certificate cannot be loaded: {describe(error)}") from None
