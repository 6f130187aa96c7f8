"""The elliptic curves that Go's certificates know: those of NIST over prime fields.

Sources: SEC 2 (parameters), package crypto/internal/fips140/nistec (errors).
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

UNCOMPRESSED = 4


class Curve:
    """A curve y^2 = x^3 - 3x + b over the integers modulo `prime`, whose base point has the order `order`."""

    __slots__ = ("b", "digest", "name", "order", "prime", "size")

    def __init__(self, name: str, digest: str, prime: int, b: int, order: int) -> None:
        self.name = name
        self.digest = digest  # what x509.CreateCertificate signs with
        self.prime = prime
        self.b = b
        self.order = order
        self.size = (order.bit_length() + 7) // 8

    def check_point(self, encoded: bytes) -> None:
        """Check the uncompressed form of a point. Raises FunctionError with Go's text."""
        if encoded[:1] != bytes((UNCOMPRESSED,)):
            raise FunctionError("ecdsa: invalid uncompressed public key", is_constant=True)
        if len(encoded) != 1 + 2 * self.size:
            raise FunctionError(f"invalid {self.name} point encoding", is_constant=True)
        x = int.from_bytes(encoded[1 : 1 + self.size], "big")
        y = int.from_bytes(encoded[1 + self.size :], "big")
        if x >= self.prime or y >= self.prime:
            element = "P256 element" if self.name == "P256" else f"{self.name}Element"
            raise FunctionError(f"invalid {element} encoding", is_constant=True)
        if (y * y - x * x * x + 3 * x - self.b) % self.prime:
            raise FunctionError(f"{self.name} point not on curve", is_constant=True)


CURVES = {
    "1.3.132.0.33": Curve(
        "P224",
        "SHA256",
        2**224 - 2**96 + 1,
        0xB4050A850C04B3ABF54132565044B0B7D7BFD8BA270B39432355FFB4,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D,
    ),
    "1.2.840.10045.3.1.7": Curve(
        "P256",
        "SHA256",
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    "1.3.132.0.34": Curve(
        "P384",
        "SHA384",
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
    "1.3.132.0.35": Curve(
        "P521",
        "SHA512",
        2**521 - 1,
        0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
        2**521 - 2**264 + 0xFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
    ),
}
