"""Looking up hosts, without any network: the resolver is played."""

from __future__ import annotations

import _socket

import pytest

from vault_secrets_webhook.gotemplate import TemplateError, render
from vault_secrets_webhook.gotemplate.limits import STEP_LIMIT
from vault_secrets_webhook.gotemplate.sprig import network

FOUND = {
    b"one.example": ["192.0.2.1"],
    b"both.example": ["192.0.2.1", "2001:db8::1", "192.0.2.1"],
    b"a_b.example.": ["192.0.2.2"],
}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    names: list[bytes] = []

    def resolve(name: bytes, _port: None, *, type: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:  # noqa: A002
        names.append(name)
        if name not in FOUND:
            raise _socket.gaierror(-2, "Name or service not known")
        return [(_socket.AF_INET, type, 6, "", (address, 0)) for address in FOUND[name]]

    monkeypatch.setattr(network, "getaddrinfo", resolve)
    return names


def look_up(name: str) -> str:
    return render("{{ getHostByName .name }}", {"name": name})


def test_found() -> None:
    assert look_up("one.example") == "192.0.2.1"
    assert look_up("a_b.example.") == "192.0.2.2"


def test_any_of_the_addresses() -> None:
    assert {look_up("both.example") for _ in range(100)} == {"192.0.2.1", "2001:db8::1"}


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "2001:DB8::1", "fe80::1%eth0", "::ffff:192.0.2.1"])
def test_addresses_are_not_asked_for(asked: list[bytes], name: str) -> None:
    assert look_up(name) == name
    assert asked == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "1",
            "1.2",
            "1.2.3.4.5",
            "127.1",
            "0x7f.1",
            "-a.example",
            "a-.example",
            "a..example",
            ".a",
            "a b",
            "ä.example",
        ),
        *("a\0b", "x" * 64, "x." * 127 + "xx", "192.0.2.1%eth0", "[::1]", "a/b", "a.-"),
    ],
)
def test_what_is_no_name_is_not_asked_for(asked: list[bytes], name: str) -> None:
    with pytest.raises(TemplateError, match=r"error calling getHostByName: invalid argument to Intn$"):
        look_up(name)
    assert asked == []


def test_not_found(asked: list[bytes]) -> None:
    with pytest.raises(TemplateError, match=r"error calling getHostByName: invalid argument to Intn$"):
        look_up("none.example")
    assert asked == [b"none.example"]


def test_machine_that_cannot_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """EAI_SYSTEM: no more descriptors, or the like."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(network, "getaddrinfo", fail)
    with pytest.raises(TemplateError, match=r"error calling getHostByName: invalid argument to Intn$"):
        look_up("one.example")


def test_look_ups_of_a_template_are_counted(asked: list[bytes]) -> None:
    with pytest.raises(TemplateError, match="takes more than"):
        render('{{ range until 100 }}{{ getHostByName "one.example" }}{{ end }}', None)
    assert len(asked) <= STEP_LIMIT // network.COST
