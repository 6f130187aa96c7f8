"""What the answers of Vault mean for the object: whose fault an error is, and whether another login can help."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.errors import (
    ConfigurationError,
    Error,
    MalformedResponse,
    Refused,
    RequestRejected,
    Unreachable,
    VaultError,
)
from vault_secrets_webhook.inject.reference import Ciphertext, Reference
from vault_secrets_webhook.inject.resolve import Plan
from vault_secrets_webhook.vault import api
from vault_secrets_webhook.vault.client import DENIED, is_passing
from vault_secrets_webhook.vault.diagnosis import is_policy_denial
from vault_secrets_webhook.webhook.message import escape

from .errors import AccessFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vault_secrets_webhook.inject.reference import Part
    from vault_secrets_webhook.inject.resolve import Fetched, Rendered
    from vault_secrets_webhook.vault.client import Client

LOOKUP_SECONDS = 2.0
# What the values of one object come to at most: no object of the API server is larger (etcd's own limit is 1.5 MiB).
MOST_BYTES = 3 * 512 * 1024
FORBIDDEN, INVALID = 403, 422


class Fault(NamedTuple):
    """A value that cannot be given: its name, why, and whether it is forbidden (403) or wrong (422)."""

    name: str
    cause: str
    code: int


def list_errors(fetched: Fetched) -> Iterator[Error]:
    """Give the errors that came in the place of answers."""
    for result in (*fetched.secrets.values(), *fetched.plaintexts.values()):
        if isinstance(result, Error):
            yield result


def check_outage(fetched: Fetched) -> None:
    """Raise AccessFailed when an answer could not be had, whatever it might have been."""
    failed = fetched.gave_up or next(filter(is_ours, list_errors(fetched)), None)
    if failed is not None:
        raise AccessFailed(f"Vault cannot be used: {escape(str(failed))}")


def is_ours(error: Error) -> bool:
    """Tell whether an error says nothing of the object."""
    if isinstance(error, RequestRejected):
        return is_passing(error.status)
    return isinstance(error, Unreachable | MalformedResponse | ConfigurationError)


def is_denial(error: object) -> bool:
    """Tell whether the token is good enough is what is in doubt."""
    return isinstance(error, RequestRejected) and error.status == DENIED


def is_token_dead(fetched: Fetched, client: Client) -> bool:
    """Find out whether something was denied because the server does not know our token any more. Asks the server."""
    return any(map(is_denial, list_errors(fetched))) and is_token_unknown(client)


def is_token_unknown(client: Client) -> bool:
    """Find out whether the server does not know our token any more. Asks the server."""
    try:
        api.lookup_self(client.with_one_try(LOOKUP_SECONDS))
    except RequestRejected as error:
        return error.status == DENIED and not is_policy_denial(error)
    except VaultError:
        return False
    return False


def find_denied(plan: Plan, fetched: Fetched) -> Plan:
    """Make a plan of what was denied, so that nothing else is asked for, or written, twice."""
    rest = Plan(plan.schemes, plan.functions)
    rest.sources = {source: None for source, result in fetched.secrets.items() if is_denial(result)}
    rest.ciphertexts = {
        text: plan.ciphertexts[text] for text, result in fetched.plaintexts.items() if is_denial(result)
    }
    return rest


def check_size(plan: Plan, fetched: Fetched) -> None:
    """Raise Refused when the values would be too large for an object; one secret may be asked for very often."""
    size = 0
    for _, parts in plan.variables:
        size += sum(measure(part, fetched) for part in parts)
        if size > MOST_BYTES:
            raise Refused(f"the values that the references ask for come to more than {MOST_BYTES} bytes")


def measure(part: Part, fetched: Fetched) -> int:
    """Give the size of a part, roughly; what templates make is counted by them."""
    if isinstance(part, str):
        return len(part)
    if isinstance(part, Ciphertext):
        plaintext = fetched.plaintexts[part.ciphertext]
        return len(plaintext) if isinstance(plaintext, bytes) else 0
    if isinstance(part, Reference) and not part.is_template:
        secret = fetched.secrets[part.source]
        value = None if isinstance(secret, Error) else secret.data.get(part.selector)
        return 0 if value is None else len(str(value))
    return 0


def list_faults(rendered: Rendered, plan: Plan, fetched: Fetched) -> list[Fault]:
    """Give the faults of values, each with the code for its cause."""
    parts = dict(plan.variables)
    return [
        Fault(fault.name, fault.cause, FORBIDDEN if is_forbidden(parts.get(fault.name, ()), fetched) else INVALID)
        for fault in rendered.faults
    ]


def is_forbidden(parts: Sequence[Part], fetched: Fetched) -> bool:
    """Tell whether Vault denied something that a value is made of."""
    return any(
        (isinstance(part, Reference) and is_denial(fetched.secrets[part.source]))
        or (isinstance(part, Ciphertext) and is_denial(fetched.plaintexts[part.ciphertext]))
        for part in parts
    )
