"""Random reviews for the real process: `python -m tests.fuzz.reviews [--count N] [--seed N] [--workers N] [--only N]`.

That is `make fuzz-reviews`. Each review is a captured one (`tests/golden/reviews`) with some changes, made from the
seed and its number alone, so `--only NUMBER` sends one again, and shows it. Whatever a review is like: no 5xx unless the
cluster or Vault was told to fail, no patch that does not apply, nothing left to do for a second pass, and never a
secret in what people read. Every fault is printed, and with one the exit status is 1.
"""

from __future__ import annotations

import argparse
import collections
import copy
import itertools
import json
import multiprocessing
import random
import secrets
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.fakes.surroundings import DENIED, FAULTY, Reviewed
from tests.fakes.verdict import Judged, find_canary, find_path, judge, repeat
from tests.fuzz.places import annotate, break_text, change, configure_registries, move_objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CAPTURED = Path(__file__).parents[1] / "golden" / "reviews"
CANARY = "canary-of-random-reviews"
SETTINGS: tuple[dict[str, str], ...] = (
    {},
    {"VAULT_ENV_IMAGE": "vault-env:1", "VAULT_ENV_VOLUME_MEDIUM": "Image", "AGENT_SIDECAR": "native"},
    {"VAULT_ENV_IMAGE": "vault-env:1", "VAULT_ENV_COPY": "self", "VAULT_ENV_VOLUME_MEDIUM": "Disk"},
    {"PROVIDER": "bao", "REFERENCE_CHECK": "warn", "NAMESPACE_DEFAULTS": "annotations", "AGENT_SIDECAR": "classic"},
)
MOST_SHOWN = 3000  # of a review
ALIKE, MOST_ALIKE = 120, 2  # faults that begin with the same characters are shown so often
CLIENTS, BATCH = 4, 200


class Sample(NamedTuple):
    """A review to send. `review` is None where it is not what an API server can send; then 400 is an answer too."""

    path: str
    text: bytes
    review: Any


class Fault(NamedTuple):
    """What was wrong about the answer to a review."""

    seed: int
    number: int
    sample: Sample
    faults: list[str]

    def show(self) -> str:
        text = self.sample.text[:MOST_SHOWN].decode(errors="replace")
        return f"--seed {self.seed} --only {self.number}: {'; '.join(self.faults)}\n{self.sample.path}\n{text}\n"


def read_captured() -> list[Any]:
    """Read the captured reviews, those of objects that are created more than once."""
    reviews = [json.loads(path.read_text()) for path in sorted(CAPTURED.glob("*.json"))]
    return (
        reviews + [one for one in reviews if one["request"]["operation"] == "CREATE" and one["request"]["object"]] * 2
    )


def make_sample(seed: int, number: int, captured: Sequence[Any], registry: str) -> Sample:
    """Make the review of a number."""
    rng = random.Random(f"{seed}/{number}")
    review = copy.deepcopy(rng.choice(captured))
    path = find_path(review)
    review["request"]["uid"] = f"{seed}/{number}"  # an answer to another one is a fault
    is_possible = rng.random() > 0.1
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
        change(rng, review["request"]["object"] if is_possible else review)
    if is_possible and rng.random() < 0.3:
        annotate(rng, review["request"]["object"])
    if is_possible and rng.random() < 0.1:
        move_objects(rng, review["request"]["object"])
    if is_possible and rng.random() < 0.2:
        configure_registries(rng, review["request"]["object"])
    if rng.random() < 0.02:
        path = rng.choice(("/pods", "/secrets", "/configmaps", "/objects"))
    text = json.dumps(review).replace("shop/", f"{registry}/shop/").replace("OWN", registry).encode()
    is_possible = is_possible and is_unicode(review)
    if rng.random() < 0.1:
        return Sample(path, break_text(rng, text), None)
    return Sample(path, text, json.loads(text) if is_possible else None)


def is_unicode(review: Any) -> bool:
    """Tell whether no text of a review has half a character."""
    try:
        json.dumps(review, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_sample(reviewed: Reviewed, sample: Sample) -> tuple[list[str], str]:
    """Send a review; gives what is wrong about the answer, and a word for how it ended."""
    status, answer = reviewed.post(f"{sample.path}?timeout=10s", sample.text)
    if status >= 500 and was_told_to_fail(sample.text + answer):
        return (["the canary is in an error"] if CANARY.encode() in answer else []), "failed as it was told to"
    if sample.review is None:
        return check_impossible(status, answer), str(status)
    judged = judge(sample.review, status, answer, CANARY)
    if judged.faults or judged.result is None:
        return judged.faults, "allowed" if judged.is_allowed else "refused"
    again = repeat(sample.review, judged.result)
    status, answer = reviewed.post(f"{sample.path}?timeout=10s", json.dumps(again).encode())
    second = judge(again, status, answer, CANARY)
    if second != Judged([], None, is_allowed=True):
        return [f"a second pass does not let it through: {second.faults} {answer[:500]!r}"], "patched"
    return [], "patched"


def was_told_to_fail(text: bytes) -> bool:
    """Tell whether a review and its answer name what is broken, or what the cluster does not let us read.

    What Vault does not let us read is the fault of who wrote the reference.
    """
    return FAULTY.encode() in text or f'"{DENIED}"'.encode() in text


def check_impossible(status: int, answer: bytes) -> list[str]:
    """Judge the answer to what no API server sends: anything but a failure of ours."""
    if status not in {200, 400}:
        return [f"status {status}: {answer[:500]!r}"]
    document = json.loads(answer)
    shown = document["response"] if status == 200 else document
    return ["the canary is in the answer"] if find_canary(shown, CANARY) else []


def check_number(reviewed: Reviewed, sample: Sample) -> tuple[list[str], str]:
    """Send a review, whatever comes of it."""
    try:
        return check_sample(reviewed, sample)
    except Exception as error:  # noqa: BLE001 - no answer, or one that cannot be read, is a fault like others
        reviewed.connection.close()
        return [f"no answer: {error!r}"], "no answer"


def check_numbers(seed: int, numbers: Iterable[int], settings: dict[str, str], folder: Path) -> Result:
    """Send the reviews of some numbers to a webhook of their own, several at once."""
    faults, ends, captured = [], collections.Counter[str](), read_captured()
    with Reviewed(folder, CANARY, **settings) as reviewed, ThreadPoolExecutor(CLIENTS) as pool:

        def check(number: int) -> tuple[int, Sample, list[str], str]:
            sample = make_sample(seed, number, captured, reviewed.surroundings.registry)
            return (number, sample, *check_number(reviewed, sample))

        waiting = iter(numbers)
        while batch := list(itertools.islice(waiting, BATCH)):
            for number, sample, wrong, end in pool.map(check, batch):
                ends[end] += 1
                if wrong:
                    faults.append(Fault(seed, number, sample, wrong))
            reviewed.surroundings.server.asked.clear()
        places = {"log": reviewed.process.log_file.read_bytes(), "metrics": reviewed.read("/metrics")}
    nothing = Sample("", b"", None)
    faults += [
        Fault(seed, -1, nothing, [f"the canary is in the {at}"])
        for at, text in places.items()
        if CANARY.encode() in text
    ]
    return Result(faults, ends)


class Result(NamedTuple):
    """All faults, and how many reviews ended how."""

    faults: list[Fault]
    ends: collections.Counter[str]


def work(share: tuple[int, range, int]) -> Result:
    """Do the share of a worker: the seed, the numbers, and which settings."""
    seed, numbers, index = share
    with tempfile.TemporaryDirectory() as folder:
        return check_numbers(seed, numbers, SETTINGS[index % len(SETTINGS)], Path(folder))


def main() -> int:
    """Send them all and tell what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--workers", type=int, default=len(SETTINGS), help="each with settings of its own")
    parser.add_argument("--only", type=int, help="send the review of this number, and show it")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    if options.only is None:
        shares = [
            (options.seed, range(index, options.count, options.workers), index) for index in range(options.workers)
        ]
    else:
        shares = [(options.seed, range(options.only, options.only + 1), options.only % options.workers)]
    with multiprocessing.get_context("spawn").Pool(len(shares)) as pool:
        results = pool.map(work, shares)
    faults = [fault for result in results for fault in result.faults]
    alike = collections.Counter[str]()
    for fault in faults:
        kind = fault.sample.path + fault.faults[0][:ALIKE]
        alike[kind] += 1
        if alike[kind] <= MOST_ALIKE:
            print(fault.show())
    ends = sum((result.ends for result in results), collections.Counter[str]())
    print(f"{sum(ends.values())} reviews: {', '.join(f'{count} {end}' for end, count in ends.most_common())}")
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
