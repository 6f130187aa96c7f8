"""What a start of vault-env imports. Each pod start pays for each module here, so a new one needs a reason.

The lists are what comes on top of an interpreter that does nothing (`python -I -S -c pass`), for every version of
Python that we run on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.certificates import Authority
from tests.fakes.server import FakeServer
from tests.fakes.vault import auth, kv1, kv2, serve_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SOURCES = Path(__file__).parents[2] / "src"
SCRIPT = "import sys; sys.path.insert(0, sys.argv[1]); from vault_secrets_webhook.vaultenv.__main__ import run; run(['true'])"

# Plays the static executable: its list of modules, and one of them that starts what it is told to.
PLAYED = (
    "import posix; sys.builtin_module_names += ('_vaultenv_process',);"
    " played = sys.modules['_vaultenv_process'] = type(sys)('_vaultenv_process');"
    " played.entries = lambda: [b'PATH=/usr/bin:/bin', b'', b'NO_SIGN'];"
    " played.ignored_signals = lambda: ();"
    " played.execve = lambda path, argv, entries:"
    " posix.write(2, b'import time: | played\\n') and posix.execve(path, argv, {})"
)

PASS_THROUGH = [
    "__future__",
    "_collections_abc",
    "_stat",
    "errno",
    "genericpath",
    "os",
    "posixpath",
    "stat",
    "vault_secrets_webhook",
    "vault_secrets_webhook.errors",
    "vault_secrets_webhook.goparse",
    "vault_secrets_webhook.textlog",
    "vault_secrets_webhook.vaultenv",
    "vault_secrets_webhook.vaultenv.__main__",
    "vault_secrets_webhook.vaultenv.environ",
    "vault_secrets_webhook.vaultenv.launch",
    "vault_secrets_webhook.vaultenv.settings",
]

ONE_SECRET = [
    "_json",
    "_socket",
    "vault_secrets_webhook.inject",
    "vault_secrets_webhook.inject.reference",
    "vault_secrets_webhook.inject.resolve",
    "vault_secrets_webhook.vault",
    "vault_secrets_webhook.vault.api",
    "vault_secrets_webhook.vault.client",
    "vault_secrets_webhook.vault.settings",
    "vault_secrets_webhook.vaultenv.identity",
    "vault_secrets_webhook.vaultenv.inject",
    "vault_secrets_webhook.vaultenv.parallel",
    "vault_secrets_webhook.wire",
    "vault_secrets_webhook.wire.blocking",
    "vault_secrets_webhook.wire.clock",
    "vault_secrets_webhook.wire.http1",
    "vault_secrets_webhook.wire.jsontext",
    "vault_secrets_webhook.wire.message",
    "vault_secrets_webhook.wire.proxy",
]

TLS = ["_ssl", "vault_secrets_webhook.wire.tls"]
AUTHORITIES = ["vault_secrets_webhook.wire.authorities"]
LOGIN = ["vault_secrets_webhook.vault.auth", "vault_secrets_webhook.vault.auth.kubernetes"]

STARTS: list[tuple[str, dict[str, str], list[str]]] = [
    ("pass-through", {}, PASS_THROUGH),
    (
        "pass-through near to a reference",
        {"A": "see vault: x", "VAULT_LOG_LEVEL": "debug"},
        [*PASS_THROUGH, "vault_secrets_webhook.inject", "vault_secrets_webhook.inject.reference"],
    ),
    ("one secret", {"A": "vault:kv/a#k", "VAULT_TOKEN": "t", "VAULT_ADDR": "HTTP"}, PASS_THROUGH + ONE_SECRET),
    (
        "fifty secrets",
        {f"V{n}": "vault:kv/a#k" for n in range(50)} | {"VAULT_TOKEN": "t", "VAULT_ADDR": "HTTP"},
        PASS_THROUGH + ONE_SECRET,
    ),
    (
        "one secret over TLS",
        {"A": "vault:secret/data/a#k", "VAULT_TOKEN": "t", "VAULT_ADDR": "HTTPS"},
        PASS_THROUGH + ONE_SECRET + TLS,
    ),
    (
        "one secret over TLS, with the system's authorities",
        {"A": "vault:secret/data/a#k", "VAULT_TOKEN": "t", "VAULT_ADDR": "HTTPS", "SSL_CERT_FILE": "CA"},
        PASS_THROUGH + ONE_SECRET + TLS + AUTHORITIES,
    ),
    (
        "login over TLS",
        {"A": "vault:kv/a#k", "VAULT_JWT_FILE": "JWT", "VAULT_ADDR": "HTTPS"},
        PASS_THROUGH + ONE_SECRET + TLS + LOGIN,
    ),
]

TEMPLATE = [
    *(
        f"vault_secrets_webhook.gotemplate{name}"
        for name in (
            *("", ".exec", ".expression", ".functionsets", ".lex", ".limits", ".node", ".parse"),
            *(".pipeline", ".values"),
        )
    ),
    "vault_secrets_webhook.inject.template",
]
# What each part of the language brings with it: none of the other functions of Sprig, and no module twice as heavy.
TEMPLATES: list[tuple[str, str, list[str]]] = [
    ("fields, conditions and loops", "${if .k}pg://${.k}@db${end}${range $i, $e := .l}${$e}${end}", []),
    ("a builtin function", "${.k | urlquery}", ["call", "functions", "escape", "funcs", "sprig"]),
    ("a comparison with text", "${eq .k `v`}", ["call", "functions", "compare", "fmt", "funcs", "sprig", "unquote"]),
    ("one function of Sprig", "${.k | default .l}", ["call", "functions", "sprig", "sprig.defaults"]),
    ("lists", "${join `,` .l}", ["call", "functions", "sprig", "sprig.stringlists", "sprig.text", "unquote"]),
    ("JSON", "${toJson .}", ["call", "functions", "json", "json.decode", "json.encode", "sprig", "sprig.json"]),
]

ANSWER = serve_paths({"kv/a": kv1({"k": "v"}), "secret/data/a": kv2({"k": "v"}), "auth/kubernetes/login": auth()})


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Words of STARTS, and what stands for them."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    jwt = authority.folder / "jwt"
    jwt.write_text("the-jwt")
    with FakeServer(ANSWER) as plain, FakeServer(ANSWER, tls=authority.server_context("127.0.0.1")) as secure:
        yield {"HTTP": plain.address, "HTTPS": secure.address, "JWT": str(jwt), "CA": str(authority.ca_file)}


def find_interpreters() -> list[str]:
    """This interpreter and those of other versions that we run on, as far as they are on PATH."""
    found = [sys.executable]
    for version in ("3.11", "3.12", "3.13"):
        path = shutil.which(f"python{version}")
        is_another = path and version != "{}.{}".format(*sys.version_info[:2])
        if path and is_another and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            found.append(path)
    return found


def list_imports(interpreter: str, script: str, environ: Mapping[str, str]) -> set[str]:
    """The modules that a run imported, by the interpreter's own account."""
    ended = subprocess.run(
        [interpreter, "-I", "-S", "-X", "importtime", "-c", script, str(SOURCES)],
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize("interpreter", find_interpreters(), ids=lambda path: Path(path).name)
@pytest.mark.parametrize(("given", "expected"), [row[1:] for row in STARTS], ids=[row[0] for row in STARTS])
def test_imports(interpreter: str, given: dict[str, str], expected: list[str], places: dict[str, str]) -> None:
    environ = {name: places.get(value, value) for name, value in given.items()}
    if given.get("VAULT_ADDR") == "HTTPS" and "SSL_CERT_FILE" not in given:
        environ["VAULT_CACERT"] = places["CA"]
    list_imports(interpreter, SCRIPT, environ)  # compiles what has not been run before, which imports more
    imported = list_imports(interpreter, SCRIPT, environ) - list_imports(interpreter, "pass", {})
    assert sorted(imported) == sorted(expected)


@pytest.mark.parametrize(("text", "more"), [row[1:] for row in TEMPLATES], ids=[row[0] for row in TEMPLATES])
def test_imports_of_a_template(text: str, more: list[str], places: dict[str, str]) -> None:
    environ = {"A": f"vault:kv/a#{text}", "VAULT_TOKEN": "t", "VAULT_ADDR": places["HTTP"]}
    list_imports(sys.executable, SCRIPT, environ)
    imported = list_imports(sys.executable, SCRIPT, environ) - list_imports(sys.executable, "pass", {})
    expected = [*PASS_THROUGH, *ONE_SECRET, *TEMPLATE, *(f"vault_secrets_webhook.gotemplate.{name}" for name in more)]
    assert sorted(imported) == sorted(expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, PASS_THROUGH),
        ({"A": "bao:kv/a#k", "BAO_TOKEN": "t", "BAO_ADDR": "HTTP"}, PASS_THROUGH + ONE_SECRET),
        (
            {"A": "${bao:kv/a#k}${vault:kv/a#k}"}
            | {
                f"{prefix}_{name}": value
                for prefix in ("BAO", "VAULT")
                for name, value in (("TOKEN", "t"), ("ADDR", "HTTP"))
            },
            PASS_THROUGH + ONE_SECRET,
        ),
    ],
    ids=["pass-through", "OpenBao", "both"],
)
def test_secret_init_needs_nothing_more(given: dict[str, str], expected: list[str], places: dict[str, str]) -> None:
    environ = {name: places.get(value, value) for name, value in given.items()}
    script = SCRIPT.replace("import sys;", "import sys; sys.argv[0] = '/vault/secret-init';", 1)
    list_imports(sys.executable, script, environ)
    imported = list_imports(sys.executable, script, environ) - list_imports(sys.executable, "pass", {})
    assert sorted(imported) == sorted(expected)


@pytest.mark.parametrize("given", [row[1] for row in STARTS if len(row[2]) == len(PASS_THROUGH)])
def test_pass_through_imports_nothing_of_the_vault_half(given: dict[str, str]) -> None:
    """What the exact lists say already, in words: no HTTP, no JSON, no sockets, no third party."""
    imported = list_imports(sys.executable, SCRIPT, given)
    assert not {name for name in imported if name.split(".")[0] in {"_socket", "_ssl", "_json", "json", "re", "typing"}}
    ours = {name.split(".")[1] for name in imported if name.startswith("vault_secrets_webhook.")}
    assert ours == {"errors", "goparse", "textlog", "vaultenv"}


def test_executable_needs_nothing_more() -> None:
    """With its module in C, a start without references imports that one besides, and no `ctypes` for odd entries."""
    script = f"import sys; sys.path.insert(0, sys.argv[1]); {PLAYED}; {SCRIPT}"
    imported = list_imports(sys.executable, script, {}) - list_imports(sys.executable, "pass", {})
    assert sorted(imported) == sorted([*PASS_THROUGH, "played"])
