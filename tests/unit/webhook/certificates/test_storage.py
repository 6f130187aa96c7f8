"""The state in a Secret: written and read again, and everything that may be wrong with it."""

from __future__ import annotations

import itertools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.fakes.certificates import encode_key
from vault_secrets_webhook.webhook.certificates.bundle import find_others, find_own, read_bundle, write_bundle
from vault_secrets_webhook.webhook.certificates.mint import CertificateMint, make_name, start
from vault_secrets_webhook.webhook.certificates.state import State
from vault_secrets_webhook.webhook.certificates.storage import Damaged, read_entries, write_entries

NOW = 1_800_000_000
NAMES = frozenset({"webhook.system.svc", "10.0.0.1", "::1"})
MINT = CertificateMint(90, 360)
NEW, OLD = MINT.make_authority(NOW + 1), MINT.make_authority(NOW)
STATE = State((NEW, OLD), MINT.make_serving(OLD, NAMES, NOW))
GOOD = write_entries(STATE)
ENTRIES = ("tls.crt", "tls.key", "ca.crt", "ca.key")
PLAIN = serialization.NoEncryption()
PKCS8 = serialization.PrivateFormat.PKCS8


def make_stranger(name: str) -> bytes:
    """Make the certificate of somebody else's authority, or one that signs itself without being one."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
    builder = start(subject, subject, key.public_key(), NOW, NOW + 100)
    if name == "authority":
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def other_key(kind: str) -> bytes:
    keys: dict[str, ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey] = {
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "rsa": rsa.generate_private_key(65537, 2048),
        "other": ec.generate_private_key(ec.SECP256R1()),
    }
    return keys[kind].private_bytes(serialization.Encoding.PEM, PKCS8, PLAIN)


STATES = [
    STATE,
    STATE._replace(authorities=(NEW, OLD._replace(key=None)), serving=MINT.make_serving(NEW, NAMES, NOW)),
    State((OLD,), MINT.make_serving(OLD, frozenset({"x"}), NOW)),
    State((OLD._replace(key=None),), STATE.serving),
]


@pytest.mark.parametrize("state", STATES, ids=range(len(STATES)))
def test_written_and_read(state: State) -> None:
    entries = write_entries(state)
    assert tuple(entries) == ENTRIES
    assert read_entries(entries) == state


def test_nothing_to_serve_is_not_written() -> None:
    with pytest.raises(ValueError, match="nothing to serve"):
        write_entries(State((OLD,), None))


LONE = State((OLD,), MINT.make_serving(OLD, NAMES, NOW))
DAMAGED: list[tuple[str, dict[str, bytes], str]] = [
    ("no certificate", {"tls.crt": b""}, "tls.crt holds no certificate of a server"),
    ("half of one", {"tls.crt": GOOD["tls.crt"][:200]}, "tls.crt holds no certificate of a server"),
    ("without names", {"tls.crt": GOOD["ca.crt"]}, "tls.crt holds no certificate of a server"),
    ("no key", {"tls.key": b""}, "tls.key holds no key"),
    ("not a key", {"tls.key": GOOD["tls.crt"]}, "tls.key holds no key"),
    ("a key of another kind", {"tls.key": other_key("ed25519")}, "tls.key holds no key"),
    ("an RSA key", {"tls.key": other_key("rsa")}, "tls.key holds no key"),
    ("another key", {"tls.key": other_key("other")}, "tls.key does not belong to tls.crt"),
    (
        "a pass phrase",
        {"tls.key": encode_key(ec.generate_private_key(ec.SECP256R1()), b"CANARY")},
        "tls.key holds no key",
    ),
    ("no authorities", {"ca.crt": b""}, "ca.crt holds no certificates"),
    ("nonsense", {"ca.crt": b"CANARY"}, "ca.crt holds no certificates"),
    ("not the signer", {"ca.crt": NEW.certificate}, "no authority in ca.crt has signed tls.crt"),
    ("itself", {"ca.crt": GOOD["tls.crt"]}, "ca.crt holds a certificate that may not sign others"),
    ("no authority", {"ca.crt": make_stranger("server")}, "ca.crt holds a certificate that may not sign others"),
    ("a stranger", {"ca.crt": make_stranger("authority")}, "no authority in ca.crt has signed tls.crt"),
    ("a broken key", {"ca.key": b"-----BEGIN PRIVATE KEY-----\nCANARY==\n-----END PRIVATE KEY-----\n"}, "ca.key holds no key"),
    ("an RSA key of an authority", {"ca.key": other_key("rsa")}, "ca.key holds no key"),
]  # fmt: skip


@pytest.mark.parametrize(("entries", "message"), [row[1:] for row in DAMAGED], ids=[row[0] for row in DAMAGED])
def test_damaged(entries: dict[str, bytes], message: str) -> None:
    with pytest.raises(Damaged, match=message) as caught:
        read_entries({**GOOD, **entries})
    assert "CANARY" not in str(caught.value)
    assert "-----" not in str(caught.value)


@pytest.mark.parametrize("entry", ENTRIES[:3])
def test_an_entry_is_missing(entry: str) -> None:
    with pytest.raises(Damaged):
        read_entries({key: value for key, value in GOOD.items() if key != entry})


def test_without_keys_of_authorities_it_is_whole() -> None:
    """What is served is good; a new authority is made for what comes next."""
    state = read_entries({**GOOD, "ca.key": b""})
    assert [authority.key for authority in state.authorities] == [None, None]
    assert state.serving == STATE.serving


def test_keys_may_be_in_any_order_and_strange_ones_are_left_out() -> None:
    assert NEW.key is not None
    assert OLD.key is not None
    for keys in itertools.permutations((NEW.key.pem, OLD.key.pem, other_key("other"))):
        assert read_entries({**GOOD, "ca.key": b"".join(keys)}) == STATE


def test_bundle() -> None:
    strangers = [make_stranger("authority"), make_stranger("authority")]
    text = write_bundle(STATE.authorities, read_bundle(b"".join(strangers)).values())
    found = read_bundle(text)
    assert list(found)[:2] == [NEW.id, OLD.id]
    assert find_own(found.values()) == (NEW._replace(key=None), OLD._replace(key=None))
    assert len(find_others(found.values(), NOW)) == 2
    assert list(find_others(found.values(), NOW + 100)) == []


def test_an_own_name_alone_makes_no_authority() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = make_name("vault-secrets-webhook authority")
    certificate = start(name, name, key.public_key(), NOW, NOW + 9).sign(key, hashes.SHA256())
    assert find_own([certificate]) == ()


@pytest.mark.parametrize("text", [b"", b"nonsense", GOOD["ca.crt"][:300], b"\xff"], ids=range(4))
def test_a_bundle_that_cannot_be_read_is_empty(text: bytes) -> None:
    assert read_bundle(text) == {}
