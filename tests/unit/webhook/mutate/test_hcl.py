"""The form of HCL documents. That agents read them back is proved with a real one, in tests/servers/test_agent.py."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.webhook.mutate.hcl import Block, encode, quote

QUOTED = [
    ("empty", "", '""'),
    ("plain", "a b/c-d_e.f:1", '"a b/c-d_e.f:1"'),
    ("quote", 'a"b', r'"a\"b"'),
    ("backslash", "a\\", r'"a\\"'),
    ("newline", "a\nb\r\t", r'"a\nb\r\t"'),
    ("interpolation", "${a}", r'"\u0024{a}"'),
    ("interpolation of version 2", "%{if a}", r'"\u0025{if a}"'),
    ("escaped interpolation", "$${a}", r'"\u0024\u0024{a}"'),
    ("braces", "}{", '"}{"'),
    ("control", "\x01\x7f", r'"\u0001\u007f"'),
    ("latin", "\xe9", r'"\u00e9"'),
    ("line separator", "\u2028", r'"\u2028"'),
    ("beyond 16 bits", "\U0001f600", r'"\U0001f600"'),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in QUOTED], ids=[row[0] for row in QUOTED])
def test_quote(text: str, expected: str) -> None:
    assert quote(text) == expected


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "a\udfff"], ids=["NUL", "first surrogate", "last surrogate"])
def test_what_no_text_can_hold(text: str) -> None:
    with pytest.raises(ValueError, match="without NUL") as error:
        quote(text)
    assert text not in str(error.value)


DOCUMENT = r"""a = "b"
number = 420
yes = true
no = false
block {
  inner "x" "y z" {
  }
  inner "\"" {
    k = {
      deep = "v"
    }
  }
}
"""


def test_document() -> None:
    document = encode(
        {
            "a": "b",
            "number": 0o644,
            "yes": True,
            "no": False,
            "block": Block((), {"inner": [Block(("x", "y z"), {}), Block(('"',), {"k": {"deep": "v"}})]}),
        }
    )
    assert document == DOCUMENT


@pytest.mark.parametrize("name", ["", "a b", "1a", 'a"', "a\n", "a=1"], ids=ascii)
def test_names_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match="name in HCL"):
        encode({name: "x"})
