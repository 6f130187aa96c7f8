"""Finding time zones. The answers for the values of TZ are those of Go's program on the same files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.gotemplate.time.zonefile import CENTRAL_EUROPE, make_zone_file
from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.time import database
from vault_secrets_webhook.gotemplate.time.database import load_local_table, load_location
from vault_secrets_webhook.gotemplate.time.location import LOCAL, UTC

if TYPE_CHECKING:
    from pathlib import Path

PARIS = make_zone_file(CENTRAL_EUROPE)
TOKYO = make_zone_file(b"JST-9")
SUMMER = 1_720_000_000


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with two directories of zones and a local time zone."""
    for path, data in {
        "first/Europe/Paris": PARIS,
        "first/Broken": b"TZif",
        "second/Europe/Paris": TOKYO,
        "second/Asia/Tokyo": TOKYO,
        "second/Broken": TOKYO,
        "localtime": TOKYO,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    sources = tuple(bytes(tmp_path / name) for name in ("missing", "first", "second"))
    monkeypatch.setattr(database, "SYSTEM_SOURCES", sources)
    monkeypatch.setattr(database, "LOCAL_FILE", bytes(tmp_path / "localtime"))
    return tmp_path


@pytest.mark.parametrize(
    ("setting", "name", "abbreviation"),
    [
        pytest.param(None, b"Local", b"JST", id="not set"),
        pytest.param(b"", b"UTC", b"UTC", id="empty"),
        pytest.param(b":", b"UTC", b"UTC", id="colon"),
        (b"UTC", b"UTC", b"UTC"),
        (b":UTC", b"UTC", b"UTC"),
        (b"Europe/Paris", b"Europe/Paris", b"CEST"),
        (b":Europe/Paris", b"Europe/Paris", b"CEST"),
        (b"%s/second/Asia/Tokyo", b"%s/second/Asia/Tokyo", b"JST"),
        (b":%s/first/Europe/Paris", b"%s/first/Europe/Paris", b"CEST"),
        (b"%s/localtime", b"Local", b"JST"),
        (b"Mars/Base", b"UTC", b"UTC"),
        (b"/nonexistent", b"UTC", b"UTC"),
        (b"Europe", b"UTC", b"UTC"),
        (b"EST5EDT,M3.2.0,M11.1.0", b"UTC", b"UTC"),
        (b"a\0b", b"UTC", b"UTC"),
    ],
)
def test_local(machine: Path, setting: bytes | None, name: bytes, abbreviation: bytes) -> None:
    root = bytes(machine)
    environ = {} if setting is None else {b"TZ": setting.replace(b"%s", root)}
    table = load_local_table(environ)
    assert table.name == name.replace(b"%s", root)
    assert table.find_period(SUMMER).zone.name == abbreviation


@pytest.mark.usefixtures("machine")
def test_local_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCAL_FILE", b"/nonexistent/localtime")
    assert load_local_table({}).name == b"UTC"


def test_local_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOCAL, "loaded", None)
    monkeypatch.setenv("TZ", "")
    assert LOCAL.table is LOCAL.table
    assert LOCAL.table.name == b"UTC"


@pytest.mark.parametrize(("name", "location"), [(b"", UTC), (b"UTC", UTC), (b"Local", LOCAL)])
def test_known(name: bytes, location: object) -> None:
    assert load_location(name, {}) is location


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("name", "abbreviation"),
    [
        pytest.param(b"Europe/Paris", b"CEST", id="the first source goes first"),
        pytest.param(b"Asia/Tokyo", b"JST", id="the second has more"),
        pytest.param(b"Broken", b"JST", id="a source that is broken is passed over"),
    ],
)
def test_found(name: bytes, abbreviation: bytes) -> None:
    location = load_location(name, {})
    assert location.find_period(SUMMER).zone.name == abbreviation
    assert location.table.name == name
    assert location is not load_location(name, {})


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (b"Mars/Base", "unknown time zone Mars/Base"),
        (b"../first/Europe/Paris", "time: invalid location name"),
        (b"Europe/..", "time: invalid location name"),
        (b"/etc/localtime", "time: invalid location name"),
        (b"\\x", "time: invalid location name"),
        (b"Europe", "is a directory"),
        (b"Europe/Paris/x", "not a directory"),
        (b"a\0b", "invalid argument"),
        (b"\xff", "unknown time zone \udcff"),
    ],
)
def test_unknown(name: bytes, problem: str) -> None:
    with pytest.raises(FunctionError) as caught:
        load_location(name, {})
    assert str(caught.value) == problem


def test_large_file(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LARGEST_FILE", 10)
    with pytest.raises(FunctionError) as caught:
        load_location(b"Asia/Tokyo", {})
    assert str(caught.value) == f"time: file {machine}/second/Asia/Tokyo is too large"


def test_zoneinfo_goes_first(machine: Path) -> None:
    environ = {b"ZONEINFO": bytes(machine / "second")}
    assert load_location(b"Europe/Paris", environ).find_period(SUMMER).zone.name == b"JST"
