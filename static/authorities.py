"""The certificate authorities that the executable brings along, for containers that have none.

Read from Mozilla's certdata.txt, of which Debian's ca-certificates is made, or from a file of PEM certificates.
Source: https://wiki.mozilla.org/CA/Additional_Trust_Changes, and the format of NSS's certdata.txt.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from static.sources import BuildError, provide_source

if TYPE_CHECKING:
    from pathlib import Path

CERTDATA = "mozilla/certdata.txt"
TRUSTED = "CKT_NSS_TRUSTED_DELEGATOR"
OCTETS = re.compile(r"^(CKA_\w+) MULTILINE_OCTAL\n((?:\\[0-7]{3}|\n)*)END$", re.MULTILINE)
FIELD = re.compile(r"^(CKA_\w+) CK_\w+ (\w+)$", re.MULTILINE)
PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s(.*?)-----END CERTIFICATE-----", re.DOTALL)


def read_authorities(given: str | None, folder: Path) -> bytes:
    """Give the certificates in DER form, one behind the other. Raises BuildError when there are none."""
    top = provide_source("authorities", given, folder)
    certdata = top / CERTDATA
    if certdata.is_file():
        certificates = read_certdata(certdata.read_text("utf-8"))
    else:
        texts = [
            path.read_text("ascii", "replace") for path in sorted(top.rglob("*")) if path.suffix in {".pem", ".crt"}
        ]
        certificates = [base64.b64decode(body) for text in texts for body in PEM.findall(text)]
    if not certificates:
        raise BuildError(f"--authorities {given}: neither {CERTDATA} nor PEM files with certificates are in it")
    return b"".join(certificates)


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
