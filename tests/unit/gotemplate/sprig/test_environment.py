"""The environment and files, as the process has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate import TemplateError, render
from vault_secrets_webhook.gotemplate.functions import Function
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig.environment import (
    ACCESSOR,
    FILE,
    expand_variables,
    name_accessor,
    read_file,
)


def list_open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def read(path: os.PathLike[str] | str) -> bytes:
    return read_file(Budget(), os.fsencode(path))


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"VSW_A": "a value", "VSW_B": "$VSW_A", "1": "one", "*": "star", "a$b": "dollar"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("$VSW_A", "a value", id="name"),
        pytest.param("<${VSW_A}>", "<a value>", id="name in braces"),
        pytest.param("$VSW_A-$VSW_A", "a value-a value", id="twice"),
        pytest.param("$VSW_AX", "", id="longer name"),
        pytest.param("${VSW_A}X", "a valueX", id="end of a name"),
        pytest.param("$VSW_B", "$VSW_A", id="no second time"),
        pytest.param("$11", "one1", id="one digit"),
        pytest.param("$*", "star", id="special"),
        pytest.param("${*}", "star", id="special in braces"),
        pytest.param("${a$b}", "dollar", id="dollar in braces"),
        pytest.param("100$", "100$", id="at the end"),
        pytest.param("$ x", "$ x", id="no name"),
        pytest.param("${VSW_A", "VSW_A", id="no closing brace"),
        pytest.param("${}x", "x", id="empty braces"),
        pytest.param("${VSW_A}${VSW_A", "a valueVSW_A", id="no second closing brace"),
    ],
)
def test_expand(text: str, expanded: str) -> None:
    assert render("{{ expandenv .text }}", {"text": text}) == expanded


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize(("name", "value"), [("VSW_A", "a value"), ("VSW_NONE", ""), ("", ""), ("VSW_A=a", "")])
def test_env(name: str, value: str) -> None:
    assert render("{{ env .name }}", {"name": name}) == value


def test_env_that_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"VSW_RAW", b"\xff\n")
    assert render('{{ env "VSW_RAW" | len }}{{ env "VSW_RAW" | b64enc }}', None) == "2/wo="


@given(st.text("$ab{}*", max_size=30).map(str.encode))
def test_text_without_variables_grows_not(text: bytes) -> None:
    assert len(expand_variables(Budget(), text)) <= len(text)


def test_much_to_expand() -> None:
    """The end of a brace is looked for once, not once for each dollar."""
    assert expand_variables(Budget(), b"${" * 100_000) == b""
    with pytest.raises(LimitError, match="takes more than 100 steps"):
        expand_variables(Budget(steps=100), b"$$" * 50 + b"$a" * 51)


def test_expanded_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSW_LONG", "x" * 100_000)
    with pytest.raises(LimitError):
        expand_variables(Budget(), b"$VSW_LONG " * 2_000)


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        pytest.param(b"", b"", id="empty"),
        pytest.param(b"one line", b"one line", id="no line end"),
        pytest.param(b"a\nb\n", rb"a\nb\n", id="line ends"),
        pytest.param(b"a\r\nb\\n", b"a\r\\nb\\n", id="backslash and return"),
        pytest.param(b"\xff\0", b"\xff\0", id="no text"),
    ],
)
def test_file(tmp_path: Path, content: bytes, shown: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert read(tmp_path / "file") == shown


def test_file_in_a_template(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a\n")
    functions = {name: Function(name, *entry) for name, entry in (FILE | ACCESSOR).items()}
    template = "{{ file .path }} {{ accessor .path }}"
    path = str(tmp_path / "file")
    assert render(template, {"path": path}, functions=functions) == rf"a\n __accessor__{path}"
    with pytest.raises(TemplateError, match=r"error calling file: open /none: no such file or directory$"):
        render(template, {"path": "/none"}, functions=functions)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("{}/none", "open {}/none: no such file or directory", id="missing"),
        pytest.param("", "open : no such file or directory", id="no path"),
        pytest.param("{}", "read {}: is a directory", id="directory"),
        pytest.param("{}/file/x", "open {}/file/x: not a directory", id="below a file"),
        pytest.param("{}/loop", "open {}/loop: too many levels of symbolic links", id="loop"),
        pytest.param("{}/" + "x" * 300, "open {}/" + "x" * 300 + ": file name too long", id="long name"),
        pytest.param("{}\0x", "open {}\0x: invalid argument", id="zero byte"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, path: str, text: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FunctionError) as caught:
        read_file(Budget(), path.format(tmp_path).encode())
    assert str(caught.value) == text.format(tmp_path)
    assert not caught.value.is_constant


def test_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(FunctionError, match=r"^open /x: permission denied$"):
        read("/x")


def test_error_without_a_name_of_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(24, "")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(FunctionError, match=r"^open /x: too many open files$"):
        read("/x")


def test_nothing_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert read(tmp_path / "pipe") == b""
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        with pytest.raises(FunctionError, match=r"resource temporarily unavailable$"):
            read(tmp_path / "pipe")
    finally:
        os.close(writer)


@pytest.mark.parametrize("path", ["large", "/dev/zero"])
def test_large_files(tmp_path: Path, path: str) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate((16 << 20) + 1)
    with pytest.raises(LimitError, match="the file is larger than 16 MiB"):
        read(tmp_path / path)


def test_files_are_closed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    before = list_open_files()
    read(tmp_path / "file")
    with pytest.raises(FunctionError):
        read(tmp_path)
    assert list_open_files() == before


@pytest.mark.parametrize(
    ("path", "name"), [(b"a/b", b"__accessor__a/b"), (b"a//", b"__accessor__a"), (b"/", b"__accessor__")]
)
def test_accessor(path: bytes, name: bytes) -> None:
    assert name_accessor(path) == name
