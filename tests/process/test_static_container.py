"""The executable in containers that have nothing: no /proc, /dev, /etc, /tmp, no loader, no library, no shell."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.fakes.server import Asked, FakeServer, Reply, Silence
from tests.fakes.vault import kv1, serve_paths
from tests.process.chroot import USER, Container, build_application, read_shown
from tests.process.runner import PATH, Ended
from tests.servers.process import poll
from vault_secrets_webhook import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.certificates import Authority

pytestmark = [
    pytest.mark.forms("static"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the root of a process"),
]

CHROOT = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot"
REFERENCE = {"A": "vault:secret/data/app#user"}


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_application(tmp_path_factory.mktemp("application"))


@pytest.fixture
def container(executable: Path, application: Path) -> Iterator[Container]:
    """Not below pytest's folder, into which only its owner may look."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Container(Path(name, "root"), executable, application)


def limit(name: int, most: int) -> Callable[[], None]:
    return partial(resource.setrlimit, name, (most, most))


@pytest.mark.parametrize("user", [0, 1, USER, 4_000_000_000])
@pytest.mark.parametrize("has_reference", [False, True])
def test_empty(container: Container, environ: dict[str, str], user: int, has_reference: bool) -> None:
    given = {**environ, **REFERENCE} if has_reference else {"A": "app-user"}
    seen = container.show(given, user=user)
    assert (seen.code, seen.entries, seen.user) == (0, [b"PATH=/", b"A=app-user"], user)
    assert seen.log.count("\n") == int(has_reference)
    assert sorted(path.name for path in container.root.iterdir()) == ["show", "vault-env"]


def test_templates(container: Container, environ: dict[str, str]) -> None:
    """With what they read from the file system missing: zones, the user database, /dev/urandom."""
    texts = {
        "A": '${.user | b64enc}-${genPrivateKey "ed25519" | trunc 27}',
        "B": '${dateInZone "15:04 MST" (toDate "2006-01-02" "2024-07-01") "UTC"}',
        "C": '${dateInZone "15:04 MST" (toDate "2006-01-02" "2024-07-01") "Europe/Berlin"}',
        "D": "${randAlpha 5 | len}${uuidv4 | len}",
        "E": '${regexReplaceAll "(?i)APP" .user "x"}${semver "1.2.3"}${list 1 2 | toJson}',
        "F": '${osBase "/a/b"}${getHostByName "127.0.0.1"}',
    }
    given = {name: f"vault:secret/data/app#{text}" for name, text in texts.items()}
    outputs = {}
    for name, text in given.items():
        ended = container.run({**environ, name: text})
        outputs[name] = ended.log if ended.code else read_shown(ended).entries[-1].decode()
    assert outputs["A"] == "A=YXBwLXVzZXI=------BEGIN PRIVATE KEY-----"
    assert outputs["B"] == outputs["C"].replace("C=", "B=") == "B=00:00 UTC"  # as Sprig: a zone that is unknown is UTC
    assert outputs["D"] == "D=536"
    assert outputs["E"] == "E=x-user1.2.3[1,2]"
    assert outputs["F"] == "F=b127.0.0.1"


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_answers(container: Container, option: str) -> None:
    ended = container.run({}, option, user=USER)
    assert (ended.code, ended.log) == (0, "")
    assert __version__ in ended.output.decode() or option == "--help"


def test_it_is_an_application_as_well(container: Container) -> None:
    """What it starts may be itself."""
    ended = container.run({}, "vault-env", "--", "vault-env", "--version")
    assert ended == (0, f"vault-env {__version__}\n".encode(), "")


def test_exit_code(container: Container, environ: dict[str, str]) -> None:
    assert container.run({**environ, **REFERENCE}, "show", "42").code == 42
    missing = container.run({**environ, **REFERENCE}, "gone")
    assert (missing.code, "gone: command not found in PATH" in missing.log) == (127, True)


def test_entries_of_any_form(container: Container, environ: dict[str, str], executable: Path) -> None:
    """Without /proc, from which an interpreter would read them."""
    entries = [b"PATH=/", b"NO_SIGN", b"", b"=", b"=nameless", b"BYTES=\xff\xfe", b"D=1", b"D=2", b"E="]
    entries += [f"{name}={value}".encode() for name, value in {**environ, **REFERENCE}.items()]
    script = (
        "import ctypes, os, sys; os.chroot(sys.argv[1]); os.chdir('/');"
        "entries = [bytes.fromhex(entry) for entry in sys.argv[2].split(',')];"
        "strings = lambda items: (ctypes.c_char_p * (len(items) + 1))(*items, None);"
        "ctypes.CDLL(None).execve(b'/vault-env', strings([b'vault-env', b'/show']), strings(entries)); os._exit(99)"
    )
    words = [sys.executable, "-I", "-S", "-c", script, str(container.root), ",".join(entry.hex() for entry in entries)]
    ended = subprocess.run(words, capture_output=True, check=False, timeout=60)
    _, *shown = ended.stdout.split(b"\0")
    assert ended.returncode == 0, ended.stderr
    assert shown == [
        b"PATH=/",
        b"NO_SIGN",
        b"",
        b"=",
        b"=nameless",
        b"BYTES=\xff\xfe",
        b"D=1",
        b"E=",
        b"A=app-user",
        b"",
    ]


@pytest.mark.parametrize("is_ignored", [False, True])
@pytest.mark.parametrize("has_reference", [False, True])
def test_signals_that_python_ignores(
    container: Container, environ: dict[str, str], is_ignored: bool, has_reference: bool
) -> None:
    """Whether SIGPIPE and SIGXFSZ are ignored is the container's business, and stays as it was."""
    disposition = signal.SIG_IGN if is_ignored else signal.SIG_DFL

    def prepare() -> None:
        signal.signal(signal.SIGPIPE, disposition)
        signal.signal(signal.SIGXFSZ, disposition)

    given = {**environ, **REFERENCE} if has_reference else {}
    seen = container.show(given, prepare=prepare, restores_signals=False)
    assert (seen.code, seen.ignores_sigpipe, seen.ignores_sigxfsz) == (0, is_ignored, is_ignored)


def test_nobody_reads_the_log(container: Container, environ: dict[str, str]) -> None:
    """A closed pipe is no reason to die of SIGPIPE before the application has started."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        seen = container.show(
            {**environ, **REFERENCE, "VAULT_LOG_LEVEL": "debug"}, prepare=lambda: os.dup2(writer, 2, inheritable=True)
        )
    finally:
        os.close(writer)
    assert (seen.code, seen.entries) == (0, [b"PATH=/", b"A=app-user"])


def close_all(numbers: tuple[int, ...]) -> None:
    for number in numbers:
        os.close(number)


@pytest.mark.parametrize("closed", [(0,), (2,), (1, 2), (0, 1, 2)])
def test_closed_streams(
    container: Container, environ: dict[str, str], vault: FakeServer, closed: tuple[int, ...]
) -> None:
    """No connection gets their numbers, so no log line goes to Vault, although there is no /dev/null to hold them."""
    go_on = threading.Event()

    def answer(asked: Asked) -> Reply:
        assert go_on.wait(60)
        return Reply(200, kv1({"user": asked.path}))

    vault.answer = answer
    process = container.start({**environ, **REFERENCE}, "/show", "7", prepare=partial(close_all, closed))
    try:
        poll(lambda: vault.asked, what="the request")
        there = [Path(f"/proc/{process.pid}/fd/{number}") for number in closed]
        taken = [str(path.readlink()) for path in there if path.is_symlink()]
    finally:
        go_on.set()
        code = process.wait(60)
    assert not [target for target in taken if target.startswith("socket:")]
    assert code == (90 if 1 in closed else 7)


def test_standard_input_is_a_folder(container: Container, environ: dict[str, str], tmp_path: Path) -> None:
    """CPython refuses to start so; nothing here reads it."""
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert container.show({**environ, **REFERENCE}, stdin=folder).entries[-1] == b"A=app-user"
        assert container.run({}, "--version", stdin=folder).code == 0
    finally:
        os.close(folder)


LIMITS: list[tuple[str, int, int]] = [
    ("files", resource.RLIMIT_NOFILE, 6),
    ("memory", resource.RLIMIT_AS, 64 << 20),
    ("data", resource.RLIMIT_DATA, 32 << 20),
    ("size of files", resource.RLIMIT_FSIZE, 0),
    ("locked memory", resource.RLIMIT_MEMLOCK, 0),
    ("core", resource.RLIMIT_CORE, 0),
]


@pytest.mark.parametrize(("kind", "most"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS])
def test_limits(container: Container, environ: dict[str, str], kind: int, most: int) -> None:
    given = {**environ, **REFERENCE, "B": "vault:secret/data/app#${.user | upper}"}
    seen = container.show(given, user=USER, prepare=limit(kind, most))
    assert (seen.code, seen.entries) == (0, [b"PATH=/", b"A=app-user", b"B=APP-USER"])


def test_no_more_files_may_be_opened(container: Container, environ: dict[str, str]) -> None:
    given = {**environ, **REFERENCE, "VAULT_MAX_RETRIES": "0"}
    ended = container.run(given, user=USER, prepare=limit(resource.RLIMIT_NOFILE, 3))
    assert (ended.code, ended.output) == (1, b"")
    assert "Too many open files" in ended.log
    assert "internal error" not in ended.log
    assert container.show({}, user=USER, prepare=limit(resource.RLIMIT_NOFILE, 3)).code == 0


def test_no_more_processes_may_be_started(container: Container, environ: dict[str, str]) -> None:
    """Threads are processes to the kernel: all is done by the first one then, name look-ups as well."""
    container.write("etc/hosts", "127.0.0.1 vault.example.internal\n")
    address = environ["VAULT_ADDR"].replace("127.0.0.1", "vault.example.internal")
    given = {**environ, **REFERENCE, "B": "vault:kv/plain#n", "VAULT_ADDR": address}
    seen = container.show(given, user=USER, prepare=limit(resource.RLIMIT_NPROC, 1))
    assert (seen.code, seen.entries) == (0, [b"PATH=/", b"A=app-user", b"B=1.5"])


def test_signal_ends_the_wait_where_no_more_processes_may_be_started(
    container: Container, environ: dict[str, str], vault: FakeServer
) -> None:
    vault.answer = lambda _: Silence()
    given = {**environ, **REFERENCE, "B": "vault:secret/data/b#x", "VAULT_CLIENT_TIMEOUT": "10m"}
    process = container.start(given, "/show", user=USER, prepare=limit(resource.RLIMIT_NPROC, 1))
    poll(lambda: vault.asked, what="the first request")

    def is_ended() -> bool:
        process.terminate()
        return process.poll() is not None

    poll(is_ended, what="the end")
    assert (process.returncode, len(vault.asked)) == (128 + signal.SIGTERM, 1)


def run_read_only(container: Container, environ: dict[str, str]) -> Ended:
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
    words = ["unshare", "--mount", "sh", "-c", script, "sh", str(container.root), CHROOT, f"--userspec={USER}:{USER}"]
    ended = subprocess.run(
        [*words, str(container.root), "/vault-env", "/show"],
        env={"PATH": PATH, **environ},
        capture_output=True,
        check=False,
        timeout=60,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr.decode())


def test_read_only_root(container: Container, environ: dict[str, str]) -> None:
    ended = run_read_only(container, {**environ, **REFERENCE})
    if "mount" in ended.log or "unshare" in ended.log:
        pytest.skip("file systems cannot be mounted here")
    seen = read_shown(ended)
    assert (seen.code, seen.user) == (0, USER)
    assert b"A=app-user" in seen.entries


def test_authorities_of_the_file(container: Container, authority: Authority) -> None:
    """Without a folder of authorities, those that are built in are loaded: a certificate of ours is not among them."""
    with FakeServer(serve_paths({"kv/a": kv1({"k": "v"})}), tls=authority.server_context("127.0.0.1")) as server:
        given = {"VAULT_ADDR": server.address, "VAULT_TOKEN": "t", "A": "vault:kv/a#k", "VAULT_MAX_RETRIES": "0"}
        ended = container.run(given)
        assert ended.code == 1
        assert "is not trusted: unable to get local issuer certificate" in ended.log
        container.write("etc/ssl/certs/ca-certificates.crt", authority.ca_file.read_bytes())
        assert container.show(given).entries[-1] == b"A=v"
