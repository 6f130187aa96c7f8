"""The executable's own module for OpenSSL, built as an extension: fixed vectors, and the same bytes as through ctypes."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import sysconfig
import threading
import time
from contextlib import nullcontext
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from tests.static.compiler import expect_compiler, run_compiler
from vault_secrets_webhook.gotemplate.crypto import libcrypto, openssl

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "_vaultenv_openssl"
SOURCE = Path(__file__).parents[2] / "static" / "native" / "openssl.c"
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", "-shared", f"-I{sysconfig.get_path('include')}"]
HEADERS = ("Python.h", "openssl/evp.h", "crypt.h")

KINDS = {name: arguments for name, arguments in openssl.KINDS.items() if name != "rsa-4096"}

# RFC 8032, section 7.1, test 2, within the DER of PKCS #8 and SubjectPublicKeyInfo.
ED25519_KEY = bytes.fromhex(
    "302e020100300506032b6570042204204ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
)
ED25519_PUBLIC = bytes.fromhex(
    "302a300506032b65700321003d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
)
ED25519_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to build in, on a machine that has a compiler and the headers."""
    path = tmp_path_factory.mktemp("native")
    probe = path / "probe.c"
    probe.write_text("".join(f"#include <{header}>\n" for header in HEADERS))
    expect_compiler([*FLAGS, "-fsyntax-only", str(probe)], f"the headers {', '.join(HEADERS)}")
    return path


def build(folder: Path, variant: str, *flags: str) -> Any:
    path = folder / f"{NAME}-{variant}.so"
    run_compiler([*FLAGS, *flags, str(SOURCE), "-o", str(path), "-lcrypto", "-lcrypt"])
    return load(path)


def load(path: Path) -> Any:
    loader = ExtensionFileLoader(NAME, str(path))
    spec = spec_from_file_location(NAME, path, loader=loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def native(folder: Path) -> Any:
    return build(folder, "with-crypt", "-DVAULTENV_CRYPT")


@pytest.fixture(autouse=True)
def no_error_is_left_behind(native: Any) -> Iterator[None]:
    """The module `ssl` would take an old error of the same thread for its own."""
    library = ctypes.CDLL(native.__file__)
    library.ERR_clear_error()
    yield
    assert library.ERR_peek_error() == 0


@pytest.fixture(scope="module")
def keys(native: Any) -> dict[str, bytes]:
    return {name: native.generate_key(*arguments) for name, arguments in KINDS.items()}


def test_aes_vector(native: Any) -> None:
    """NIST SP 800-38A, F.2.5 and F.2.6."""
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    start = bytes(range(16))
    plain = bytes.fromhex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    )
    encrypted = bytes.fromhex(
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
        "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"
    )
    assert native.aes_cbc(key, start, plain, True) == encrypted
    assert native.aes_cbc(key, start, encrypted, False) == plain
    assert native.aes_cbc(bytearray(key), memoryview(start), memoryview(b"-" + plain)[1:], True) == encrypted


blocks = st.integers(0, 40).flatmap(lambda count: st.binary(min_size=16 * count, max_size=16 * count))


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16), blocks)
def test_aes_is_that_of_ctypes(native: Any, key: bytes, start: bytes, data: bytes) -> None:
    encrypted = native.aes_cbc(key, start, data, True)
    assert encrypted == libcrypto.bind_once().aes_cbc(key, start, data, True)
    assert native.aes_cbc(key, start, encrypted, False) == data


def test_ed25519_vector(native: Any) -> None:
    assert native.derive_public_key(ED25519_KEY) == ED25519_PUBLIC
    assert native.sign(ED25519_KEY, "", b"\x72") == ED25519_SIGNATURE


@pytest.mark.parametrize("kind", KINDS)
def test_form_of_keys(keys: dict[str, bytes], kind: str) -> None:
    """PKCS #1, SEC 1 and DSA's own; PKCS #8 for Ed25519, which has no other."""
    key = load_private_key(keys[kind])
    private_format = serialization.PrivateFormat
    form = private_format.PKCS8 if kind == "ed25519" else private_format.TraditionalOpenSSL
    assert key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption()) == keys[kind]


def load_private_key(der: bytes) -> Any:
    return serialization.load_der_private_key(der, None)


@pytest.mark.parametrize("kind", KINDS)
def test_public_key(native: Any, keys: dict[str, bytes], kind: str) -> None:
    public = native.derive_public_key(keys[kind])
    assert public == libcrypto.bind_once().derive_public_key(keys[kind])
    assert public == load_private_key(keys[kind]).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize("digest", ["SHA256", "SHA384", "SHA512", "SHA1"])
def test_signature_by_rsa(native: Any, keys: dict[str, bytes], digest: str) -> None:
    key = load_private_key(keys["rsa-2048"])
    assert isinstance(key, rsa.RSAPrivateKey)
    assert (key.key_size, key.public_key().public_numbers().e) == (2048, 65537)
    signature = native.sign(keys["rsa-2048"], digest, b"data")
    key.public_key().verify(signature, b"data", padding.PKCS1v15(), getattr(hashes, digest)())
    assert signature == libcrypto.bind_once().sign(keys["rsa-2048"], digest, b"data")


def test_signature_by_ecdsa(native: Any, keys: dict[str, bytes]) -> None:
    key = load_private_key(keys["ecdsa-p256"])
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    for _ in range(20):  # the size of the DER differs from one to the next
        key.public_key().verify(native.sign(keys["ecdsa-p256"], "SHA256", b"data"), b"data", ec.ECDSA(hashes.SHA256()))


def test_signature_by_dsa(native: Any, keys: dict[str, bytes]) -> None:
    key = load_private_key(keys["dsa-2048"])
    assert isinstance(key, dsa.DSAPrivateKey)
    parameters = key.parameters().parameter_numbers()
    assert (parameters.p.bit_length(), parameters.q.bit_length()) == (2048, 256)
    key.public_key().verify(native.sign(keys["dsa-2048"], "SHA256", b"data"), b"data", hashes.SHA256())


@pytest.mark.parametrize("data", [b"", b"data", bytes(100_000)], ids=["empty", "short", "long"])
def test_signature_by_ed25519(native: Any, keys: dict[str, bytes], data: bytes) -> None:
    key = load_private_key(keys["ed25519"])
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    signature = native.sign(keys["ed25519"], "", data)
    key.public_key().verify(signature, data)
    assert signature == key.sign(data) == libcrypto.bind_once().sign(keys["ed25519"], "", data)


def test_pkcs8_is_read_too(native: Any, keys: dict[str, bytes]) -> None:
    written = load_private_key(keys["rsa-2048"]).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert native.derive_public_key(written) == native.derive_public_key(keys["rsa-2048"])


def test_encrypted_key_is_refused(native: Any, keys: dict[str, bytes]) -> None:
    """Nobody is asked for a password."""
    written = load_private_key(keys["ecdsa-p256"]).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    with pytest.raises(ValueError, match=r"^a private key cannot be read$"):
        native.sign(written, "SHA256", b"data")


KEY, START, BLOCKS = bytes(32), bytes(16), bytes(32)


@pytest.mark.parametrize(
    ("function", "arguments", "problem"),
    [
        pytest.param("aes_cbc", (KEY[1:], START, BLOCKS, True), "a key of AES-256 has 32 bytes", id="short key"),
        pytest.param("aes_cbc", (KEY + b"k", START, BLOCKS, True), "a key of AES-256 has 32 bytes", id="long key"),
        pytest.param("aes_cbc", (b"", START, BLOCKS, False), "a key of AES-256 has 32 bytes", id="no key"),
        pytest.param(
            "aes_cbc", (KEY, START[1:], BLOCKS, True), "an initial vector of AES has 16 bytes", id="short vector"
        ),
        pytest.param(
            "aes_cbc", (KEY, START + b"i", BLOCKS, True), "an initial vector of AES has 16 bytes", id="long vector"
        ),
        pytest.param(
            "aes_cbc", (KEY, START, BLOCKS[1:], True), "AES takes whole blocks of 16 bytes, and less", id="31 bytes"
        ),
        pytest.param(
            "aes_cbc", (KEY, START, BLOCKS + b"b", False), "AES takes whole blocks of 16 bytes, and less", id="33 bytes"
        ),
        pytest.param("generate_key", ("NONE", None, []), "no keys of this type", id="type"),
        pytest.param("generate_key", ("", None, []), "no keys of this type", id="empty type"),
        pytest.param("generate_key", ("RSA\0", None, []), "embedded null character", id="NUL in a type"),
        pytest.param("generate_key", ("RSA", None, [("no_such_option", "1")]), "a key's option", id="option"),
        pytest.param("generate_key", ("RSA", None, [("rsa_keygen_bits", "1")]), "a key's option", id="few bits"),
        pytest.param("generate_key", ("RSA", [], []), "a key cannot be set up", id="no parameters of RSA"),
        pytest.param("generate_key", ("DSA", [("none", "1")], []), "a key's option", id="option of parameters"),
        pytest.param("generate_key", ("EC", None, [("ec_paramgen_curve", "P-1")]), "a key", id="curve"),
        pytest.param("generate_key", ("EC", None, []), "a key cannot be made", id="no curve"),
        pytest.param("derive_public_key", (b"",), "a private key cannot be read", id="no DER"),
        pytest.param("derive_public_key", (b"junk",), "a private key cannot be read", id="bad DER"),
        pytest.param("derive_public_key", (ED25519_KEY[:-1],), "a private key cannot be read", id="cut DER"),
        pytest.param("derive_public_key", (ED25519_PUBLIC,), "a private key cannot be read", id="public DER"),
        pytest.param("sign", (b"\x30\x82\xff\xff", "SHA256", b""), "a private key cannot be read", id="long DER"),
        pytest.param("sign", (ED25519_KEY, "SHA1024", b""), "no such digest", id="digest"),
        pytest.param("sign", (ED25519_KEY, "SHA256", b""), "a signature cannot be set up", id="digest of Ed25519"),
        pytest.param("sign", (ED25519_KEY, "\udc80", b""), "'utf-8' codec can't encode", id="no text"),
        pytest.param("crypt", (b"pass\0word", b"$2b$04$"), "embedded null byte", id="NUL in a password"),
        pytest.param("crypt", (b"password", b"$2b\0$04$"), "embedded null byte", id="NUL in a setting"),
    ],
)
def test_failures(native: Any, function: str, arguments: tuple[Any, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}"):
        getattr(native, function)(*arguments)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        pytest.param("aes_cbc", (KEY, START, "text", True), id="text"),
        pytest.param("aes_cbc", (KEY, START, BLOCKS), id="too few"),
        pytest.param("generate_key", ("RSA", None, None), id="no options"),
        pytest.param("generate_key", ("RSA", None, ["ab"]), id="option is a text"),
        pytest.param("generate_key", ("RSA", None, [("a",)]), id="option without a value"),
        pytest.param("generate_key", ("RSA", None, [("a", 1)]), id="value is a number"),
        pytest.param("sign", (ED25519_KEY, b"SHA256", b""), id="digest as bytes"),
        pytest.param("crypt", (bytearray(b"password"), b"$2b$04$"), id="password may change"),
    ],
)
def test_wrong_types(native: Any, function: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        getattr(native, function)(*arguments)


@pytest.mark.parametrize("size", [16, 15], ids=["done", "failed"])
def test_buffers_are_given_back(native: Any, size: int) -> None:
    """A bytearray cannot be resized while somebody holds its buffer."""
    key, start, data = bytearray(KEY), bytearray(START), bytearray(size)
    der, text = bytearray(ED25519_KEY if size == len(START) else b"junk"), bytearray(b"data")
    for function, arguments in (
        (native.aes_cbc, (key, start, data, True)),
        (native.sign, (der, "", text)),
        (native.derive_public_key, (der,)),
    ):
        with nullcontext() if size == len(START) else pytest.raises(ValueError, match=r"AES|private key"):
            function(*arguments)
    for buffer in (key, start, data, der, text):
        buffer.clear()
        assert not buffer


@pytest.mark.parametrize(
    ("password", "hashed"),
    [  # from the tests of crypt_blowfish 1.3
        (b"U*U", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        (b"", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
        (b"\xff\xff\xa3", b"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"),
        (b"\xa3", b"$2b$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"),
    ],
)
def test_crypt(native: Any, password: bytes, hashed: bytes) -> None:
    assert native.crypt(password, hashed[:29]) == hashed
    assert native.crypt(password, hashed) == hashed


@pytest.mark.parametrize(
    "setting", [b"", b"*0", b"*1", b"$2b$99$" + b"." * 22, b"$2b$", b"$1$salt", b"ab", b"$y$j9T$salt"]
)
def test_crypt_does_not_take_it(native: Any, setting: bytes) -> None:
    """Of the methods of crypt(3) there is bcrypt only."""
    assert native.crypt(b"password", setting) is None


def test_library_without_crypt(native: Any, folder: Path) -> None:
    without = build(folder, "without-crypt")
    assert without.crypt(b"U*U", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.") is None
    assert without.derive_public_key(ED25519_KEY) == native.derive_public_key(ED25519_KEY)


def test_other_threads_run_meanwhile(native: Any) -> None:
    """With the interpreter's lock held, this thread would stand still for all of the time, at every try."""
    assert any(is_free_while_generating(native) for _ in range(5))


def is_free_while_generating(native: Any) -> bool:
    thread = threading.Thread(target=native.generate_key, args=openssl.KINDS["rsa-4096"])
    thread.start()
    started = last = time.monotonic()
    longest = 0.0
    while thread.is_alive():
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    longest = max(longest, time.monotonic() - last)
    thread.join()
    return longest < (last - started) / 2


# Each statement takes another way through the module; each must give back all that it took.
LEAK_PROBE = """
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location

path, der, public = sys.argv[1], bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3])
loader = ExtensionFileLoader("_vaultenv_openssl", path)
native = module_from_spec(spec_from_file_location("_vaultenv_openssl", path, loader=loader))
loader.exec_module(native)
curve = [("ec_paramgen_curve", "P-256")]
calls = [
    (native.aes_cbc, (bytes(32), bytes(16), bytes(4096), True)),
    (native.aes_cbc, (bytes(31), bytes(16), bytes(4096), True)),
    (native.aes_cbc, (bytes(32), bytes(16), bytes(4095), True)),
    (native.aes_cbc, (bytes(32), bytes(16), "text", True)),
    (native.generate_key, ("ED25519", None, [])),
    (native.generate_key, ("EC", curve, [])),
    (native.generate_key, ("EC", curve, [("none", "1")])),
    (native.generate_key, ("EC", curve, [(1, "1")])),
    (native.generate_key, ("EC", [("none", "1")], [])),
    (native.generate_key, ("EC", None, [])),
    (native.generate_key, ("EC", None, ["no tuple"])),
    (native.generate_key, ("EC", None, None)),
    (native.derive_public_key, (der,)),
    (native.derive_public_key, (public,)),
    (native.sign, (der, "", bytes(4096))),
    (native.sign, (der, "SHA256", b"")),
    (native.sign, (der, "SHA1024", b"")),
    (native.sign, (public, "", b"")),
    (native.crypt, (b"password", b"$2b$04$......................")),
    (native.crypt, (b"password", b"$2b$04$")),
    (native.crypt, (b"password", b"*0")),
]


def run(count):
    for function, arguments in calls:
        for _ in range(count):
            try:
                function(*arguments)
            except (TypeError, ValueError):
                pass
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


run(100)
before = run(100)
print(run(1000) - before)
"""


def test_nothing_leaks(native: Any) -> None:
    command = [sys.executable, "-I", "-S", "-c", LEAK_PROBE, native.__file__, ED25519_KEY.hex(), ED25519_PUBLIC.hex()]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    assert int(result.stdout) < 1000 * 64  # less than 64 bytes of one call
