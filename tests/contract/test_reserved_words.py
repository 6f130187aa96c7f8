"""The words that vault-env takes for itself are those that the webhook puts `--` before; neither imports the other.

Every word that stands in the source of vault-env's command line is tried, so one that is added there and not in the
webhook is found.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.vaultenv import __main__ as command_line
from vault_secrets_webhook.webhook.mutate.container import END_OF_OPTIONS, RESERVED

if TYPE_CHECKING:
    from collections.abc import Sequence

WORD = re.compile(r"-{0,2}[a-z]*[a-z-]|-{1,2}[A-Za-z]+")
STARTED = "started"


def list_words() -> list[str]:
    """Give every text in the source of the command line that could be a word on it."""
    source = ast.parse(Path(command_line.__file__).read_text())
    texts = {node.value for node in ast.walk(source) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return sorted(text for text in texts if WORD.fullmatch(text))


def runs_command(folder: Path, arguments: Sequence[str]) -> bool:
    """Tell whether vault-env starts a command called like the last of the arguments."""
    command = folder / arguments[-1]
    command.write_text(f"#!/bin/sh\necho {STARTED}\n")
    command.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, "-m", "vault_secrets_webhook.vaultenv", *arguments],
        env={"PATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.stdout.splitlines() == [STARTED]


def test_words_are_found() -> None:
    assert set(list_words()) >= RESERVED


@pytest.mark.parametrize("word", sorted({*RESERVED, *list_words(), "-v", "--copy", "help", "version", "Copy"}))
def test_a_command_of_that_name(word: str, tmp_path: Path) -> None:
    assert runs_command(tmp_path, [word]) is (word not in RESERVED)


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_reserved_word_after_the_end_of_options_is_a_command(word: str, tmp_path: Path) -> None:
    assert runs_command(tmp_path, [END_OF_OPTIONS, word])
