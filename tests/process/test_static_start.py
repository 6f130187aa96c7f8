"""What the static executable makes of its surroundings before our first line of Python runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.server import FakeServer
from tests.fakes.vault import kv1, serve_paths
from tests.process.runner import PATH, finish, run, start
from tests.servers.process import poll

if TYPE_CHECKING:
    from tests.fakes.certificates import Authority

pytestmark = pytest.mark.forms("static")

# What images have that were made for a FIPS provider, or for old peers. Either has every connection of an OpenSSL fail
# that reads it and does not have that provider, or that version.
CONFIGURATIONS = {
    "FIPS": """
        openssl_conf = start
        [start]
        providers = providers
        alg_section = algorithms
        [providers]
        fips = fips
        base = base
        [fips]
        activate = 1
        [base]
        activate = 1
        [algorithms]
        default_properties = fips=yes
    """,
    "old versions": """
        openssl_conf = start
        [start]
        ssl_conf = tls
        [tls]
        system_default = all
        [all]
        MaxProtocol = TLSv1.1
    """,
}


@pytest.mark.parametrize("text", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_configuration_of_another_openssl_is_not_read(text: str, authority: Authority, tmp_path: Path) -> None:
    configuration = tmp_path / "openssl.cnf"
    configuration.write_text("\n".join(line.strip() for line in text.splitlines()))
    environ = {"OPENSSL_CONF": str(configuration), "VAULT_CACERT": str(authority.ca_file), "VAULT_TOKEN": "t"}
    context = authority.server_context("127.0.0.1")
    with FakeServer(serve_paths({"kv/a": kv1({"k": "v"})}), tls=context) as server:
        environ["VAULT_ADDR"] = server.address
        got = run({**environ, "A": "vault:kv/a#k", "B": "vault:kv/a#${.k | sha1sum}"}).environ
    assert (got["A"], got["B"]) == ("v", "7a38d8cbd20d9932ba948efaa364bb62651d5ad4")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_others_of_the_same_user_cannot_look_into_it(executable: Path) -> None:
    """Until it is the application."""
    with tempfile.TemporaryDirectory() as name:  # where that user can go
        folder = Path(name)
        folder.chmod(0o755)
        copied = shutil.copy(executable, folder / "vault-env")
        words = ["setpriv", "--reuid=65534", "--clear-groups", copied, "sleep", "60"]
        with subprocess.Popen(words, env={"PATH": PATH, "VAULT_ENV_DELAY": "1s"}, stderr=subprocess.DEVNULL) as process:
            try:
                of_process = Path(f"/proc/{process.pid}")
                poll(lambda: (of_process / "comm").read_text() == "vault-env\n", what="vault-env")
                poll(lambda: (of_process / "mem").stat().st_uid == 0, what="memory that is root's")
                poll(lambda: (of_process / "comm").read_text() == "sleep\n", what="the application")
                assert (of_process / "mem").stat().st_uid == 65534
            finally:
                process.kill()


def ends_by_handler(pid: int, number: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(line for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signal_ends_it_before_the_interpreter_is_up(number: signal.Signals, tmp_path: Path) -> None:
    """As process 1 of a container it would get none that it does not ask for."""
    clock = tmp_path / "zone"
    os.mkfifo(clock)  # the C library reads the time zone, and waits here
    process = start({"TZ": f":{clock}"}, "true")
    try:
        poll(lambda: ends_by_handler(process.pid, number), what="the handler")
        process.send_signal(number)
        assert finish(process).code == 128 + number
    finally:
        process.kill()
