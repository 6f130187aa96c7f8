"""What only OpenSSL can do in reasonable time: ciphers, keys and signatures, in five functions.

This is the one module that knows where the library is. It binds the libcrypto that the interpreter itself is linked
with (that of `_hashlib`, or the process if OpenSSL is built in), by ctypes and when first asked, so that nothing has to
be installed beside Python. Keys go in and out as DER: private ones in the form that OpenSSL calls traditional (PKCS #1,
SEC 1, DSA) or else PKCS #8, public ones as SubjectPublicKeyInfo.

Source: OpenSSL 3, EVP_EncryptInit(3), EVP_PKEY_keygen(3), d2i_PrivateKey(3), EVP_DigestSignInit(3).
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# What each kind of key is made from: type, options of its parameters (None: it has none), options of the key.
KINDS: dict[str, tuple[bytes, dict[bytes, bytes] | None, dict[bytes, bytes]]] = {
    "rsa-2048": (b"RSA", None, {b"rsa_keygen_bits": b"2048"}),
    "rsa-4096": (b"RSA", None, {b"rsa_keygen_bits": b"4096"}),
    "dsa-2048": (b"DSA", {b"dsa_paramgen_bits": b"2048", b"dsa_paramgen_q_bits": b"256"}, {}),
    "ecdsa-p256": (b"EC", None, {b"ec_paramgen_curve": b"P-256", b"ec_param_enc": b"named_curve"}),
    "ed25519": (b"ED25519", None, {}),
}

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


class Library:
    """libcrypto, with the functions of SIGNATURES as attributes."""

    def __init__(self) -> None:
        import ctypes

        self.ctypes = ctypes
        handle = ctypes.CDLL(find_library())
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

    def collect(self, make: Callable[[Any], int]) -> bytes:
        """Give what one of the `i2d` functions writes: it tells the size first."""
        size = make(None)
        check(size > 0, "DER cannot be written")
        buffer = self.ctypes.create_string_buffer(size)
        check(make(self.ctypes.byref(self.ctypes.c_void_p(self.ctypes.addressof(buffer)))) == size, "DER differs")
        return bytes(buffer.raw)


def find_library() -> str | None:
    """Give the file through which libcrypto's symbols are found; None is the process itself."""
    import _hashlib

    return getattr(_hashlib, "__file__", None)


LOADED: list[Library] = []


def load_library() -> Library:
    """Bind libcrypto once. Raises FunctionError if it cannot be reached, or is older than OpenSSL 3."""
    if not LOADED:
        try:
            LOADED.append(Library())
        except (ImportError, OSError, AttributeError) as problem:
            raise FunctionError(
                "this needs OpenSSL 3 and ctypes, and the Python interpreter that runs has them not within reach "
                f"({type(problem).__name__}: {problem})",
                is_constant=True,
            ) from problem
    return LOADED[0]


def check(is_done: object, what: str) -> None:
    """Raise FunctionError if OpenSSL did not do it, and empty its list of errors, which `_ssl` would take for its own."""
    if not is_done:
        load_library().ERR_clear_error()
        raise FunctionError(f"OpenSSL failed: {what}", is_constant=True)


def encrypt_aes_cbc(key: bytes, start: bytes, blocks: bytes) -> bytes:
    """Encrypt whole blocks of 16 bytes by AES-256 in CBC mode, without padding."""
    return run_cipher(key, start, blocks, 1)


def decrypt_aes_cbc(key: bytes, start: bytes, blocks: bytes) -> bytes:
    """Decrypt what `encrypt_aes_cbc` gave."""
    return run_cipher(key, start, blocks, 0)


def run_cipher(key: bytes, start: bytes, blocks: bytes, is_encryption: int) -> bytes:
    library = load_library()
    output, size = library.ctypes.create_string_buffer(len(blocks) + 16), library.ctypes.c_int(0)
    context = library.EVP_CIPHER_CTX_new()
    check(context, "no memory for a cipher")
    try:
        cipher = library.EVP_aes_256_cbc()
        check(library.EVP_CipherInit_ex(context, cipher, None, key, start, is_encryption) == 1, "AES cannot be set up")
        check(library.EVP_CIPHER_CTX_set_padding(context, 0) == 1, "padding cannot be turned off")
        reference = library.ctypes.byref(size)
        check(library.EVP_CipherUpdate(context, output, reference, blocks, len(blocks)) == 1, "AES")
        check(size.value == len(blocks), "AES gave another size")
        check(library.EVP_CipherFinal_ex(context, library.ctypes.create_string_buffer(16), reference) == 1, "AES's end")
        return bytes(output.raw[: len(blocks)])
    finally:
        library.EVP_CIPHER_CTX_free(context)


def generate_key(kind: str) -> bytes:
    """Make a private key of one of KINDS."""
    library = load_library()
    name, parameter_options, options = KINDS[kind]
    context = library.EVP_PKEY_CTX_new_from_name(None, name, None)
    check(context, f"no keys of type {name.decode()}")
    parameters = None
    try:
        if parameter_options is not None:
            parameters = run_generator(library, "EVP_PKEY_paramgen", context, parameter_options)
            library.EVP_PKEY_CTX_free(context)
            context = library.EVP_PKEY_CTX_new(parameters, None)
            check(context, "no memory for a key")
        key = run_generator(library, "EVP_PKEY_keygen", context, options)
    finally:
        library.EVP_PKEY_free(parameters)
        library.EVP_PKEY_CTX_free(context)
    try:
        return library.collect(lambda target: int(library.i2d_PrivateKey(key, target)))
    finally:
        library.EVP_PKEY_free(key)


def run_generator(library: Library, name: str, context: object, options: dict[bytes, bytes]) -> object:
    """Generate a key, or parameters of keys; the caller has to free it."""
    check(getattr(library, f"{name}_init")(context) == 1, "a key cannot be set up")
    for option, value in options.items():
        check(library.EVP_PKEY_CTX_ctrl_str(context, option, value) > 0, "a key's option")
    result = library.ctypes.c_void_p()
    check(getattr(library, name)(context, library.ctypes.byref(result)) == 1, "a key cannot be made")
    return result


def read_key(library: Library, der: bytes) -> object:
    """Make OpenSSL's own object of a private key; the caller has to free it."""
    buffer = library.ctypes.create_string_buffer(der, len(der))
    start = library.ctypes.c_void_p(library.ctypes.addressof(buffer))
    key = library.d2i_AutoPrivateKey(None, library.ctypes.byref(start), len(der))
    library.ERR_clear_error()  # it tries one form after the other, and each failure leaves its trace
    check(key, "a private key cannot be read")
    return key


def derive_public_key(private_key: bytes) -> bytes:
    """Give the public key of a private one."""
    library = load_library()
    key = read_key(library, private_key)
    try:
        return library.collect(lambda target: int(library.i2d_PUBKEY(key, target)))
    finally:
        library.EVP_PKEY_free(key)


def sign(private_key: bytes, digest: str, data: bytes) -> bytes:
    """Sign data: RSA by PKCS #1 v1.5, ECDSA in DER; `digest` is empty for Ed25519, which takes the data as they are."""
    library = load_library()
    key = read_key(library, private_key)
    context = library.EVP_MD_CTX_new()
    try:
        check(context, "no memory for a signature")
        method = library.EVP_get_digestbyname(digest.encode()) if digest else None
        check(method or not digest, f"no digest {digest}")
        check(library.EVP_DigestSignInit(context, None, method, None, key) == 1, "a signature cannot be set up")
        size = library.ctypes.c_size_t(0)
        reference = library.ctypes.byref(size)
        check(library.EVP_DigestSign(context, None, reference, data, len(data)) == 1, "a signature's size")
        output = library.ctypes.create_string_buffer(size.value)
        check(library.EVP_DigestSign(context, output, reference, data, len(data)) == 1, "data cannot be signed")
        return bytes(output.raw[: size.value])
    finally:
        library.EVP_MD_CTX_free(context)
        library.EVP_PKEY_free(key)
