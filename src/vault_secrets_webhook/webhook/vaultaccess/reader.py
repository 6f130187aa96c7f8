"""Reads what the references of one object ask for, by the same core as vault-env: plan, fetch, render.

Everything that waits or computes runs in worker threads, and ends before the review has to be answered. What Vault
denies, or has not, is the object's fault and comes back by the name of the value; a Vault that cannot be used is
nobody's fault but ours and raises VaultError.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from time import monotonic, time
from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.errors import ConfigurationError, Refused, RequestRejected, VaultError
from vault_secrets_webhook.inject.resolve import explain_faults, fetch, render
from vault_secrets_webhook.vault import api
from vault_secrets_webhook.vault.auth import kubernetes
from vault_secrets_webhook.vault.client import DENIED, Client, is_passing
from vault_secrets_webhook.vault.settings import TransitSettings, VaultSettings
from vault_secrets_webhook.webhook.deadline import give_seconds, remaining_seconds
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.kube.tokens import request_token
from vault_secrets_webhook.webhook.message import escape
from vault_secrets_webhook.wire.clock import SystemClock

from .access import describe_access, find_scheme, read_authorities
from .errors import AccessFailed
from .identity import find_token, read_jwt
from .outcome import check_outage, check_size, find_denied, is_token_dead, list_faults
from .threads import Threads
from .tokens import Tokens
from .transports import Silent, Timed, Transports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from vault_secrets_webhook.errors import MissingValue
    from vault_secrets_webhook.inject.resolve import Fetched, Plan
    from vault_secrets_webhook.textlog import Log
    from vault_secrets_webhook.vault.api import Auth
    from vault_secrets_webhook.webhook.kube.objects import KubernetesCluster
    from vault_secrets_webhook.webhook.options import Options
    from vault_secrets_webhook.webhook.role import Owner
    from vault_secrets_webhook.webhook.settings import Settings

    from .access import Access, Account
    from .outcome import Fault
    from .transports import Observer

TOKEN_SECONDS = 600  # the shortest that the API server gives; it is used at once
LOGIN_SECONDS = 10.0
REVOCATION_SECONDS = 5.0
NOT_FOUND = 404


class Question(NamedTuple):
    """What is read: the plan, the options of the object, the object itself, and the role to log in with."""

    plan: Plan
    options: Options
    owner: Owner
    role: str

    def transit(self) -> TransitSettings:
        """Give where ciphertexts are decrypted."""
        options = self.options
        return TransitSettings(options.transit_key_id, options.transit_path or "transit", options.transit_batch_size)


class Findings(NamedTuple):
    """The values by name; what does not exist and is forgiven; what is wrong; whose template wrote `<no value>`."""

    values: dict[str, bytes]
    missing: list[MissingValue]
    faults: list[Fault]
    doubtful: list[str]


class Asked(NamedTuple):
    """What was fetched, and whether it was in vain because the server does not know the token any more."""

    fetched: Fetched
    is_token_dead: bool


class VaultReader:
    """Reads for objects. `process` are the webhook's own variables."""

    def __init__(
        self,
        settings: Settings,
        cluster: KubernetesCluster,
        log: Log,
        process: Mapping[str, str],
        observer: Observer | None = None,
    ) -> None:
        self.settings = settings
        self.cluster = cluster
        self.log = log
        self.process = process
        self.observer = observer or Silent()
        self.threads = Threads()
        self.transports = Transports(process)
        self.tokens = Tokens(self.log_in, self.revoke)

    async def read(self, question: Question) -> Findings:
        """Give the values that a plan asks for. Raises Refused, VaultError and KubernetesError."""
        limit = remaining_seconds()
        try:
            async with asyncio.timeout(limit):
                access = await self.describe_access(question)
                fetched = await self.fetch(question, access, monotonic() + remaining_seconds())
                check_outage(fetched)
                return await self.threads.run(partial(conclude, question.plan, fetched))
        except ConfigurationError as error:
            raise AccessFailed(str(error)) from None
        except TimeoutError:
            raise AccessFailed(
                f"Vault did not answer within {limit:.1f} seconds, which is what the review has"
            ) from None

    async def describe_access(self, question: Question) -> Access:
        """Say whom to ask, and as whom. Raises Refused, KubernetesError and AccessFailed."""
        options = question.options
        authorities = await self.find_authorities(options.vault_tls_secret)
        own_address = self.settings.families.of(options.provider).vault_addr
        return describe_access(options, question.owner, question.role, authorities, own_address)

    async def fetch(self, question: Question, access: Access, end: float) -> Fetched:
        """Fetch with the right identity; once more with a new login when a token has died meanwhile."""
        if token := await self.find_own_token(access):
            return (await self.ask(question, access, token, end)).fetched
        fetched, is_dead = await self.ask_logged_in(question, access, end)
        if is_dead:
            denied = find_denied(question.plan, fetched)
            again, _ = await self.ask_logged_in(question._replace(plan=denied), access, end)
            fetched.secrets.update(again.secrets)
            fetched.plaintexts.update(again.plaintexts)
            fetched.gave_up = fetched.gave_up or again.gave_up
        return fetched

    async def ask_logged_in(self, question: Question, access: Access, end: float) -> Asked:
        """Fetch with the token of a login."""
        async with self.tokens.hold(access) as token:
            asked = await self.ask(question, access, token.auth.token, end)
            token.has_leases |= asked.fetched.has_leases()
            if asked.is_token_dead:
                self.tokens.discard(token)
            return asked

    async def ask(self, question: Question, access: Access, token: str, end: float) -> Asked:
        return await self.threads.run(partial(self.ask_now, question, access, token, end))

    def ask_now(self, question: Question, access: Access, token: str, end: float) -> Asked:
        """Fetch, in a worker thread."""
        client = self.make_client(access, token, end)
        client.settings.transit = question.transit()
        scheme = find_scheme(question.options)
        forgives = question.options.vault_ignore_missing_secrets
        fetched = fetch(question.plan, client, self.threads.run_jobs, scheme, ignores_missing=forgives)
        is_dead = is_token_dead(fetched, client)
        explain_faults(fetched, client)
        return Asked(fetched, is_dead)

    def make_client(self, access: Access, token: str, end: float) -> Client:
        """Make a client that has nothing under way after `end`. Raises ConfigurationError."""
        connection = access.connection
        settings = VaultSettings(connection.environ(self.process), connection.prefix)
        transport = self.transports.get(connection, settings)
        client = Client(settings, Timed(transport, end, self.observer, connection.provider()), SystemClock(), token)
        client.timeout = max(0.0, min(settings.timeout, end - monotonic()))
        return client

    async def find_own_token(self, access: Access) -> str:
        """Find a token that serves without a login: for the webhook itself, and at the operator's server only."""
        if access.account is not None or not access.is_own:
            return ""
        return await self.threads.run(partial(find_token, self.process, access.connection.prefix))

    async def find_authorities(self, secret: str) -> str:
        """Give the authorities in a Secret of the webhook's namespace. Raises Refused, KubernetesError."""
        if not secret:
            return ""
        namespace = self.settings.kubernetes_namespace
        if not namespace:
            raise AccessFailed("vault-tls-secret is read from the webhook's namespace: set KUBERNETES_NAMESPACE to it")
        found = await self.cluster.lookup.secret(namespace, secret)
        return read_authorities(found, f"the Secret {secret} in the webhook's namespace")

    async def log_in(self, access: Access) -> Auth:
        """Log in with a ServiceAccount's token. Raises Refused when Vault says no, VaultError, KubernetesError.

        Others may wait for this login than the review that began it, so it has a time of its own.
        """
        give_seconds(LOGIN_SECONDS)
        if access.account is None:
            jwt = await self.threads.run(partial(read_jwt, self.process, access.connection.prefix))
        else:
            jwt = await self.request_token(access.account)
        end = monotonic() + remaining_seconds()
        self.log.debug("login to Vault", role=access.role, mount=access.mount, account=str(access.account or ""))
        is_successful = False
        try:
            auth = await self.threads.run(partial(self.log_in_now, access, jwt, end))
            is_successful = True
        except RequestRejected as error:
            if is_passing(error.status):
                raise
            raise Refused(escape(str(error)), code=403 if error.status == DENIED else 422) from None
        finally:
            self.observer.note_login(access.connection.provider(), is_successful=is_successful)
        return auth

    def log_in_now(self, access: Access, jwt: str, end: float) -> Auth:
        """Log in, in a worker thread."""
        return kubernetes.login(self.make_client(access, "", end), access.mount, access.role, jwt, time())

    async def request_token(self, account: Account) -> str:
        """Ask the API server for a token of a ServiceAccount. Raises Refused when there is no such, KubernetesError."""
        client = self.cluster.client
        if client is None:
            raise KubernetesError(
                f"there is no cluster to ask for a token of serviceaccounts {account}: set KUBECONFIG or run the webhook"
                " in a pod"
            )
        audiences = () if account.is_of_pod else self.settings.vault_serviceaccount_audience
        try:
            answer = await request_token(client, account.namespace, account.name, audiences, TOKEN_SECONDS)
        except KubernetesError as error:
            if error.status != NOT_FOUND:
                raise
            raise Refused(f"there is no ServiceAccount {account} to log in with") from None
        return answer.token

    async def revoke(self, access: Access, auth: Auth) -> None:
        """Revoke a token that is not used any more; a failure is only told."""
        try:
            await self.threads.run(partial(self.revoke_now, access, auth))
        except (VaultError, ConfigurationError, RuntimeError) as error:
            self.log.warning("a token of Vault could not be revoked; it ends by itself", cause=str(error))

    def revoke_now(self, access: Access, auth: Auth) -> None:
        """Revoke, in a worker thread."""
        api.revoke_self(self.make_client(access, auth.token, monotonic() + REVOCATION_SECONDS))

    async def close(self) -> None:
        """Revoke what is left, and end the threads."""
        await self.tokens.close()
        self.threads.close()
        self.transports.close()


def conclude(plan: Plan, fetched: Fetched) -> Findings:
    """Make the values, in a worker thread, for templates compute. Raises Refused when they are too large."""
    check_size(plan, fetched)
    rendered = render(plan, fetched)
    return Findings(rendered.values, rendered.dropped, list_faults(rendered, plan, fetched), rendered.doubtful)


@contextlib.asynccontextmanager
async def open_reader(
    settings: Settings,
    cluster: KubernetesCluster,
    log: Log,
    process: Mapping[str, str],
    observer: Observer | None = None,
) -> AsyncIterator[VaultReader]:
    """Read from Vault as long as the context lasts; behind it no token of ours is left that can be revoked."""
    reader = VaultReader(settings, cluster, log, process, observer)
    try:
        yield reader
    finally:
        await reader.close()
