"""Logs in as a pod will, and asks whether it can have what its references name (`inquiry`): no value comes here.

The token is one of the pod's own ServiceAccount, asked for at the API server, so the answers are those that the pod
will get. Logins are kept for a moment and revoked like all others (`tokens`), and a token of the webhook is never used.
"""

from __future__ import annotations

import asyncio
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from vault_secrets_webhook.errors import ConfigurationError, Refused
from vault_secrets_webhook.webhook.deadline import remaining_seconds
from vault_secrets_webhook.webhook.role import Owner

from .access import Account, describe_access
from .errors import AccessFailed
from .inquiry import Inquiry, PathFindings, TokenUnknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault_secrets_webhook.webhook.options import Options

    from .access import Access
    from .inquiry import Wish
    from .reader import VaultReader

NOT_THE_OPERATORS = ""  # no token, and no agent, of the webhook's process speaks for a pod


class PathQuestion(NamedTuple):
    """What a pod needs, and who it is. `authorities` are those that it trusts (PEM), empty for the system's."""

    wishes: Sequence[Wish]
    options: Options
    namespace: str
    account: str
    role: str
    authorities: str = ""
    patience: float = inf  # seconds, where the review has more


class VaultPathChecker:
    """Asks for pods, by the connections, threads and logins of a reader."""

    def __init__(self, reader: VaultReader) -> None:
        self.reader = reader

    async def check(self, question: PathQuestion) -> PathFindings:
        """Find out what the pod will not get. Raises Refused for a refused login, VaultError and KubernetesError."""
        limit = min(remaining_seconds(), question.patience)
        end = monotonic() + limit
        access = describe_pod_access(question)
        try:
            async with asyncio.timeout(limit):
                try:
                    return await self.ask(question, access, end)
                except TokenUnknown:  # somebody has revoked it, while it was kept
                    return await self.ask(question, access, end)
        except Refused as refusal:  # the pod may bring a token of its own, for other audiences
            hint = "PATH_CHECK tries it with a token for the API server's audiences, as kubelet gives it to pods"
            raise Refused(f"{refusal}; {hint}", code=refusal.code) from None
        except ConfigurationError as error:
            raise AccessFailed(str(error)) from None
        except TokenUnknown as error:
            raise AccessFailed(f"Vault does not know a token that it has just given: {error}") from None
        except TimeoutError:
            raise AccessFailed(
                f"Vault did not answer within {limit:.1f} seconds, the time there was for it: is it sealed, or overrun?"
            ) from None

    async def ask(self, question: PathQuestion, access: Access, end: float) -> PathFindings:
        """Ask with the token of a login. Raises TokenUnknown."""
        async with self.reader.tokens.hold(access) as token:
            try:
                return await self.reader.threads.run(partial(self.ask_now, question, access, token.auth.token, end))
            except TokenUnknown:
                self.reader.tokens.discard(token)
                raise

    def ask_now(self, question: PathQuestion, access: Access, token: str, end: float) -> PathFindings:
        """Ask, in a worker thread."""
        client = self.reader.make_client(access, token, end)
        inquiry = Inquiry(client, question.role, self.reader.threads.run_jobs)
        return inquiry.ask(question.wishes, ignores_missing=question.options.vault_ignore_missing_secrets)


def describe_pod_access(question: PathQuestion) -> Access:
    """Say whom to ask, and as whom. Raises Refused."""
    # For a pod the annotation vault-serviceaccount has no meaning: it is always its own.
    options = msgspec.structs.replace(question.options, vault_serviceaccount=question.account)
    owner = Owner(question.namespace, "")
    access = describe_access(options, owner, question.role, question.authorities, NOT_THE_OPERATORS)
    return access._replace(account=Account(question.namespace, question.account, is_of_pod=True))
