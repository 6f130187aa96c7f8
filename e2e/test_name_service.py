"""vault-env finds Vault by name as the pod says, without loading a name service module of the container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from e2e.conftest import DELIVERIES
from e2e.front import DOMAIN, HOST
from e2e.images import APP, EVIL_TEXT
from e2e.names import IPV4, NameServer

if TYPE_CHECKING:
    from e2e.front import Front
    from e2e.pods import Namespace
    from tests.servers.openbao import OpenBao

ENV = {"PASSWORD": "vault:secret/data/app/name#password"}


@pytest.mark.parametrize("mode", DELIVERIES)
def test_name_is_found_in_etc_hosts(namespaces: dict[str, Namespace], bao: OpenBao, canary: str, mode: str) -> None:
    bao.write_kv2("app/name", {"password": canary})
    spec = namespaces[mode].describe_app("evil", ENV, [APP, "0"])
    assert HOST in spec["hostAliases"][0]["hostnames"]
    assert f"env PASSWORD={canary}\n" in run_past_evil(namespaces[mode], spec)


@pytest.mark.parametrize("image", ["scratch", "evil"])
def test_name_is_asked_for(
    namespaces: dict[str, Namespace], bao: OpenBao, front: Front, address: str, canary: str, image: str
) -> None:
    """A short name, of which the search domains of the pod make the one that the name server knows."""
    bao.write_kv2("app/name", {"password": canary})
    spec = namespaces["self"].describe_app(image, ENV, [APP, "0"])
    del spec["hostAliases"]
    searches = [f"shop.{DOMAIN}", DOMAIN]
    spec |= {"dnsPolicy": "None", "dnsConfig": {"nameservers": [address], "searches": searches}}
    with NameServer(address, HOST) as names:
        log = run_past_evil(namespaces["self"], spec, vault_addr=front.short_url)
    assert f"env PASSWORD={canary}\n" in log
    assert [question.name for question in names.asked if question.type == IPV4][:2] == [f"vault.shop.{DOMAIN}", HOST]


def run_past_evil(namespace: Namespace, spec: dict[str, Any], **annotations: str) -> str:
    """Run a pod; its log, in which the evil module is not heard of."""
    pod = namespace.create_pod(spec, **annotations)
    log = pod.wait_until_ready()
    pod.remove()
    assert EVIL_TEXT not in log
    return log


def test_other_programs_load_the_module(namespaces: dict[str, Namespace]) -> None:
    """The trap works: an ordinary program that asks for the same name falls into it."""
    pod = namespaces["self"].create_pod(namespaces["self"].describe_app("evil", {}, [APP, "0", "find", HOST]))
    log = pod.wait_until_ready()
    pod.remove()
    assert EVIL_TEXT in log
    assert f"{HOST} is known\n" in log
