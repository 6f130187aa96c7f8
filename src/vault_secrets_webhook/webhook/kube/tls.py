"""TLS towards the Kubernetes API: whom we trust, and our own certificate."""

from __future__ import annotations

import ssl
from typing import NamedTuple, Never

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.nameless import nameless_file


class Trust(NamedTuple):
    """How the API server's certificate is checked: CA certificates (PEM; empty for the system's), or not at all."""

    authorities: bytes = b""
    skips_verification: bool = False


class KeyPair(NamedTuple):
    """A client certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "KeyPair(...)"


def make_client_context(trust: Trust, pair: KeyPair | None, source: str) -> ssl.SSLContext:
    """Make a context for connections to the API server. Raises ConfigurationError that names `source`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if trust.skips_verification:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.authorities:
        load_authorities(context, trust.authorities, source)
    else:
        context.load_default_certs()
    if pair is not None:
        load_pair(context, pair, source)
    return context


def load_authorities(context: ssl.SSLContext, authorities: bytes, source: str) -> None:
    """Trust what these certificates signed. Raises ConfigurationError."""
    try:
        context.load_verify_locations(cadata=authorities.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ConfigurationError(f"{source}: the certificate authority is not a PEM certificate") from None


def load_pair(context: ssl.SSLContext, pair: KeyPair, source: str) -> None:
    """Use a client certificate. Raises ConfigurationError."""

    def refuse_password() -> Never:  # OpenSSL's own question would wait at a terminal for ever
        raise ConfigurationError(f"{source}: the client key is encrypted, which is not supported")

    with nameless_file(pair.certificate) as certificate, nameless_file(pair.key) as key:
        try:
            context.load_cert_chain(certificate, key, password=refuse_password)
        except (ssl.SSLError, ValueError):
            message = "the client certificate and its key are not a pair of PEM files"
            raise ConfigurationError(f"{source}: {message}") from None
