"""The webhook's own identity: a token that its process was given, or its ServiceAccount's, to log in with.

Read anew for each use, because files of tokens are replaced under our feet: by kubelet, or by an agent beside us. The
order is that of Bank-Vaults' webhook.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.vault.settings import check_token

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_JWT_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token"
JWT_VARIABLE = "KUBERNETES_SERVICE_ACCOUNT_TOKEN"
JWT_START = "eyJ"  # base64 of `{"`, which starts every JWT and no path
LONGEST_TOKEN = 1024 * 1024
HOME_FILES = {"VAULT_": ".vault-token", "BAO_": ".bao-token"}


def find_token(process: Mapping[str, str], prefix: str) -> str:
    """Find the token that the process was given: a file of it, itself, or one in the home directory; else "".

    Raises ConfigurationError for a token that is named and cannot be had.
    """
    if path := process.get(prefix + "TOKEN_FILE"):
        return read_token(path, prefix + "TOKEN_FILE")
    if token := process.get(prefix + "TOKEN", "").strip():
        return check_token(token, prefix + "TOKEN")
    if path := process.get(prefix + "TOKEN_PATH"):
        return read_token(path, prefix + "TOKEN_PATH") if Path(path).exists() else ""
    home = Path(process.get("HOME") or "/nonexistent", HOME_FILES[prefix])
    return read_token(str(home), "the token file of the home directory") if home.is_file() else ""


def read_jwt(process: Mapping[str, str], prefix: str) -> str:
    """Give the token of the webhook's ServiceAccount: the first of its places that is named, a file or itself.

    Raises ConfigurationError.
    """
    for name in (JWT_VARIABLE, prefix + "JWT_FILE"):
        if value := process.get(name, "").strip():
            return check_token(value, name) if value.startswith(JWT_START) else read_token(value, name)
    return read_token(DEFAULT_JWT_FILE, "the token of the webhook's ServiceAccount")


def read_token(path: str, what: str) -> str:
    """Read a file with a token, without the white space around it. Raises ConfigurationError, without the path.

    By mistake the token itself may stand in the place of its path.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(LONGEST_TOKEN)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise ConfigurationError(f"{what} is not the path of a file that can be read: {reason}") from None
    return check_token(data.decode("utf-8", "replace").strip(), what)
