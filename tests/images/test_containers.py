"""Both images for real: built from Debian's packages, and run as nobody with a read-only root.

The webhook's is built as its Dockerfile does it: from what .dockerignore lets through, into a folder. vault-env's is
built as `make images` does it, and unpacked from its archive.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from images import vault_env_image, webhook_image
from images.build import main
from images.debian import Debian, find_cache, tell_architecture
from images.errors import ImageError
from tests.conftest import report_missing
from tests.images.container import Container, expect_namespaces
from tests.images.test_dockerfiles import list_context
from tests.images.test_layout import Archive
from tests.servers.errors import ServerMissing
from tests.servers.process import poll, start_on_free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
EXECUTABLE = ROOT / "build" / "vault-env"
NAMES = ("vault-env", "secret-init")
NOBODY = 65534


@pytest.fixture(scope="module", autouse=True)
def needs() -> None:
    try:
        expect_namespaces()
        Debian(find_cache()).choose(["libc6"])
    except ServerMissing as error:
        report_missing(error)
    except ImageError as error:
        report_missing(ServerMissing(str(error)))


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Container:
    context, root = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("webhook")
    for name in list_context():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, context / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, context)
    command = [sys.executable, "-m", "images.build", "webhook", "--tree", str(root)]
    built = subprocess.run(command, cwd=context, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    prepare_root(root)
    image = webhook_image.describe("name", tell_architecture(), [], {})
    return Container(root, image.user, image.environment)


def prepare_root(root: Path) -> None:
    """Do what a runtime does to an unpacked image: everybody may enter it, and it has a place for /proc."""
    root.chmod(0o755)
    (root / "proc").mkdir()


@contextlib.contextmanager
def serve(webhook: Container) -> Iterator[tuple[int, int]]:
    """Run the image's own command; gives its port and process."""
    image = webhook_image.describe("name", "amd64", [], {})

    def start(port: int) -> tuple[int, subprocess.Popen[bytes]]:
        options = [f"--listen-address=127.0.0.1:{port}", "--shutdown-delay=0s"]
        return port, subprocess.Popen(webhook.build_command(*image.entrypoint, *image.command, *options))

    port, process = start_on_free_port(start)
    try:
        poll(lambda: process.poll() is not None or ask(port, "/healthz"), what="the webhook answers", seconds=30)
        assert process.poll() is None
        yield port, process.pid
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


def ask(port: int, path: str) -> int | None:
    """Give the status of an answer, or None where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except ConnectionError:
        return None
    finally:
        connection.close()


def test_the_webhook_serves_as_nobody(webhook: Container) -> None:
    with serve(webhook) as (port, process):
        assert [ask(port, path) for path in ("/healthz", "/readyz", "/metrics", "/none")] == [200, 200, 200, 404]
        status = Path(f"/proc/{process}/status").read_text()
        ids = f"\t{NOBODY}" * 4 + "\n"
        assert f"Uid:{ids}Gid:{ids}" in status


def run_python(webhook: Container, code: str) -> subprocess.CompletedProcess[str]:
    return webhook.run("/usr/bin/python3", "-I", "-c", code)


def test_the_root_is_read_only_in_these_tests(webhook: Container) -> None:
    ended = run_python(webhook, "open('/tmp/file', 'w')")
    assert "OSError: [Errno 30] Read-only file system: '/tmp/file'" in ended.stderr


def test_authorities_are_found_and_libraries_load(webhook: Container) -> None:
    code = """
import ctypes, ssl, sys, uvloop, yaml, msgspec, cryptography.x509, aiohttp.web, prometheus_client
from aiohttp import http_parser
from vault_secrets_webhook.gotemplate.crypto import bcrypt, openssl
print(len(ssl.create_default_context().get_ca_certs()) > 100, http_parser.HttpRequestParser.__module__)
print(yaml.__with_libyaml__, ctypes.CDLL("libcrypt.so.1") is not None, sys.flags.isolated)
"""
    ended = run_python(webhook, code)
    assert (ended.stdout, ended.stderr) == ("True aiohttp._http_parser\nTrue True 1\n", "")


POD = """
apiVersion: v1
kind: Pod
metadata: {name: pod}
spec: {containers: [{name: app, image: app, command: [app], env: [{name: A, value: "vault:secret/data/app#key"}]}]}
"""


def test_a_manifest_can_be_tried(webhook: Container) -> None:
    ended = webhook.run("/usr/local/bin/vault-secrets-webhook", "mutate", "-f", "-", text=POD)
    assert ended.returncode == 0, ended.stderr
    assert "/vault/vault-env" in ended.stdout


def list_files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def test_nothing_to_break_in_with(webhook: Container) -> None:
    folders = {path for path in webhook.root.rglob("*") if path.is_dir() and path.name in {"bin", "sbin"}}
    programs = {path.name for folder in folders for path in folder.iterdir()}
    assert {re.sub(r"[\d.]+$", "", name) for name in programs} == {"python", "vault-secrets-webhook"}
    assert not [path for name in ("pip", "ensurepip", ".cache") for path in webhook.root.rglob(name)]
    assert not [path for path in list_files(webhook.root) if path.stat().st_mode & 0o6022]


def test_nothing_of_the_builder_is_in_it(webhook: Container) -> None:
    needles = [str(webhook.root).encode(), str(ROOT).encode(), str(find_cache()).encode()]
    places = {needle: path for path in list_files(webhook.root) for needle in needles if needle in path.read_bytes()}
    assert places == {}


def test_links_lead_somewhere(webhook: Container) -> None:
    for link in (path for path in webhook.root.rglob("*") if path.is_symlink()):
        target = link.readlink()
        place = webhook.root / target.relative_to("/") if target.is_absolute() else link.parent / target
        assert place.exists(), link


def test_all_modules_are_compiled_from_what_is_there(webhook: Container) -> None:
    sources = list(webhook.root.rglob("*.py"))
    assert len(sources) > 500
    for source in sources:
        (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")
        header = compiled.read_bytes()[4:16]
        assert header == b"\1\0\0\0" + importlib.util.source_hash(source.read_bytes()), source


def test_licences_and_packages_are_told(webhook: Container) -> None:
    packages = {path.name for path in (webhook.root / "var/lib/dpkg/status.d").iterdir()}
    assert {"libc6", "libssl3", "ca-certificates"} <= {name.removesuffix("t64") for name in packages}
    for name in packages:
        assert (webhook.root / "usr/share/doc" / name).exists(), name


@functools.cache
def find_shell() -> bytes:
    """Give a static executable, for when the real one is not built: Debian's busybox, which is in the cache anyway."""
    return vault_env_image.fill_shell(Debian(find_cache()))["bin/busybox"]


@pytest.fixture(scope="module")
def vault_env(tmp_path_factory: pytest.TempPathFactory) -> Container:
    folder, root = tmp_path_factory.mktemp("vault-env"), tmp_path_factory.mktemp("root")
    executable = EXECUTABLE
    if not executable.is_file():
        executable = folder / "stand-in"
        executable.write_bytes(find_shell())
        (folder / "stand-in-licenses.txt").write_text("of a stand-in")
    assert main(["vault-env", "--vault-env", str(executable), "--output", str(folder)]) == 0
    archive = Archive(folder / "vault-env.tar")
    for layer in archive.layers:
        subprocess.run(["tar", "-xzC", root], input=layer, check=True)
    (root / "vault").mkdir()  # where the volume is mounted, as a runtime makes it
    prepare_root(root)
    config = archive.config["config"]
    return Container(root, config["User"], config["Env"])


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Give an empty volume, as kubelet makes it: for everybody to write to."""
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_copies_the_executable(vault_env: Container, volume: Path, name: str) -> None:
    script = f'cp /usr/local/bin/{name} /vault/ && mkdir -p "$@"'
    copying = ("sh", "-c", script, "sh", "/vault/tls", "/vault/a/b")
    ended = vault_env.run(*copying, volume=volume, place="vault")
    assert (ended.returncode, ended.stderr) == (0, "")
    copied = volume / name
    assert copied.read_bytes() == (vault_env.root / "usr/local/bin/vault-env").read_bytes()
    assert (copied.stat().st_mode & 0o777, copied.stat().st_uid) == (0o755, NOBODY)
    assert (volume / "tls").is_dir()
    assert (volume / "a/b").is_dir()


@pytest.mark.parametrize("name", NAMES)
def test_the_executable_copies_itself(vault_env: Container, volume: Path, name: str) -> None:
    if not EXECUTABLE.is_file():
        report_missing(ServerMissing(f"{EXECUTABLE} is not built: run `make vault-env`"))
    command = (f"/usr/local/bin/{name}", "copy", "/vault/", "/vault/tls")
    ended = vault_env.run(*command, volume=volume, place="vault")
    assert (ended.returncode, ended.stderr) == (0, "")
    copied = volume / name
    assert copied.read_bytes() == EXECUTABLE.read_bytes()
    assert copied.stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in volume.iterdir()) == sorted([name, "tls"])


def test_both_names_are_one_file(vault_env: Container) -> None:
    folder = vault_env.root / "usr/local/bin"
    assert (folder / "secret-init").samefile(folder / "vault-env")


def test_only_what_copying_needs_is_there(vault_env: Container) -> None:
    assert sorted(path.name for path in (vault_env.root / "bin").iterdir()) == ["busybox", "cp", "mkdir", "sh"]
    assert sorted(path.name for path in vault_env.root.iterdir()) == ["bin", "proc", "usr", "var", "vault"]
    points = sorted(path.name for path in (vault_env.root / "usr/local/bin").iterdir())
    assert points == ["secret-init", "secrets", "tls", "vault-env"]


def test_the_same_input_gives_the_same_image(tmp_path: Path) -> None:
    executable = tmp_path / "stand-in"
    executable.write_bytes(find_shell())
    (tmp_path / "stand-in-licenses.txt").write_text("of a stand-in")
    for name in ("one", "two"):
        arguments = ["vault-env", "--vault-env", str(executable), "--output", str(tmp_path / name)]
        assert main(arguments) == 0
    assert (tmp_path / "one/vault-env.tar").read_bytes() == (tmp_path / "two/vault-env.tar").read_bytes()
