"""Names of images, as container runtimes read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.webhook.registry.errors import RegistryError
from vault_secrets_webhook.webhook.registry.reference import (
    DEFAULT_DOMAIN,
    DEFAULT_HOST,
    INDEX_DOMAIN,
    Reference,
    is_loopback,
    parse_reference,
)

SHA256 = "sha256:" + "0123456789abcdef" * 4
SHA512 = "sha512:" + "0123456789abcdef" * 8


@pytest.mark.parametrize(
    ("text", "domain", "path", "tag", "digest"),
    [
        ("app", DEFAULT_DOMAIN, "library/app", "latest", ""),
        ("app:1.2_x-Y", DEFAULT_DOMAIN, "library/app", "1.2_x-Y", ""),
        ("team/app", DEFAULT_DOMAIN, "team/app", "latest", ""),
        ("a/b/c:d", DEFAULT_DOMAIN, "a/b/c", "d", ""),
        (f"{DEFAULT_DOMAIN}/app", DEFAULT_DOMAIN, "library/app", "latest", ""),
        (f"{INDEX_DOMAIN}/team/app:1", DEFAULT_DOMAIN, "team/app", "1", ""),
        ("localhost/app", "localhost", "app", "latest", ""),
        ("localhost:5000/app:1", "localhost:5000", "app", "1", ""),
        ("LOCALHOST/app", "LOCALHOST", "app", "latest", ""),
        ("host:5000/app", "host:5000", "app", "latest", ""),
        ("host:5000", DEFAULT_DOMAIN, "library/host", "5000", ""),
        ("registry.example/app", "registry.example", "app", "latest", ""),
        ("registry.example:443/a/b__c/d--e.f:1", "registry.example:443", "a/b__c/d--e.f", "1", ""),
        ("10.0.0.1:5000/app", "10.0.0.1:5000", "app", "latest", ""),
        ("[::1]:5000/app", "[::1]:5000", "app", "latest", ""),
        (f"app@{SHA256}", DEFAULT_DOMAIN, "library/app", "latest", SHA256),
        (f"host:1/app:2@{SHA256}", "host:1", "app", "2", SHA256),
        (f"r.example/app@{SHA512}", "r.example", "app", "latest", SHA512),
    ],
)
def test_reference(text: str, domain: str, path: str, tag: str, digest: str) -> None:
    assert parse_reference(text) == Reference(domain, path, tag, digest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/app",
        "app/",
        "App",
        "team/App",
        "r.example/",
        "r.example//app",
        "r.example/../app",
        "r.example/a..b",
        "app:",
        "app:a b",
        "app:-1",
        "app:" + "x" * 129,
        "app@",
        "app@sha256:abc",
        f"app@{SHA256.upper()}",
        f"app@{SHA256}0",
        "app@md5:0123456789abcdef0123456789abcdef",
        "-a.example/app",
        "a.example:port/app",
        "a.example:123456/app",
        "user:password@a.example/app",
        "https://a.example/app",
        "a.example/app?x=y",
        "a.example/app#x",
        "a.example/app%2e",
        "a.example/\napp",
        "\N{LATIN SMALL LETTER E WITH ACUTE}.example/app",
        "a" * 256,
        "0123456789abcdef" * 4,
        "a.example/" + "a/" * 2000 + "a",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse_reference(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_capitals_are_told() -> None:
    with pytest.raises(RegistryError, match="lower case"):
        parse_reference("team/App")


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_our_error(text: str) -> None:
    try:
        reference = parse_reference(text)
    except RegistryError:
        return
    assert parse_reference(str(reference)) == (reference._replace(tag="latest") if reference.digest else reference)


@pytest.mark.parametrize(
    ("text", "host", "target", "shown"),
    [
        ("app", DEFAULT_HOST, "latest", f"{DEFAULT_DOMAIN}/library/app:latest"),
        ("a.example:1/app:2", "a.example:1", "2", "a.example:1/app:2"),
        (f"a.example/app:2@{SHA256}", "a.example", SHA256, f"a.example/app@{SHA256}"),
    ],
)
def test_what_is_asked_where(text: str, host: str, target: str, shown: str) -> None:
    reference = parse_reference(text)
    assert (reference.host(), reference.target(), str(reference)) == (host, target, shown)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1:1", True),
        ("127.1.2.3", True),
        ("[::1]:5000", True),
        ("[::1]", True),
        ("localhost.example", False),
        ("10.0.0.1:5000", False),
        ("a.example", False),
    ],
)
def test_is_loopback(domain: str, expected: bool) -> None:
    assert is_loopback(domain) is expected
