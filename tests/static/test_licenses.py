"""The licences of all parts go with the executable."""

from __future__ import annotations

from pathlib import Path

import pytest

from static.commands import BuildError
from static.licenses import OF_THE_SYSTEM, RULE, join_licenses
from tests.conftest import report_missing
from tests.servers.errors import ServerMissing


def test_each_part_is_told_by_its_name(tmp_path: Path) -> None:
    for name in ("ours", "libc6-dev/copyright"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"licence of {name}\n")
    text = join_licenses({"program": tmp_path / "ours"}, tmp_path)
    heads = [block.strip() for block in text.split(RULE)[1::2]]
    assert heads == ["program", *OF_THE_SYSTEM]
    assert "licence of ours" in text
    assert "licence of libc6-dev/copyright" in text
    assert "keeps no copy of its licence at" in text  # that of libcrypt


def test_a_part_without_licence_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="the licence of CPython is not at"):
        join_licenses({"CPython": tmp_path / "LICENSE"}, tmp_path)


def test_those_of_the_executable() -> None:
    """As `make vault-env` leaves them."""
    built = Path(__file__).parents[2] / "build" / "vault-env-licenses.txt"
    if not built.exists():
        report_missing(ServerMissing("build/vault-env is not built: run `make vault-env`"))
    text = built.read_text("utf-8")
    for words in ("PYTHON SOFTWARE FOUNDATION LICENSE", "Apache License", "Mozilla Public License", "Lesser General"):
        assert words.lower() in text.lower()
