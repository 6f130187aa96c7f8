"""`vault-secrets-webhook template`: what it prints, and what it says of wrong input."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from vault_secrets_webhook.cli import main

if TYPE_CHECKING:
    from pathlib import Path

PRINTED = [
    pytest.param(["${.user | upper}:${.port}", "-d", '{"user":"app","port":5432}'], b"APP:5432", id="reference"),
    pytest.param(["--role", "{{ .namespace }}-x", "-d", '{"namespace":"shop"}'], b"shop-x", id="role"),
    pytest.param(["no action"], b"no action", id="text"),
    pytest.param(["${.n}", "--data", '{"n":1.50}'], b"1.50", id="number"),
    pytest.param(["${.missing}"], b"<no value>", id="missing"),
    pytest.param(['${"/w==" | b64dec}'], b"\xff", id="bytes"),
    pytest.param(["${len .}", "-d", "[1,2]"], b"2", id="list"),
]


@pytest.mark.parametrize(("arguments", "expected"), PRINTED)
def test_printed(arguments: list[str], expected: bytes, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["template", *arguments]) == 0
    assert capfdbinary.readouterr() == (expected, b"")


def test_files(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text").write_bytes(b"\xff${.a}\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a":"\xc3\xa9"}')))
    assert main(["template", f"@{tmp_path / 'text'}", "-d", "@-"]) == 0
    assert capfdbinary.readouterr().out == b"\xff\xc3\xa9\n"


FAULTS = [
    pytest.param(["${if}"], 1, "template: config:1: missing value for if", id="syntax"),
    pytest.param(["${.a.b}", "-d", '{"a":"s3cret"}'], 1, "can't evaluate field b in type interface {}", id="execution"),
    pytest.param(["${fail .a}", "-d", '{"a":"shown"}'], 1, "error calling fail: shown", id="words-of-a-function"),
    pytest.param(["--role", "{{.x}}"], 1, 'map has no entry for key "x"', id="role-without-key"),
    pytest.param(["--role", "{{env `HOME`}}"], 1, 'function "env" not defined: it reads', id="role-environment"),
    pytest.param(["--role", "{{range 1000000}}{{end}}"], 1, "more than 20000 steps", id="role-steps"),
    pytest.param(["x", "-d", "{"], 2, "vault-secrets-webhook: --data: ", id="data"),
    pytest.param(["@/nonexistent/file"], 2, "@/nonexistent/file cannot be read: No such file", id="file"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), FAULTS)
def test_fault(arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["template", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
