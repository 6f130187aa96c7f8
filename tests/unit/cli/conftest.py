"""A command line whose environment holds no setting of the machine that the tests run on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from vault_secrets_webhook.cli import main
from vault_secrets_webhook.webhook.settings import ALL_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., "Result"]


class Result(NamedTuple):
    """How a command ended."""

    code: int
    output: str
    errors: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process."""
    for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", *ALL_VARIABLES):
        monkeypatch.delenv(name, raising=False)

    def run_arguments(*arguments: object) -> Result:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:  # of argparse
            code = int(ended.code or 0)
        captured = capfd.readouterr()
        return Result(code, captured.out, captured.err)

    return run_arguments
