"""Whose token vault-env uses: one that it was given, or one it gets by logging in as the pod."""

from __future__ import annotations

import os
from time import time

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.inject.reference import LOGIN
from vault_secrets_webhook.vault.settings import check_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault_secrets_webhook.textlog import Log
    from vault_secrets_webhook.vault.client import Client

    from .settings import Server

DEFAULT_JWT_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token"
TOKEN_NAMES = ("TOKEN_FILE", "TOKEN", "TOKEN_PATH")  # behind VAULT_, or BAO_
JWT_START = "eyJ"  # base64 of `{"`, which starts every JWT and no path
MAX_TOKEN_SIZE = 1024 * 1024
PATH_STARTS = ("/", "./", "../")


def obtain_token(client: Client, environ: Mapping[str, str], log: Log, server: Server) -> str:
    """Find or get the token: VAULT_TOKEN_FILE, VAULT_TOKEN, VAULT_TOKEN_PATH or ~/.vault-token, else a login.

    Raises ConfigurationError for a token that is named and cannot be had, VaultError when the login fails.
    """
    file_name, token_name, path_name = (server.prefix + name for name in TOKEN_NAMES)
    if path := environ.get(file_name):
        return check_token(read_token(path, file_name), file_name)
    if (token := environ.get(token_name, "").strip()) and token != server.scheme + LOGIN:
        return check_token(token, token_name)
    if path := environ.get(path_name):
        if os.path.exists(path):
            return check_token(read_token(path, path_name), path_name)
    elif home := environ.get("HOME"):
        path = os.path.join(home, server.token_file)
        if os.path.exists(path) and (token := read_token(path, "the token file")):
            return check_token(token, "the token file")
    return log_in(client, environ, log, server.prefix)


def log_in(client: Client, environ: Mapping[str, str], log: Log, prefix: str) -> str:
    """Log in by VAULT_AUTH_METHOD at VAULT_PATH as VAULT_ROLE, with the pod's ServiceAccount token."""
    from vault_secrets_webhook.vault.auth import check_method, kubernetes

    method = environ.get(prefix + "AUTH_METHOD") or "jwt"
    check_method(method, prefix + "AUTH_METHOD")
    mount = check_mount((environ.get(prefix + "PATH") or "kubernetes").strip("/"), prefix + "PATH")
    role = environ.get(prefix + "ROLE") or "default"
    jwt = read_jwt(environ, prefix)
    log.debug("login with the ServiceAccount's token", method=method, mount=f"auth/{mount}", role=role)
    return kubernetes.login(client, mount, role, jwt, time()).token


def check_mount(mount: str, name: str) -> str:
    """Raise ConfigurationError for what cannot be meant as the mount of an auth method; `name` is its variable."""
    if mount.startswith("auth/"):
        raise ConfigurationError(f"{name} {mount}: leave auth/ out, it is put before the mount")
    if not {".", ".."}.isdisjoint(mount.split("/")):
        raise ConfigurationError(f"{name} must not have . or .. in it")
    return mount


def read_jwt(environ: Mapping[str, str], prefix: str) -> str:
    """Read the ServiceAccount token from the first of its places that is named; either a file or the token itself."""
    for name in ("KUBERNETES_SERVICE_ACCOUNT_TOKEN", prefix + "JWT_FILE"):
        if value := environ.get(name, "").strip():
            return value if value.startswith(JWT_START) else check_token(read_token(value, name), name)
    return check_token(read_token(DEFAULT_JWT_FILE, "the ServiceAccount token"), "the ServiceAccount token")


def read_token(path: str, what: str) -> str:
    """Read a file that holds a token, without the white space around it. Raises ConfigurationError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not make us wait
        try:
            return os.read(descriptor, MAX_TOKEN_SIZE).decode("utf-8", "surrogateescape").strip()
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigurationError(f"{what}{explain_unreadable(path)}: {error.strerror}{advise(path)}") from None


def explain_unreadable(path: str) -> str:
    """Name the path only where it is one for certain: by mistake, the token itself may stand in its place."""
    return f": {path} cannot be read" if path.startswith(PATH_STARTS) else " is not the path of a file that can be read"


def advise(path: str) -> str:
    if path != DEFAULT_JWT_FILE:
        return ""
    return "; no token is given, and the pod has no ServiceAccount token: is automountServiceAccountToken off?"
