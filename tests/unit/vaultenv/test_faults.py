"""What is said of variables without values: grouped by cause, bounded, and without text that may be a password."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from vault_secrets_webhook.errors import RequestRejected, SecretError, SecretMissing, Unreachable
from vault_secrets_webhook.inject.reference import BAO_SCHEME, SCHEME, Read
from vault_secrets_webhook.inject.resolve import Fetched, make_plan, render
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.vaultenv.faults import report_failure, report_faults, report_missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.errors import Error

FROM_PATH = "VAULT_ENV_FROM_PATH"


def read_log(write: Callable[[Log], None]) -> list[dict[str, Any]]:
    reader, writer = os.pipe()
    try:
        write(Log(as_json=True, descriptor=writer))
        os.close(writer)
        return [json.loads(line) for line in os.read(reader, 1 << 16).splitlines()]
    finally:
        os.close(reader)


def test_one_line_for_each_cause() -> None:
    faults = [SecretError("A", "gone"), SecretError("B", "denied"), SecretError("C", "gone")]
    first, second = read_log(lambda log: report_faults(faults, log))
    assert (first["level"], first["variables"], first["count"], first["cause"]) == ("ERROR", ["A", "C"], 2, "gone")
    assert (second["variable"], second["cause"]) == ("B", "denied")
    assert "variables" not in second


def test_name_is_told_once() -> None:
    (line,) = read_log(lambda log: report_faults([SecretError(FROM_PATH, "gone"), SecretError(FROM_PATH, "gone")], log))
    assert (line["variable"], line.get("variables"), line.get("count")) == (FROM_PATH, None, None)


def test_names_are_bounded() -> None:
    faults = [SecretError(f"V{number}", "gone") for number in range(21)]
    (line,) = read_log(lambda log: report_faults(faults, log))
    assert line["variables"] == [f"V{number}" for number in range(20)] + ["..."]
    assert line["count"] == 21


def test_missing_is_a_warning_for_each_cause() -> None:
    (line,) = read_log(lambda log: report_missing([SecretError("A", "gone"), SecretError("B", "gone")], log))
    assert (line["level"], line["variables"]) == ("WARN", ["A", "B"])


# What a Secret's value may be that is no reference at all, and what is certainly meant as one.
SHOWN: list[tuple[str, str, str | None]] = [
    ("no key", "vault:hunter2", None),
    ("no key in text", "x ${vault:hunter2} y", None),
    ("brace in the path", "vault:hun{ter2", None),
    ("brace before #", "vault:hun{ter2#x", None),
    ("no path", "vault:#hunter2", None),
    ("not closed", "${vault:hunter2", None),
    ("not closed, and more behind it", "${vault:a/b#c hunter2", None),
    ("ciphertext that is written", ">>vault:v1:hunter2", None),
    ("dots in the path", "vault:hunter2/../x#y", None),
    ("bad version", "vault:a/b#c#latest", "vault:a/b#c#latest"),
    ("empty key", "vault:a/b#", "vault:a/b#"),
]


@pytest.mark.parametrize(("text", "shown"), [row[1:] for row in SHOWN], ids=[row[0] for row in SHOWN])
def test_text_is_shown_where_path_and_mark_were_understood(text: str, shown: str | None) -> None:
    plan = make_plan([("A", text)])
    (line,) = read_log(lambda log: report_faults(plan.faults, log))
    assert (line["variable"], line.get("reference")) == ("A", shown)
    assert line["column"] >= 1
    assert line["cause"]
    assert "hunter2" not in json.dumps(line)


def test_from_path_is_shown() -> None:
    """It is a setting, and no Secret's value."""
    plan = make_plan([])
    plan.add_paths(FROM_PATH, "a/../b", SCHEME)
    (line,) = read_log(lambda log: report_faults(plan.faults, log, {FROM_PATH}))
    assert (line["variable"], line["reference"]) == (FROM_PATH, "a/../b")


def fail(error: Error, **variables: str) -> list[dict[str, Any]]:
    """What is logged when `error` is the answer for kv/down and all ciphertexts, and kv/a does not exist."""
    plan = make_plan(variables.items())
    plan.add_paths(FROM_PATH, "kv/down", SCHEME)
    fetched = Fetched(token="t")
    fetched.gave_up = error
    for source in plan.sources:
        is_down = source.path == "kv/down"
        fetched.secrets[source] = error if is_down else SecretMissing("kv/a: gone", path="kv/a", status=404)
    fetched.plaintexts = dict.fromkeys(plan.ciphertexts, error)
    faults = render(plan, fetched).faults
    return read_log(lambda log: report_failure(plan, [fetched], faults, {SCHEME: "Vault"}, log))


@pytest.mark.parametrize(
    "error", [Unreachable("kv/down: nothing listens"), RequestRejected("kv/down: sealed", path="kv/down", status=503)]
)
def test_outage_is_one_line(error: Error) -> None:
    given = {
        "A": "vault:kv/down#k",
        "B": "x ${vault:kv/a#k} ${vault:kv/down#k}",
        "C": "vault:v1:abc",
        "D": "vault:kv/a#k",
        "E": "vault:login",
    }
    outage, other = fail(error, **given)
    assert (outage["msg"], outage["cause"]) == ("Vault cannot be used", str(error))
    assert outage["variables"] == ["A", "B", "C", FROM_PATH]
    assert (other["variable"], other["cause"]) == ("D", "kv/a: gone")


def test_outage_of_one_server_is_not_that_of_the_other() -> None:
    variables = {"A": "vault:kv/a#k", "B": "bao:kv/a#k", "AB": "${vault:kv/a#k}${bao:kv/a#k}", "C": "vault:kv/b#k"}
    plan = make_plan(variables.items(), (SCHEME, BAO_SCHEME))
    vault, bao = Fetched(token="t"), Fetched(BAO_SCHEME, "u")
    bao.gave_up = Unreachable("kv/a: nothing listens")
    bao.secrets = {Read("kv/a", scheme=BAO_SCHEME): bao.gave_up}
    gone = {path: SecretMissing(f"{path}: gone", path=path, status=404) for path in ("kv/a", "kv/b")}
    vault.secrets = {Read(path): error for path, error in gone.items()}
    faults = render(plan, vault, bao).faults
    titles = {SCHEME: "Vault", BAO_SCHEME: "OpenBao"}
    outage, first, second = read_log(lambda log: report_failure(plan, [vault, bao], faults, titles, log))
    assert (outage["msg"], outage["variables"]) == ("OpenBao cannot be used", ["B", "AB"])
    assert [(line["variable"], line["cause"]) for line in (first, second)] == [("A", "kv/a: gone"), ("C", "kv/b: gone")]
