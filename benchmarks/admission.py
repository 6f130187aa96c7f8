"""How many reviews a second the webhook answers on one core, over TLS, and how long each takes.

    python -m benchmarks.admission [--seconds N] [--peer PATH]

A pod review of 9 KB on kept connections, 1, 8 and 64 of them at a time; the server has one core to itself, the
clients the others. Then the handler alone, without a network, and the memory of the process before and after. With
`--peer`, the Go executable under the same load, and the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import ssl
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import uvloop

from tests.fakes.certificates import make_pair
from tests.servers.process import ServerProcess, find_free_port
from vault_secrets_webhook.webhook.admission import answer_review, decode_review
from vault_secrets_webhook.webhook.mutate.pod import mutate_pod
from vault_secrets_webhook.webhook.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


CONNECTIONS = (1, 8, 64)
OURS = [sys.executable, "-m", "vault_secrets_webhook.webhook"]
ADDRESS = {"VAULT_ADDR": "https://vault.example:8200"}
REVIEW_BYTES = 9 * 1024
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "none",
    "clusters": [{"name": "none", "cluster": {"server": "https://127.0.0.1:9"}}],
    "users": [{"name": "none", "user": {"token": "none"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
}


class Load(NamedTuple):
    """What clients saw: reviews a second, and milliseconds of the median and of the slowest hundredth."""

    rate: float
    p50: float
    p99: float


def main() -> None:
    options = parse_options()
    body = make_review()
    print(f"one review: {len(body)} bytes; {options.seconds:g} s for each row")
    print(f"{'':28} {'reviews/s':>10} {'p50 ms':>8} {'p99 ms':>8}")
    results = {side: measure_side(side, command, body, options.seconds) for side, command in sides(options.peer)}
    if options.peer:
        for count in CONNECTIONS:
            ours, peer = results["webhook"][count], results["peer"][count]
            print(
                f"webhook / peer, {count:2} connections: rate {ours.rate / peer.rate:.1f}, p99 {ours.p99 / peer.p99:.2f}"
            )
    print(f"handler alone: {time_handler(body):.0f} microseconds a review")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="length of each measurement (default 5)")
    parser.add_argument("--peer", help="the Go executable to measure beside ours")
    return parser.parse_args()


def sides(peer: str | None) -> list[tuple[str, list[str]]]:
    return [("webhook", OURS)] + ([("peer", [peer])] if peer else [])


def measure_side(side: str, command: list[str], body: bytes, seconds: float) -> dict[int, Load]:
    """Run one server under each number of connections, and print the rows."""
    loads = {}
    with tempfile.TemporaryDirectory() as folder:
        port, ca_bundle, process = start_server(command, Path(folder))
        try:
            idle = resident_megabytes(process.pid)
            for count in CONNECTIONS:
                loads[count] = load = put_under_load(port, ca_bundle, body, count, seconds)
                print(f"{side + f', {count} connections':28} {load.rate:10.0f} {load.p50:8.2f} {load.p99:8.2f}")
            print(f"{side}: resident {idle:.0f} MB idle, {resident_megabytes(process.pid):.0f} MB under load")
        finally:
            process.stop()
    return loads


def start_server(command: list[str], folder: Path) -> tuple[int, str, ServerProcess]:
    """Start a server on the first core; its port, what trusts its certificate, and the process."""
    pair = make_pair(folder)
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(KUBECONFIG))
    port = find_free_port()
    environ = {
        "LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "TLS_CERT_FILE": str(pair.certificate),
        "TLS_PRIVATE_KEY_FILE": str(pair.key),
        "KUBECONFIG": str(kubeconfig),
        "PATH": os.environ["PATH"],
        "LOG_LEVEL": "error",
        **ADDRESS,
    }
    process = ServerProcess(command, log_file=folder / "log", environ=environ)
    os.sched_setaffinity(process.pid, first_core())
    process.wait_until_ready(partial(is_listening, port))
    return port, pair.certificate.read_text(), process


def is_listening(port: int) -> bool | None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return None
    return True


def first_core() -> set[int]:
    return {min(os.sched_getaffinity(0))}


def put_under_load(port: int, ca_bundle: str, body: bytes, connections: int, seconds: float) -> Load:
    """Share the connections among client processes on the other cores, and put their figures together."""
    others = sorted(os.sched_getaffinity(0) - first_core()) or sorted(os.sched_getaffinity(0))
    count = min(connections, len(others))
    shares = [connections // count + (index < connections % count) for index in range(count)]
    jobs = [(port, ca_bundle, body, share, seconds, core) for share, core in zip(shares, others, strict=False)]
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        results = pool.starmap(run_client, jobs)
    times = sorted(milliseconds for result in results for milliseconds in result)
    return Load(len(times) / seconds, statistics.median(times), times[len(times) * 99 // 100])


def run_client(port: int, ca_bundle: str, body: bytes, connections: int, seconds: float, core: int) -> list[float]:
    """Ask on some connections for some seconds; the milliseconds of every review."""
    os.sched_setaffinity(0, {core})
    head = (
        f"POST /pods HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return uvloop.run(
        ask_all(port, ssl.create_default_context(cadata=ca_bundle), head.encode() + body, connections, seconds)
    )


async def ask_all(port: int, context: ssl.SSLContext, request: bytes, connections: int, seconds: float) -> list[float]:
    clients = [await open_client(port, context, request) for _ in range(connections)]
    await asyncio.gather(*(client.ask_until(time.perf_counter() + 0.5) for client in clients))
    for client in clients:
        client.times.clear()
    await asyncio.gather(*(client.ask_until(time.perf_counter() + seconds) for client in clients))
    return [milliseconds for client in clients for milliseconds in client.times]


async def open_client(port: int, context: ssl.SSLContext, request: bytes) -> Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(
        lambda: Client(request), "127.0.0.1", port, ssl=context, server_hostname="127.0.0.1"
    )
    return client


class Client(asyncio.Protocol):
    """One connection that sends the same request again as soon as it has the answer."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.buffer = b""
        self.times: list[float] = []
        self.answered: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, mark, body = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        lines = head.lower().split(b"\r\n")
        assert b"200" in lines[0], self.buffer[:500]
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
        if len(body) >= length and self.answered:
            assert b'"patch"' in body, body[:500]
            self.buffer = b""
            self.answered.set_result(None)

    async def ask_until(self, end: float) -> None:
        while (start := time.perf_counter()) < end:
            self.answered = asyncio.get_running_loop().create_future()
            self.transport.write(self.request)
            await self.answered
            self.times.append((time.perf_counter() - start) * 1000)


def time_handler(body: bytes) -> float:
    """Give the microseconds of one review without server and network: decode, mutate, encode."""
    settings = Settings.from_environment(ADDRESS)
    mutate = partial(mutate_pod, settings=settings, lookup=NoObjects())

    async def answer_many(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            await answer_review(decode_review(body), mutate)
        return (time.perf_counter() - start) / count * 1e6

    asyncio.run(answer_many(200))
    return min(asyncio.run(answer_many(1000)) for _ in range(5))


class NoObjects:
    """A cluster without Secrets and ConfigMaps."""

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        del namespace, name
        return None

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        del namespace, name
        return None


def resident_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


def make_review() -> bytes:
    """Make a review of a pod as a Deployment's controller creates it, 9 KB long, with three references."""
    env: list[dict[str, Any]] = [{"name": f"SETTING_{index}", "value": f"value {index}"} for index in range(20)]
    env += [{"name": f"SECRET_{index}", "value": f"vault:secret/data/app#key{index}"} for index in range(3)]
    container = {
        "name": "app",
        "image": "app:1",
        "command": ["/app"],
        "args": ["serve"],
        "env": env,
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
    }
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "app-5d4c-",
            "namespace": "shop",
            "labels": {"app": "app"},
            "annotations": {"vault.security.banzaicloud.io/vault-role": "app"},
            "managedFields": [],
        },
        "spec": {
            "serviceAccountName": "app",
            "containers": [container, {**container, "name": "second", "env": env[:10]}],
            "volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
        },
    }
    request = {
        "uid": "3f6f1d52-5b6b-4e0f-8a77-7a3b2cc5b7a1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
        "object": pod,
        "oldObject": None,
        "dryRun": False,
    }
    document = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    managed = pod["metadata"]["managedFields"]
    while len(json.dumps(document)) < REVIEW_BYTES:
        managed.append({"manager": "controller", "operation": "Update", "fieldsV1": {"f:spec": {"f:containers": {}}}})
    return json.dumps(document).encode()


if __name__ == "__main__":
    main()
