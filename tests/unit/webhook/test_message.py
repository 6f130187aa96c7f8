"""Text that somebody else chose, in messages."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.webhook import message


def test_show_cannot_break_a_message() -> None:
    assert message.show("a\nb\x1b[0m\u202e") == r"'a\nb\x1b[0m\u202e'"
    assert len(message.show("x" * 100_000)) < 300


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ""), ("plain 'é'", "plain 'é'"), ("a\nb\x1b[0m", r"a\nb\x1b[0m"), ("\udcff\u202e\0", r"\udcff\u202e\x00")],
)
def test_escape(text: str, expected: str) -> None:
    assert message.escape(text) == expected
