"""Which server is asked for an object's references, and as whom: a value that says all of it, and can be a key.

The process's own variables (VAULT_*, for OpenBao BAO_*) hold, as for every client of Vault; over them come what the
object's annotations may choose. Nothing here asks anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.errors import ConfigurationError, Refused
from vault_secrets_webhook.inject.reference import BAO_SCHEME, SCHEME
from vault_secrets_webhook.vault.auth import check_method
from vault_secrets_webhook.vault.settings import PREFIX
from vault_secrets_webhook.webhook.policy import normalize_address
from vault_secrets_webhook.webhook.values import is_label, is_object_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault_secrets_webhook.webhook.options import Options
    from vault_secrets_webhook.webhook.role import Owner

VAULT, BAO = "vault", "bao"
PREFIXES = {SCHEME: PREFIX, BAO_SCHEME: "BAO_"}
DEFAULT_ROLE = "default"
KUBERNETES = "kubernetes"
AUTHORITIES_KEY = "ca.crt"


class Account(NamedTuple):
    """A ServiceAccount that a login is made with instead of the webhook's own.

    `is_of_pod` tells that it is a pod's, for a token with the audiences of the one that kubelet gives the pod.
    """

    namespace: str
    name: str
    is_of_pod: bool = False

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Connection(NamedTuple):
    """A server, and how it is reached: what the object's options change in the variables that begin with `prefix`."""

    prefix: str
    changes: tuple[tuple[str, str], ...]

    def provider(self) -> str:
        """Name the kind of server, for metrics."""
        return BAO if self.prefix == PREFIXES[BAO_SCHEME] else VAULT

    def environ(self, process: Mapping[str, str]) -> dict[str, str]:
        """Give the variables that the client of this server has."""
        return {**process, **dict(self.changes)}


class Access(NamedTuple):
    """A server and an identity there. `account` is None for the webhook's own ServiceAccount.

    `is_own` tells that the address is the operator's: only there does a token of the webhook's process serve.
    """

    connection: Connection
    is_own: bool
    method: str
    mount: str
    role: str
    account: Account | None


def find_scheme(options: Options) -> str:
    """Find the scheme of the references that an object with these options has."""
    return BAO_SCHEME if options.provider == BAO else SCHEME


def describe_access(options: Options, owner: Owner, role: str, authorities: str, own_address: str) -> Access:
    """Say whom an object's options ask, and as whom. Raises Refused for options that cannot be used.

    `authorities` are those of the Secret that vault-tls-secret names (PEM), or empty; `own_address` is the operator's.
    """
    prefix = PREFIXES[find_scheme(options)]
    check_mount(options.vault_path)
    account = find_account(options, owner)
    method = find_method(options)
    try:
        check_method(method)
    except ConfigurationError as error:
        raise Refused(str(error)) from None
    is_own = is_same_address(options.vault_addr, own_address)
    changes = {
        "ADDR": options.vault_addr,
        "NAMESPACE": check_namespace(options.vault_namespace),
        "SKIP_VERIFY": "true" if options.vault_skip_verify else "false",
    }
    if not is_own:  # an agent beside the webhook speaks for the operator's server alone
        changes["AGENT_ADDR"] = ""
    if authorities:
        changes["CACERT_BYTES"] = authorities
    connection = Connection(prefix, tuple((prefix + name, value) for name, value in changes.items()))
    return Access(connection, is_own, method, options.vault_path.strip("/"), role, account)


def find_method(options: Options) -> str:
    """Find the auth method; the token of a ServiceAccount of some namespace is good for one only."""
    return KUBERNETES if options.vault_serviceaccount else options.vault_auth_method


def find_account(options: Options, owner: Owner) -> Account | None:
    """Find the ServiceAccount that the object is to be read for with; None for the webhook's own. Raises Refused.

    It is always one of the object's own namespace, so an object without a namespace cannot have one.
    """
    name = options.vault_serviceaccount
    if not name:
        return None
    if not is_label(owner.namespace):
        raise Refused("vault-serviceaccount names a ServiceAccount of the object's namespace, and this one has none")
    if not is_object_name(name):
        raise Refused("vault-serviceaccount is not the name of a ServiceAccount")
    return Account(owner.namespace, name)


def read_authorities(data: Mapping[str, bytes] | None, place: str) -> str:
    """Give the authorities in the data of a Secret (PEM), None where there is no such Secret. Raises Refused."""
    authorities = (data or {}).get(AUTHORITIES_KEY, b"")
    if not authorities or not authorities.isascii():
        raise Refused(f"vault-tls-secret: {place} does not exist, or has no PEM text as {AUTHORITIES_KEY}")
    return authorities.decode()


def check_mount(mount: str) -> None:
    """Raise Refused for what cannot be meant as the mount of an auth method, or would lead to another path."""
    if mount.startswith("auth/"):
        raise Refused("vault-path: leave auth/ out, it is put before the mount")
    if not mount.strip("/") or not mount.isprintable() or not {".", ".."}.isdisjoint(mount.split("/")):
        raise Refused("vault-path must name the mount of an auth method, without . or .. or control characters in it")


def check_namespace(namespace: str) -> str:
    """Give the namespace of Vault. Raises Refused for one that no header can carry."""
    if not (namespace.isascii() and namespace.isprintable()):
        raise Refused("vault-namespace must be plain ASCII without control characters")
    return namespace


def is_same_address(chosen: str, own: str) -> bool:
    """Tell whether an address is the operator's own."""
    try:
        return normalize_address(chosen) == normalize_address(own)
    except ValueError:
        return False
