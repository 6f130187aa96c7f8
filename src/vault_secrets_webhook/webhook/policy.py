"""What the operator lets an object choose: addresses, images, roles and the like, and whether certificates are checked.

Addresses are refused unless allowed; the rest is allowed unless there is a list for it. An address is compared as a
whole with the operator's own and with the allow-list: equal after scheme and host were put in lower case and slashes at
the end dropped. On top of that, addresses that mean "this very machine" or "this cloud's metadata" are refused even when
they are on the list, because a list is easily written for one place and used in another (CWE-918).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec

from vault_secrets_webhook.errors import Refused

from .message import show
from .role import is_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Check: TypeAlias = "Callable[[Policy, str, Any, str], Any]"
    Variables: TypeAlias = tuple[dict[str, Any], ...]

FORBIDDEN_HOSTS = frozenset(("localhost", "metadata.google.internal"))
# What `inet_aton` reads as an IPv4 address though it is not four decimal numbers: 127.1, 0x7f000001, 017700000001.
ODD_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*")
# NAT64 (64:ff9b::/96 of RFC 6052, 64:ff9b:1::/48 of RFC 8215) and the deprecated ::/96 of RFC 4291 section 2.5.5.1.
IPV4_IN_IPV6 = (b"\x00\x64\xff\x9b", bytes(12))
HOST = re.compile(r"[a-z0-9_]([-a-z0-9_.]*[a-z0-9_])?\.?")

NAMESPACE = "{namespace}"  # in a pattern


class Restriction(NamedTuple):
    """What may be restricted to a list of patterns: its member in policy files, its variable, and what it names."""

    member: str
    variable: str
    what: str


# Field of Options -> the list that what annotations choose for it must be on, if there is one.
IMAGES = Restriction("images", "IMAGE_ALLOWLIST", "image")
RESTRICTIONS = {
    "vault_env_image": IMAGES,
    "vault_image": IMAGES,
    "vault_ct_image": IMAGES,
    "vault_role": Restriction("roles", "VAULT_ROLE_ALLOWLIST", "role"),
    "vault_path": Restriction("authPaths", "VAULT_PATH_ALLOWLIST", "mount of an auth method"),
    "vault_namespace": Restriction("vaultNamespaces", "VAULT_NAMESPACE_ALLOWLIST", "namespace of the server"),
    "vault_serviceaccount": Restriction("serviceAccounts", "VAULT_SERVICEACCOUNT_ALLOWLIST", "ServiceAccount"),
    "vault_tls_secret": Restriction("tlsSecrets", "VAULT_TLS_SECRET_ALLOWLIST", "Secret with authorities"),
}


class Policy(msgspec.Struct, frozen=True):
    """The operator's rules for one provider, and one namespace of the cluster. Addresses are normalized.

    `own` are the values that the operator himself chose, by field of Options: an annotation may always repeat them.
    `allowed` are patterns by member of policy files; a list that is not there restricts nothing. In a pattern `*` stands
    for any text, and `{namespace}` for the object's namespace.
    """

    own_address: str
    allowed_addresses: frozenset[str] = frozenset()
    allow_private: bool = False
    allow_skip_verify: bool = False
    skip_verify_default: bool = False
    allow_registry_skip_verify: bool = True
    registry_skip_verify_default: bool = False
    own: Mapping[str, str] = {}
    allowed: Mapping[str, tuple[str, ...]] = {}

    def check_address(self, annotation: str, text: str) -> str:
        """Give the address that an annotation asks for, normalized. Raises Refused with code 403."""
        try:
            address = normalize_address(text)
        except ValueError as error:
            raise Refused(f"annotation {annotation}: {error}", code=403) from None
        if address == self.own_address:
            return address
        if address not in self.allowed_addresses:
            raise Refused(
                f"annotation {annotation}: this address is not one of those that the operator allows; leave the"
                " annotation out, or have the address added to VAULT_ADDR_ALLOWLIST",
                code=403,
            )
        self.check_host(annotation, urlsplit(address).hostname or "")
        return address

    def check_host(self, annotation: str, host: str) -> None:
        if is_forbidden_name(host):
            raise Refused(f"annotation {annotation}: an address of the machine itself is never allowed", code=403)
        if not self.allow_private and is_private_literal(host):
            raise Refused(
                f"annotation {annotation}: loopback, link-local, private and oddly written numeric addresses are"
                " refused unless the operator sets VAULT_ALLOW_PRIVATE_ADDR",
                code=403,
            )

    def lets_skip_verify(self, *, wanted: bool) -> bool:
        """Tell whether Vault's certificate may be left unchecked as `wanted`.

        Asking for the check, or for what the operator does anyway, is always allowed.
        """
        return not wanted or self.allow_skip_verify or self.skip_verify_default

    def check_registry_skip_verify(self, annotation: str, *, wanted: bool) -> None:
        """Raise Refused with code 403 when the certificates of registries must not be left unchecked as `wanted`."""
        if wanted and not self.allow_registry_skip_verify and not self.registry_skip_verify_default:
            raise Refused(
                f"annotation {annotation}: the operator does not allow objects to switch off the check of registries'"
                " certificates (REGISTRY_ALLOW_OBJECT_SKIP_VERIFY)",
                code=403,
            )

    def check_choice(self, field: str, annotation: str, text: str, namespace: str) -> None:
        """Raise Refused with code 403 when what an annotation chooses for a field is not on the operator's list."""
        restriction = RESTRICTIONS[field]
        patterns = self.allowed.get(restriction.member)
        if patterns is None or is_same(text, self.own.get(field, "")):
            return
        if not any(matches(pattern, text, namespace) for pattern in patterns):
            raise Refused(
                f"annotation {annotation}: the {restriction.what} {show(text)} is not one of those that the operator"
                f" allows in namespace {show(namespace)}; choose another one, or have it added to {restriction.variable}"
                f" (or {restriction.member} of the policy file)",
                code=403,
            )


class Policies(NamedTuple):
    """The policies by provider: for all namespaces, and for those that match a pattern, the first of which holds."""

    general: Mapping[str, Policy]
    special: tuple[tuple[str, Mapping[str, Policy]], ...] = ()

    def of(self, provider: str, namespace: str) -> Policy:
        """Find the policy for objects of a provider in a namespace."""
        for pattern, policies in self.special:
            if matches(pattern, namespace, ""):
                return policies[provider]
        return self.general[provider]


def check_text(field: str) -> Check:
    """Make the check of a field that is held against a list."""

    def check(policy: Policy, annotation: str, text: str, namespace: str) -> str:
        if not (field == ROLE and is_template(text)):  # of a template, the role that it makes is checked
            policy.check_choice(field, annotation, text, namespace)
        return text

    return check


def check_account(policy: Policy, annotation: str, text: str, namespace: str) -> str:
    """Check a ServiceAccount. Where the operator names one, an object cannot go back to the webhook's own identity."""
    if not text and policy.own.get(ACCOUNT):
        raise Refused(
            f"annotation {annotation}: the operator has objects read with a ServiceAccount of their namespace, and not as"
            " the webhook itself (VAULT_SERVICEACCOUNT): name one, or leave the annotation out",
            code=403,
        )
    policy.check_choice(ACCOUNT, annotation, text, namespace)
    return text


def check_variables(policy: Policy, annotation: str, variables: Variables, namespace: str) -> Variables:
    """Check the variables of agents: a namespace of the server that they choose. What kubelet makes is on no list."""
    for variable in variables:
        if variable["name"] in NAMESPACE_VARIABLES:
            text = variable.get("value") or ""
            is_known = "valueFrom" not in variable and "$(" not in text
            policy.check_choice("vault_namespace", annotation, text if is_known else MADE_LATER, namespace)
    return variables


def check_address(policy: Policy, annotation: str, text: str, _: str) -> str:
    return policy.check_address(annotation, text)


def check_registry_skip_verify(policy: Policy, annotation: str, wanted: bool, _: str) -> bool:  # noqa: FBT001 - a value, no switch
    policy.check_registry_skip_verify(annotation, wanted=wanted)
    return wanted


ROLE, ACCOUNT, SKIP_VERIFY = "vault_role", "vault_serviceaccount", "vault_skip_verify"
NAMESPACE_VARIABLES = frozenset(("VAULT_NAMESPACE", "BAO_NAMESPACE"))
MADE_LATER = "$(...)"  # stands for a value that kubelet makes, in messages too
# Field of Options -> what gives the value that an annotation may have for it, and raises Refused otherwise.
CHECKS: dict[str, Check] = {
    "vault_addr": check_address,
    "registry_skip_verify": check_registry_skip_verify,
    **{field: check_text(field) for field in RESTRICTIONS},
    ACCOUNT: check_account,
    "vault_agent_env_variables": check_variables,
}


def is_same(text: str, own: str) -> bool:
    """Compare as Vault does: mounts and namespaces may be written with slashes around them."""
    return text.strip("/") == own.strip("/")


def matches(pattern: str, text: str, namespace: str) -> bool:
    """Tell whether a text is one that a pattern stands for.

    An object without a namespace has nothing that is some namespace's: `{namespace}*` would be everything for it. Each
    part is looked for once, from left to right: an expression would try all ways to split a long text, which is a tenant's.
    """
    if NAMESPACE in pattern and not namespace:
        return False
    first, *others = (part.replace(NAMESPACE, namespace) for part in pattern.split("*"))
    if not others:
        return text == first
    if not text.startswith(first):
        return False
    at, last = len(first), others.pop()
    for part in others:
        start = text.find(part, at)
        if start < 0:
            return False
        at = start + len(part)
    return len(text) - at >= len(last) and text.endswith(last)


def normalize_address(text: str) -> str:
    """Read an http or https URL with a host and at most a port and a path. Raises ValueError.

    Scheme and host get lower case, slashes at the end go; a default port stays as it is written. The message does
    not show the address, for what it has too much of may be a password.
    """
    # `urlsplit` drops some control characters silently (https://bugs.python.org/issue43882): none may come that far.
    if not text.isascii() or not text.isprintable() or set(text) & set(' \\"<>^`{|}'):
        raise ValueError("an address must be plain ASCII without spaces and backslashes")
    if "?" in text or "#" in text:
        raise ValueError("an address must have no query and no fragment")
    parts = split_address(text)
    port = "" if parts.port is None else f":{parts.port}"
    host = (parts.hostname or "").lower()
    literal = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{literal}{port}{parts.path}".rstrip("/")


def split_address(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("an address must be a URL like https://vault.example:8200") from None
    if "@" in parts.netloc:
        raise ValueError("an address must have no user name and password in it")
    if parts.scheme not in {"http", "https"} or not is_host(parts.hostname or "") or parts.netloc.endswith(":"):
        raise ValueError("an address must be a URL like https://vault.example:8200")
    return parts


def is_host(host: str) -> bool:
    return HOST.fullmatch(host.lower()) is not None or read_literal(host) is not None


def is_forbidden_name(host: str) -> bool:
    """Tell whether a name means the machine itself (RFC 6761 section 6.3) or a cloud's metadata."""
    name = host.rstrip(".")
    return name in FORBIDDEN_HOSTS or name.endswith(".localhost")


def is_private_literal(host: str) -> bool:
    """Tell whether a host is an IP literal that is not public, or a number that some resolver reads as one."""
    literal = read_literal(host)
    if literal is None:
        return ODD_NUMERIC.fullmatch(host.rstrip(".")) is not None
    return any(not address.is_global or address.is_multicast for address in embedded_addresses(literal))


def embedded_addresses(literal: IPv4Address | IPv6Address) -> Iterable[IPv4Address | IPv6Address]:
    """Give the IPv4 address that an IPv6 one carries (mapped, 6to4, NAT64) alone or beside the address itself."""
    if isinstance(literal, IPv6Address):
        if literal.ipv4_mapped is not None:
            return (literal.ipv4_mapped,)
        if literal.sixtofour is not None:
            return (literal, literal.sixtofour)
        if literal.packed.startswith(IPV4_IN_IPV6):
            return (literal, IPv4Address(literal.packed[-4:]))
    return (literal,)


def read_literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.rstrip("."))
    except ValueError:
        return None
