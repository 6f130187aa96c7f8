"""What the errors say."""

from __future__ import annotations

import pytest

from vault_secrets_webhook import errors
from vault_secrets_webhook.errors import InvalidReference, MissingValue, Refused, SecretError


@pytest.mark.parametrize(
    ("start", "end", "marker"),
    [
        (0, 1, "^"),
        (2, 5, "  ~~^"),
        (6, 99, "      ^"),
        (7, 8, "       ^"),
        (99, 99, "       ^"),
        (3, 3, "   ^"),
    ],
)
def test_marker_stands_under_the_bad_span(start: int, end: int, marker: str) -> None:
    assert InvalidReference("reason", "vault:a", start, end).marker() == f"vault:a\n{marker}"


def test_invalid_reference_shows_reason_text_and_marker() -> None:
    error = InvalidReference("no key", "vault:a", 6, 7)
    assert str(error) == "no key\n  vault:a\n        ^"


def test_what_is_shown_cannot_move_the_cursor_nor_the_marker() -> None:
    error = InvalidReference("no key", "vault:\x1b[2J\na\u202e", 0, 1)
    assert error.shown == "vault:\ufffd[2J\ufffda\ufffd"
    assert str(error).count("\n") == 2


def test_secret_error_names_the_variable() -> None:
    assert str(SecretError("DB_PASSWORD", "no key")) == "DB_PASSWORD: no key"
    wrong = InvalidReference("no key", "vault:a", 6, 7)
    assert str(SecretError("DB_PASSWORD", "no key", wrong)) == f"DB_PASSWORD: {wrong}"


@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (422, "Invalid")])
def test_refused_has_the_reason_of_its_code(code: int, reason: str) -> None:
    assert Refused("no", code=code).reason == reason


def test_only_a_missing_value_may_be_forgiven() -> None:
    assert issubclass(MissingValue, SecretError)
    assert not issubclass(errors.RequestRejected, errors.SecretMissing)


def test_the_docstring_draws_the_whole_tree() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Error)]
    drawn = (errors.__doc__ or "").split()
    assert [kind.__name__ for kind in kinds if kind.__name__ not in drawn] == []


def test_of_a_long_reference_what_is_around_the_bad_span_is_shown() -> None:
    text = "vault:" + "a" * 1_000_000 + "!" + "b" * 1_000_000
    error = InvalidReference("no", text, text.index("!"), len(text))
    shown, under = error.marker().split("\n")
    assert shown == "…" + "a" * 100 + "!" + "b" * 59 + "…"
    assert shown[under.index("~")] == "!"
    assert len(under) <= len(shown)
    assert error.offset == 6 + 1_000_000
