"""The operator's policy as he writes it: a file (YAML or JSON), or variables, or some of it here and some of it there.

    addresses: [https://vault.example:8200]       # further addresses that annotations may choose
    images: ["registry.example/vault/*"]          # the only images, beside the operator's own
    roles: ["{namespace}", "{namespace}.*"]       # {namespace} is the object's, and no namespace has a dot in it
    authPaths: [kubernetes]
    vaultNamespaces: ["teams/{namespace}"]
    serviceAccounts: [vault]
    tlsSecrets: [vault-ca]
    allowPrivateAddresses: false
    allowSkipVerify: false
    allowRegistrySkipVerify: true
    namespaces:                                   # what is said here holds instead, in namespaces that match
      team-a: {roles: [team-a, shared]}
      "dev-*": {allowSkipVerify: true}

A list that is left out restricts nothing, an empty one allows the operator's own choice alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.goparse import parse_bool

from .policy import RESTRICTIONS, Policies, Policy, normalize_address
from .values import split_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .annotations import Defaults

POLICY_FILE = "POLICY_FILE"
LARGEST_FILE = 1024 * 1024


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is said about a namespace, or about all; None where nothing is."""

    addresses: list[str] | None = None
    images: list[str] | None = None
    roles: list[str] | None = None
    auth_paths: list[str] | None = None
    vault_namespaces: list[str] | None = None
    service_accounts: list[str] | None = None
    tls_secrets: list[str] | None = None
    allow_private_addresses: bool | None = None
    allow_skip_verify: bool | None = None
    allow_registry_skip_verify: bool | None = None


class Document(Section, frozen=True, kw_only=True):
    """A whole policy file."""

    namespaces: dict[str, Section] | None = None


# Field of a section -> the variable that says the same, and what it is for.
LISTS = {
    "addresses": ("VAULT_ADDR_ALLOWLIST", "addresses that annotations may choose, separated by commas"),
    "images": ("IMAGE_ALLOWLIST", "the only images that annotations may choose, separated by commas; * stands for any text, {namespace} for the object's namespace, here and in the other lists"),
    "roles": ("VAULT_ROLE_ALLOWLIST", "the only roles that annotations may choose"),
    "auth_paths": ("VAULT_PATH_ALLOWLIST", "the only mounts of auth methods that annotations may choose"),
    "vault_namespaces": ("VAULT_NAMESPACE_ALLOWLIST", "the only namespaces of Vault or OpenBao that annotations may choose"),
    "service_accounts": ("VAULT_SERVICEACCOUNT_ALLOWLIST", "the only ServiceAccounts that annotations may choose"),
    "tls_secrets": ("VAULT_TLS_SECRET_ALLOWLIST", "the only Secrets with authorities that annotations may choose"),
}  # fmt: skip
SWITCHES = {
    "allow_private_addresses": ("VAULT_ALLOW_PRIVATE_ADDR", False, "the allow-list may hold loopback, link-local and private IP addresses"),
    "allow_skip_verify": ("VAULT_ALLOW_OBJECT_SKIP_VERIFY", False, "annotations may switch off the check of Vault's certificate"),
    "allow_registry_skip_verify": ("REGISTRY_ALLOW_OBJECT_SKIP_VERIFY", True, "annotations may switch off the check of registries' certificates"),
}  # fmt: skip
VARIABLES = {
    POLICY_FILE: ("", "file with the operator's policy, YAML or JSON, in place of the variables *_ALLOWLIST and *_ALLOW_*"),
    **{name: ("", text) for name, text in LISTS.values()},
    **{name: (str(default).lower(), text) for name, default, text in SWITCHES.values()},
}  # fmt: skip
FIELDS = (*LISTS, *SWITCHES)


def read_policies(environ: Mapping[str, str], defaults: Defaults) -> Policies:
    """Read the policy. Raises ConfigurationError naming the variable, or the file and the member in it."""
    stated = read_variables(environ)
    name = environ.get(POLICY_FILE, "")
    document = read_file(name) if name else Document()
    for field in FIELDS:
        if getattr(stated, field) is not None and getattr(document, field) is not None:
            variable = (LISTS.get(field) or SWITCHES[field])[0]
            raise ConfigurationError(f"{variable}: {POLICY_FILE} {name} says something about this too: leave one out")
    general = overlay(stated, document)
    special = {pattern: overlay(general, section) for pattern, section in (document.namespaces or {}).items()}
    exact_first = sorted(special.items(), key=lambda item: "*" in item[0])
    return Policies(
        build_policies(general, defaults),
        tuple((pattern, build_policies(section, defaults)) for pattern, section in exact_first),
    )


def read_variables(environ: Mapping[str, str]) -> Section:
    """Read what the variables say; empty ones count as absent."""
    fields: dict[str, object] = {
        field: list(split_list(environ[name])) for field, (name, _) in LISTS.items() if environ.get(name)
    }
    for field, (name, _, _) in SWITCHES.items():
        if environ.get(name):
            try:
                fields[field] = parse_bool(environ[name])
            except ValueError as error:
                raise ConfigurationError(f"{name}: {error}") from None
    section = Section(**fields)  # type: ignore[arg-type]
    check_addresses(section.addresses, LISTS["addresses"][0])
    return section


def read_file(name: str) -> Document:
    """Read a policy file. Raises ConfigurationError."""
    try:
        text = Path(name).read_bytes()[: LARGEST_FILE + 1]
        if len(text) > LARGEST_FILE:
            raise ConfigurationError(f"{POLICY_FILE} {name}: more than {LARGEST_FILE} bytes are too many for a policy")
        document = msgspec.yaml.decode(text, type=Document | None) or Document()
    except OSError as error:
        raise ConfigurationError(f"{POLICY_FILE} {name}: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{POLICY_FILE} {name}: {error}") from None
    for section in (document, *(document.namespaces or {}).values()):
        check_addresses(section.addresses, f"{POLICY_FILE} {name}: addresses")
    return document


def check_addresses(addresses: Iterable[str] | None, where: str) -> None:
    for address in addresses or ():
        try:
            normalize_address(address)
        except ValueError as error:
            raise ConfigurationError(f"{where}: {error}") from None


def overlay(general: Section, section: Section) -> Section:
    """Give what is said about a namespace, and for the rest what is said about all."""
    chosen = {field: getattr(section, field) for field in FIELDS if getattr(section, field) is not None}
    return Section(**{field: getattr(general, field) for field in FIELDS} | chosen)


def build_policies(section: Section, defaults: Defaults) -> dict[str, Policy]:
    """Build the policy of each provider. Raises ConfigurationError for an own address that is none."""
    return {provider: build_policy(section, defaults, provider) for provider in defaults.options}


def build_policy(section: Section, defaults: Defaults, provider: str) -> Policy:
    own = defaults.of(provider)
    try:
        own_address = normalize_address(own.vault_addr)
    except ValueError as error:
        raise ConfigurationError(f"{'BAO_ADDR' if provider == 'bao' else 'VAULT_ADDR'}: {error}") from None
    switches = {
        field: default if (said := getattr(section, field)) is None else said
        for field, (_, default, _) in SWITCHES.items()
    }
    encoded = zip(Section.__struct_fields__, Section.__struct_encode_fields__, strict=True)
    members = {field: member for field, member in encoded if field in LISTS and field != "addresses"}
    return Policy(
        own_address,
        frozenset(map(normalize_address, section.addresses or ())),
        allow_private=switches["allow_private_addresses"],
        allow_skip_verify=switches["allow_skip_verify"],
        skip_verify_default=own.vault_skip_verify,
        allow_registry_skip_verify=switches["allow_registry_skip_verify"],
        registry_skip_verify_default=own.registry_skip_verify,
        own={field: getattr(own, field) for field in RESTRICTIONS},
        allowed={members[field]: tuple(said) for field in members if (said := getattr(section, field)) is not None},
    )
