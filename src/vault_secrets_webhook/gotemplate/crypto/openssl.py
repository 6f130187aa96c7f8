"""What only OpenSSL can do in reasonable time: ciphers, keys and signatures, in five functions.

This is the one module that knows where the library is: in the static executable behind `_vaultenv_openssl`, a module in
C; else `libcrypto` finds it. Keys go in and out as DER: private ones in the form that OpenSSL calls traditional (PKCS #1,
SEC 1, DSA) or else PKCS #8, public ones as SubjectPublicKeyInfo.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Library(Protocol):
        """OpenSSL, by whatever way. Each function raises ValueError with a few words that say nothing of its arguments."""

        def aes_cbc(self, key: bytes, start: bytes, blocks: bytes, is_encryption: bool, /) -> bytes:  # noqa: FBT001 - C's
            """Run AES-256 in CBC mode over whole blocks, without padding."""
            ...

        def generate_key(
            self, kind: str, parameter_options: list[tuple[str, str]] | None, options: list[tuple[str, str]], /
        ) -> bytes:
            """Make a private key of OpenSSL's type `kind`, from parameters with their options unless these are None."""
            ...

        def derive_public_key(self, private_key: bytes, /) -> bytes:
            """Give the public key of a private one."""
            ...

        def sign(self, private_key: bytes, digest: str, data: bytes, /) -> bytes:
            """Sign data; without a digest where the kind of key has its own."""
            ...


# What each kind of key is made from: type, options of its parameters (None: it has none), options of the key.
KINDS: dict[str, tuple[str, list[tuple[str, str]] | None, list[tuple[str, str]]]] = {
    "rsa-2048": ("RSA", None, [("rsa_keygen_bits", "2048")]),
    "rsa-4096": ("RSA", None, [("rsa_keygen_bits", "4096")]),
    "dsa-2048": ("DSA", [("dsa_paramgen_bits", "2048"), ("dsa_paramgen_q_bits", "256")], []),
    "ecdsa-p256": ("EC", None, [("ec_paramgen_curve", "P-256"), ("ec_param_enc", "named_curve")]),
    "ed25519": ("ED25519", None, []),
}


def encrypt_aes_cbc(key: bytes, start: bytes, blocks: bytes) -> bytes:
    """Encrypt whole blocks of 16 bytes by AES-256 in CBC mode, without padding."""
    return ask(lambda library: library.aes_cbc(key, start, blocks, True))  # noqa: FBT003


def decrypt_aes_cbc(key: bytes, start: bytes, blocks: bytes) -> bytes:
    """Decrypt what `encrypt_aes_cbc` gave."""
    return ask(lambda library: library.aes_cbc(key, start, blocks, False))  # noqa: FBT003


def generate_key(kind: str) -> bytes:
    """Make a private key of one of KINDS."""
    return ask(lambda library: library.generate_key(*KINDS[kind]))


def derive_public_key(private_key: bytes) -> bytes:
    """Give the public key of a private one."""
    return ask(lambda library: library.derive_public_key(private_key))


def sign(private_key: bytes, digest: str, data: bytes) -> bytes:
    """Sign data: RSA by PKCS #1 v1.5, ECDSA in DER; `digest` is empty for Ed25519, which takes the data as they are."""
    return ask(lambda library: library.sign(private_key, digest, data))


def ask(operation: Callable[[Library], bytes]) -> bytes:
    """Run an operation of the library. Raises FunctionError if it cannot be done, or there is no library."""
    library = load_library()
    try:
        return operation(library)
    except ValueError as problem:
        raise FunctionError(f"OpenSSL failed: {problem}", is_constant=True) from None


def load_library() -> Library:
    """Give what is built in, else what is found. Raises FunctionError if nothing is, or it is older than OpenSSL 3."""
    try:
        import _vaultenv_openssl  # type: ignore[import-not-found] # only the static executable has it
    except ImportError:
        from . import libcrypto

        return libcrypto.bind_once()
    built_in: Library = _vaultenv_openssl
    return built_in
