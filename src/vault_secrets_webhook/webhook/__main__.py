"""The webhook as a process: `python -m vault_secrets_webhook.webhook`, set up by its environment."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import uvloop

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.textlog import Log

from .server import serve
from .settings import Settings

if TYPE_CHECKING:
    from .server import Timing

WRONG_SETTING = 2


def run(settings: Settings, timing: Timing | None = None) -> int:
    """Serve until a signal ends it; returns the exit status: 0, or 2 for settings that cannot be used."""
    try:
        uvloop.run(serve(settings, timing))
    except ConfigurationError as error:
        Log(settings.log_level, as_json=settings.json_log).error(str(error))
        return WRONG_SETTING
    return 0


def main() -> int:
    """Read the settings from the environment, and serve."""
    try:
        settings = Settings.from_environment(os.environ)
    except ConfigurationError as error:
        Log().error(str(error))
        return WRONG_SETTING
    return run(settings)


if __name__ == "__main__":
    sys.exit(main())
