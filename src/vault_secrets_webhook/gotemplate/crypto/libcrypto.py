"""libcrypto by ctypes, where no module in C gives it: in every Python interpreter, but not in the static executable.

What is bound is the library that the interpreter itself is linked with (that of `_hashlib`, or the process if OpenSSL is
built in), and when first asked, so that nothing has to be installed beside Python. Who asks is `openssl` alone.

Source: OpenSSL 3, EVP_EncryptInit(3), EVP_PKEY_keygen(3), d2i_PrivateKey(3), EVP_DigestSignInit(3).
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

# Name -> result and arguments: p pointer, P pointer to pointer, s bytes, i int, l long, z size_t, I and Z pointers to
# these, v nothing.
SIGNATURES = {
    "EVP_CIPHER_CTX_new": "p",
    "EVP_CIPHER_CTX_free": "vp",
    "EVP_CIPHER_CTX_set_padding": "ipi",
    "EVP_aes_256_cbc": "p",
    "EVP_CipherInit_ex": "ipppssi",
    "EVP_CipherUpdate": "ipsIsi",
    "EVP_CipherFinal_ex": "ipsI",
    "EVP_PKEY_CTX_new_from_name": "ppsp",
    "EVP_PKEY_CTX_new": "ppp",
    "EVP_PKEY_CTX_ctrl_str": "ipss",
    "EVP_PKEY_CTX_free": "vp",
    "EVP_PKEY_paramgen_init": "ip",
    "EVP_PKEY_paramgen": "ipP",
    "EVP_PKEY_keygen_init": "ip",
    "EVP_PKEY_keygen": "ipP",
    "EVP_PKEY_free": "vp",
    "d2i_AutoPrivateKey": "pPPl",
    "i2d_PrivateKey": "ipP",
    "i2d_PUBKEY": "ipP",
    "EVP_MD_CTX_new": "p",
    "EVP_MD_CTX_free": "vp",
    "EVP_get_digestbyname": "ps",
    "EVP_DigestSignInit": "ippppp",
    "EVP_DigestSign": "ipsZsz",
    "ERR_clear_error": "v",
}


class Failure(ValueError):
    """What OpenSSL did not do, in a few words that say nothing of the arguments."""


class Libcrypto:
    """libcrypto: the functions of SIGNATURES as attributes, and what `openssl` asks of them."""

    def __init__(self, path: str | None) -> None:
        import ctypes

        self.ctypes = ctypes
        handle = ctypes.CDLL(path)
        pointer, number, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
        types: dict[str, Any] = dict(
            zip("psilzv", (pointer, ctypes.c_char_p, number, ctypes.c_long, size, None), strict=True)
        )
        types |= {letter.upper(): ctypes.POINTER(types[letter]) for letter in "piz"}
        for name, signature in SIGNATURES.items():
            function = getattr(handle, name)
            function.restype = types[signature[0]]
            function.argtypes = [types[letter] for letter in signature[1:]]
            setattr(self, name, function)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def check(self, is_done: object, what: str) -> None:
        """Raise Failure if OpenSSL did not do it, and empty its list of errors, which `_ssl` would take for its own."""
        if not is_done:
            self.ERR_clear_error()
            raise Failure(what)

    def aes_cbc(self, key: bytes, start: bytes, blocks: bytes, is_encryption: bool, /) -> bytes:  # noqa: FBT001 - C's
        """Run AES-256 in CBC mode over whole blocks, without padding."""
        output, size = self.ctypes.create_string_buffer(len(blocks) + 16), self.ctypes.c_int(0)
        context = self.EVP_CIPHER_CTX_new()
        self.check(context, "no memory for a cipher")
        try:
            is_ready = (
                self.EVP_CipherInit_ex(context, self.EVP_aes_256_cbc(), None, key, start, int(is_encryption)) == 1
            )
            self.check(is_ready, "AES cannot be set up")
            self.check(self.EVP_CIPHER_CTX_set_padding(context, 0) == 1, "padding cannot be turned off")
            reference = self.ctypes.byref(size)
            self.check(self.EVP_CipherUpdate(context, output, reference, blocks, len(blocks)) == 1, "AES")
            self.check(size.value == len(blocks), "AES gave another size")
            rest = self.ctypes.create_string_buffer(16)
            self.check(self.EVP_CipherFinal_ex(context, rest, reference) == 1, "AES's end")
            return bytes(output.raw[: len(blocks)])
        finally:
            self.EVP_CIPHER_CTX_free(context)

    def generate_key(
        self, kind: str, parameter_options: list[tuple[str, str]] | None, options: list[tuple[str, str]], /
    ) -> bytes:
        """Make a private key of OpenSSL's type `kind`, from parameters with their options unless these are None."""
        context = self.EVP_PKEY_CTX_new_from_name(None, kind.encode(), None)
        self.check(context, f"no keys of type {kind}")
        parameters = None
        try:
            if parameter_options is not None:
                parameters = self.run_generator("EVP_PKEY_paramgen", context, parameter_options)
                self.EVP_PKEY_CTX_free(context)
                context = self.EVP_PKEY_CTX_new(parameters, None)
                self.check(context, "no memory for a key")
            key = self.run_generator("EVP_PKEY_keygen", context, options)
        finally:
            self.EVP_PKEY_free(parameters)
            self.EVP_PKEY_CTX_free(context)
        try:
            return self.collect(lambda target: int(self.i2d_PrivateKey(key, target)))
        finally:
            self.EVP_PKEY_free(key)

    def run_generator(self, name: str, context: object, options: Iterable[tuple[str, str]]) -> object:
        """Generate a key, or parameters of keys; the caller has to free it."""
        self.check(getattr(self, f"{name}_init")(context) == 1, "a key cannot be set up")
        for option, value in options:
            is_taken = self.EVP_PKEY_CTX_ctrl_str(context, option.encode(), value.encode()) > 0
            self.check(is_taken, "a key's option")
        result = self.ctypes.c_void_p()
        self.check(getattr(self, name)(context, self.ctypes.byref(result)) == 1, "a key cannot be made")
        return result

    def derive_public_key(self, private_key: bytes, /) -> bytes:
        """Give the public key of a private one."""
        key = self.read_key(private_key)
        try:
            return self.collect(lambda target: int(self.i2d_PUBKEY(key, target)))
        finally:
            self.EVP_PKEY_free(key)

    def sign(self, private_key: bytes, digest: str, data: bytes, /) -> bytes:
        """Sign data; without a digest where the kind of key has its own."""
        key = self.read_key(private_key)
        context = self.EVP_MD_CTX_new()
        try:
            self.check(context, "no memory for a signature")
            method = self.EVP_get_digestbyname(digest.encode()) if digest else None
            self.check(method or not digest, f"no digest {digest}")
            is_ready = self.EVP_DigestSignInit(context, None, method, None, key) == 1
            self.check(is_ready, "a signature cannot be set up")
            size = self.ctypes.c_size_t(0)
            reference = self.ctypes.byref(size)
            self.check(self.EVP_DigestSign(context, None, reference, data, len(data)) == 1, "a signature's size")
            output = self.ctypes.create_string_buffer(size.value)
            self.check(self.EVP_DigestSign(context, output, reference, data, len(data)) == 1, "data cannot be signed")
            return bytes(output.raw[: size.value])
        finally:
            self.EVP_MD_CTX_free(context)
            self.EVP_PKEY_free(key)

    def read_key(self, der: bytes) -> object:
        """Make OpenSSL's own object of a private key; the caller has to free it."""
        buffer = self.ctypes.create_string_buffer(der, len(der))
        start = self.ctypes.c_void_p(self.ctypes.addressof(buffer))
        key = self.d2i_AutoPrivateKey(None, self.ctypes.byref(start), len(der))
        self.ERR_clear_error()  # it tries one form after the other, and each failure leaves its trace
        self.check(key, "a private key cannot be read")
        return key

    def collect(self, make: Callable[[Any], int]) -> bytes:
        """Give what one of the `i2d` functions writes: it tells the size first."""
        size = make(None)
        self.check(size > 0, "DER cannot be written")
        buffer = self.ctypes.create_string_buffer(size)
        written = make(self.ctypes.byref(self.ctypes.c_void_p(self.ctypes.addressof(buffer))))
        self.check(written == size, "DER differs")
        return bytes(buffer.raw)


def find_library() -> str | None:
    """Give the file through which libcrypto's symbols are found; None is the process itself."""
    import _hashlib

    return getattr(_hashlib, "__file__", None)


BOUND: list[Libcrypto] = []


def bind_once() -> Libcrypto:
    """Bind libcrypto unless that is done. Raises FunctionError if it is out of reach, or older than OpenSSL 3."""
    if not BOUND:
        try:
            BOUND.append(Libcrypto(find_library()))
        except (ImportError, OSError, AttributeError) as problem:
            raise FunctionError(
                "this needs OpenSSL 3 and ctypes, and the Python interpreter that runs has them not within reach "
                f"({type(problem).__name__}: {problem})",
                is_constant=True,
            ) from problem
    return BOUND[0]
