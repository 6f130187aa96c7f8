"""What a template costs a container's start: the same secret as a plain key, and through templates.

    python -m benchmarks.template [--runs N] [--peer PATH]

Against a real OpenBao on loopback, from the start of vault-env to the end of `/bin/true` that it becomes. With `--peer`
the Go executable runs in the same turns, and the ratio is printed.
"""

from __future__ import annotations

import argparse
import os

from benchmarks.measure import Case, time_cases
from benchmarks.startup import TRUE, print_figures, print_ratios, sides
from tests.servers.openbao import OpenBao

PLAIN = "a plain key"
SELECTORS = {
    PLAIN: "password",
    "a field": "${.password}",
    "a field, a condition and text": "postgres://${.user}:${.password}@db${if .ssl}?ssl=true${end}",
    "a builtin function": "postgres://${.user}:${.password | urlquery}@db",
    "a function of Sprig": "${.password | b64enc}",
    "a regular expression": "${regexReplaceAll `[^a-z0-9]+` .password `-`}",
    "printf and JSON": '${printf "%s:%5.1f" .user 1.5}${toJson .}',
}
SECRET = {"user": "shop", "password": "a value/with signs", "ssl": True}


def main() -> None:
    options = parse_options()
    with OpenBao() as server:
        server.write_kv2("app", SECRET)
        base = {
            "PATH": os.environ["PATH"],
            "VAULT_LOG_LEVEL": "error",
            "VAULT_ADDR": server.address,
            "VAULT_TOKEN": server.root_token,
        }
        environments = {what: base | {"URL": f"vault:secret/data/app#{text}"} for what, text in SELECTORS.items()}
        cases = [
            Case(f"{side}: {what}", [*command, TRUE], env)
            for side, command in sides(options).items()
            for what, env in environments.items()
        ]
        figures = time_cases(cases, options.runs)
    print_figures(figures, options.runs)
    for what in SELECTORS:
        more = figures[f"vault-env: {what}"].median - figures[f"vault-env: {PLAIN}"].median
        print(f"vault-env: {what:37} {more:+8.1f} ms beside {PLAIN}")
    if options.peer:
        print_ratios(figures, list(environments))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30, help="counted runs of each case (default 30)")
    parser.add_argument("--peer", help="the Go executable to measure beside ours")
    parser.set_defaults(also=[], interpreter=False)
    return parser.parse_args()


if __name__ == "__main__":
    main()
