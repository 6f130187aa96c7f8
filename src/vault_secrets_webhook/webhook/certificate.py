"""The serving certificate: read from two files, put to use again when they change.

A new pair is loaded into the context that is already in use (`SSL_CTX` keeps the old one for the connections that
have it), so no connection is dropped. It is tried on a context of its own first: a pair that does not fit together
would take the certificate of the live one away. Kubernetes changes a mounted Secret by turning a symbolic link, hence
the look at what the names lead to (inode, time and size) every few seconds instead of a watch on the files.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Never

from cryptography import x509

from vault_secrets_webhook.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import datetime

    from vault_secrets_webhook.textlog import Log

    from .metrics import Metrics

NO_REASON = ""  # OpenSSL does not always give one
FAULTS = {
    NO_REASON: "not a certificate chain and its key in PEM form",
    "KEY_VALUES_MISMATCH": "the private key does not belong to the certificate",
    "NO_START_LINE": "one of them is not a PEM file",
    "EE_KEY_TOO_SMALL": "the key is too small to be safe",
}


class FileState(NamedTuple):
    """What changes when a file is written or replaced."""

    inode: int
    modified: int
    size: int


class Certificate:
    """A certificate chain and its key, in a context that serves TLS 1.2 and later.

    `context` stays the same object for good; `expiry` is the end of validity of the first certificate of the chain.
    """

    def __init__(self, certificate_file: str, key_file: str) -> None:
        """Load the pair. Raises ConfigurationError that names the file or the pair."""
        self.certificate_file = certificate_file
        self.key_file = key_file
        self.context = make_context()
        self.seen: tuple[FileState, FileState] | None = self.look()
        self.expiry = self.load()

    def look(self) -> tuple[FileState, FileState]:
        """Look at both files. Raises ConfigurationError for one that is not there."""
        return (
            look_at("TLS_CERT_FILE", self.certificate_file),
            look_at("TLS_PRIVATE_KEY_FILE", self.key_file),
        )

    def load(self) -> datetime:
        """Load the pair into the context; returns its expiry. Raises ConfigurationError, the old pair stays then."""
        for context in (make_context(), self.context):
            try:
                context.load_cert_chain(self.certificate_file, self.key_file, password=self.refuse_password)
            except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                if context is self.context:  # the files changed in between: look again, whatever they are
                    self.seen = None
                raise ConfigurationError(f"TLS_CERT_FILE and TLS_PRIVATE_KEY_FILE: {describe(error)}") from None
        return read_expiry(self.certificate_file)

    def reload(self) -> bool:
        """Load the pair again if a file has changed; tells whether it did. Raises ConfigurationError like `load`.

        A pair that cannot be loaded is not tried again before it changes again.
        """
        state = self.look()
        if state == self.seen:
            return False
        self.seen = state
        self.expiry = self.load()
        return True

    def refuse_password(self) -> Never:
        """Stand in for OpenSSL's own question, which would wait at a terminal for ever."""
        raise ConfigurationError(f"TLS_PRIVATE_KEY_FILE {self.key_file} is encrypted: give a key without a pass phrase")


def open_certificate(certificate_file: str, key_file: str) -> Certificate | None:
    """Load the serving certificate if one is configured: both files are named, or none. Raises like `Certificate`."""
    return Certificate(certificate_file, key_file) if certificate_file else None


async def watch_certificate(certificate: Certificate, metrics: Metrics, log: Log, interval: float) -> None:
    """Reload the certificate whenever it changes, looking every `interval` seconds, until cancelled."""
    known = ""
    while True:
        await asyncio.sleep(interval)
        changed, fault = try_reload(certificate)
        if fault and fault != known:  # once, not at every look
            metrics.certificate_failures.inc()
            log.error("the new certificate cannot be used, the old one is kept", error=fault)
        known = fault
        if changed:
            metrics.certificate_expiry.set(certificate.expiry.timestamp())
            log.info("certificate reloaded", expires=certificate.expiry.isoformat())


def try_reload(certificate: Certificate) -> tuple[bool, str]:
    """Reload the certificate if it changed: whether it did, and what went wrong ("" for nothing)."""
    try:
        return certificate.reload(), ""
    except ConfigurationError as error:
        return False, str(error)


def make_context() -> ssl.SSLContext:
    """Make a context for a server without a certificate yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def look_at(setting: str, name: str) -> FileState:
    """Look at a file, through symbolic links. Raises ConfigurationError."""
    try:
        status = os.stat(name)  # noqa: PTH116 - names from settings need no Path
        with open(name, "rb"):  # noqa: PTH123 - as above; to tell an unreadable file by its name
            pass
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{setting} {name}: {describe(error)}") from None
    return FileState(status.st_ino, status.st_mtime_ns, status.st_size)


def read_expiry(name: str) -> datetime:
    """Read when the first certificate of a PEM file expires. Raises ConfigurationError."""
    try:
        return x509.load_pem_x509_certificate(Path(name).read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"TLS_CERT_FILE {name}: {describe(error)}") from None


def describe(error: Exception) -> str:
    """Describe a failure to read in few words."""
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", None) or NO_REASON
        return FAULTS.get(reason, reason.replace("_", " ").lower())
    return (error.strerror if isinstance(error, OSError) else None) or "it cannot be read"
