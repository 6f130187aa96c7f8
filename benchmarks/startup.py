"""How long a container's start is held up by vault-env: from its start to the end of `/bin/true` that it becomes.

    python -m benchmarks.startup [--runs N] [--peer PATH] [--also PATH ...] [--interpreter]

The static executable, build/vault-env, against a real OpenBao on loopback: no reference, one secret over TLS, 50 paths
with 5 ms added to each request; its size and its peak memory. `/bin/true` stands beside. With `--peer` the Go executable
takes part in the same turns, and the ratio is printed; with `--also` other builds of ours; with `--interpreter` our
modules by the interpreter that runs this.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks.measure import Case, Figures, peak_memory, time_cases
from benchmarks.picture import draw_bars
from tests.servers.openbao import OpenBao

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUE = "/bin/true"
SOURCE = Path(__file__).parent.parent / "src"
OURS = Path(__file__).parent.parent / "build" / "vault-env"
# Without site-packages: the interpreter finds our modules and its own library.
INTERPRETED = [
    sys.executable,
    "-I",
    "-S",
    "-c",
    f"import sys; sys.path.insert(0, {str(SOURCE)!r})\nfrom vault_secrets_webhook.vaultenv.__main__ import main; main()",
]
PATHS = 50
ADDED_MILLISECONDS = 5


def main() -> None:
    options = parse_options()
    with OpenBao() as plain, OpenBao(tls=True) as secure, delayed(plain) as slow_address:
        environments = make_environments(plain, secure, slow_address)
        cases = [Case(TRUE, [TRUE], {})]
        for side, command in sides(options).items():
            cases += [Case(f"{side}: {what}", [*command, TRUE], env) for what, env in environments.items()]
        figures = time_cases(cases, options.runs)
        print_figures(figures, options.runs)
        if options.peer:
            print_ratios(figures, list(environments))
        if options.picture:
            title = "From start to the end of the application, which is /bin/true (median)"
            draw_bars(options.picture, title, {name: row.median for name, row in figures.items()}, ours="vault-env")
        for case in cases[1:]:
            print(f"{case.name:48} peak memory {peak_memory(case):6.1f} MiB")
        for side, command in sides(options).items():
            print(f"{side:48} size        {Path(command[0]).stat().st_size / 2**20:6.2f} MiB")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="counted runs of each case (default 20)")
    parser.add_argument("--peer", help="the Go executable to measure beside ours")
    parser.add_argument("--also", metavar="PATH", action="append", default=[], help="another build of ours")
    parser.add_argument("--interpreter", action="store_true", help="measure `python -m` as well")
    parser.add_argument("--picture", type=Path, help="an SVG file to draw the medians into")
    return parser.parse_args()


def sides(options: argparse.Namespace) -> dict[str, list[str]]:
    """Give the commands to compare, by their names in the tables."""
    if not OURS.exists():
        sys.exit(f"{OURS} is missing: run `make vault-env`")
    compared = {"vault-env": [str(OURS)]}
    if options.peer:
        compared["peer"] = [options.peer]
    if options.interpreter:
        compared["interpreter"] = INTERPRETED
    return compared | {Path(path).name: [path] for path in options.also}


def make_environments(plain: OpenBao, secure: OpenBao, slow_address: str) -> dict[str, dict[str, str]]:
    """Put the secrets there; the environment of each case."""
    for index in range(PATHS):
        plain.write_kv2(f"app{index}", {"password": f"value{index}"})
    secure.write_kv2("app", {"password": "value"})
    base = {"PATH": os.environ["PATH"], "VAULT_LOG_LEVEL": "error"}
    at_plain = base | {"VAULT_ADDR": plain.address, "VAULT_TOKEN": plain.root_token}
    at_secure = base | {
        "VAULT_ADDR": secure.address,
        "VAULT_TOKEN": secure.root_token,
        "VAULT_CACERT": str(secure.ca_file),
    }
    many = {f"SECRET{index}": f"vault:secret/data/app{index}#password" for index in range(PATHS)}
    return {
        "no reference": base,
        "one secret": at_plain | {"SECRET": "vault:secret/data/app0#password"},
        "one secret over TLS": at_secure | {"SECRET": "vault:secret/data/app#password"},
        f"{PATHS} paths": at_plain | many,
        f"{PATHS} paths, {ADDED_MILLISECONDS} ms added": at_plain | many | {"VAULT_ADDR": slow_address},
    }


@contextmanager
def delayed(server: OpenBao) -> Iterator[str]:
    """Run the proxy that adds time in front of a server; its address."""
    port = urlsplit(server.address).port
    command = [sys.executable, "-m", "benchmarks.delay", str(port), str(ADDED_MILLISECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout is not None
            yield f"http://127.0.0.1:{proxy.stdout.readline().strip()}"
        finally:
            proxy.terminate()


def print_figures(figures: dict[str, Figures], runs: int) -> None:
    print(f"start to end in ms, {runs} runs each, in turns")
    print(f"{'':48} {'median':>8} {'min':>8} {'max':>8}")
    for name, row in figures.items():
        print(f"{name:48} {row.median:8.1f} {row.least:8.1f} {row.most:8.1f}")


def print_ratios(figures: dict[str, Figures], names: list[str]) -> None:
    for name in names:
        ratio = figures[f"vault-env: {name}"].median / figures[f"peer: {name}"].median
        print(f"vault-env / peer: {name:30} {ratio:.2f}")


if __name__ == "__main__":
    main()
