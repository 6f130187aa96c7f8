"""The settings of own certificates: what they make, and what is wrong with them."""

from __future__ import annotations

import pytest

from tests.unit.webhook.serving import make_settings
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.certificates.wish import read_wish

GOOD = {
    "KUBERNETES_NAMESPACE": "system",
    "CERTIFICATE_SECRET": "webhook-certificate",
    "CERTIFICATE_SERVICE": "webhook",
    "CERTIFICATE_WEBHOOK_CONFIGURATION": "webhook.example.com",
}


def test_off() -> None:
    assert read_wish(make_settings()) is None


def test_wish() -> None:
    wish = read_wish(make_settings(None, **GOOD, CERTIFICATE_NAMES="10.0.0.1, Webhook.Example.COM,::0001,"))
    assert wish is not None
    assert str(wish.secret) == "secrets system/webhook-certificate"
    assert wish.configuration == "webhook.example.com"
    own = {"webhook", "webhook.system", "webhook.system.svc", "webhook.system.svc.cluster.local"}
    assert wish.names == own | {"10.0.0.1", "webhook.example.com", "::1"}
    assert (wish.lifetime, wish.authority_lifetime) == (90 * 24 * 3600, 365 * 24 * 3600)
    assert (wish.poll(), wish.settle()) == (30, 60)
    assert not wish.keeps_others


def test_short_lives_are_looked_after_more_often() -> None:
    wish = read_wish(make_settings(None, **GOOD, CERTIFICATE_LIFETIME="20s", CERTIFICATE_AUTHORITY_LIFETIME="1m"))
    assert wish is not None
    assert (wish.poll(), wish.settle()) == (0.5, 1)


WRONG: list[tuple[dict[str, str], str]] = [
    ({"KUBERNETES_NAMESPACE": ""}, "CERTIFICATE_SECRET needs KUBERNETES_NAMESPACE: the name of the namespace"),
    ({"KUBERNETES_NAMESPACE": "../x"}, "CERTIFICATE_SECRET needs KUBERNETES_NAMESPACE"),
    ({"CERTIFICATE_SERVICE": ""}, "CERTIFICATE_SECRET needs CERTIFICATE_SERVICE: the name of the Service"),
    ({"CERTIFICATE_SERVICE": "a.b"}, "CERTIFICATE_SECRET needs CERTIFICATE_SERVICE"),
    ({"CERTIFICATE_WEBHOOK_CONFIGURATION": ""}, "CERTIFICATE_SECRET needs CERTIFICATE_WEBHOOK_CONFIGURATION"),
    ({"CERTIFICATE_WEBHOOK_CONFIGURATION": "a/b"}, "CERTIFICATE_WEBHOOK_CONFIGURATION: 'a/b' is not the name"),
    ({"CERTIFICATE_SECRET": "a/b"}, "CERTIFICATE_SECRET: 'a/b' is not the name of an object"),
    ({"CERTIFICATE_NAMES": "a,b c"}, "CERTIFICATE_NAMES: 'b c' is neither a host name nor an IP address"),
    ({"CERTIFICATE_NAMES": "*.example.com"}, "is neither a host name nor an IP address"),
    ({"CERTIFICATE_LIFETIME": "9s"}, "CERTIFICATE_LIFETIME: 10s is the shortest"),
    ({"CERTIFICATE_LIFETIME": "-1h"}, "CERTIFICATE_LIFETIME: "),
    ({"CERTIFICATE_LIFETIME": "90d"}, "CERTIFICATE_LIFETIME: "),
    ({"CERTIFICATE_LIFETIME": "5000h"}, "CERTIFICATE_AUTHORITY_LIFETIME: at least 3 times CERTIFICATE_LIFETIME"),
    ({"TLS_CERT_FILE": "a", "TLS_PRIVATE_KEY_FILE": "b"}, "CERTIFICATE_SECRET and TLS_CERT_FILE exclude each other"),
]


@pytest.mark.parametrize(("variables", "message"), WRONG, ids=[repr(row[0]) for row in WRONG])
def test_wrong(variables: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_settings(None, **{**GOOD, **variables})
