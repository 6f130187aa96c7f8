"""A TLS handshake in memory."""

from __future__ import annotations

import ssl


def find_served(context: ssl.SSLContext, bundle: str, name: str) -> bytes | None:
    """Find what a server with this context shows to a client that trusts a bundle (PEM); None if it is not accepted."""
    trusting = ssl.create_default_context(cadata=bundle)
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    return shake_hands(trusting, context, name)


def shake_hands(trusting: ssl.SSLContext, context: ssl.SSLContext, name: str) -> bytes | None:
    """Find what a server shows to a client with its own context; None if it is not accepted."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return None
    return client.getpeercert(binary_form=True)
