"""What a server repeats of our secrets is not shown, however it spells them."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.vault.redaction import hide_secrets, list_texts

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.c2lnbmF0dXJlLW9mLWh1bnRlcjI"

HIDDEN: list[tuple[str, str, list[str], str]] = [
    ("as it is", "no hunter2-long here", ["hunter2-long"], "no [hidden] here"),
    ("in a word", "xhunter2-longx", ["hunter2-long"], "x[hidden]x"),
    ("twice", "hunter2-long,hunter2-long", ["hunter2-long"], "[hidden],[hidden]"),
    ("in another case", "no HUNTER2-Long", ["hunter2-lONG"], "no [hidden]"),
    ("cut", "no hunter2-long-and-lo... here", ["hunter2-long-and-longer"], "no [hidden]... here"),
    ("short, as a word", "bad pin 1234!", ["1234"], "bad pin [hidden]!"),
    ("short, in a word", "code 12345", ["1234"], "code 12345"),
    ("very short", "1 error of a b", ["1", "a", "of"], "1 error of a b"),
    ("empty", "words", ["", " "], "words"),
    ("lines", "bad line hunter2-two", ["hunter2-one\nhunter2-two"], "bad line [hidden]"),
    ("folded", "bad hunter2 one  two", ["hunter2  one two"], "bad [hidden] two"),
    ("folded by the server", "bad hunter2 one two", ["hunter2\n\tone two"], "bad [hidden]"),
    ("quoted", r"bad \"hunter\"2-long\n\"", ['hunter"2-long\n'], r"bad \"[hidden]\""),
    ("escaped", r"bad h\u00fcnter2-long", ["hünter2-long"], "bad [hidden]"),
    ("not ASCII", "bad hünter2-long", ["hünter2-long"], "bad [hidden]"),
    ("lone surrogates", "bad \ud800", ["\ud800hunter2"], "bad ???"),
    ("ciphertext", "bad vault:v1:aGVsbG8gd29ybGQ=", ["vault:v1:aGVsbG8gd29ybGQ="], "bad [hidden]"),
    ("ciphertext alone", "bad aGVsbG8gd29ybGQ=", ["vault:v1:aGVsbG8gd29ybGQ="], "bad [hidden]"),
    ("the longest first", "bad vault:v1:aGVsbG8", ["vault", "vault:v1:aGVsbG8"], "bad [hidden]"),
    ("header of a JWT", f"bad {JWT.split('.', maxsplit=1)[0]}", [JWT], "bad [hidden]"),
    ("claims of a JWT", f"bad {JWT.split('.')[1]}", [JWT], "bad [hidden]"),
    ("signature of a JWT", f"bad {JWT.split('.')[2]}", [JWT], "bad [hidden]"),
    ("other text", "permission denied", ["hunter2-long"], "permission denied"),
]


@pytest.mark.parametrize(("text", "secrets", "expected"), [row[1:] for row in HIDDEN], ids=[row[0] for row in HIDDEN])
def test_hide(text: str, secrets: list[str], expected: str) -> None:
    assert hide_secrets(text, secrets) == expected.replace("???", "\ufffd" * 3)


def test_texts_of_a_body() -> None:
    body = b'{"a":"one","b":["two",{"c":"three"}],"short":1234,"long":1234567890,"yes":true,"no":null,"role":"app"}'
    assert sorted(list_texts(body)) == ["1234567890", "one", "three", "two"]
    assert list_texts(b"hunter2\xff") == ["hunter2\ufffd"]
