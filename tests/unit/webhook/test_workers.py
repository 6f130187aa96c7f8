"""Several worker processes behind one port: what their parent promises."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.webhook.serving import make_review
from tests.unit.webhook.test_main import CLEAN, COMMAND, Webhook, fetch_status
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook import workers as workers_module
from vault_secrets_webhook.webhook.workers import (
    FIRST_PAUSE,
    FOLDER_VARIABLE,
    LONGEST_PAUSE,
    SHARE,
    STEADY,
    WORKER_VARIABLE,
    Parent,
    Worker,
    WorkerPlace,
    find_place,
    find_room,
    metrics_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COUNT = 3


class Workers(Webhook):
    """A running webhook with several workers; `url` is theirs."""

    def __init__(self) -> None:
        super().__init__(WORKERS=str(COUNT), SHUTDOWN_DELAY="1h", VAULT_ADDR="https://vault:8200")
        found = [self.expect("serving") for _ in range(COUNT)]
        assert sorted(line["worker"] for line in found) == list(range(COUNT))
        [self.url] = {line["url"] for line in found}

    def pids(self) -> list[int]:
        if self.process.poll() is not None:
            return []
        parent = self.process.pid
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    def metrics_folder(self) -> Path:
        """Find the folder that a worker keeps its metrics in."""
        environ = Path(f"/proc/{self.pids()[0]}/environ").read_bytes().split(b"\0")
        [folder] = [entry.partition(b"=")[2] for entry in environ if entry.startswith(FOLDER_VARIABLE.encode())]
        return Path(os.fsdecode(folder))

    def end(self) -> None:
        """Kill all of them, the parent first: each holds the other end of what is read here."""
        pids = self.pids()
        if pids:
            folder = self.metrics_folder()
            self.process.kill()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)
        super().end()

    def expect_all(self, message: str) -> list[dict[str, Any]]:
        """Wait for a line of the log from each worker."""
        found: dict[int, dict[str, Any]] = {}
        while len(found) < COUNT:
            line = self.expect(message)
            found[line["worker"]] = line
        return list(found.values())


@pytest.fixture
def workers() -> Iterator[Workers]:
    running = Workers()
    yield running
    running.end()


def send_reviews(url: str, count: int) -> None:
    """Send reviews, each over a connection of its own."""
    for _ in range(count):
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}/pods", make_review(), headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status == 200


def count_reviews(url: str) -> float:
    """Read how many reviews all of the workers have answered."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as response:
        text = response.read().decode()
    found = re.search(
        r'^vault_secrets_webhook_reviews_total\{.*reason="no-references".*\} ([0-9.]+)$', text, re.MULTILINE
    )
    assert found is not None
    assert "_created" not in text
    return float(found[1])


def test_any_of_them_tells_the_metrics_of_all(workers: Workers) -> None:
    send_reviews(workers.url, 20)
    assert {count_reviews(workers.url) for _ in range(10)} == {20.0}


def test_one_that_ends_is_started_again_and_goes_on_counting(workers: Workers) -> None:
    send_reviews(workers.url, 20)
    before = workers.pids()
    os.kill(before[0], signal.SIGKILL)
    line = workers.expect("a worker ended; it is started again")
    assert (line["level"], line["status"], line["pause"]) == ("ERROR", -signal.SIGKILL, FIRST_PAUSE)
    send_reviews(workers.url, 5)  # nobody waits for it
    assert workers.expect("serving")["worker"] == line["worker"]
    after = workers.pids()
    assert len(after) == COUNT
    assert len(set(before) & set(after)) == COUNT - 1
    send_reviews(workers.url, 5)
    assert count_reviews(workers.url) == 30.0


def test_signals_are_passed_on(workers: Workers) -> None:
    workers.process.send_signal(signal.SIGTERM)
    workers.expect_all("shutting down")
    assert fetch_status(f"{workers.url}/readyz") == 503
    send_reviews(workers.url, 3)  # what comes is still answered
    workers.process.send_signal(signal.SIGTERM)
    workers.expect_all("stopped")
    assert workers.process.wait(timeout=30) == 0
    with pytest.raises(OSError, match="refused"):
        fetch_status(f"{workers.url}/healthz")


def test_they_end_with_their_parent(workers: Workers) -> None:
    pids, folder = workers.pids(), workers.metrics_folder()
    assert folder.is_dir()
    workers.process.kill()
    workers.process.wait()
    workers.expect_all("shutting down")
    assert not folder.exists()
    for pid in pids:
        os.kill(pid, signal.SIGTERM)  # they would go on answering for an hour
    workers.expect_all("stopped")


def test_settings_that_no_worker_can_use() -> None:
    variables = {"WORKERS": "2", "LISTEN_ADDRESS": "127.0.0.1:0", "KUBECONFIG": "/nowhere/config"}
    ended = subprocess.run(COMMAND, env={**CLEAN, **variables}, capture_output=True, check=False, text=True, timeout=60)
    assert ended.returncode == 2
    assert "/nowhere/config" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "started again" not in ended.stderr


def test_address_that_is_taken(workers: Workers) -> None:
    address = workers.url.removeprefix("http://")
    variables = {"WORKERS": "2", "LISTEN_ADDRESS": address}
    ended = subprocess.run(COMMAND, env={**CLEAN, **variables}, capture_output=True, check=False, text=True, timeout=60)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert "LISTEN_ADDRESS" in ended.stderr


PLACES: list[tuple[str, dict[str, str], WorkerPlace | None]] = [
    ("none", {}, None),
    ("empty", {WORKER_VARIABLE: ""}, None),
    ("one listener", {WORKER_VARIABLE: "0,3,4"}, WorkerPlace(0, 3, (4,))),
    ("two listeners", {WORKER_VARIABLE: "7,3,4,5"}, WorkerPlace(7, 3, (4, 5))),
]


@pytest.mark.parametrize(("environ", "place"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
def test_place(environ: Mapping[str, str], place: WorkerPlace | None) -> None:
    assert find_place(environ) == place


@pytest.mark.parametrize("text", ["yes", "1", "1,x,2", ","])
def test_no_place(text: str) -> None:
    with pytest.raises(ConfigurationError, match="use WORKERS"):
        find_place({WORKER_VARIABLE: text})


def test_pauses_grow_and_start_over() -> None:
    worker = Worker(0)
    pauses = [worker.plan_restart(1.0) for _ in range(7)]
    assert pauses == [FIRST_PAUSE, 2.0, 4.0, 8.0, 16.0, LONGEST_PAUSE, LONGEST_PAUSE]
    assert worker.due == 1.0 + LONGEST_PAUSE
    worker.started = 100.0
    assert worker.plan_restart(100.0 + STEADY + 1.0) == FIRST_PAUSE


SHARED = """
import os
from pathlib import Path
from vault_secrets_webhook.webhook.admission import AdmissionRequest, GroupVersionKind, Verdict
from vault_secrets_webhook.webhook.metrics import MOST_SHARED_COMBINATIONS, Metrics

metrics = Metrics()
for number in range(MOST_SHARED_COMBINATIONS + 1000):
    request = AdmissionRequest("u", GroupVersionKind("", "v1", "Pod"), "CREATE", namespace=f"{number:063}")
    metrics.observe_review("vault-secrets-pods", "v1", request, Verdict(b"", "injected", mutated=True), 0.001)
folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
print(sum(file.stat().st_size for file in folder.iterdir()), metrics.render().count(b"seconds_count{"))
"""


def test_metrics_in_shared_memory_are_bounded(tmp_path: Path) -> None:
    """A container has 64 MiB of it."""
    environ = {**CLEAN, WORKER_VARIABLE: "0,0,0", FOLDER_VARIABLE: str(tmp_path)}
    printed = subprocess.run(
        [sys.executable, "-c", SHARED], env=environ, capture_output=True, check=True, text=True, timeout=60
    )
    size, series = map(int, printed.stdout.split())
    assert size < SHARE
    assert 500 < series < 520


def test_a_worker_that_cannot_be_started(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where memory or processes are short: the parent, and with it the other workers, go on."""
    parent = Parent([str(tmp_path / "nowhere")], 1, [], tmp_path, Log())
    [worker] = parent.workers
    parent.start(worker)
    assert worker.process is None
    assert worker.due > 0
    assert f'worker=0 error="No such file or directory" pause={FIRST_PAUSE}' in capfd.readouterr().err


ROOMS: list[tuple[str, dict[str, int], str]] = [
    ("in memory", {"a": 2 * SHARE, "b": 2 * SHARE}, "a"),
    ("too little", {"a": 2 * SHARE - 1, "b": 2 * SHARE}, "b"),
    ("no such folder", {"b": 2 * SHARE}, "b"),
]


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Give what room there is, by the name of a folder, for a test to fill in."""
    rooms: dict[str, int] = {}

    def find_room(place: str) -> int:
        if Path(place).name not in rooms:
            raise FileNotFoundError
        return rooms[Path(place).name]

    for name, variable in (("a", "SHARED_MEMORY"), ("b", "FALLBACK")):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(workers_module, variable, str(tmp_path / name))
    monkeypatch.setattr(workers_module, "find_room", find_room)
    return rooms


@pytest.mark.parametrize(("given", "expected"), [row[1:] for row in ROOMS], ids=[row[0] for row in ROOMS])
def test_metrics_are_where_there_is_room(given: dict[str, int], expected: str, rooms: dict[str, int]) -> None:
    """A worker that finds memory full is killed by a signal in the middle of a review."""
    rooms.update(given)
    with metrics_folder(2) as folder:
        assert folder.parent.name == expected
    assert not folder.exists()


def test_no_room_for_metrics(rooms: dict[str, int]) -> None:
    rooms.update(a=2 * SHARE - 1)
    with (
        pytest.raises(ConfigurationError, match=r"metrics of 2 processes: mount an emptyDir .* for 10 MiB"),
        metrics_folder(2),
    ):
        pass


def test_room(tmp_path: Path) -> None:
    assert find_room(str(tmp_path)) > 0
    with pytest.raises(OSError, match="nowhere"):
        find_room(str(tmp_path / "nowhere"))


def test_what_a_worker_that_ended_had_under_way_is_forgotten(tmp_path: Path) -> None:
    parent = Parent([sys.executable, "-c", ""], 2, [], tmp_path, Log())
    names = {f"{kind}_{number}.db" for kind in ("gauge_livesum", "gauge_livemin", "counter") for number in range(2)}
    for name in names:
        (tmp_path / name).touch()
    first = parent.workers[0]
    parent.start(first)
    started = first.process
    assert started is not None
    started.wait()
    parent.collect()
    assert parent.workers[0].process is None
    assert {file.name for file in tmp_path.iterdir()} == names - {"gauge_livesum_0.db", "gauge_livemin_0.db"}


def test_nobody_waits_at_the_parents_listener(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Parent([], 0, [listener], tmp_path, Log()).end(signal.SIGTERM)
        assert listener.fileno() == -1
