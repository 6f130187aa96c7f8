"""From the environment with references to the one with values. Imported only where there is a reference."""

from __future__ import annotations

from vault_secrets_webhook.errors import ConfigurationError, VaultError
from vault_secrets_webhook.goparse import parse_whole_number, read_setting
from vault_secrets_webhook.inject.resolve import TransitSettings, explain_faults, fetch, make_plan, render
from vault_secrets_webhook.vault import api
from vault_secrets_webhook.vault.client import Client
from vault_secrets_webhook.vault.settings import VaultSettings
from vault_secrets_webhook.wire.blocking import BlockingTransport
from vault_secrets_webhook.wire.message import URL

from .clock import SystemClock
from .environ import build_entries
from .identity import LOGIN, TOKEN_NAMES, obtain_token
from .parallel import run_jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vault_secrets_webhook.inject.resolve import Fetched, Plan, Rendered
    from vault_secrets_webhook.textlog import Log

    from .settings import Settings


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
    vault_settings = VaultSettings(environ)
    transit = read_transit(environ)
    delivered = ((name, value) for name, value in environ.items() if encode(name) not in withheld)
    plan = make_plan(delivered, settings.from_path)
    if plan.faults:
        from .faults import report_faults

        report_faults(plan.faults, log)
        return None
    if plan.ciphertexts and not transit.key:
        raise ConfigurationError("VAULT_TRANSIT_KEY_ID is not set: decrypting vault:v1:... needs the name of its key")
    transport = make_transport(vault_settings, environ)
    try:
        transport.prepare(vault_settings.address)
        client = Client(vault_settings, transport, SystemClock(), on_retry=make_retry_log(log))
        client.token = obtain_token(client, environ, log)
        receiver = find_receiver(plan, environ, withheld)
        rendered = read_values(plan, client, transit, settings, receiver, log)
    finally:
        transport.close()
    if rendered is None:
        return None
    requests = len(plan.sources) - (-len(plan.ciphertexts) // transit.batch_size)
    return assemble(entries, environ, withheld, rendered, requests, log)


def read_values(
    plan: Plan, client: Client, transit: TransitSettings, settings: Settings, receiver: str, log: Log
) -> Rendered | None:
    """Fetch and render; None when something is at fault, which is logged. Revokes the token if it may and should.

    `receiver` says through what the application gets the token; empty: it does not.
    """
    fetched = None
    try:
        fetched = fetch(plan, client, transit, run_jobs)
        explain_faults(fetched, client, ignores_missing=settings.ignores_missing)
    finally:
        if settings.revokes_token:
            revoke_token(client, receiver, fetched, log)
    rendered = render(plan, fetched, client.token, ignores_missing=settings.ignores_missing)
    if fetched.gave_up is not None:
        from .faults import report_outage

        report_outage(fetched.gave_up, plan, fetched, rendered.faults, log)
        return None
    if rendered.faults:
        from .faults import report_faults

        report_faults(rendered.faults, log)
        return None
    return rendered


def assemble(
    entries: list[bytes],
    environ: Mapping[str, str],
    withheld: frozenset[bytes],
    rendered: Rendered,
    requests: int,
    log: Log,
) -> Injected:
    """Put the values into the environment; log which variables and which keys of VAULT_ENV_FROM_PATH are left out."""
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
        log.debug("keys of VAULT_ENV_FROM_PATH are left out", reserved=own or None, set_explicitly=explicit or None)
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


def read_transit(environ: Mapping[str, str]) -> TransitSettings:
    """Read the VAULT_TRANSIT_* variables. Raises ConfigurationError."""
    size = read_setting("VAULT_TRANSIT_BATCH_SIZE", environ.get("VAULT_TRANSIT_BATCH_SIZE") or "25", parse_batch_size)
    return TransitSettings(
        environ.get("VAULT_TRANSIT_KEY_ID", ""), environ.get("VAULT_TRANSIT_PATH") or "transit", size
    )


def parse_batch_size(text: str) -> int:
    """Read how many ciphertexts go into one request. Raises ValueError."""
    size = parse_whole_number(text)
    if size < 1:
        raise ValueError("0 ciphertexts in a request are too few: write 1 or more")
    return size


def find_receiver(plan: Plan, environ: Mapping[str, str], withheld: frozenset[bytes]) -> str:
    """Name that through which the application gets a token of ours; empty when it gets none."""
    if plan.hands_out_token:
        return LOGIN
    return next((name for name in TOKEN_NAMES if environ.get(name) and encode(name) not in withheld), "")


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
