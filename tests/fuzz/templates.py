"""Random templates, compared with real Go: `python -m tests.fuzz.templates [--count N] [--seed N] [--workers N]`.

That is `make fuzz-template`. It prints the seed, every difference in full and their number, and exits with 1 if there is
one. No part of the test suite, for it takes minutes; a difference that it finds becomes a case of the golden table.
"""

from __future__ import annotations

import argparse
import base64
import json
import multiprocessing
import os
import random
import secrets
import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.fuzz.grammar import Grammar
from tests.golden.gotemplate.files import read_case
from tests.golden.gotemplate.ours import render_case
from tests.servers.template_oracle import ask, find_or_build_oracle, read_versions
from vault_secrets_webhook.gotemplate.fmt.printer import ADDRESS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.template_oracle import Answer

BATCH = 500
DELIMS = (
    *[("{{", "}}")] * 12,
    *[("${", "}"), ("<<", ">>")] * 4,
    *[("[[", "]]"), ("((", "))"), ("{", "}"), ("<%", "%>"), ("@", "@"), ("|", "|")],
    *[("é{", "}日"), ("<!--", "-->"), ("", "}")],
)
# Where Go itself breaks down there is nothing to compare with.
BROKEN = "oracle: "


# Where we stop at a limit that Go has not, or print an address, there is nothing to compare either; limits are counted.
ADDRESSES = tuple(f"{ADDRESS:{base}}" for base in "xXdob")
LIMITED = ("the result would be larger than", "the template makes more than", "the template takes more than")


class Outcome(NamedTuple):
    """What came of a batch: cases compared, those with an output among them, those beyond our limits, the differences."""

    compared: int
    rendered: int
    limited: int
    differences: list[str]


def main() -> int:
    options = parse_options()
    program = find_or_build_oracle()
    print(f"{read_versions(program)}, seed {options.seed}", flush=True)
    batches = range(0, options.count, BATCH)
    total = Outcome(0, 0, 0, [])
    with multiprocessing.Pool(options.workers) as pool:
        jobs = [(program, options.seed, first, min(BATCH, options.count - first)) for first in batches]
        for done, outcome in enumerate(pool.imap_unordered(compare_batch, jobs), start=1):
            for difference in outcome.differences:
                print(difference, flush=True)
            total = add(total, outcome)
            if sys.stderr.isatty():
                print(f"\r{done}/{len(batches)}", end="", file=sys.stderr)
    print(f"{total.compared} templates compared, {total.rendered} of them without an error")
    print(f"{total.limited} more stopped at limits that Go has not")
    print(f"{len(total.differences)} differences")
    return 1 if total.differences else 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="templates to compare (default 100000)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32), help="to have the same ones again")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default one a processor)")
    return parser.parse_args()


def add(one: Outcome, other: Outcome) -> Outcome:
    return Outcome(
        one.compared + other.compared,
        one.rendered + other.rendered,
        one.limited + other.limited,
        one.differences + other.differences,
    )


def compare_batch(job: tuple[Path, int, int, int]) -> Outcome:
    """Make the cases that a seed has from `first` on, and compare the answers."""
    program, seed, first, count = job
    os.environ["TZ"] = "UTC"
    lines = [make_case(seed, number) for number in range(first, first + count)]
    compared = rendered = limited = 0
    differences = []
    for line, answer in zip(lines, ask_all(program, lines), strict=True):
        if answer.get("error", "").startswith(BROKEN):
            continue
        ours = render_case(read_case(line))
        if any(words in ours.get("error", "") for words in LIMITED):
            limited += 1
            continue
        if any(address in words for words in list_words(ours) for address in ADDRESSES):
            continue
        compared += 1
        rendered += not (answer.keys() & {"error", "error_base64"})
        if ours != answer:
            differences.append(describe(line, answer, ours))
    return Outcome(compared, rendered, limited, differences)


def ask_all(program: Path, lines: list[str]) -> list[Answer]:
    """The answers to cases, also where one of them breaks the program: it is looked for by halves."""
    try:
        return ask(program, lines)
    except ValueError:
        if len(lines) == 1:
            return [{"id": "", "output": "", "error": f"{BROKEN}it broke down"}]
        middle = len(lines) // 2
        return ask_all(program, lines[:middle]) + ask_all(program, lines[middle:])


def make_case(seed: int, number: int) -> str:
    """The case of a seed and number, as a line of JSON."""
    chance = random.Random(f"{seed}/{number}")
    left, right = chance.choice(DELIMS)
    grammar = Grammar(chance, left, right)
    text = grammar.template()
    members = {"id": f"{number}", "left": left, "right": right, **carry_text(text)}
    if chance.random() < 0.2:
        members["missingkey"] = chance.choice(["zero", "error", "invalid"])
    floats = ', "floats": true' if chance.random() < 0.3 else ""
    return f'{json.dumps(members)[:-1]}{floats}, "data": {grammar.data()}}}'


def carry_text(text: str) -> dict[str, str]:
    """Give the member of a case that has the text, in which surrogates stand for bytes that are no UTF-8."""
    if text.isprintable() or not any("\udc80" <= char <= "\udcff" for char in text):
        return {"text": text}
    return {"text_base64": base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()}


def list_words(answer: Answer) -> list[str]:
    """Give the texts of an answer, whatever they are carried in."""
    packed = answer.get("output_base64", ""), answer.get("error_base64", "")
    return [
        answer.get("output", ""),
        answer.get("error", ""),
        *(base64.b64decode(text).decode("latin-1") for text in packed),
    ]


def describe(line: str, answer: Answer, ours: Answer) -> str:
    return f"--- {line}\n  Go:   {json.dumps(answer)}\n  ours: {json.dumps(ours)}"


if __name__ == "__main__":
    raise SystemExit(main())
