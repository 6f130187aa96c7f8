"""Which addresses an annotation may choose."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.policy import Policy, is_private_literal, matches, normalize_address

ANNOTATION = "vault.security.banzaicloud.io/vault-addr"
OWN = "https://10.0.0.7:8200"
LISTED = (
    "https://vault.example:8200",
    "https://other.example/vault",
    "https://localhost:8200",
    "https://10.1.1.1:8200",
    "http://metadata.google.internal",
    "https://app.localhost",
    "https://localhost.",
    "https://2130706433",
    "https://192.0.2.1.",
)


def build_policy(*, allow_private: bool = False) -> Policy:
    return Policy(
        own_address=OWN, allowed_addresses=frozenset(map(normalize_address, LISTED)), allow_private=allow_private
    )


ACCEPTED = [
    ("own-though-private", "https://10.0.0.7:8200", "https://10.0.0.7:8200"),
    ("own-with-slash", "https://10.0.0.7:8200/", "https://10.0.0.7:8200"),
    ("listed", "https://vault.example:8200", "https://vault.example:8200"),
    ("listed-other-case", "HTTPS://Vault.Example:8200//", "https://vault.example:8200"),
    ("listed-path", "https://other.example/vault/", "https://other.example/vault"),
]

REFUSED = [
    ("empty", ""),
    ("not-listed", "https://evil.example"),
    ("other-scheme", "http://vault.example:8200"),
    ("other-port", "https://vault.example"),
    ("other-path", "https://vault.example:8200/v1"),
    ("path-case", "https://other.example/Vault"),
    ("prefix-of-listed", "https://vault.example:8200.evil.example"),
    ("default-port-not-dropped", "https://other.example:443/vault"),
    ("user", "https://user:hunter2@vault.example:8200"),
    ("user-empty", "https://@vault.example:8200"),
    ("query", "https://vault.example:8200?a=b"),
    ("query-empty", "https://vault.example:8200?"),
    ("fragment-empty", "https://vault.example:8200#"),
    ("scheme-file", "file:///etc/passwd"),
    ("scheme-unix", "unix:///run/vault.sock"),
    ("no-scheme", "vault.example:8200"),
    ("no-host", "https://"),
    ("port-only", "https://:8200"),
    ("port-empty", "https://vault.example:"),
    ("port-word", "https://vault.example:port"),
    ("port-too-large", "https://vault.example:99999"),
    ("newline", "https://vault.example:8200\n"),
    ("tab-inside", "https://vault.exam\tple:8200"),
    ("space-before", " https://vault.example:8200"),
    ("backslash", "https://evil.example\\@vault.example:8200"),
    ("not-ascii", "https://v\N{CYRILLIC SMALL LETTER A}ult.example:8200"),
    ("broken-ipv6", "https://[::1"),
    ("localhost-though-listed", "https://localhost:8200"),
    ("localhost-with-dot-though-listed", "https://localhost."),
    ("below-localhost-though-listed", "https://app.localhost"),
    ("metadata-though-listed", "http://metadata.google.internal"),
    ("private-though-listed", "https://10.1.1.1:8200"),
    ("number-though-listed", "https://2130706433"),
    ("documentation-with-dot-though-listed", "https://192.0.2.1."),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_accepted(text: str, expected: str) -> None:
    assert build_policy().check_address(ANNOTATION, text) == expected


@pytest.mark.parametrize("text", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(text: str) -> None:
    with pytest.raises(Refused, match=f"^annotation {ANNOTATION}: ") as caught:
        build_policy().check_address(ANNOTATION, text)
    assert caught.value.code == 403
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "is_allowed"),
    [
        ("https://10.1.1.1:8200", True),
        ("https://2130706433", True),
        ("https://localhost:8200", False),
        ("http://metadata.google.internal", False),
        ("https://10.9.9.9:8200", False),
    ],
)
def test_private_addresses_can_be_allowed_when_listed(text: str, is_allowed: bool) -> None:
    policy = build_policy(allow_private=True)
    if is_allowed:
        assert policy.check_address(ANNOTATION, text) == text
    else:
        with pytest.raises(Refused):
            policy.check_address(ANNOTATION, text)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1.", True),
        ("10.0.0.1", True),
        ("172.31.0.1", True),
        ("192.168.1.1", True),
        ("100.64.0.1", True),
        ("169.254.169.254", True),
        ("0.0.0.0", True),
        ("224.0.0.1", True),
        ("255.255.255.255", True),
        ("::", True),
        ("::1", True),
        ("fe80::1", True),
        ("fe80::1%eth0", True),
        ("fd00:ec2::254", True),
        ("ff02::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("::127.0.0.1", True),
        ("64:ff9b::7f00:1", True),
        ("64:ff9b::808:808", False),
        ("2002:7f00:1::", True),
        ("127.1", True),
        ("2130706433", True),
        ("0x7f000001", True),
        ("0x7f.0.0.1", True),
        ("017700000001", True),
        ("0177.0.0.1", True),
        ("0x", True),
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
        ("vault", False),
        ("vault.example", False),
        ("10.example", False),
        ("7f.example", False),
    ],
)
def test_is_private_literal(host: str, expected: bool) -> None:
    assert is_private_literal(host) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://[2606:4700::1111]:8200/", "http://[2606:4700::1111]:8200"),
        ("http://[FE80::1%25eth0]", "http://[fe80::1%25eth0]"),
        ("https://vault_1.example.", "https://vault_1.example."),
        ("https://vault/a//", "https://vault/a"),
    ],
)
def test_normalize(text: str, expected: str) -> None:
    assert normalize_address(text) == expected
    assert normalize_address(expected) == expected


@pytest.mark.parametrize(
    ("allowed", "default", "wanted", "is_refused"),
    [
        (False, False, True, True),
        (False, False, False, False),
        (True, False, True, False),
        (False, True, True, False),
        (False, True, False, False),
    ],
)
def test_skip_verify(allowed: bool, default: bool, wanted: bool, is_refused: bool) -> None:
    policy = Policy(own_address=OWN, allow_skip_verify=allowed, skip_verify_default=default)
    assert policy.lets_skip_verify(wanted=wanted) == (not is_refused)


@pytest.mark.parametrize(
    "text",
    [
        "https://",
        "https://-vault",
        "https://vault:",
        "ftp://vault",
        "https://v\N{CYRILLIC SMALL LETTER A}ult",
        "https://a|b",
        "https://a/b c",
        "https://a/b\\c",
    ],
)
def test_what_is_no_address_is_not_normalized(text: str) -> None:
    with pytest.raises(ValueError, match="an address must be"):
        normalize_address(text)


@pytest.mark.parametrize(
    ("pattern", "text", "namespace", "expected"),
    [
        ("{namespace}*", "shop-app", "shop", True),
        ("{namespace}*", "admin", "shop", False),
        ("{namespace}*", "admin", "", False),
        ("teams/{namespace}", "teams/", "", False),
        ("*", "admin", "", True),
        ("shop*", "Shop", "shop", False),
        ("a.c", "abc", "shop", False),
        ("a", "a\n", "shop", False),
        ("a*", "a\nb", "shop", True),
        ("a*a", "a", "shop", False),
        ("a*a", "aa", "shop", True),
        ("*b*b", "b", "shop", False),
        ("*b*", "abc", "shop", True),
        ("*{namespace}*x", "a-shop-x", "shop", True),
        ("*-*-x", "-" * 200_000, "shop", False),  # no time for every way to split it
    ],
)
def test_patterns(pattern: str, text: str, namespace: str, expected: bool) -> None:
    assert matches(pattern, text, namespace) is expected


def test_a_registry_may_always_be_checked() -> None:
    policy = Policy(own_address=OWN, allow_registry_skip_verify=False)
    policy.check_registry_skip_verify("a/b", wanted=False)
    with pytest.raises(Refused, match="REGISTRY_ALLOW_OBJECT_SKIP_VERIFY"):
        policy.check_registry_skip_verify("a/b", wanted=True)


@given(st.text("ab*", max_size=6), st.text("ab", max_size=10))
def test_patterns_mean_what_they_do_as_expressions(pattern: str, text: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert matches(pattern, text, "shop") is (re.fullmatch(expression, text) is not None)
