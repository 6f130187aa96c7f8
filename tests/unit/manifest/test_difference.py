"""The difference as text, and when it is coloured."""

from __future__ import annotations

import io

import pytest

from vault_secrets_webhook.manifest.difference import colour_difference, shows_colours, write_difference


def test_unified() -> None:
    difference = write_difference("a\nb\nc\n", "a\nB\nc\n", "x.yaml")
    assert difference == "--- x.yaml\n+++ x.yaml (mutated)\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"


def test_equal_texts_differ_in_nothing() -> None:
    assert write_difference("a\n", "a\n", "x") == ""


def test_colours() -> None:
    coloured = colour_difference("--- x\n+++ x\n@@ -1 +1 @@\n a\n-b\n+B\n")
    assert coloured.splitlines() == [
        "\033[1m--- x\033[0m",
        "\033[1m+++ x\033[0m",
        "\033[36m@@ -1 +1 @@\033[0m",
        " a",
        "\033[31m-b\033[0m",
        "\033[32m+B\033[0m",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "expected"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
    ids=["terminal", "dumb", "NO_COLOR", "empty NO_COLOR", "pipe"],
)
def test_where_colours_help(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, environ: dict[str, str], expected: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert shows_colours(stream) is expected
