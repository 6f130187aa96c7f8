"""The settings `CERTIFICATE_*`: how their texts are read, and what they need of each other."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.goparse import SECOND
from vault_secrets_webhook.webhook.message import show
from vault_secrets_webhook.webhook.values import is_label, is_object_name, split_list

if TYPE_CHECKING:
    from collections.abc import Mapping

SHORTEST_LIFETIME = 10 * SECOND
# Then a certificate never has to be cut short, because what signs it is replaced after two thirds of its life.
AUTHORITY_FACTOR = 3
NEEDED = {
    "KUBERNETES_NAMESPACE": "the name of the namespace that the webhook runs in",
    "CERTIFICATE_SERVICE": "the name of the Service that API servers call the webhook by",
    "CERTIFICATE_WEBHOOK_CONFIGURATION": "the name of the MutatingWebhookConfiguration that names this webhook",
}


def parse_names(text: str) -> frozenset[str]:
    """Read host names and IP addresses, separated by commas."""
    return frozenset(map(parse_name, split_list(text)))


def parse_name(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        name = text.lower()
    if not is_object_name(name):
        raise ValueError(f"{show(text)} is neither a host name nor an IP address")
    return name


def check_certificates(fields: Mapping[str, Any]) -> None:
    """Check the settings `CERTIFICATE_*` against each other and the rest. Raises ConfigurationError."""
    if not fields["certificate_secret"]:
        return
    if fields["tls_cert_file"]:
        raise ConfigurationError("CERTIFICATE_SECRET and TLS_CERT_FILE exclude each other: unset one of them")
    needed = {
        "KUBERNETES_NAMESPACE": is_label(fields["kubernetes_namespace"]),
        "CERTIFICATE_SERVICE": is_label(fields["certificate_service"]),
        "CERTIFICATE_WEBHOOK_CONFIGURATION": fields["certificate_webhook_configuration"],
    }
    for name, is_given in needed.items():
        if not is_given:
            raise ConfigurationError(f"CERTIFICATE_SECRET needs {name}: {NEEDED[name]}")
    if fields["certificate_lifetime"] < SHORTEST_LIFETIME:
        raise ConfigurationError(f"CERTIFICATE_LIFETIME: {SHORTEST_LIFETIME // SECOND}s is the shortest")
    if fields["certificate_authority_lifetime"] < AUTHORITY_FACTOR * fields["certificate_lifetime"]:
        raise ConfigurationError(
            f"CERTIFICATE_AUTHORITY_LIFETIME: at least {AUTHORITY_FACTOR} times CERTIFICATE_LIFETIME is needed"
        )
