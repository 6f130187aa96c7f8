"""What an operator does before any pod starts: a secret, a policy to read it, and who may log in for that.

Everything goes through the same Vault client that vault-env uses.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from vault_secrets_webhook.errors import Error, RequestRejected

from .identity import AUDIENCE, ISSUER, name_subject
from .sample import MOUNT, NAMESPACE, SERVICE_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from vault_secrets_webhook.vault.client import Client

    from .sample import Sample

AUTH_MOUNT = "kubernetes"
POLICY = "demo-app"
TOKEN_TTL = "5m"  # noqa: S105 - a duration


def write_sample(client: Client, sample: Sample) -> None:
    """Write the secret where nothing is yet. Raises VaultError."""
    act(client, "POST", sample.path, {"options": {"cas": 0}, "data": {sample.key: sample.value}})


@contextlib.contextmanager
def passing_sample(client: Client, sample: Sample) -> Iterator[None]:
    """Have the secret as long as the context lasts. Raises Error."""
    check_mount(client)
    try:
        write_sample(client, sample)
    except BaseException:  # it may have been written all the same
        with contextlib.suppress(Error):
            delete_sample(client, sample)
        raise
    try:
        yield
    finally:
        delete_sample(client, sample)


def check_mount(client: Client) -> None:
    """Raise Error unless there is a KV version 2 at `secret/`: in version 1 the same requests would mean others."""
    try:
        mount = client.request("GET", f"sys/internal/ui/mounts/{MOUNT}").object("data")
    except RequestRejected as error:
        raise Error(f"the demo needs a KV version 2 at {MOUNT}/, and rights to it: {error}") from None
    options = mount.get("options")
    if mount.get("type") != "kv" or not isinstance(options, dict) or options.get("version") != "2":
        raise Error(f"the demo needs a KV version 2 at {MOUNT}/; what is mounted there is something else")


def delete_sample(client: Client, sample: Sample) -> None:
    """Delete the secret with all that is known of it. Raises Error that says what is left."""
    path = f"{MOUNT}/metadata/{sample.name}"
    try:
        act(client, "DELETE", path)
    except Error as error:
        raise Error(f"the sample could not be deleted, do it by hand: {path}: {error}") from None


def allow_login(client: Client, public_key: str, sample: Sample) -> None:
    """Let the sample's ServiceAccount log in, as a role of its own name, and read the secret and nothing else.

    The jwt method takes the same login as the kubernetes one, and verifies tokens by a key instead of asking a cluster.
    """
    rule = f'path "{sample.path}" {{ capabilities = ["read"] }}'
    act(client, "PUT", f"sys/policies/acl/{POLICY}", {"policy": rule})
    act(client, "POST", f"sys/auth/{AUTH_MOUNT}", {"type": "jwt"})
    config = {"jwt_validation_pubkeys": [public_key], "bound_issuer": ISSUER}
    act(client, "POST", f"auth/{AUTH_MOUNT}/config", config)
    role = {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_subject": name_subject(NAMESPACE, SERVICE_ACCOUNT),
        "bound_audiences": [AUDIENCE],
        "token_policies": [POLICY],
        "token_ttl": TOKEN_TTL,
    }
    act(client, "POST", f"auth/{AUTH_MOUNT}/role/{SERVICE_ACCOUNT}", role)


def act(client: Client, method: str, path: str, body: dict[str, Any] | None = None) -> None:
    """Send a request that has to succeed. Raises VaultError."""
    client.request(method, path, body=json.dumps(body).encode() if body is not None else b"")
