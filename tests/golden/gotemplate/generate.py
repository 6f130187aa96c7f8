"""Asks real Go for the answers to all cases: `python -m tests.golden.gotemplate.generate [AREA ...]`.

That is `make template-cases`. It needs Go, which fetches the release that is pinned.
"""

from __future__ import annotations

import sys

from tests.golden.gotemplate.files import EXPECTED, list_areas, read_lines, write_answers
from tests.servers.template_oracle import ask, find_or_build_oracle, read_versions


def main(areas: list[str]) -> int:
    """Write the answers of the areas that are named, or of all."""
    program = find_or_build_oracle()
    versions = read_versions(program)
    for area in areas or list_areas():
        answers = ask(program, read_lines(area))
        write_answers(area, versions, answers)
        print(f"{area}: {len(answers)} cases")
    for path in EXPECTED.glob("*.jsonl"):
        if path.stem not in list_areas():
            path.unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
