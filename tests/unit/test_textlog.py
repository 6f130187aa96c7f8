"""Log lines: their two forms, what they escape, and that logging never fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook import textlog
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.textlog import Log, format_json, format_text, parse_level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vault_secrets_webhook.textlog import Value

NOON = 1_785_585_600.0


@pytest.fixture(autouse=True)
def fixed_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOON + 0.123456)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


TEXT_VALUES: list[tuple[str, Value, str]] = [
    ("plain", "abc", "abc"),
    ("empty", "", '""'),
    ("space", "a b", '"a b"'),
    ("equals sign", "a=b", '"a=b"'),
    ("quote", 'a"b', '"a\\"b"'),
    ("backslash", "a\\b", '"a\\\\b"'),
    ("newline", "a\nlevel=ERROR", '"a\\nlevel=ERROR"'),
    ("carriage return", "a\rb", '"a\\rb"'),
    ("tab", "a\tb", '"a\\tb"'),
    ("escape sequence of a terminal", "\x1b[2J", '"\\x1b[2J"'),
    ("delete", "\x7f", '"\\x7f"'),
    ("C1 control", "\x9b", '"\\u009b"'),
    ("line separator", "a\u2028b", '"a\\u2028b"'),
    ("right-to-left override", "\u202e", '"\\u202e"'),
    ("byte that is not UTF-8", os.fsdecode(b"\xff"), '"\\xff"'),
    ("lone surrogate", "\ud800", '"\\ud800"'),
    ("beyond the basic plane, not printable", "\U000e0001", '"\\U000e0001"'),
    ("letters of other scripts", "größe", "größe"),
    ("true", True, "true"),
    ("false", False, "false"),
    ("number", 42, "42"),
    ("fraction", 1.5, "1.5"),
    ("list", ["a", "b"], "a,b"),
    ("list with a space", ("a b",), '"a b"'),
]


@pytest.mark.parametrize(("value", "expected"), [row[1:] for row in TEXT_VALUES], ids=[row[0] for row in TEXT_VALUES])
def test_text_value(value: Value, expected: str) -> None:
    assert format_text({"key": value}) == f"key={expected}"


JSON_VALUES: list[tuple[str, Value, object]] = [
    ("string", "abc", "abc"),
    ("true", True, True),
    ("number", 42, 42),
    ("fraction", 1.5, 1.5),
    ("not a number", float("nan"), "nan"),
    ("infinity", float("inf"), "inf"),
    ("list", ["a", 'b"'], ["a", 'b"']),
    ("empty list", (), []),
]


@pytest.mark.parametrize(("value", "expected"), [row[1:] for row in JSON_VALUES], ids=[row[0] for row in JSON_VALUES])
def test_json_value(value: Value, expected: object) -> None:
    assert json.loads(format_json({"key": value})) == {"key": expected}


@given(st.text(st.characters(), max_size=50), st.text(st.characters(), max_size=50))
def test_json_is_what_went_in_on_one_printable_line(key: str, value: str) -> None:
    line = format_json({key: value})
    assert json.loads(line) == {key: value}
    assert line.isprintable()


@given(st.text(st.characters(), max_size=50), st.text(st.characters(), max_size=50))
def test_text_is_one_printable_line(key: str, value: str) -> None:
    line = format_text({key: value})
    assert line.isprintable()
    line.encode()  # no surrogate is left


def test_text_line(capfd: pytest.CaptureFixture[str]) -> None:
    Log(component="webhook").bind(uid="7").info("pod mutated", pod="web", node=None)
    expected = 'time=2026-08-01T12:00:00.123Z level=INFO msg="pod mutated" component=webhook uid=7 pod=web\n'
    assert capfd.readouterr() == ("", expected)


def test_json_line(capfd: pytest.CaptureFixture[str]) -> None:
    Log(as_json=True, component="webhook").bind(uid="7").warning("slow", seconds=3)
    assert json.loads(capfd.readouterr().err) == {
        "time": "2026-08-01T12:00:00.123Z",
        "level": "WARN",
        "msg": "slow",
        "component": "webhook",
        "uid": "7",
        "seconds": 3,
    }


def test_bind_leaves_the_first_log_alone(capfd: pytest.CaptureFixture[str]) -> None:
    log = Log(a="1")
    log.bind(a="2", b="3")
    log.info("m")
    assert capfd.readouterr().err.endswith("msg=m a=1\n")


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", "DEBUG INFO WARN ERROR"),
        ("info", "INFO WARN ERROR"),
        ("warn", "WARN ERROR"),
        ("warning", "WARN ERROR"),
        ("ERROR", "ERROR"),
    ],
)
def test_levels(level: str, written: str, capfd: pytest.CaptureFixture[str]) -> None:
    log = Log(level).bind(part="x")
    for write in (log.debug, log.info, log.warning, log.error):
        write("m")
    lines = capfd.readouterr().err.splitlines()
    assert [line.split("level=")[1].split()[0] for line in lines] == written.split()


@pytest.mark.parametrize("level", ["", "trace", "info ", "10"])
def test_unknown_level(level: str) -> None:
    with pytest.raises(ConfigurationError, match="write debug, info, warn or error"):
        parse_level(level)


def test_timestamp() -> None:
    log = Log()
    seconds = [0.0, 0.9999, 1.0, NOON + 59.0, NOON + 58.5]
    assert [log.timestamp(each) for each in seconds] == [
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:00:00.999Z",
        "1970-01-01T00:00:01.000Z",
        "2026-08-01T12:00:59.000Z",
        "2026-08-01T12:00:58.500Z",
    ]


def test_a_line_is_one_write(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = pipe
    written: list[bytes] = []
    write = os.write

    def record(descriptor: int, data: bytes) -> int:
        written.append(data)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", record)
    Log(descriptor=writer).info("m", key="v")
    assert written == [os.read(reader, 1000)]


def test_a_closed_stream_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    Log(descriptor=writer).info("broken pipe")
    os.close(writer)
    Log(descriptor=writer).info("bad descriptor")


def test_a_full_stream_is_no_error(pipe: tuple[int, int]) -> None:
    _, writer = pipe
    os.set_blocking(writer, False)
    for _ in range(100):
        Log(descriptor=writer).info("m" * 4096)


def test_import_is_cheap() -> None:
    """vault-env pays for each of these at every start of a pod."""
    program = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import vault_secrets_webhook.errors
before = set(sys.modules)
import vault_secrets_webhook.textlog
print(*(set(sys.modules) - before))
"""
    source = str(Path(textlog.__file__).parent.parent)
    run = subprocess.run([sys.executable, "-S", "-c", program, source], capture_output=True, check=True, text=True)
    assert run.stdout.split() == ["vault_secrets_webhook.textlog"]
