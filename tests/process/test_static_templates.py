"""Templates in the executable as it is shipped: what real Go said of the golden cases, and every function of Sprig.

The renderer itself is tested in tests/golden; here it is whether all that it needs is in the executable.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.fakes.server import Reply
from tests.fakes.vault import METADATA
from tests.golden.gotemplate.files import list_areas, read_answers, read_case, read_lines
from tests.process.runner import run
from vault_secrets_webhook.errors import InvalidReference, TemplateError
from vault_secrets_webhook.gotemplate.crypto import bcrypt
from vault_secrets_webhook.gotemplate.sprig import MODULE_OF
from vault_secrets_webhook.inject.reference import Reference, parse
from vault_secrets_webhook.inject.template import fill, parse_template
from vault_secrets_webhook.wire.jsontext import loads

if TYPE_CHECKING:
    from tests.fakes.server import Asked, FakeServer
    from tests.servers.template_oracle import Answer

pytestmark = pytest.mark.forms("static")

LIMITS = {"VAULT_CLIENT_TIMEOUT": "30s"}
# The areas whose answers are about the process and not about the data.
AREAS = [area for area in list_areas() if area != "environment"]
LEAST_CASES = 3_500  # in all areas


class Question(NamedTuple):
    """A golden case as a reference: a template in our delimiters, the data as JSON, and Go's output."""

    template: str
    data: str
    output: bytes


def translate(line: str, answer: Answer) -> Question | None:
    """Make a reference of a case; None where it has none of the same meaning."""
    case = read_case(line)
    own = (case.get("left"), case.get("right")) == ("${", "}")
    other = set(case) - {"id", "text", "data"} - ({"left", "right"} if own else set())
    if other or "output" not in answer or "error" in answer or not isinstance(case.get("data") or {}, dict):
        return None
    text = case["text"] if own else case["text"].replace("{{", "${").replace("}}", "}")
    question = Question(text, cut_data(line) if case.get("data") else "{}", answer["output"].encode())
    return question if "\0" not in text and b"\0" not in question.output and fits(question) else None


def cut_data(line: str) -> str:
    """Give the data of a case as they are written."""
    start = re.search(r'"data":\s*', line)
    assert start is not None
    _, end = json.JSONDecoder().raw_decode(line, start.end())
    return line[start.end() : end]


def fits(question: Question) -> bool:
    """Tell whether the delimiters, and data that are not missing, leave a case what it was."""
    try:
        (part,) = parse(f"vault:secret/data/0#{question.template}")
    except (InvalidReference, ValueError):
        return False
    if not (isinstance(part, Reference) and part.is_template and part.selector == question.template):
        return False
    try:
        return fill(parse_template(part.selector), loads(question.data.encode())) == question.output
    except TemplateError:
        return False


def read_questions(area: str) -> list[Question]:
    pairs = zip(read_lines(area), read_answers(area)[1], strict=True)
    return [question for line, answer in pairs if (question := translate(line, answer)) is not None]


def answer_with(vault: FakeServer, data: list[str]) -> None:
    """Let Vault have these data, as JSON, at secret/data/0 and so on."""

    def answer(asked: Asked) -> Reply:
        index = int(asked.path.removeprefix("secret/data/"))
        return Reply(200, f'{{"data": {{"data": {data[index]}, "metadata": {json.dumps(METADATA)}}}}}'.encode())

    vault.answer = answer


@pytest.fixture(scope="module")
def questions() -> dict[str, list[Question]]:
    return {area: read_questions(area) for area in AREAS}


@pytest.mark.parametrize("area", AREAS)
def test_same_as_go(
    vault: FakeServer, environ: dict[str, str], questions: dict[str, list[Question]], area: str
) -> None:
    """All templates of an area in one start: hundreds of variables."""
    asked = questions[area]
    data = list(dict.fromkeys(question.data for question in asked))
    answer_with(vault, data)
    given = {
        f"T{number}": f"vault:secret/data/{data.index(question.data)}#{question.template}"
        for number, question in enumerate(asked)
    }
    seen = run({**environ, **LIMITS, "TZ": "UTC", **given})
    entries = dict(entry.split(b"=", 1) for entry in seen.entries)
    for number, question in enumerate(asked):
        assert entries[f"T{number}".encode()] == question.output, question.template


def test_enough_is_asked(questions: dict[str, list[Question]]) -> None:
    assert sum(map(len, questions.values())) >= LEAST_CASES
    assert all(questions.values())


PLAIN = "p\u00e4ssword"
# Functions whose result is another one every time or depends on the process, and those that have no golden case.
TEXTS = {
    "RSA": '${genPrivateKey "rsa"}',
    "DSA": '${genPrivateKey "dsa"}',
    "ECDSA": '${genPrivateKey "ecdsa"}',
    "ED25519": '${genPrivateKey "ed25519"}',
    "SIGNED": '${$ca := genCA "the-ca" 10}${$c := genSignedCert "host" (list "10.0.0.1") (list "a.example") 5 $ca}'
    "${$ca.Cert}${$c.Cert}${$c.Key}",
    "SIGNED_WITH_KEY": '${$ca := genCAWithKey "the-ca" 10 (genPrivateKey "ecdsa")}'
    '${$c := genSignedCertWithKey "host" nil (list "b.example") 5 $ca (genPrivateKey "ed25519")}${$ca.Cert}${$c.Cert}${$c.Key}',
    "SELF": '${$c := genSelfSignedCertWithKey "self" nil nil 5 (genPrivateKey "ecdsa")}${$c.Cert}${$c.Cert}${$c.Key}',
    "SELF_RSA": '${$c := genSelfSignedCert "self" nil nil 5}${$c.Cert}${$c.Cert}${$c.Key}',
    "CUSTOM": '${$x := genCAWithKey "x" 10 (genPrivateKey "ecdsa")}'
    "${$c := buildCustomCert (b64enc $x.Cert) (b64enc $x.Key)}${$c.Cert}${$c.Cert}${$c.Key}",
    "AES": '${.plain | encryptAES "key" | decryptAES "key"}',
    "CIPHER": '${.plain | encryptAES "key"}',
    "DERIVED": '${derivePassword 1 "long" "password" "user" "example.com"}',
    "BCRYPT": "${bcrypt .plain}",
    "HTPASSWD": '${htpasswd "user" .plain}',
    "ADLER32": "${adler32sum .plain}",
    "SHA1": "${sha1sum .plain}",
    "SHA256": "${sha256sum .plain}",
    "SHA512": "${sha512sum .plain}",
    "NOW": '${now | unixEpoch | len} ${now | date "2006" | len} ${now | ago} ${now | htmlDate | len}',
    "RANDOM": "${randAlpha 7 | len} ${randAlphaNum 7 | len} ${randAscii 7 | len} ${randNumeric 7 | len} ${randBytes 6 | len}"
    ' ${randInt 3 4} ${shuffle "aaa"} ${uuidv4 | len}',
    "LISTS": "${$l := list 1 2 2 0}${mustFirst $l} ${mustLast $l} ${mustInitial $l} ${mustRest $l} ${mustUniq $l}"
    " ${mustReverse $l} ${mustCompact $l}",
    "REGEX": '${mustRegexMatch "^a+$" "aa"} ${mustRegexReplaceAllLiteral "a" "banana" "$1"}',
    "PATHS": '${osBase "/a/b.c"} ${osDir "/a/b.c"} ${osExt "/a/b.c"} ${osClean "/a/../b"} ${osIsAbs "/a"}',
    "DATE": '${toDate "2006-01-02" "2024-02-28" | must_date_modify "24h" | date "2006-01-02"}',
    "ENVIRONMENT": '${env "PLAIN"} ${expandenv "$PLAIN"} ${getHostByName "127.0.0.1"} ${hello}',
}
KEYS = {
    "RSA": rsa.RSAPrivateKey,
    "DSA": dsa.DSAPrivateKey,
    "ECDSA": ec.EllipticCurvePrivateKey,
    "ED25519": ed25519.Ed25519PrivateKey,
}
EXPECTED = {
    "AES": PLAIN,
    "DERIVED": "ZedaFaxcZaso9*",
    "ADLER32": str(zlib.adler32(PLAIN.encode())),
    "SHA1": hashlib.sha1(PLAIN.encode()).hexdigest(),
    "SHA256": hashlib.sha256(PLAIN.encode()).hexdigest(),
    "SHA512": hashlib.sha512(PLAIN.encode()).hexdigest(),
    "NOW": "10 4 0s 10",
    "RANDOM": "7 7 7 7 8 3 aaa 36",
    "LISTS": "1 0 [1 2 2] [2 2 0] [1 2 0] [0 2 2 1] [1 2 2]",
    "REGEX": "true b$1n$1n$1",
    "PATHS": "b.c /a .c /b true",
    "DATE": "2024-02-29",
    "ENVIRONMENT": "plain plain 127.0.0.1 Hello!",
}


def test_what_has_no_golden_answer(vault: FakeServer, environ: dict[str, str]) -> None:
    answer_with(vault, [json.dumps({"plain": PLAIN})])
    given = {name: f"vault:secret/data/0#{text}" for name, text in TEXTS.items()}
    seen = run({**environ, **LIMITS, "PLAIN": "plain", **given}).environ
    assert {name: seen[name] for name in EXPECTED} == EXPECTED
    for name, kind in KEYS.items():
        assert isinstance(load_pem_private_key(seen[name].encode(), None), kind)
    for name in ("SIGNED", "SIGNED_WITH_KEY", "SELF", "SELF_RSA", "CUSTOM"):
        check_chain(seen[name])
    assert seen["CIPHER"] != PLAIN
    for text in (seen["BCRYPT"], seen["HTPASSWD"].removeprefix("user:")):
        check_password(text)


def check_chain(text: str) -> None:
    """Check a certificate of an authority, one that it has signed, and the key of the latter."""
    authority, certificate, key = re.findall(r"-----BEGIN [^-]+-----\n[^-]+-----END [^-]+-----\n", text)
    issuer, issued = (x509.load_pem_x509_certificate(pem.encode()) for pem in (authority, certificate))
    issued.verify_directly_issued_by(issuer)
    assert load_pem_private_key(key.encode(), None).public_key() == issued.public_key()


def check_password(text: str) -> None:
    """Check that it is bcrypt of PLAIN, by what is slow and needs nothing."""
    assert re.fullmatch(r"\$2a\$10\$[./A-Za-z0-9]{53}", text)
    number = 0
    for character in text[7:29]:
        number = number << 6 | b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".index(
            character.encode()
        )
    salt = (number >> 4).to_bytes(16)
    setting, crypt = text[:29].encode(), bcrypt.load_crypt()
    if crypt is None:
        assert text[29:].encode() == bcrypt.encode(bcrypt.compute_hash(PLAIN.encode(), salt, 10))
    else:
        assert crypt(PLAIN.encode(), setting) == text.encode()


def test_every_function_is_called(questions: dict[str, list[Question]]) -> None:
    texts = [question.template for area in questions.values() for question in area] + list(TEXTS.values())
    called = {word for text in texts for word in re.findall(r"\w+", text)}
    assert MODULE_OF.keys() - called == set()


ZONES: list[tuple[str, str]] = [
    ("Europe/Berlin", "2024-07-01 12:00 CEST"),
    ("America/New_York", "2024-07-01 12:00 EDT"),
    ("UTC", "2024-07-01 12:00 UTC"),
    ("", "2024-07-01 12:00 UTC"),
    ("Nowhere/Atall", "2024-07-01 12:00 UTC"),
]


@pytest.mark.parametrize(("zone", "shown"), ZONES)
def test_local_zone(vault: FakeServer, environ: dict[str, str], zone: str, shown: str) -> None:
    """As the container has it; without the files of zones see test_static_container.py."""
    answer_with(vault, ["{}"])
    text = '${toDate "2006-01-02 15:04" "2024-07-01 12:00" | date "2006-01-02 15:04 MST"}'
    seen = run({**environ, "TZ": zone, "A": f"vault:secret/data/0#{text}"})
    assert seen.environ["A"] == shown
