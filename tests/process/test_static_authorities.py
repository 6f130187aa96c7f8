"""The certificate authorities that the executable brings along are those of Mozilla's list, and are read as such."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from static.build import provide_authorities
from static.commands import BuildError
from static.libraries import Sources
from tests.conftest import report_missing
from tests.servers.errors import ServerMissing

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.forms("static")

# Some that servers of the internet and of clouds have certificates of.
WELL_KNOWN = {"ISRG Root X1", "ISRG Root X2", "DigiCert Global Root G2", "Amazon Root CA 1", "GTS Root R1"}
LEAST = 100


@pytest.fixture(scope="module")
def authorities() -> bytes:
    """The file that the build freezes, from its cache."""
    try:
        return provide_authorities(Sources()).read_bytes()
    except BuildError as error:
        report_missing(ServerMissing(str(error)))


def test_they_are_read_by_openssl(authorities: bytes) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authorities)
    loaded = context.get_ca_certs()
    names = {value for one in loaded for part in one["subject"] for key, value in part if key == "commonName"}  # type: ignore[str-unpack]
    assert len(loaded) >= LEAST
    assert names >= WELL_KNOWN


def test_they_are_in_the_executable(executable: Path, authorities: bytes) -> None:
    """As one piece."""
    assert authorities in executable.read_bytes()
