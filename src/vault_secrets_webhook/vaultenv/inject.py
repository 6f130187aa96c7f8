"""From the environment with references to the one with values. Imported only where there is a reference."""

from __future__ import annotations

from vault_secrets_webhook.errors import ConfigurationError, VaultError
from vault_secrets_webhook.inject.reference import LOGIN
from vault_secrets_webhook.inject.resolve import explain_faults, fetch, make_plan, render
from vault_secrets_webhook.vault import api
from vault_secrets_webhook.vault.client import Client
from vault_secrets_webhook.vault.settings import VaultSettings
from vault_secrets_webhook.wire.blocking import BlockingTransport
from vault_secrets_webhook.wire.clock import SystemClock
from vault_secrets_webhook.wire.message import URL

from .environ import build_entries
from .identity import TOKEN_NAMES, obtain_token
from .parallel import run_jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vault_secrets_webhook.inject.resolve import Fetched, Plan, Rendered
    from vault_secrets_webhook.textlog import Log

    from .settings import ServerSettings, Settings


class Injected:
    """The application's environment, and what was done for it: variables given a value, requests made."""

    __slots__ = ("entries", "requests", "variables")

    def __init__(self, entries: list[bytes], variables: int, requests: int) -> None:
        self.entries = entries
        self.variables = variables
        self.requests = requests


def inject_secrets(
    entries: list[bytes], environ: dict[str, str], withheld: frozenset[bytes], settings: Settings, log: Log
) -> Injected | None:
    """Read all that the entries refer to and build the application's environment; None when something is at fault.

    Every fault is logged by the variable's name. Raises ConfigurationError and VaultError for what concerns no
    single variable: settings, token, login.
    """
    delivered = ((name, value) for name, value in environ.items() if encode(name) not in withheld)
    plan = make_plan(delivered, settings.schemes)
    for one in settings.servers:
        plan.add_paths(one.server.from_path, one.from_path, one.server.scheme)
    if plan.faults:
        from .faults import report_faults

        report_faults(plan.faults, log, {one.server.from_path for one in settings.servers})
        return None
    asked = plan.asked()
    connections = [Connection(plan, environ, one, log) for one in settings.servers if one.server.scheme in asked]
    fetched = [connection.fetch(withheld) for connection in connections]
    rendered = render(plan, *fetched)
    if rendered.faults:
        from .faults import report_failure

        titles = {one.server.scheme: one.server.title for one in settings.servers}
        report_failure(plan, fetched, rendered.faults, titles, log)
        return None
    requests = sum(connection.count_requests() for connection in connections)
    return assemble(entries, environ, withheld, rendered, requests, log)


class Connection:
    """One server, and what of the plan is to be had from it."""

    def __init__(self, plan: Plan, environ: dict[str, str], settings: ServerSettings, log: Log) -> None:
        """Read how to reach the server. Raises ConfigurationError."""
        self.plan = plan
        self.environ = environ
        self.settings = settings
        self.server = settings.server
        self.log = log
        self.client_settings = VaultSettings(environ, self.server.prefix)
        key_name = self.server.prefix + "TRANSIT_KEY_ID"
        if self.server.scheme in plan.ciphertexts.values() and not self.client_settings.transit.key:
            example = f"{self.server.scheme}v1:..."
            raise ConfigurationError(f"{key_name} is not set: decrypting {example} needs the name of its key")

    def fetch(self, withheld: frozenset[bytes]) -> Fetched:
        """Log in and make the requests. Raises ConfigurationError and VaultError."""
        transport = make_transport(self.client_settings, self.environ)
        try:
            transport.prepare(self.client_settings.address)
            client = Client(self.client_settings, transport, SystemClock(), on_retry=make_retry_log(self.log))
            client.token = obtain_token(client, self.environ, self.log, self.server)
            return self.read_values(client, self.find_receiver(withheld))
        finally:
            transport.close()

    def read_values(self, client: Client, receiver: str) -> Fetched:
        """Make the requests. Revokes the token if it may and should.

        `receiver` says through what the application gets the token; empty: it does not.
        """
        fetched = None
        try:
            ignores_missing = self.settings.ignores_missing
            fetched = fetch(self.plan, client, run_jobs, self.server.scheme, ignores_missing=ignores_missing)
            explain_faults(fetched, client)
            return fetched
        finally:
            if self.settings.revokes_token:
                revoke_token(client, receiver, fetched, self.log)

    def find_receiver(self, withheld: frozenset[bytes]) -> str:
        """Name that through which the application gets a token of ours; empty when it gets none."""
        if self.server.scheme in self.plan.logins:
            return self.server.scheme + LOGIN
        names = (self.server.prefix + name for name in TOKEN_NAMES)
        return next((name for name in names if self.environ.get(name) and encode(name) not in withheld), "")

    def count_requests(self) -> int:
        """Tell how many requests its part of the plan takes."""
        scheme = self.server.scheme
        sources = sum(source.scheme == scheme for source in self.plan.sources)
        ciphertexts = sum(whose == scheme for whose in self.plan.ciphertexts.values())
        return sources - (-ciphertexts // self.client_settings.transit.batch_size)


def assemble(
    entries: list[bytes],
    environ: Mapping[str, str],
    withheld: frozenset[bytes],
    rendered: Rendered,
    requests: int,
    log: Log,
) -> Injected:
    """Put the values into the environment; log which variables and which keys of whole secrets are left out."""
    if rendered.dropped:
        from .faults import report_missing

        report_missing(rendered.dropped, log)
    if rendered.doubtful:
        log.warning("a template wrote <no value>: it names a key that the secret has not", variables=rendered.doubtful)
    dropped = {fault.name for fault in rendered.dropped}
    added = {encode(name): value for name, value in rendered.from_path.items()}
    own = [name for name in rendered.from_path if encode(name) in withheld]
    explicit = [name for name in rendered.from_path if name in environ and name not in dropped and name not in own]
    if own or explicit:
        log.debug("keys of whole secrets are left out", reserved=own or None, set_explicitly=explicit or None)
    values: dict[bytes, bytes | None] = {encode(name): None for name in dropped}
    values.update((encode(name), value) for name, value in rendered.values.items())
    variables = len(rendered.values) + len(added) - len(own) - len(explicit)
    return Injected(build_entries(entries, withheld, values, added), variables, requests)


def make_client(environ: dict[str, str]) -> Client:
    """Make the Vault client that the environment describes, without a token."""
    settings = VaultSettings(environ)
    return Client(settings, make_transport(settings, environ), SystemClock())


def make_transport(settings: VaultSettings, environ: dict[str, str]) -> BlockingTransport:
    """Make the transport; an SRV record that is to be looked up takes the place of the settings' address."""
    if settings.looks_up_srv:
        settings.address = discover_address(settings.address, settings.timeout)
    return BlockingTransport(settings.tls, settings.proxies(), environ)


def make_retry_log(log: Log) -> Callable[[str, str, float, int], None]:
    def note(path: str, cause: str, pause: float, tries: int) -> None:
        log.debug("request is tried again", path=path, cause=cause, pause=f"{pause:.2f}s", tries=tries)

    return note


def discover_address(address: str, seconds: float) -> str:
    """Replace an address without a port by the one that DNS names for it, where it does so in time (VAULT_SRV_LOOKUP)."""
    from vault_secrets_webhook.wire.srv import choose_target

    url = URL(address)
    if url.explicit_port is None and url.scheme != "unix" and (target := choose_target(url.host, seconds=seconds)):
        url.host, url.explicit_port = target
        return str(url)
    return address


def revoke_token(client: Client, receiver: str, fetched: Fetched | None, log: Log) -> None:
    """Revoke the token, unless the application still needs it or what hangs on it."""
    if receiver:
        log.warning("the token is not revoked: the application gets it", by=receiver)
    elif fetched is not None and fetched.has_leases():
        log.warning("the token is not revoked: the leases of dynamic secrets would end with it")
    else:
        try:
            api.revoke_self(client)
        except VaultError as error:
            log.warning("the token could not be revoked", cause=str(error))


def encode(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
