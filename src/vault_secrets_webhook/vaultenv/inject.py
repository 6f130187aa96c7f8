"""From the environment with references to the one with values. Imported only where there is a reference."""

from __future__ import annotations

from vault_secrets_webhook.errors import ConfigurationError, VaultError
from vault_secrets_webhook.goparse import parse_whole_number
from vault_secrets_webhook.inject.resolve import TransitSettings, fetch, make_plan, render
from vault_secrets_webhook.vault import api
from vault_secrets_webhook.vault.client import Client
from vault_secrets_webhook.vault.settings import VaultSettings
from vault_secrets_webhook.wire.blocking import BlockingTransport
from vault_secrets_webhook.wire.message import URL

from .clock import SystemClock
from .environ import build_entries
from .identity import obtain_token
from .parallel import run_jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault_secrets_webhook.errors import SecretError
    from vault_secrets_webhook.inject.resolve import Fetched, Plan
    from vault_secrets_webhook.textlog import Log

    from .settings import Settings


def inject_secrets(
    entries: list[bytes], environ: dict[str, str], withheld: frozenset[bytes], settings: Settings, log: Log
) -> list[bytes] | None:
    """Read all that the entries refer to and build the application's environment; None when something is at fault.

    Every fault is logged by the variable's name. Raises ConfigurationError and VaultError for what concerns no
    single variable: settings, token, login.
    """
    delivered = ((name, value) for name, value in environ.items() if encode(name) not in withheld)
    plan = make_plan(delivered, settings.from_path)
    if plan.faults:
        report(plan.faults, log)
        return None
    transit = read_transit(environ)
    client = make_client(environ)
    client.token = obtain_token(client, environ)
    fetched = None
    try:
        fetched = fetch(plan, client, transit, run_jobs)
    finally:
        if settings.revokes_token:
            revoke_token(client, plan, fetched, log)
    rendered = render(plan, fetched, client.token, ignores_missing=settings.ignores_missing)
    if rendered.faults:
        report(rendered.faults, log)
        return None
    for fault in rendered.dropped:
        log.warning("secret is missing and ignored", variable=fault.name, cause=fault.cause)
    log.info(
        "secrets are injected", variables=len(rendered.values) + len(rendered.from_path), requests=len(plan.sources)
    )
    values: dict[bytes, bytes | None] = {encode(fault.name): None for fault in rendered.dropped}
    values.update((encode(name), value) for name, value in rendered.values.items())
    return build_entries(entries, withheld, values, {encode(name): value for name, value in rendered.from_path.items()})


def report(faults: list[SecretError], log: Log) -> None:
    """Log each fault by its variable; a wrong reference with the column of what is wrong in it."""
    for fault in faults:
        wrong = fault.reference
        log.error(
            "variable cannot be given its value",
            variable=fault.name,
            cause=fault.cause,
            reference=wrong.shown if wrong else None,
            column=wrong.offset + 1 if wrong else None,
        )


def make_client(environ: dict[str, str]) -> Client:
    """Make the Vault client that the environment describes, without a token."""
    settings = VaultSettings(environ)
    if settings.looks_up_srv:
        settings.address = discover_address(settings.address)
    tls = settings.tls() if settings.address.startswith("https:") else None
    return Client(settings, BlockingTransport(tls, settings.proxies(), environ), SystemClock())


def discover_address(address: str) -> str:
    """Replace an address without a port by the one that DNS names for it, where it does (VAULT_SRV_LOOKUP)."""
    from vault_secrets_webhook.wire.srv import choose_target

    url = URL(address)
    target = choose_target(url.host) if url.explicit_port is None and url.scheme != "unix" else None
    if target is None:
        return address
    url.host, url.explicit_port = target
    return str(url)


def read_transit(environ: Mapping[str, str]) -> TransitSettings:
    """Read the VAULT_TRANSIT_* variables. Raises ConfigurationError."""
    try:
        size = parse_whole_number(environ.get("VAULT_TRANSIT_BATCH_SIZE") or "25")
    except ValueError as error:
        raise ConfigurationError(f"VAULT_TRANSIT_BATCH_SIZE: {error}") from None
    return TransitSettings(
        environ.get("VAULT_TRANSIT_KEY_ID", ""), environ.get("VAULT_TRANSIT_PATH") or "transit", size
    )


def revoke_token(client: Client, plan: Plan, fetched: Fetched | None, log: Log) -> None:
    """Revoke the token, unless the application still needs it or what hangs on it."""
    if plan.hands_out_token:
        log.warning("the token is not revoked: vault:login gives it to the application")
    elif fetched is not None and fetched.has_leases():
        log.warning("the token is not revoked: the leases of dynamic secrets would end with it")
    else:
        try:
            api.revoke_self(client)
        except VaultError as error:
            log.warning("the token could not be revoked", cause=str(error))


def encode(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
