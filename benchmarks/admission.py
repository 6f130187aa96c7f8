"""How many reviews a second the webhook answers on one core, over TLS, and how long each takes.

    python -m benchmarks.admission [--seconds N] [--peer PATH]

Reviews on kept connections, 1, 8 and 64 of them at a time; the server has one core to itself, its clients and what it
asks (stand-ins for API server, registry and Vault) the others. Then our handler alone, without a network, and the
memory of the process before and after. With `--peer`, the Go executable under the same load, and the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.load import Load, Target, put_under_load
from benchmarks.reviews import (
    NUMBER,
    make_plain_review,
    make_review_with_image,
    make_review_with_objects,
    make_secret_review,
)
from benchmarks.stand_ins import KNOWN_TAG, digest, make_image, start_stand_ins
from tests.fakes.certificates import make_pair
from tests.servers.process import ServerProcess, find_free_port
from vault_secrets_webhook.webhook.admission import answer_review, decode_review
from vault_secrets_webhook.webhook.kube.objects import NoCluster
from vault_secrets_webhook.webhook.reviewers import build_reviewers
from vault_secrets_webhook.webhook.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS = [sys.executable, "-m", "vault_secrets_webhook.webhook"]
TOKEN = "hvs.benchmark"


class Case(NamedTuple):
    """A kind of review, and the numbers of connections that it is sent over."""

    name: str
    path: str
    body: bytes
    connections: Sequence[int]


class Machine(NamedTuple):
    """The core of the server, those of the clients, and the port of the stand-ins."""

    server: int
    clients: list[int]
    stand_ins: int


def main() -> None:
    options = parse_options()
    first, *others = sorted(os.sched_getaffinity(0))
    others = others or [first]
    stand_ins, process = start_stand_ins(others[-1])
    machine = Machine(first, others[:-1] or others, stand_ins)
    cases = list_cases(stand_ins)
    print(f"{options.seconds:g} s for each row; one review has {len(cases[0].body)} bytes")
    print(f"{'':52} {'reviews/s':>10} {'p50 ms':>8} {'p99 ms':>8}")
    try:
        results = [measure_side(*side, cases, machine, options.seconds) for side in sides(options.peer)]
    finally:
        process.terminate()
    for row, ours in results[0].items() if options.peer else ():
        if peer := results[1].get(row):
            print(f"webhook / peer, {row:42} rate {ours.rate / peer.rate:.1f}, p99 {ours.p99 / peer.p99:.2f}")
    print(f"handler alone: {time_handler(cases[0].body):.0f} microseconds a review")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="length of each measurement (default 5)")
    parser.add_argument("--peer", help="the Go executable to measure beside ours")
    return parser.parse_args()


def sides(peer: str | None) -> list[tuple[str, list[str]]]:
    return [("webhook", OURS)] + ([("peer", [peer])] if peer else [])


def list_cases(stand_ins: int) -> list[Case]:
    known = digest(make_image(KNOWN_TAG).manifest)
    return [
        Case("pod", "/pods", make_plain_review(), (1, 8, 64)),
        Case("20 Secrets and ConfigMaps", "/pods", make_review_with_objects(), (1, 8)),
        Case("image by digest, known", "/pods", make_review_with_image(stand_ins, f"@{known}"), (1, 8)),
        Case("image by tag, known", "/pods", make_review_with_image(stand_ins, f":{KNOWN_TAG}"), (1, 8)),
        Case("image, unknown", "/pods", make_review_with_image(stand_ins, f":{NUMBER.decode()}"), (1, 8)),
        Case("Secret", "/secrets", make_secret_review(), (1, 8)),
    ]


def measure_side(side: str, command: list[str], cases: list[Case], machine: Machine, seconds: float) -> dict[str, Load]:
    """Run one server under each load, and print the rows."""
    loads = {}
    with tempfile.TemporaryDirectory() as folder:
        port, ca_bundle, process = start_server(command, Path(folder), machine)
        try:
            idle = resident_megabytes(process.pid)
            for case in cases:
                for count in case.connections:
                    row = f"{case.name}, {count} at a time"
                    target = Target(port, ca_bundle, case.path, case.body)
                    try:
                        loads[row] = load = put_under_load(target, count, seconds, machine.clients)
                    except AssertionError as error:  # a review that one side cannot answer must not hide the others
                        print(f"{side + ', ' + row:52} failed: {str(error)[:200]}")
                        continue
                    print(f"{side + ', ' + row:52} {load.rate:10.0f} {load.p50:8.2f} {load.p99:8.2f}")
            print(f"{side}: resident {idle:.0f} MB idle, {resident_megabytes(process.pid):.0f} MB under load")
        finally:
            process.stop()
    return loads


def start_server(command: list[str], folder: Path, machine: Machine) -> tuple[int, str, ServerProcess]:
    """Start a server on its core; its port, what trusts its certificate, and the process."""
    pair = make_pair(folder)
    address = f"http://127.0.0.1:{machine.stand_ins}"
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(describe_cluster(address)))
    port = find_free_port()
    environ = {
        "LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "TLS_CERT_FILE": str(pair.certificate),
        "TLS_PRIVATE_KEY_FILE": str(pair.key),
        "KUBECONFIG": str(kubeconfig),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "LOG_LEVEL": "error",
        "REGISTRY_PLAIN_HTTP": f"127.0.0.1:{machine.stand_ins}",
        "VAULT_ADDR": address,
        "VAULT_TOKEN": TOKEN,
    }
    process = ServerProcess(command, log_file=folder / "log", environ=environ)
    os.sched_setaffinity(process.pid, {machine.server})
    process.wait_until_ready(partial(is_listening, port))
    return port, pair.certificate.read_text(), process


def describe_cluster(address: str) -> dict[str, object]:
    """Write the kubeconfig of the stand-in."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "none",
        "clusters": [{"name": "none", "cluster": {"server": address}}],
        "users": [{"name": "none", "user": {"token": "none"}}],
        "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    }


def is_listening(port: int) -> bool | None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return None
    return True


def time_handler(body: bytes) -> float:
    """Give the microseconds of one review without server and network: decode, mutate, encode."""
    settings = Settings.from_environment({"VAULT_ADDR": "https://vault.example:8200"})
    reviewer = build_reviewers(settings, NoCluster())[0]

    async def answer_many(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            await answer_review(decode_review(body), reviewer)
        return (time.perf_counter() - start) / count * 1e6

    asyncio.run(answer_many(200))
    return min(asyncio.run(answer_many(1000)) for _ in range(5))


def resident_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


if __name__ == "__main__":
    main()
