"""The variables that steer vault-env itself; those of the Vault client are `vault.settings`.

It plays two programs of Bank-Vaults, and which one it is called by says: `vault-env`, and `secret-init`, which reads
from OpenBao as well and has other names for some variables. The tables here are all the difference.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.goparse import SECOND, parse_duration, read_bool, read_setting
from vault_secrets_webhook.textlog import parse_level

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Server:
    """One that a program reads from.

    scheme       how references to it begin
    prefix       how the names of its variables begin
    title        what messages call it
    passthrough  the variable that names those which reach the application all the same
    from_path    the variable that lists secrets whose keys become variables
    token_file   what may hold a token in the home directory. OpenBao's own client has Vault's `.vault-token`, but a token
                 of the one is not for the other
    """

    __slots__ = ("from_path", "passthrough", "prefix", "scheme", "title", "token_file")

    def __init__(self, title: str, scheme: str, *, from_path: str, passthrough: str) -> None:
        kind = scheme.removesuffix(":")
        self.scheme = scheme
        self.prefix = kind.upper() + "_"
        self.title = title
        self.passthrough = passthrough
        self.from_path = from_path
        self.token_file = f".{kind}-token"


class Program:
    """What vault-env is called by, and what follows from that: the servers, and its own variables by what they say.

    `steering` are all variables that are the program's and nobody else's, `unsupported` the beginnings of values that
    are references to Bank-Vaults' program, and not yet to this one.
    """

    __slots__ = ("daemon", "delay", "json_log", "log_level", "log_server", "name", "servers", "steering", "unsupported")

    def __init__(
        self, name: str, servers: tuple[Server, ...], *, prefix: str, log_prefix: str, unsupported: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.servers = servers
        self.unsupported = unsupported
        self.json_log = log_prefix + "JSON_LOG"
        self.log_level = log_prefix + "LOG_LEVEL"
        self.daemon = prefix + "DAEMON"
        self.delay = prefix + "DELAY"
        self.log_server = prefix + "LOG_SERVER"
        of_servers = (name for server in servers for name in (server.passthrough, server.from_path))
        self.steering = (self.json_log, self.log_level, self.daemon, self.delay, self.log_server, *of_servers)


VAULT_ENV = Program(
    "vault-env",
    (Server("Vault", "vault:", from_path="VAULT_ENV_FROM_PATH", passthrough="VAULT_ENV_PASSTHROUGH"),),
    prefix="VAULT_ENV_",
    log_prefix="VAULT_",
)
SECRET_INIT = Program(
    "secret-init",
    (
        Server("Vault", "vault:", from_path="VAULT_FROM_PATH", passthrough="VAULT_PASSTHROUGH"),
        Server("OpenBao", "bao:", from_path="BAO_FROM_PATH", passthrough="BAO_PASSTHROUGH"),
    ),
    prefix="SECRET_INIT_",
    log_prefix="SECRET_INIT_",
    unsupported=("arn:aws:secretsmanager:", "arn:aws:ssm:", "gcp:secretmanager:", "azure:keyvault:"),
)


def find_program(called: str) -> Program:
    """Tell which program it is that was called by this path."""
    return SECRET_INIT if called.rpartition("/")[2] == SECRET_INIT.name else VAULT_ENV


class Settings:
    """What to inject and how.

    delay            seconds to wait before the application is started
    passed_through   names that reach the application although they are meant for vault-env
    servers          what is to be read from whom, and `schemes` how references to them begin
    names_paths      whether keys of whole secrets are to become variables
    """

    def __init__(self, environ: Mapping[str, str], program: Program = VAULT_ENV) -> None:
        """Read the variables. Raises ConfigurationError naming the one that cannot be used."""
        self.program = program
        self.log_level = read_level(environ, program.log_level)
        self.logs_json = read_bool(environ, program.json_log)
        self.delay = read_seconds(environ, program.delay)
        self.servers = tuple(ServerSettings(environ, server) for server in program.servers)
        self.schemes = tuple(server.scheme for server in program.servers)
        self.names_paths = any(server.from_path for server in self.servers)
        self.passed_through = tuple(name for server in self.servers for name in server.passed_through)
        self.has_log_server = bool(environ.get(program.log_server))
        if read_bool(environ, program.daemon):
            raise ConfigurationError(f"{program.daemon}: daemon mode is not supported by this version; unset it")


class ServerSettings:
    """What to read from a server and how.

    server           which one
    from_path        VAULT_ENV_FROM_PATH as written
    ignores_missing  whether a variable whose secret does not exist is dropped instead of being an error
    passed_through   names that reach the application although they are meant for vault-env
    revokes_token    whether the token is revoked before the application is started
    """

    def __init__(self, environ: Mapping[str, str], server: Server) -> None:
        """Read the variables. Raises ConfigurationError naming the one that cannot be used."""
        self.server = server
        self.from_path = environ.get(server.from_path, "")
        self.ignores_missing = read_bool(environ, server.prefix + "IGNORE_MISSING_SECRETS")
        self.passed_through = tuple(name.strip() for name in environ.get(server.passthrough, "").split(","))
        self.revokes_token = read_bool(environ, server.prefix + "REVOKE_TOKEN")


def wants_json(environ: Mapping[str, str], program: Program = VAULT_ENV) -> bool:
    """Tell whether to log JSON, as far as that can be said: the errors of all other settings are to be in its form."""
    try:
        return read_bool(environ, program.json_log)
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
