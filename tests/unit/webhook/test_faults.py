"""Faults are logged by type and place, whatever their text holds."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.faults import locate, log_fault, make_library_logger, watch_loop


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
    logger = make_library_logger(Log("debug"))
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
