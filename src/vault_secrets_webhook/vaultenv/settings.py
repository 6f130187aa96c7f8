"""The variables that steer vault-env itself; those of the Vault client are `vault.settings`."""

from __future__ import annotations

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.goparse import SECOND, parse_duration, read_bool, read_setting
from vault_secrets_webhook.textlog import parse_level

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Settings:
    """What to inject and how.

    delay            seconds to wait before the application is started
    from_path        VAULT_ENV_FROM_PATH as written
    ignores_missing  whether a variable whose secret does not exist is dropped instead of being an error
    passed_through   names that reach the application although they are meant for vault-env
    revokes_token    whether the token is revoked before the application is started
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Read the variables. Raises ConfigurationError naming the one that cannot be used."""
        self.log_level = read_level(environ, "VAULT_LOG_LEVEL")
        self.logs_json = read_bool(environ, "VAULT_JSON_LOG")
        self.delay = read_seconds(environ, "VAULT_ENV_DELAY")
        self.from_path = environ.get("VAULT_ENV_FROM_PATH", "")
        self.ignores_missing = read_bool(environ, "VAULT_IGNORE_MISSING_SECRETS")
        self.passed_through = tuple(name.strip() for name in environ.get("VAULT_ENV_PASSTHROUGH", "").split(","))
        self.revokes_token = read_bool(environ, "VAULT_REVOKE_TOKEN")
        self.has_log_server = bool(environ.get("VAULT_ENV_LOG_SERVER"))
        if read_bool(environ, "VAULT_ENV_DAEMON"):
            raise ConfigurationError("VAULT_ENV_DAEMON: daemon mode is not supported by this version; unset it")


def wants_json(environ: Mapping[str, str]) -> bool:
    """Tell whether to log JSON, as far as that can be said: the errors of all other settings are to be in its form."""
    try:
        return read_bool(environ, "VAULT_JSON_LOG")
    except ConfigurationError:
        return False


def read_level(environ: Mapping[str, str], name: str) -> str:
    """Read a log level; unset and empty are info. Raises ConfigurationError."""
    level = environ.get(name) or "info"
    try:
        parse_level(level)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    return level


def read_seconds(environ: Mapping[str, str], name: str) -> float:
    """Read a duration as seconds; unset and empty are 0. Raises ConfigurationError."""
    return read_setting(name, environ.get(name) or "0", parse_duration) / SECOND
