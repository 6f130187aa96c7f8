"""Certificate authorities, from a small list in Mozilla's format and from PEM files. What is in them need be no certificate."""

from __future__ import annotations

import base64
import tarfile
from typing import TYPE_CHECKING

import pytest

from static.authorities import read_authorities, read_certdata
from static.commands import BuildError

if TYPE_CHECKING:
    from pathlib import Path


def octal(field: str, value: bytes) -> str:
    return f"{field} MULTILINE_OCTAL\n" + "".join(f"\\{byte:03o}" for byte in value) + "\nEND\n"


def describe(serial: bytes, value: bytes, trust: str, *, distrust: str = "") -> str:
    """A certificate and the opinion of it, as certdata.txt has them."""
    distrusted = (
        octal("CKA_NSS_SERVER_DISTRUST_AFTER", distrust.encode())
        if distrust
        else ("CKA_NSS_SERVER_DISTRUST_AFTER CK_BBOOL CK_FALSE\n")
    )
    identity = octal("CKA_ISSUER", b"issuer") + octal("CKA_SERIAL_NUMBER", serial)
    return (
        "# Certificate\nCKA_CLASS CK_OBJECT_CLASS CKO_CERTIFICATE\nCKA_TOKEN CK_BBOOL CK_TRUE\n"
        f'CKA_LABEL UTF8 "an authority"\n{identity}{octal("CKA_VALUE", value)}{distrusted}\n'
        "# Trust\nCKA_CLASS CK_OBJECT_CLASS CKO_NSS_TRUST\n"
        f"{identity}CKA_TRUST_SERVER_AUTH CK_TRUST {trust}\nCKA_TRUST_EMAIL_PROTECTION CK_TRUST CKT_NSS_TRUSTED_DELEGATOR\n\n"
    )


TRUSTED, UNTRUSTED = "CKT_NSS_TRUSTED_DELEGATOR", "CKT_NSS_NOT_TRUSTED"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(describe(b"\x01", b"one", TRUSTED), [b"one"], id="trusted"),
        pytest.param(describe(b"\x01", b"one", UNTRUSTED), [], id="distrusted"),
        pytest.param(describe(b"\x01", b"one", "CKT_NSS_MUST_VERIFY_TRUST"), [], id="for other purposes"),
        pytest.param(describe(b"\x01", b"one", TRUSTED, distrust="260101000000Z"), [], id="distrusted from a date on"),
        pytest.param(
            describe(b"\x02", b"two", TRUSTED)
            + describe(b"\x03", b"3", UNTRUSTED)
            + describe(b"\x01", b"one", TRUSTED),
            [b"one", b"two"],
            id="in a fixed order",
        ),
        pytest.param("", [], id="nothing"),
    ],
)
def test_certdata(text: str, expected: list[bytes]) -> None:
    assert read_certdata(text) == expected


def pem(value: bytes) -> str:
    return f"A comment\n-----BEGIN CERTIFICATE-----\n{base64.encodebytes(value).decode()}-----END CERTIFICATE-----\n"


LONG = bytes(range(256))


def test_a_file_in_pem_form(tmp_path: Path) -> None:
    """Such as the bundle of the machine, whatever its name."""
    file = tmp_path / "ca-bundle"
    file.write_text(pem(LONG) + pem(b"two") + pem(LONG))
    assert read_authorities(str(file), tmp_path / "work") == LONG + b"two"


def test_a_folder_in_pem_form(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    for name, text in (
        ("b.crt", pem(b"two")),
        ("a.pem", pem(b"one")),
        ("all.crt", pem(b"one") + pem(b"two")),
        ("c", pem(b"3")),
    ):
        (given / name).write_text(text)
    assert read_authorities(str(given), tmp_path) == b"onetwo"


@pytest.mark.parametrize("is_archive", [True, False], ids=["archive", "folder"])
def test_a_source_with_mozillas_list(tmp_path: Path, is_archive: bool) -> None:
    given = tmp_path / "given"
    (given / "mozilla").mkdir(parents=True)
    (given / "mozilla" / "certdata.txt").write_text(describe(b"\x01", b"one", TRUSTED))
    (given / "other.crt").write_text(pem(b"not this"))
    if is_archive:
        with tarfile.open(tmp_path / "given.tar.xz", "w:xz") as archive:
            archive.add(given, "ca-certificates")
        given = tmp_path / "given.tar.xz"
    assert read_authorities(str(given), tmp_path / "work") == b"one"


def test_mozillas_list_itself(tmp_path: Path) -> None:
    file = tmp_path / "certdata.txt"
    file.write_text(describe(b"\x01", b"one", TRUSTED))
    assert read_authorities(str(file), tmp_path) == b"one"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no certificate\n", "/given.pem has neither mozilla/certdata.txt nor certificates in PEM form"),
        ("-----BEGIN CERTIFICATE-----\n#!\n-----END CERTIFICATE-----\n", "has a certificate that is not in PEM form"),
    ],
    ids=["none", "broken"],
)
def test_no_authorities(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "given.pem"
    file.write_text(text)
    with pytest.raises(BuildError, match=message):
        read_authorities(str(file), tmp_path)
