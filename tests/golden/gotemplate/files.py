"""The table of templates in `cases/`, and what real Go made of them in `expected/`, one file an area.

Both are JSON Lines. The first line of a file of answers names the releases of Go and Sprig that gave them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from vault_secrets_webhook.gotemplate import Number

if TYPE_CHECKING:
    from tests.servers.template_oracle import Answer, Case

CASES = Path(__file__).parent / "cases"
EXPECTED = Path(__file__).parent / "expected"


def list_areas() -> list[str]:
    return sorted(path.stem for path in CASES.glob("*.jsonl"))


def read_lines(area: str) -> list[str]:
    return (CASES / f"{area}.jsonl").read_text().split("\n")[:-1]


def read_cases(area: str) -> list[Case]:
    """The cases with the numbers of their data as they are written, or as floats where the case wants them."""
    return [read_case(line) for line in read_lines(area)]


def read_case(line: str) -> Case:
    case: Case = json.loads(line, parse_int=Number, parse_float=Number)
    return json.loads(line, parse_int=float) if case.get("floats") else case


def read_answers(area: str) -> tuple[str, list[Answer]]:
    """The releases that answered, and the answers in the order of the cases."""
    path = EXPECTED / f"{area}.jsonl"
    if not path.exists():
        return "none", []
    header, *lines = path.read_text().split("\n")[:-1]
    return json.loads(header)["versions"], [json.loads(line) for line in lines]


def write_answers(area: str, versions: str, answers: list[Answer]) -> None:
    lines = [json.dumps({"versions": versions}), *(json.dumps(answer, ensure_ascii=False) for answer in answers)]
    (EXPECTED / f"{area}.jsonl").write_text("\n".join(lines) + "\n")
