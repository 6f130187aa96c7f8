"""Which proxy a URL is reached through, as golang.org/x/net/http/httpproxy documents it."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.wire.message import URL
from vault_secrets_webhook.wire.proxy import ProxySettings

PROXY = "http://proxy:3128"


def choose(url: str, environ: dict[str, str], forced: str = "") -> str | None:
    proxy = ProxySettings.from_environment(environ, forced).choose(URL(url))
    return None if proxy is None else str(proxy)


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("http://vault", {}, None),
        ("http://vault", {"HTTP_PROXY": PROXY}, PROXY),
        ("https://vault", {"HTTP_PROXY": PROXY}, None),
        ("https://vault", {"HTTPS_PROXY": PROXY}, PROXY),
        ("http://vault", {"HTTPS_PROXY": PROXY}, None),
        ("http://vault", {"http_proxy": PROXY}, PROXY),
        ("https://vault", {"https_proxy": PROXY, "HTTPS_PROXY": ""}, PROXY),
        ("https://vault", {"HTTPS_PROXY": PROXY, "https_proxy": "http://other"}, PROXY),
        ("https://vault", {"HTTPS_PROXY": "proxy:3128"}, PROXY),
        ("https://vault", {"HTTPS_PROXY": "http://user:pass@proxy:3128"}, PROXY),
        ("https://vault", {"ALL_PROXY": PROXY}, None),
        ("unix:///run/vault.sock", {"HTTP_PROXY": PROXY}, None),
        ("http://localhost", {"HTTP_PROXY": PROXY}, None),
        ("http://LOCALHOST:8200", {"HTTP_PROXY": PROXY}, None),
        ("http://127.0.0.1:8200", {"HTTP_PROXY": PROXY}, None),
        ("http://127.200.0.1", {"HTTP_PROXY": PROXY}, None),
        ("http://[::1]:8200", {"HTTP_PROXY": PROXY}, None),
        ("http://[0:0:0:0:0:0:0:1]", {"HTTP_PROXY": PROXY}, None),
        ("http://127.example.com", {"HTTP_PROXY": PROXY}, PROXY),
    ],
)
def test_choice(url: str, environ: dict[str, str], expected: str | None) -> None:
    assert choose(url, environ) == expected


def test_forced_proxy_is_for_everything() -> None:
    environ = {"HTTP_PROXY": "http://other", "NO_PROXY": "*"}
    assert choose("http://vault", environ, PROXY) == choose("https://127.0.0.1", environ, PROXY) == PROXY
    assert choose("unix:///run/vault.sock", environ, PROXY) is None


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_excluded"),
    [
        ("", "http://vault", False),
        (" , ,", "http://vault", False),
        ("*", "http://vault", True),
        ("a, * ,b", "http://vault", True),
        ("example.com", "http://example.com", True),
        ("example.com", "http://EXAMPLE.com:8200", True),
        ("EXAMPLE.COM", "http://example.com", True),
        ("example.com", "http://vault.example.com", True),
        ("example.com", "http://notexample.com", False),
        ("example.com", "http://example.com.evil", False),
        (".example.com", "http://vault.example.com", True),
        (".example.com", "http://example.com", False),
        ("*.example.com", "http://vault.example.com", True),
        ("*.example.com", "http://example.com", False),
        ("*example.com", "http://notexample.com", False),
        ("*example.com", "http://vault.example.com", False),
        ("example.com:8200", "http://example.com:8200", True),
        ("example.com:8200", "http://example.com:8201", False),
        ("example.com:80", "http://example.com", True),
        ("example.com:443", "https://example.com", True),
        (".example.com:8200", "http://vault.example.com:8200", True),
        (":8200", "http://vault:8200", False),
        ("10.0.0.1", "http://10.0.0.1", True),
        ("10.0.0.1", "http://10.0.0.11", False),
        ("10.0.0.1:8200", "http://10.0.0.1:8200", True),
        ("10.0.0.1:8200", "http://10.0.0.1", False),
        ("10.0.0.0/8", "http://10.200.0.1", True),
        ("10.0.0.1/8", "http://10.200.0.1", True),
        ("10.0.0.0/8", "http://11.0.0.1", False),
        ("10.0.0.0/31", "http://10.0.0.2", False),
        ("0.0.0.0/0", "http://10.0.0.2", True),
        ("10.0.0.0/33", "http://10.0.0.2", False),
        ("10.0.0.0/x", "http://10.0.0.2", False),
        ("10.0.0.0/8", "http://ten.example.com", False),
        ("fd00::/8", "http://[fd12::1]", True),
        ("fd00::/8", "http://[fe80::1]", False),
        ("::/0", "http://10.0.0.1", False),
        ("fd00::1", "http://[fd00::1]", True),
        ("fd00::1", "http://[fd00:0::0:1]:8200", True),
        ("[fd00::1]:8200", "http://[fd00::1]:8200", True),
        ("[fd00::1]:8200", "http://[fd00::1]:8201", False),
        ("a,b , example.com", "http://example.com", True),
    ],
)
def test_no_proxy(no_proxy: str, url: str, is_excluded: bool) -> None:
    assert choose(url, {"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}) == (
        None if is_excluded else PROXY
    )


@pytest.mark.parametrize(
    ("environ", "forced", "name"),
    [
        ({}, "hunter2:hunter2@://proxy", "VAULT_HTTP_PROXY"),
        ({}, "https://proxy", "only http:// proxies are supported, not https://"),
        ({}, "SOCKS5://proxy", "only http:// proxies are supported, not SOCKS5://"),
        ({"HTTPS_PROXY": "http://user:hunter2@"}, "", "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://user:hunter2@proxy:port"}, "", "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "https://user:hunter2@proxy"}, "", "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "socks5://proxy"}, "", "HTTPS_PROXY"),
        ({}, "unix:///run/proxy.sock", "VAULT_HTTP_PROXY"),
    ],
)
def test_wrong_proxy_names_the_variable_and_no_password(environ: dict[str, str], forced: str, name: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as raised:
        choose("https://vault", environ, forced)
    assert "hunter2" not in str(raised.value)
