"""What the operator wants of own certificates, from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.goparse import SECOND
from vault_secrets_webhook.webhook.kube.secrets import SecretName

if TYPE_CHECKING:
    from vault_secrets_webhook.webhook.settings import Settings

# The share of a certificate's life that a step of a rotation may take, and the longest that is of use.
STEP_SHARE = 1 / 40
LONGEST_STEP = 30.0


class Wish(NamedTuple):
    """Own certificates as the operator wants them; lifetimes are seconds.

    `names` are those in the certificate, `configuration` is the MutatingWebhookConfiguration, and `keeps_others` says
    whether authorities of others stay in its caBundles.
    """

    secret: SecretName
    configuration: str
    names: frozenset[str]
    lifetime: float
    authority_lifetime: float
    keeps_others: bool

    def poll(self) -> float:
        """Tell how often to look, in seconds: often enough for a life, and not more often than is of use."""
        return min(LONGEST_STEP, self.lifetime * STEP_SHARE)

    def settle(self) -> float:
        """Tell how long an authority has to be in the caBundle until all API servers know of it, in seconds."""
        return 2 * self.poll()


def read_wish(settings: Settings) -> Wish | None:
    """Take what `check_certificates` has let through; None when own certificates are not wanted."""
    if not settings.certificate_secret:
        return None
    names = name_service(settings.certificate_service, settings.kubernetes_namespace) | settings.certificate_names
    return Wish(
        SecretName(settings.kubernetes_namespace, settings.certificate_secret),
        settings.certificate_webhook_configuration,
        names,
        settings.certificate_lifetime / SECOND,
        settings.certificate_authority_lifetime / SECOND,
        settings.certificate_keep_authorities,
    )


def name_service(service: str, namespace: str) -> frozenset[str]:
    """List the names of a Service; API servers ask for the one that ends in `.svc`."""
    inside = f"{service}.{namespace}"
    return frozenset((service, inside, f"{inside}.svc", f"{inside}.svc.cluster.local"))
