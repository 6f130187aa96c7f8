"""Quoting as Go's package time does, which is not strconv's."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.gotemplate.time.quote import quote


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        (b"", '""'),
        (b"2006-01-02", '"2006-01-02"'),
        (b'a"b\\c', '"a\\"b\\\\c"'),
        (b"\n\t\0\x1f ", '"\\x0a\\x09\\x00\\x1f "'),
        (b"\x7f", '"\x7f"'),
        ("é日".encode(), '"\\xc3\\xa9\\xe6\\x97\\xa5"'),
        (b"\xff\xfe", '"\\xff\\xfe"'),
        ("\ufffd".encode(), '"\\xef\\xbf\\xbd"'),
    ],
)
def test_quote(text: bytes, quoted: str) -> None:
    assert quote(text) == quoted
