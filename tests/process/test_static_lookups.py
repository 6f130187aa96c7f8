"""How the executable finds hosts: /etc/hosts and DNS as /etc/resolv.conf says, and no module of the container.

Every test has a network of its own, with a name server at the port where the C library expects one, and a container
whose /etc/nsswitch.conf asks for a module that leaves a mark when it is loaded.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.fakes.dns import AAAA, NameServer, Service
from tests.fakes.server import FakeServer
from tests.fakes.vault import kv1, serve_paths
from tests.process.chroot import Container, build_application, read_shown
from tests.process.shared_library import build_marking_library
from tests.static.compiler import run_compiler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor

    from tests.process.runner import Ended

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
GET_FLAGS, SET_FLAGS, IS_UP = 0x8913, 0x8914, 1  # netdevice(7)


def can_have_network() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.forms("static"),
    pytest.mark.skipif(not can_have_network(), reason="only root may have a network of its own"),
]


def enter_network() -> None:
    """Give this thread, and the processes that it starts, a network that has nothing but a loopback interface."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "no network of one's own")
    with socket.socket() as any_socket:
        name = struct.pack("16sh", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, GET_FLAGS, name), 16)
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh", b"lo", flags | IS_UP))


# Looks a name up as every program does.
LOOKUP = """
#include <netdb.h>
#include <stddef.h>
int main(void)
{
    struct addrinfo *found;
    return getaddrinfo("by-file", NULL, NULL, &found);
}
"""
LOADER_FOLDERS = ("lib", "lib64", "usr/lib", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu")


class Network:
    """What runs in the network: a Vault at port 8200 of both loopback addresses, a name server, and the container."""

    def __init__(self, container: Container, executor: Executor, mark: Path) -> None:
        self.container = container
        self.executor = executor
        self.mark = mark

    @contextmanager
    def serve(self, **how: tuple[str, ...]) -> Iterator[NameServer]:
        """Run a name server; `how` are its options."""
        server = self.do(lambda: NameServer(TABLE, **how))  # type: ignore[arg-type] # which are tuples of names
        try:
            yield server
        finally:
            self.do(server.stop)

    def do(self, action: Callable[[], T]) -> T:
        return self.executor.submit(action).result()

    def ask(self, host: str, environ: Mapping[str, str] = {}) -> Ended:
        """Fetch a secret from Vault at that host."""
        given = {
            "VAULT_ADDR": f"http://{host}:8200",
            "VAULT_TOKEN": "t",
            "A": "vault:kv/a#k",
            "VAULT_CLIENT_TIMEOUT": "5s",
        }
        ended = self.do(lambda: self.container.run({**given, "VAULT_MAX_RETRIES": "0", **environ}))
        assert not self.mark.exists(), "a module of the container was loaded"
        return ended

    def finds(self, host: str) -> bool:
        """Tell whether Vault can be asked at that host."""
        ended = self.ask(host)
        if ended.code == 0:
            assert read_shown(ended).entries[-1] == b"A=v"
        else:
            assert f"the host name {host} cannot be resolved: Name or service not known" in ended.log
        return ended.code == 0


TABLE: dict[str, list[str | Service]] = {
    "vault.example.internal": ["127.0.0.1"],
    "vault.team.svc.cluster.local": ["127.0.0.1"],
    "a.b.c.d.e.f.example.org": ["127.0.0.1"],
    "a.b.c.example.org": ["127.0.0.1"],
    "six.example.org": ["::1"],
    "both.example.org": ["2001:db8::1", "127.0.0.1"],
    "large.example.org": [*(f"127.0.1.{last}" for last in range(1, 3)), "127.0.0.1"],
    "one": ["127.0.0.1"],
    "silent.example.org": ["127.0.0.1"],
    "_http._tcp.service.example.org": [
        Service(9, 1, 1, "far.example.org"),
        Service(1, 1, 8200, "vault.example.internal"),
    ],
}
RESOLV_CONF = (
    "nameserver 127.0.0.1\nsearch example.internal svc.cluster.local cluster.local\noptions ndots:5 timeout:1\n"
)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_application(tmp_path_factory.mktemp("application"))


@pytest.fixture
def network(executable: Path, application: Path) -> Iterator[Network]:
    with TemporaryDirectory() as name, ThreadPoolExecutor(1, initializer=enter_network) as executor:
        container = Container(Path(name, "root"), executable, application)
        container.write("etc/hosts", "127.0.0.1 localhost by-file.example.org by-file\n::1 six-by-file\n")
        container.write("etc/resolv.conf", RESOLV_CONF)
        container.write("etc/nsswitch.conf", "hosts: evil files evil dns\nservices: evil\npasswd: evil\n")
        module = build_marking_library(Path(name, "libnss_evil.so.2"), Path("/mark"))
        for folder in LOADER_FOLDERS:
            (container.root / folder).mkdir(parents=True, exist_ok=True)
            for library in (str(module), *list_libraries(module)):
                shutil.copy(library, container.root / folder)
        network = Network(container, executor, container.root / "mark")
        servers = [network.do(start_vault), network.do(partial(start_vault, "::1"))]
        try:
            yield network
        finally:
            for server in servers:
                network.do(server.stop)


def list_libraries(library: Path) -> list[str]:
    """Give what a library needs of the container, the loader among it."""
    shown = subprocess.run(["ldd", str(library)], capture_output=True, text=True, check=False).stdout
    return [word for word in shown.split() if word.startswith("/")]


def start_vault(address: str = "127.0.0.1") -> FakeServer:
    """Start a Vault at port 8200 of the loopback address."""
    return FakeServer(serve_paths({"kv/a": kv1({"k": "v"})}), at=(address, 8200))


# A host -> whether it is found, and what the name server is asked for.
HOSTS: list[tuple[str, bool, list[str]]] = [
    ("localhost", True, []),
    ("by-file.example.org", True, []),
    ("BY-FILE", True, []),
    ("six-by-file", True, []),
    ("127.0.0.1", True, []),
    ("[::1]", True, []),
    ("vault", True, ["vault.example.internal"]),
    ("vault.team", True, ["vault.team.example.internal", "vault.team.svc.cluster.local"]),
    ("vault.example.internal.", True, ["vault.example.internal"]),
    (
        "a.b.c.example.org",
        True,
        [
            "a.b.c.example.org.example.internal",
            "a.b.c.example.org.svc.cluster.local",
            "a.b.c.example.org.cluster.local",
            "a.b.c.example.org",
        ],
    ),
    ("a.b.c.d.e.f.example.org", True, ["a.b.c.d.e.f.example.org"]),
    ("six.example.org.", True, ["six.example.org"]),
    ("both.example.org.", True, ["both.example.org"]),
    ("one.", True, ["one"]),
    ("gone.example.org.", False, ["gone.example.org"]),
    ("gone", False, ["gone.example.internal", "gone.svc.cluster.local", "gone.cluster.local", "gone"]),
    ("vault.team.", False, ["vault.team"]),
]


@pytest.mark.parametrize(("host", "is_found", "names"), HOSTS, ids=[row[0] for row in HOSTS])
def test_host(network: Network, host: str, is_found: bool, names: list[str]) -> None:
    with network.serve() as server:
        assert (network.finds(host), server.names) == (is_found, names)


def test_other_static_programs_load_the_module(network: Network, tmp_path: Path) -> None:
    """What would become of us without native/lookups.c."""
    source = tmp_path / "lookup.c"
    source.write_text(LOOKUP)
    run_compiler(["-static", "-o", str(network.container.root / "lookup"), str(source)])
    network.do(lambda: network.container.run({}, "/lookup"))
    assert network.mark.exists()


def test_ndots(network: Network) -> None:
    """A name with as many dots is asked for as it is first."""
    network.container.write("etc/resolv.conf", RESOLV_CONF.replace("ndots:5", "ndots:1"))
    with network.serve() as server:
        assert network.finds("a.b.c.example.org")
        assert server.names == ["a.b.c.example.org"]


def test_both_families_are_asked_for(network: Network) -> None:
    with network.serve() as server:
        assert network.finds("six.example.org.")
        assert AAAA in {question.kind for question in server.asked}


def test_answer_that_is_too_large_for_udp(network: Network) -> None:
    with network.serve(truncated=("large.example.org",)) as server:
        assert network.finds("large.example.org.")
        assert {question.way for question in server.asked} == {"udp", "tcp"}


def test_name_server_that_does_not_answer(network: Network) -> None:
    """The C library would wait longer than the time that is given."""
    (network.container.root / "etc" / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:30\n")
    with network.serve(ignored=("silent.example.org",)) as server:
        ended = network.ask("silent.example.org.", {"VAULT_CLIENT_TIMEOUT": "1s"})
        assert server.names
    assert (ended.code, ended.output) == (1, b"")
    assert "the name server did not answer for the host name silent.example.org." in ended.log


def test_name_server_that_is_not_there(network: Network) -> None:
    ended = network.ask("vault.example.internal.")
    assert (ended.code, ended.output) == (1, b"")
    assert "the host name vault.example.internal. cannot be resolved: Temporary failure in name resolution" in ended.log


def test_files_that_are_missing(network: Network) -> None:
    """Without resolv.conf, a name server of this machine is asked, and no domains are searched."""
    for name in ("hosts", "resolv.conf", "nsswitch.conf"):
        (network.container.root / "etc" / name).unlink()
    with network.serve() as server:
        assert network.finds("vault.example.internal")
        assert not network.finds("by-file")
        assert server.names == ["vault.example.internal", "by-file"]
    shutil.rmtree(network.container.root / "etc")
    assert "cannot be resolved: " in network.ask("by-file").log


def test_template_that_asks_for_a_host(network: Network) -> None:
    with network.serve():
        given = {"A": 'vault:kv/a#${getHostByName "vault"} ${getHostByName "six-by-file"}'}
        assert read_shown(network.ask("localhost", given)).entries[-1] == b"A=127.0.0.1 ::1"


def test_service(network: Network) -> None:
    """SRV records, which our own code asks for and not the C library."""
    with network.serve() as server:
        given = {"VAULT_ADDR": "http://service.example.org", "VAULT_SRV_LOOKUP": "true"}
        assert read_shown(network.ask("", given)).entries[-1] == b"A=v"
        assert server.names[0] == "_http._tcp.service.example.org"
        assert "vault.example.internal" in server.names
