"""The command line as processes: `serve` until it is told to stop, `mutate` in a pipe and beside a real cluster."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from tests.conftest import report_missing
from tests.servers.errors import ServerMissing
from tests.servers.process import poll
from tests.servers.registry import Registry
from tests.servers.registry_api import OCI

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.kubernetes import ApiServer

COMMAND = [sys.executable, "-m", "vault_secrets_webhook.cli"]
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "app"},
    "spec": {
        "containers": [{"name": "app", "image": "x", "command": ["run"], "envFrom": [{"secretRef": {"name": "db"}}]}]
    },
}


def build_environ(tmp_path: Path, **variables: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}


@contextlib.contextmanager
def serving(tmp_path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `serve`; gives the process and the URL from its log."""
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*COMMAND, "serve", *options], env=build_environ(tmp_path), stdin=subprocess.DEVNULL, stderr=stream
        )
    try:
        found = poll(lambda: re.search(r"msg=serving url=(\S+)", log.read_text()), what="serving", seconds=30)
        yield process, found[1]
    finally:
        process.kill()
        process.wait()


def test_serve_until_told_to_stop(tmp_path: Path) -> None:
    with serving(tmp_path, "--listen-address", "127.0.0.1:0") as (process, url):
        with urlopen(f"{url}/readyz") as answer:
            assert answer.read() == b"ok\n"
        process.send_signal(signal.SIGTERM)
        poll(lambda: "shutting down" in (tmp_path / "log").read_text(), what="shutting down")
        process.send_signal(signal.SIGTERM)  # in a hurry
        assert process.wait(timeout=60) == 0


def test_serve_at_an_address_that_is_taken(tmp_path: Path) -> None:
    with serving(tmp_path, "--listen-address", "127.0.0.1:0") as (_, url):
        taken = url.removeprefix("http://")
        ended = subprocess.run(
            [*COMMAND, "serve", f"--listen-address={taken}"],
            env=build_environ(tmp_path),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"LISTEN_ADDRESS: cannot listen on '{taken}'" in ended.stderr


def test_reader_that_goes_away(tmp_path: Path) -> None:
    """As `head` does: no traceback."""
    (tmp_path / "many.json").write_text(json.dumps(POD) * 2000)
    process = subprocess.Popen(
        [*COMMAND, "mutate", "-f", str(tmp_path / "many.json")],
        env=build_environ(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    with process.stderr:
        errors = process.stderr.read()
    assert process.wait(timeout=60) == 1
    assert [line for line in errors.splitlines() if not line.startswith(b"warning: ")] == []


# Command and what the shell does to its streams -> the only line of errors; what was to be written is lost.
FULL, CLOSED = "input or output failed: [Errno 28] No space left on device", "[Errno 9] Bad file descriptor"
BROKEN_STREAMS: dict[str, tuple[str, str]] = {
    "full": ("mutate -f pod.json >/dev/full", f"vault-secrets-webhook: {FULL}"),
    "full, and more than a buffer": ("mutate -f many.json >/dev/full", f"vault-secrets-webhook: {FULL}"),
    "full, and argparse writes": ("--version >/dev/full", f"vault-secrets-webhook: {FULL}"),
    "closed output": ("mutate -f pod.json >&-", f"vault-secrets-webhook: input or output failed: {CLOSED}"),
    "closed input": ("mutate -f - <&-", "error: standard input: Bad file descriptor"),
    "all but errors closed": ("mutate -f - <&- >&-", "error: standard input: Bad file descriptor"),
}


def run_in_shell(tmp_path: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in a folder with manifests that need no warning."""
    pod = {**POD, "spec": {"containers": [{"name": "app", "image": "x", "command": ["run"]}]}}
    (tmp_path / "pod.json").write_text(json.dumps(pod))
    (tmp_path / "many.json").write_text(json.dumps(pod) * 500)
    return subprocess.run(
        f"exec {shlex.join(COMMAND)} {command}",
        shell=True,
        cwd=tmp_path,
        env=build_environ(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(("command", "line"), BROKEN_STREAMS.values(), ids=BROKEN_STREAMS)
def test_broken_stream(tmp_path: Path, command: str, line: str) -> None:
    ended = run_in_shell(tmp_path, command)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"{line}\n")


def test_closed_streams_that_are_not_needed(tmp_path: Path) -> None:
    ended = run_in_shell(tmp_path, "mutate -f pod.json <&- 2>&-")
    assert ended.returncode == 0
    assert "kind: Pod" in ended.stdout


def mutate_for_cluster(pod: object, namespace: str, tmp_path: Path, api_server: ApiServer) -> dict[str, Any]:
    """Have `mutate` ask the cluster; what became of the pod's only container."""
    (tmp_path / "pod.json").write_text(json.dumps(pod))
    kubeconfig = api_server.write_kubeconfig(tmp_path / "kubeconfig")
    ended = subprocess.run(
        [*COMMAND, "mutate", "-f", str(tmp_path / "pod.json"), "-n", namespace, "--cluster", "-o", "json"],
        env=build_environ(tmp_path, KUBECONFIG=str(kubeconfig)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    (container,) = json.loads(ended.stdout)["spec"]["containers"]
    return dict(container)


def test_mutate_asks_the_cluster(tmp_path: Path, api_server: ApiServer) -> None:
    api_server.create_namespace("mutate")
    api_server.create_secret("mutate", "db", {"P": "vault:secret/data/db#password"})
    assert mutate_for_cluster(POD, "mutate", tmp_path, api_server)["command"] == ["/vault/vault-env"]


def test_mutate_asks_the_registry(tmp_path: Path, api_server: ApiServer) -> None:
    """For the command of a container that says none, when it may ask a cluster for pull secrets."""
    api_server.create_namespace("mutate-images")
    try:
        registry = Registry()
    except ServerMissing as error:
        report_missing(error)
    with registry:
        config = {"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["run", "$(X)"], "Cmd": ["all"]}}
        blob = registry.put_blob("app", json.dumps(config).encode(), OCI.config)
        registry.put_image("app", "1", blob, [])
        container = {"name": "app", "image": f"{registry.address}/app:1", "env": [{"name": "A", "value": "vault:a#b"}]}
        pod = {**POD, "spec": {"containers": [container]}}
        changed = mutate_for_cluster(pod, "mutate-images", tmp_path, api_server)
    assert (changed["command"], changed["args"]) == (["/vault/vault-env"], ["run", "$$(X)", "all"])
