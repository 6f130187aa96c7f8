"""The checks that Go makes of an RSA private key before it uses it.

Sources: package crypto/rsa, `PrivateKey.Precompute` and `Validate`; crypto/internal/fips140/rsa and bigmod (texts).
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto.digest import sha256

SIZE_LIMIT = 16384  # bits; OpenSSL's
PRIME_LIMIT = 5  # OpenSSL's
SIGNING_SIZE = 1024  # bits; Go makes no signature with less
EXPONENT_LIMIT = (1 << 31) - 1
FERMAT_MARGIN = 100  # bits by which the distance of the primes may be below half the size of the key
LIMB = 64
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")  # DigestInfo of RFC 8017


def check_numbers(  # their order is that of PKCS #1
    n: int, e: int, d: int, primes: list[int], dp: int | None, dq: int | None, qinv: int | None
) -> tuple[int, int, int]:
    """Check a key's numbers, all positive. Gives dp, dq and qinv; raises FunctionError with Go's text."""
    if len(primes) > PRIME_LIMIT or any(number.bit_length() > SIZE_LIMIT for number in (n, d, *primes)):
        raise FunctionError(
            f"RSA keys of more than {SIZE_LIMIT} bits or {PRIME_LIMIT} primes are not supported", is_constant=True
        )
    if len(primes) != 2:  # noqa: PLR2004 # Go knows two forms: two primes, and more
        return check_many_primes(n, e, d, primes)
    p, q = primes
    for modulus in (n, p, q):
        require(modulus > 1, "modulus must be > 1")
    require_below(d, n)
    if dp is not None and dq is not None and qinv is not None:
        require_below(qinv, p)
    else:
        require(p > 2 and q > 2, "modulus must be > 1")  # noqa: PLR2004 # of p - 1
        dp, dq, qinv = d % (p - 1), d % (q - 1), 0
        require(p & 1, "crypto/rsa: p is even")
        qinv = pow(q, p - 2, p)
    check_exponent(n, e)
    check_consistency(n, e, d, p, q, dp, dq, qinv)
    return dp, dq, qinv


def require(is_so: object, text: str) -> None:
    if not is_so:
        raise FunctionError(text, is_constant=True)


def require_below(number: int, modulus: int) -> None:
    """Complain as bigmod does of a number that is not below its modulus."""
    room = (modulus.bit_length() + LIMB - 1) // LIMB * LIMB
    require(number.bit_length() <= room, "input overflows the modulus size")
    require(number < modulus, "input overflows the modulus")


def check_many_primes(n: int, e: int, d: int, primes: list[int]) -> tuple[int, int, int]:
    require(n > 1, "modulus must be > 1")
    require_below(d, n)
    check_exponent(n, e)
    require(min(primes) > 1, "crypto/rsa: prime factor is <= 1")
    p, q = primes[:2]
    return d % (p - 1), d % (q - 1), invert(q, p)


def invert(number: int, modulus: int) -> int:
    try:
        return pow(number, -1, modulus)
    except ValueError:
        raise FunctionError("crypto/rsa: prime factors are not relatively prime", is_constant=True) from None


def check_exponent(n: int, e: int) -> None:
    require(n & 1, "crypto/rsa: public modulus is even")
    require(e > 1, "crypto/rsa: public exponent too small or negative")
    require(e & 1, "crypto/rsa: public exponent is even")
    require(e <= EXPONENT_LIMIT, "crypto/rsa: public exponent too large")


def check_consistency(  # their order is that of PKCS #1
    n: int, e: int, d: int, p: int, q: int, dp: int, dq: int, qinv: int
) -> None:
    require(p < n and q < n, "crypto/rsa: invalid prime")
    require(p * q % n == 0, "crypto/rsa: p * q != n")
    for prime, exponent in ((p, dp), (q, dq)):
        require(prime > 2, "crypto/rsa: invalid prime")  # noqa: PLR2004 # Go's modulus p - 1 has to be more than 1
        require(exponent < prime - 1, "crypto/rsa: invalid CRT exponent")
        require(e * exponent % (prime - 1) == 1, "crypto/rsa: invalid CRT exponent")
    require(q * qinv % p == 1, "crypto/rsa: invalid CRT coefficient")
    require(d % (p - 1) == dp, "crypto/rsa: d does not match dP")
    require(d % (q - 1) == dq, "crypto/rsa: d does not match dQ")
    require(p != q, "crypto/rsa: p == q")
    half = n.bit_length() // 2
    require(abs(p - q).bit_length() > half - FERMAT_MARGIN, "crypto/rsa: |p - q| too small")
    require(d.bit_length() > half, "crypto/rsa: d too small")


def check_size(n: int) -> None:
    """Check that a key is large enough to sign with."""
    size = n.bit_length()
    if size < SIGNING_SIZE:
        hint = "(see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)"
        raise FunctionError(f"crypto/rsa: {size}-bit keys are insecure {hint}")


def sign_by_exponent(n: int, e: int, d: int, data: bytes) -> bytes:
    """Sign by the key's exponent alone, as Go does with more than two primes, whose other numbers it does not check."""
    size = (n.bit_length() + 7) // 8
    digest = SHA256_PREFIX + sha256(data).digest()
    message = int.from_bytes(b"\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest, "big")
    signature = pow(message, d, n)
    require(pow(signature, e, n) == message, "crypto/rsa: decryption error")
    return signature.to_bytes(size, "big")


def compute_coefficients(d: int, primes: list[int]) -> list[tuple[int, int, int]]:
    """Give prime, exponent and coefficient of each prime beyond the second. Raises FunctionError with Go's text."""
    product = primes[0] * primes[1]
    further = []
    for prime in primes[2:]:
        further.append((prime, d % (prime - 1), invert(product, prime)))
        product *= prime
    return further
