"""Certificates for tests: self-signed ones, and an authority with what it issues."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path


class Pair(NamedTuple):
    """A self-signed certificate and its key, in files."""

    certificate: Path
    key: Path

    def trust(self) -> ssl.SSLContext:
        """Make a client context that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))


def make_pair(directory: Path, name: str = "tls", days: int = 30, password: bytes | None = None) -> Pair:
    """Write a certificate for this machine's loopback, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    hosts = [general_name(host) for host in ("localhost", "127.0.0.1")]
    builder = start(subject, subject, key.public_key(), -1, days)
    builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pair = Pair(directory / f"{name}.crt", directory / f"{name}.key")
    pair.certificate.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(encode_key(key, password))
    return pair


class Authority:
    """Writes `NAME.crt` and `NAME.key` into its folder; its own certificate is `ca.crt`."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = start(self.name, self.name, self.key.public_key(), -1, 1)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.ca_file = folder / "ca.crt"
        self.ca_file.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(
        self, name: str, *hosts: str, days: tuple[int, int] = (-1, 1), password: bytes | None = None
    ) -> tuple[Path, Path]:
        """Issue for host names and addresses, valid from and until so many days from now; certificate and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = start(subject, self.name, key.public_key(), *days)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([general_name(host) for host in hosts]), False)
        certificate_file, key_file = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate_file.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(encode_key(key, password))
        return certificate_file, key_file

    def server_context(self, *hosts: str, days: tuple[int, int] = (-1, 1), asks_client: bool = False) -> ssl.SSLContext:
        """What a server needs to be one of the hosts; with `asks_client` it wants a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(f"server-{len(list(self.folder.iterdir()))}", *hosts, days=days))
        if asks_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca_file)
        return context


def start(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, first_day: int, last_day: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now + timedelta(days=first_day),
        not_valid_after=now + timedelta(days=last_day),
    )


def encode_key(key: ec.EllipticCurvePrivateKey, password: bytes | None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
