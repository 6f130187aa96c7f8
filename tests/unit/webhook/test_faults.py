"""Faults are logged by type and place, whatever their text holds."""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
import subprocess
import sys
from typing import Any

import pytest
import uvloop

from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.faults import LibraryHandler, locate, log_fault, watch_loop


def fail_deeply(text: str, depth: int) -> None:
    if depth:
        fail_deeply(text, depth - 1)
    else:
        raise ValueError(text)


def make_error(text: str, depth: int = 1) -> ValueError:
    with pytest.raises(ValueError, match=text) as caught:
        fail_deeply(text, depth)
    return caught.value


def test_place() -> None:
    places = locate(make_error("x")).split(" < ")
    assert [place.partition(" ")[2] for place in places] == ["fail_deeply", "fail_deeply", "make_error"]
    assert all(place.startswith("test_faults.py:") for place in places)


def test_place_is_bounded() -> None:
    places = locate(make_error("x", 100)).split(" < ")
    assert len(places) == 12
    assert places[0].endswith(" fail_deeply")


def test_fault(canary: str, capfd: pytest.CaptureFixture[str]) -> None:
    log_fault(Log(), "it went wrong", make_error(canary), namespace="shop")
    line = capfd.readouterr().err
    assert 'level=ERROR msg="it went wrong" error=ValueError at="test_faults.py:' in line
    assert line.endswith("namespace=shop\n")
    assert canary not in line


def test_libraries(canary: str, capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.Logger("a library")  # noqa: LOG001 - out of the tree of all others
    logger.addHandler(LibraryHandler(Log("debug")))
    logger.info("not of interest")
    logger.warning("request from %s", canary)
    logger.error("it went wrong: %s", canary, exc_info=make_error(canary))
    lines = capfd.readouterr().err.splitlines()
    assert [line.partition("level=")[2].partition(" ")[0] for line in lines] == ["WARN", "ERROR"]
    assert 'report="request from %s"' in lines[0]
    assert "error=ValueError" in lines[1]
    assert not any(canary in line for line in lines)


CONTEXTS: list[tuple[str, dict[str, Any], str]] = [
    ("peer went away", {"message": "Fatal error", "exception": ConnectionResetError("CANARY")}, "level=DEBUG"),
    ("no TLS", {"message": "SSL handshake failed", "exception": ssl.SSLError("CANARY")}, "level=DEBUG"),
    ("fault", {"message": "Task exception", "exception": ValueError("CANARY")}, "level=ERROR"),
    ("no exception", {"message": "Something"}, "level=WARN"),
]
CALLBACK_CONTEXT: dict[str, Any] = {
    "message": "Exception in callback f('CANARY') at x.py:1",
    "exception": ValueError("CANARY"),
}


@pytest.mark.parametrize(("context", "level"), [row[1:] for row in CONTEXTS], ids=[row[0] for row in CONTEXTS])
def test_event_loop(context: dict[str, Any], level: str, capfd: pytest.CaptureFixture[str]) -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        watch_loop(loop, Log("debug"))
        loop.call_exception_handler(context)

    asyncio.run(check())
    line = capfd.readouterr().err
    assert level in line
    assert context["message"] in line
    assert "CANARY" not in line


def test_callbacks_are_shown_without_their_arguments(capfd: pytest.CaptureFixture[str]) -> None:
    """Both event loops write them with what they are called with."""

    async def check() -> None:
        loop = asyncio.get_running_loop()
        watch_loop(loop, Log("debug"))
        loop.call_soon(functools.partial(fail_deeply, "CANARY", 0))
        await asyncio.sleep(0)
        loop.call_exception_handler(CALLBACK_CONTEXT)

    for run in (asyncio.run, uvloop.run):
        run(check())
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == 2
        assert all('report="Exception in callback"' in line for line in lines)
        assert not any("CANARY" in line for line in lines)


UNCAUGHT = """
import logging, sys, threading
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.faults import watch_process

class Careless:
    def __del__(self):
        fail()

def fail():
    raise ValueError("CANARY")

watch_process(Log())
logging.getLogger("aiohttp.client").warning("it is %s", "CANARY")
Careless()
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""


def test_what_nobody_catches() -> None:
    ended = subprocess.run([sys.executable, "-c", UNCAUGHT], capture_output=True, check=False, text=True, timeout=60)
    assert ended.returncode == 1
    lines = ended.stderr.splitlines()
    expected = (
        'report="it is %s"',
        'msg="the interpreter reports" error=ValueError',
        'msg="a thread ends because of a fault" error=ValueError',
        'msg="the process ends because of a fault" error=ValueError',
    )
    assert len(lines) == len(expected)
    assert all(part in line for part, line in zip(expected, lines, strict=True))
    assert "CANARY" not in ended.stderr + ended.stdout
