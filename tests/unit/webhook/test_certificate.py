"""The serving certificate: what can be loaded, what is said of the rest, and what a reload leaves alone."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.fakes.certificates import make_pair
from tests.fakes.handshake import shake_hands
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.certificate import Certificate, describe, open_certificate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.certificates import Pair


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return make_pair(tmp_path, days=30)


def open_pair(pair: Pair) -> Certificate:
    return Certificate(str(pair.certificate), str(pair.key))


def make_tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "of OpenSSL")
    error.reason = reason
    return error


def served(certificate: Certificate, pair: Pair) -> bool:
    """Tell whether a handshake in memory with the context succeeds for a client that trusts only this pair."""
    return shake_hands(pair.trust(), certificate.context, "localhost") is not None


def test_loaded(pair: Pair) -> None:
    certificate = open_pair(pair)
    left = certificate.expiry - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=29) < left < dt.timedelta(days=31)
    assert certificate.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert served(certificate, pair)


def test_none_is_configured() -> None:
    assert open_certificate("", "") is None


DESCRIPTIONS: list[tuple[str, Exception, str]] = [
    ("no reason", ssl.SSLError(9, "PEM lib"), "not a certificate chain and its key in PEM form"),
    ("known reason", make_tls_error("NO_START_LINE"), "one of them is not a PEM file"),
    ("other reason", make_tls_error("CA_MD_TOO_WEAK"), "ca md too weak"),
    ("of the system", FileNotFoundError(2, "No such file or directory"), "No such file or directory"),
    ("odd name", ValueError("embedded null byte"), "it cannot be read"),
]


@pytest.mark.parametrize(("error", "expected"), [row[1:] for row in DESCRIPTIONS], ids=[row[0] for row in DESCRIPTIONS])
def test_description(error: Exception, expected: str) -> None:
    assert describe(error) == expected


def test_unreadable(pair: Pair) -> None:
    pair.key.unlink()
    with pytest.raises(ConfigurationError, match=f"TLS_PRIVATE_KEY_FILE {pair.key}: No such file"):
        open_pair(pair)
    pair.certificate.unlink()
    pair.certificate.mkdir()
    with pytest.raises(ConfigurationError, match=f"TLS_CERT_FILE {pair.certificate}: Is a directory"):
        open_pair(pair)


def test_mismatch(pair: Pair, tmp_path: Path) -> None:
    shutil.copy(make_pair(tmp_path, "other").key, pair.key)
    with pytest.raises(ConfigurationError, match="the private key does not belong to the certificate"):
        open_pair(pair)


@pytest.mark.parametrize("which", ["certificate", "key"])
def test_not_pem(which: str, pair: Pair, canary: str) -> None:
    getattr(pair, which).write_text(canary)
    with pytest.raises(ConfigurationError, match="TLS_CERT_FILE and TLS_PRIVATE_KEY_FILE: ") as caught:
        open_pair(pair)
    assert canary not in str(caught.value)


def test_encrypted_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"tls\.key is encrypted: give a key without a pass phrase"):
        open_pair(make_pair(tmp_path, password=b"secret"))


def test_reload_without_a_change(pair: Pair) -> None:
    assert not open_pair(pair).reload()


def test_reload(pair: Pair, tmp_path: Path) -> None:
    certificate = open_pair(pair)
    context = certificate.context
    other = make_pair(tmp_path, "other", days=90)
    assert not served(certificate, other)
    os.replace(other.key, pair.key)  # noqa: PTH105 - replaced in place, as writers of certificates do
    shutil.copy(other.certificate, pair.certificate)
    assert certificate.reload()
    assert certificate.context is context
    assert certificate.expiry - dt.datetime.now(dt.UTC) > dt.timedelta(days=80)
    assert served(certificate, other)


def test_a_broken_pair_is_tried_once_and_leaves_the_old_one(pair: Pair, tmp_path: Path) -> None:
    certificate = open_pair(pair)
    expiry = certificate.expiry
    shutil.copy(make_pair(tmp_path, "other").key, pair.key)
    with pytest.raises(ConfigurationError):
        certificate.reload()
    assert not certificate.reload()
    assert certificate.expiry == expiry
    assert served(certificate, pair)


def test_files_that_change_between_trial_and_use(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the live context may have lost its certificate, so the next look loads whatever is there."""
    certificate = open_pair(pair)
    load = ssl.SSLContext.load_cert_chain
    calls = []

    def change_in_between(context: ssl.SSLContext, *files: str, **options: object) -> None:
        calls.append(context)
        if len(calls) == 2:
            raise ssl.SSLError(1, "changed")
        load(context, *files, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", change_in_between)
    os.utime(pair.key, ns=(1, 1))
    with pytest.raises(ConfigurationError):
        certificate.reload()
    assert certificate.reload()
    assert calls[1] is calls[3] is certificate.context
