"""The VAULT_* variables of the client: what each does, and that a bad value is refused by the variable's name."""

from __future__ import annotations

from typing import Any

import pytest

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.vault.settings import VaultSettings
from vault_secrets_webhook.wire.message import URL

GOOD: list[tuple[dict[str, str], str, Any]] = [
    ({}, "address", "https://127.0.0.1:8200"),
    ({"VAULT_ADDR": ""}, "address", "https://127.0.0.1:8200"),
    ({"VAULT_ADDR": "http://vault:8200/"}, "address", "http://vault:8200"),
    ({"VAULT_ADDR": "https://vault/a/b//"}, "address", "https://vault/a/b"),
    ({"VAULT_ADDR": "unix:///run/vault.sock"}, "address", "unix://%2Frun%2Fvault.sock"),
    ({"VAULT_ADDR": "http://a", "VAULT_AGENT_ADDR": "http://b"}, "address", "http://b"),
    ({"VAULT_ADDR": "http://a", "VAULT_AGENT_ADDR": ""}, "address", "http://a"),
    ({"VAULT_ADDR": "http://a"}, "address_name", "VAULT_ADDR"),
    ({"VAULT_ADDR": "http://a", "VAULT_AGENT_ADDR": "http://b"}, "address_name", "VAULT_AGENT_ADDR"),
    ({"VAULT_ADDR": "http://v1"}, "address", "http://v1"),
    ({}, "namespace", ""),
    ({"VAULT_NAMESPACE": "/a/b/"}, "namespace", "a/b"),
    ({}, "timeout", 10.0),
    ({"VAULT_CLIENT_TIMEOUT": ""}, "timeout", 10.0),
    ({"VAULT_CLIENT_TIMEOUT": "0"}, "timeout", 10.0),
    ({"VAULT_CLIENT_TIMEOUT": "30"}, "timeout", 30.0),
    ({"VAULT_CLIENT_TIMEOUT": "1m30s"}, "timeout", 90.0),
    ({"VAULT_CLIENT_TIMEOUT": "250ms"}, "timeout", 0.25),
    ({}, "max_retries", None),
    ({"VAULT_MAX_RETRIES": "0"}, "max_retries", 0),
    ({"VAULT_MAX_RETRIES": "5"}, "max_retries", 5),
    ({}, "headers", {}),
    ({"VAULT_HEADERS": '{"A":"b c","D":["e","f"],"G":5}'}, "headers", {"A": "b c", "D": "e, f", "G": "5"}),
    ({}, "mfa", []),
    ({"VAULT_MFA": "a:b , ,c"}, "mfa", ["a:b", "c"]),
    ({}, "wrap_ttl", ""),
    ({"VAULT_WRAP_TTL": "5m"}, "wrap_ttl", "5m"),
    ({}, "rate_limit", None),
    ({"VAULT_RATE_LIMIT": "10"}, "rate_limit", (10.0, 10)),
    ({"VAULT_RATE_LIMIT": "0.5"}, "rate_limit", (0.5, 1)),
    ({"VAULT_RATE_LIMIT": "10.5:20"}, "rate_limit", (10.5, 20)),
    ({}, "follows_redirects", True),
    ({"VAULT_DISABLE_REDIRECTS": "1"}, "follows_redirects", False),
    ({"VAULT_SRV_LOOKUP": "T"}, "looks_up_srv", True),
    ({}, "skip_verify", False),
    ({"VAULT_SKIP_VERIFY": ""}, "skip_verify", False),
    ({"VAULT_SKIP_VERIFY": "TRUE"}, "skip_verify", True),
]


@pytest.mark.parametrize(("environ", "attribute", "expected"), GOOD, ids=[f"{row[1]}-{row[0]}" for row in GOOD])
def test_good_values(environ: dict[str, str], attribute: str, expected: Any) -> None:
    assert getattr(VaultSettings(environ), attribute) == expected


BAD: list[tuple[str, str]] = [
    *(("VAULT_ADDR", text) for text in ("vault:8200", "ftp://vault", "http://", "http://vault:99999", "http://a b")),
    *(("VAULT_ADDR", text) for text in ("https://user:hunter2@vault", "http://vault?x=1", "http://vault/#x")),
    *(("VAULT_ADDR", text) for text in ("http://vault\udcff", "http://vaült", "unix://")),
    *(("VAULT_ADDR", text) for text in ("http://vault/v1", "https://vault:8200/v1/", "https://vault/prefix/v1//")),
    ("VAULT_AGENT_ADDR", "agent"),
    *(("VAULT_CLIENT_TIMEOUT", text) for text in ("abc", "-1s", "1e3", "10 s", "9" * 30)),
    *(("VAULT_MAX_RETRIES", text) for text in ("x", "-1", "1.5", "1e3")),
    *(("VAULT_NAMESPACE", text) for text in ("a\nb", "a\rX: y", "ü", "\udcff")),
    *(("VAULT_MFA", text) for text in ("a\nb", "ü")),
    *(("VAULT_WRAP_TTL", text) for text in ("x", "-5m", "1\N{GREEK SMALL LETTER MU}s")),
    *(("VAULT_HEADERS", text) for text in ("x", "[]", "5", "{", '{"A":true}', '{"A":{"b":"c"}}', '{"A":["b",null]}')),
    *(
        ("VAULT_HEADERS", text)
        for text in ('{"A":"hunter2\\r\\nB: c"}', '{"A":"ü"}', '{"":"b"}', '{"A b":"c"}', '{"A\\n":"c"}')
    ),
    *(
        ("VAULT_HEADERS", f'{{"{name}":"hunter2"}}')
        for name in ("x-vault-token", "X-Vault-Namespace", "Host", "content-length")
    ),
    *(("VAULT_HEADERS", f'{{"{name}":"hunter2"}}') for name in ("Transfer-Encoding", "Connection")),
    *(
        ("VAULT_RATE_LIMIT", text)
        for text in ("x", "0", "-1", "1e3", "nan", "inf", "1_0", "10:", "10:0", "10:-1", "10:x", "1.2.3", ":5", ".")
    ),
    *(("VAULT_DISABLE_REDIRECTS", text) for text in ("yes", "on", "2")),
    ("VAULT_SRV_LOOKUP", "yes"),
    ("VAULT_SKIP_VERIFY", "yes"),
]


@pytest.mark.parametrize(("name", "text"), BAD)
def test_bad_value_names_the_variable(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: ") as raised:
        VaultSettings({name: text})
    assert "hunter2" not in str(raised.value)


def test_tls() -> None:
    environ = {
        "VAULT_CACERT": "/ca.crt",
        "VAULT_CAPATH": "/cas",
        "VAULT_CACERT_BYTES": "PEM",
        "VAULT_CLIENT_CERT": "/client.crt",
        "VAULT_CLIENT_KEY": "/client.key",
        "VAULT_TLS_SERVER_NAME": "vault.example.com",
        "VAULT_SKIP_VERIFY": "1",
    }
    tls = VaultSettings(environ).tls()
    assert (tls.ca_file, tls.ca_path, tls.ca_bytes) == ("/ca.crt", "/cas", "PEM")
    assert (tls.client_cert, tls.client_key) == ("/client.crt", "/client.key")
    assert (tls.server_name, tls.skip_verify) == ("vault.example.com", True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VAULT_TLS_SERVER_NAME", ".example.com"),
        ("VAULT_TLS_SERVER_NAME", "a b"),
        ("VAULT_TLS_SERVER_NAME", "ü"),
        ("VAULT_CACERT_BYTES", "ü"),
    ],
)
def test_bad_tls_value_names_the_variable(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        VaultSettings({name: text}).tls()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"VAULT_HTTP_PROXY": "http://a"}, "http://a"),
        ({"VAULT_PROXY_ADDR": "http://b", "VAULT_HTTP_PROXY": "http://a", "HTTPS_PROXY": "http://c"}, "http://b"),
        ({"HTTPS_PROXY": "http://c"}, "http://c"),
        ({"HTTPS_PROXY": "http://c", "NO_PROXY": "vault"}, None),
    ],
)
def test_proxies(environ: dict[str, str], expected: str | None) -> None:
    proxy = VaultSettings(environ).proxies().choose(URL("https://vault:8200"))
    assert (None if proxy is None else str(proxy)) == expected
