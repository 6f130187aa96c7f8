"""The webhook as a process of its own, as the cluster runs it: environment, certificate, ServiceAccount, log."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import ssl
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PYTHON = (sys.executable,)
WEBHOOK = ("-m", "vault_secrets_webhook.webhook")


class Webhook:
    """A webhook that serves on a free loopback port over TLS; `url` is its base, `ca_bundle` what trusts it (PEM)."""

    def __init__(
        self, folder: Path, kubeconfig: Path, settings: Mapping[str, str], *, command: Sequence[str] = PYTHON
    ) -> None:
        """Start it; `command` runs the interpreter, `settings` win over what is usual here."""
        certificate, key, self.ca_bundle = write_certificate(folder)
        environ = {
            "LISTEN_ADDRESS": "127.0.0.1:0",
            "TLS_CERT_FILE": str(certificate),
            "TLS_PRIVATE_KEY_FILE": str(key),
            "KUBECONFIG": str(kubeconfig),
            **settings,
        }
        self.process = ServerProcess([*command, *WEBHOOK], log_file=folder / "webhook.log", environ=environ)
        self.context = ssl.create_default_context(cadata=self.ca_bundle)
        self.url = self.process.wait_until_ready(self._find_url)

    def _find_url(self) -> str | None:
        found = re.search(r"msg=serving url=\"?(https://127\.0\.0\.1:\d+)", self.process.log)
        return found[1] if found else None

    def get(self, path: str) -> str:
        """Get a page over TLS, the certificate checked."""
        with urllib.request.urlopen(self.url + path, context=self.context, timeout=10) as answer:
            return str(answer.read().decode())

    def read_memory(self) -> bytes:
        """Read every readable page of the process."""
        contents = []
        with Path(f"/proc/{self.process.pid}/mem").open("rb", buffering=0) as memory:
            for line in Path(f"/proc/{self.process.pid}/maps").read_text().splitlines():
                addresses, rights = line.split()[:2]
                start, end = (int(address, 16) for address in addresses.split("-"))
                if rights.startswith("r") and not line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                    memory.seek(start)
                    try:
                        contents.append(memory.read(end - start))
                    except OSError:  # a mapping of a file that has become shorter
                        continue
        return b"\0".join(contents)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()


def write_certificate(folder: Path) -> tuple[Path, Path, str]:
    """Make a certificate for 127.0.0.1 that is its own authority: certificate file, key file, PEM of the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webhook")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    certificate_file, key_file = folder / "tls.crt", folder / "tls.key"
    certificate_file.write_bytes(pem)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key_file.write_bytes(private)
    return certificate_file, key_file, pem.decode()
