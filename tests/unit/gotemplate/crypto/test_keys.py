"""Private keys: whatever OpenSSL and `cryptography` write is read, and written again as Go writes it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto.curves import CURVES
from vault_secrets_webhook.gotemplate.crypto.keys import read_private_key
from vault_secrets_webhook.gotemplate.crypto.pem import decode_pem, encode_pem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

TRADITIONAL, PKCS8 = PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8
CURVE_CLASSES = {"P224": ec.SECP224R1, "P256": ec.SECP256R1, "P384": ec.SECP384R1, "P521": ec.SECP521R1}
KEYS: dict[str, PrivateKeyTypes] = {
    "rsa": rsa.generate_private_key(65537, 1024),
    "rsa with a small exponent": rsa.generate_private_key(3, 1024),
    "p224": ec.generate_private_key(ec.SECP224R1()),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "x25519": x25519.X25519PrivateKey.generate(),
}
LABELS = {"rsa": "RSA PRIVATE KEY", "p": "EC PRIVATE KEY", "e": "PRIVATE KEY", "x": "PRIVATE KEY"}


@pytest.mark.parametrize("form", [TRADITIONAL, PKCS8])
@pytest.mark.parametrize("name", KEYS)
def test_read_and_written(name: str, form: PrivateFormat) -> None:
    key = KEYS[name]
    form = PKCS8 if "25519" in name else form
    read = read_private_key(key.private_bytes(Encoding.PEM, form, NoEncryption()))
    written = load_pem_private_key(read.encode(), None)
    assert written.private_bytes(Encoding.DER, PKCS8, NoEncryption()) == key.private_bytes(
        Encoding.DER, PKCS8, NoEncryption()
    )
    assert read.label == next(label for start, label in LABELS.items() if name.startswith(start))


@pytest.mark.parametrize("curve", CURVES.values(), ids=lambda curve: curve.name)
def test_points_on_curves(curve: object) -> None:
    known = next(known for known in CURVES.values() if known is curve)
    key = KEYS[known.name.lower()].public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    numbers = key.public_numbers()
    point = b"\4" + b"".join(number.to_bytes(known.size, "big") for number in (numbers.x, numbers.y))
    known.check_point(point)
    with pytest.raises(FunctionError, match=f"^{known.name} point not on curve$"):
        known.check_point(point[:-1] + bytes((point[-1] ^ 1,)))
    with pytest.raises(FunctionError, match=rf"^invalid {known.name}[ E]\w* ?encoding$"):
        known.check_point(b"\4" + b"\xff" * 2 * known.size)


@pytest.mark.parametrize("curve", CURVES.values(), ids=lambda curve: curve.name)
def test_orders_of_curves(curve: object) -> None:
    """The order is one that `cryptography` takes for a limit: the largest private key is one less."""
    known = next(known for known in CURVES.values() if known is curve)
    class_: Any = CURVE_CLASSES[known.name]
    largest = ec.derive_private_key(known.order - 1, class_()).public_key().public_numbers()
    smallest = ec.derive_private_key(1, class_()).public_key().public_numbers()
    assert (largest.x, largest.y) == (smallest.x, known.prime - smallest.y)  # -G


def test_dsa_is_read() -> None:
    key = dsa.generate_private_key(1024)
    assert read_private_key(key.private_bytes(Encoding.PEM, TRADITIONAL, NoEncryption())).signature is None


def test_too_large_a_key() -> None:
    """A modulus of a megabyte would take minutes to compute with."""
    from vault_secrets_webhook.gotemplate.crypto import der

    huge = der.encode_integer((1 << 8_000_000) + 1)
    one = der.encode_integer(3)
    key = der.encode(der.SEQUENCE, der.encode_integer(0), huge, one, huge, huge, huge)
    with pytest.raises(FunctionError, match="more than 16384 bits or 5 primes are not supported"):
        read_private_key(encode_pem("RSA PRIVATE KEY", key))


@given(st.sampled_from(["rsa", "p256", "ed25519"]), st.integers(0), st.integers(0, 255), st.booleans())
def test_damaged_keys(name: str, place: int, byte: int, is_cut: bool) -> None:
    """Nothing but our own error comes of it."""
    form = PKCS8 if name == "ed25519" else TRADITIONAL
    found = decode_pem(KEYS[name].private_bytes(Encoding.PEM, form, NoEncryption()))
    assert found is not None
    label, content = found
    place %= len(content)
    damaged = content[:place] if is_cut else content[:place] + bytes((byte,)) + content[place + 1 :]
    with suppress(FunctionError):
        read_private_key(encode_pem(label.decode(), damaged))
