"""The generated tables are what the Go that is pinned has."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import report_missing
from tests.servers.build import build_environ, find_go
from tests.servers.errors import ServerMissing
from tests.servers.template_oracle import SOURCES
from vault_secrets_webhook.gotemplate import regexp


@pytest.mark.servers
@pytest.mark.parametrize("module", ["categories", "scripts", "folds"])
def test_table_is_what_go_has(module: str) -> None:
    try:
        go = find_go()
    except ServerMissing as error:
        report_missing(error)
    command = [go, "run", "-mod=readonly", "./unicodetables", module]
    written = subprocess.run(
        command, cwd=SOURCES, env=build_environ(), check=True, capture_output=True, text=True
    ).stdout
    assert Path(regexp.__file__).with_name(f"{module}.py").read_text() == written
