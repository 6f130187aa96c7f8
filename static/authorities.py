"""The certificate authorities that the executable brings along, for containers that have none.

Read from Mozilla's certdata.txt, of which Debian's ca-certificates is made, or from certificates in PEM form: a file, a
folder or an archive with them.
Source: https://wiki.mozilla.org/CA/Additional_Trust_Changes, and the format of NSS's certdata.txt.
"""

from __future__ import annotations

import base64
import re
import tarfile
from pathlib import Path

from static.commands import BuildError
from static.sources import provide_source

NOTICE = """\
The list of certificate authorities is Mozilla's (certdata.txt of NSS), unless another one was given to the build. It is
subject to the terms of the Mozilla Public License, version 2.0: https://mozilla.org/MPL/2.0/
"""
CERTDATA = "mozilla/certdata.txt"
PEM_FILES = {".pem", ".crt"}
TRUSTED = "CKT_NSS_TRUSTED_DELEGATOR"
OCTETS = re.compile(r"^(CKA_\w+) MULTILINE_OCTAL\n((?:\\[0-7]{3}|\n)*)END$", re.MULTILINE)
FIELD = re.compile(r"^(CKA_\w+) CK_\w+ (\w+)$", re.MULTILINE)
PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s(.*?)-----END CERTIFICATE-----", re.DOTALL)


def read_authorities(given: str | None, folder: Path) -> bytes:
    """Give the certificates in DER form, one behind the other. Raises BuildError when there are none."""
    certificates = [one for path in find_files(given, folder) for one in read_file(path)]
    if not certificates:
        raise BuildError(f"{given or 'the source of authorities'} has neither {CERTDATA} nor certificates in PEM form")
    return b"".join(dict.fromkeys(certificates))  # a folder may have them one by one and once more in a bundle


def find_files(given: str | None, folder: Path) -> list[Path]:
    if given and (named := Path(given).expanduser()).is_file() and not tarfile.is_tarfile(named):
        return [named]
    top = provide_source("authorities", given, folder)
    certdata = top / CERTDATA
    return [certdata] if certdata.is_file() else sorted(path for path in top.rglob("*") if path.suffix in PEM_FILES)


def read_file(path: Path) -> list[bytes]:
    text = path.read_text("utf-8", "replace")
    if path.name == Path(CERTDATA).name:
        return read_certdata(text)
    try:
        return [base64.b64decode("".join(body.split()), validate=True) for body in PEM.findall(text)]
    except ValueError as error:
        raise BuildError(f"{path} has a certificate that is not in PEM form: {error}") from None


def read_certdata(text: str) -> list[bytes]:
    """Give the certificates of those authorities that are trusted for servers, now and without an end date."""
    certificates: dict[tuple[bytes, bytes], bytes] = {}
    trusted: set[tuple[bytes, bytes]] = set()
    for block in re.split(r"^\s*$", text, flags=re.MULTILINE):
        fields = dict(FIELD.findall(block))
        octets = {
            name: bytes(int(octal, 8) for octal in re.findall(r"\\([0-7]{3})", body))
            for name, body in OCTETS.findall(block)
        }
        identity = (octets.get("CKA_ISSUER", b""), octets.get("CKA_SERIAL_NUMBER", b""))
        if fields.get("CKA_CLASS") == "CKO_CERTIFICATE" and "CKA_NSS_SERVER_DISTRUST_AFTER" not in octets:
            certificates[identity] = octets["CKA_VALUE"]
        elif fields.get("CKA_TRUST_SERVER_AUTH") == TRUSTED:
            trusted.add(identity)
    return [certificates[identity] for identity in sorted(trusted & certificates.keys())]
