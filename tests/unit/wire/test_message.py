"""URLs and percent-encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.wire.message import URL, Response, percent_decode, percent_encode


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://vault", ("http", "vault", 80, "", "")),
        ("https://vault", ("https", "vault", 443, "", "")),
        ("HTTPS://vault:8200/", ("https", "vault", 8200, "/", "")),
        ("http://vault:/v1", ("http", "vault", 80, "/v1", "")),
        ("http://10.0.0.1:8200/prefix/v1/a?version=1", ("http", "10.0.0.1", 8200, "/prefix/v1/a?version=1", "")),
        ("http://vault?x", ("http", "vault", 80, "?x", "")),
        ("http://[::1]:8200/a", ("http", "::1", 8200, "/a", "")),
        ("https://[fe80::1]", ("https", "fe80::1", 443, "", "")),
        ("http://user:p%40ss@proxy:3128", ("http", "proxy", 3128, "", "user:p%40ss")),
        ("http://a@b@proxy", ("http", "proxy", 80, "", "a@b")),
    ],
)
def test_url(text: str, expected: tuple[str, str, int, str, str]) -> None:
    url = URL(text)
    assert (url.scheme, url.host, url.port, url.path, url.userinfo) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTTP://vault:8200/a", "http://vault:8200/a"),
        ("https://[::1]:8200", "https://[::1]:8200"),
        ("http://user:hunter2@vault/a", "http://vault/a"),
        ("unix:///run/vault.sock", "unix://%2Frun%2Fvault.sock"),
        ("unix://%2Frun%2Fvault.sock/v1/a", "unix://%2Frun%2Fvault.sock/v1/a"),
    ],
)
def test_url_as_text(text: str, expected: str) -> None:
    assert str(URL(text)) == expected
    assert str(URL(expected)) == expected


@pytest.mark.parametrize(
    ("text", "socket", "path"),
    [
        ("unix:///run/vault.sock", "/run/vault.sock", ""),
        ("unix://%2Frun%2Fa%20b.sock/v1/sys/health?x=1", "/run/a b.sock", "/v1/sys/health?x=1"),
    ],
)
def test_unix_url(text: str, socket: str, path: str) -> None:
    url = URL(text)
    assert (url.socket, url.path, url.host, url.netloc()) == (socket, path, "", "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must start with"),
        ("vault:8200", "must start with"),
        ("//vault:8200", "must start with"),
        ("ftp://vault", "must start with"),
        ("http:/vault", "must start with"),
        ("http://", "no host"),
        ("http:///v1", "no host"),
        ("http://:8200", "no host"),
        ("http://user@", "no host"),
        ("unix://", "no host"),
        ("http://vault:port", "port"),
        ("http://vault:0", "port"),
        ("http://vault:65536", "port"),
        ("http://vault:²", "ASCII"),
        ("http://::1:8200", "port"),
        ("http://[::1", "not closed"),
        ("http://[::1]8200", "not closed"),
        ("http://va ult", "spaces"),
        ("http://vault\r\nX: y", "control characters"),
        ("http://vault\x7f", "control characters"),
        ("http://vaült", "ASCII"),
        ("http://vault\udcff", "ASCII"),
    ],
)
def test_no_url(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        URL(text)


@pytest.mark.parametrize(
    ("text", "keep", "expected"),
    [
        ("azAZ09-._~", "", "azAZ09-._~"),
        ("a b/c", "", "a%20b%2Fc"),
        ("a b/c", "/", "a%20b/c"),
        ("100%?#", "", "100%25%3F%23"),
        ("é", "", "%C3%A9"),
        ("\udcff", "", "%FF"),
        ("\0\n", "", "%00%0A"),
    ],
)
def test_percent_encode(text: str, keep: str, expected: str) -> None:
    assert percent_encode(text, keep) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a%20b", b"a b"), ("%ff", b"\xff"), ("%", b"%"), ("%4", b"%4"), ("%zz%41", b"%zzA"), ("", b"")],
)
def test_percent_decode(text: str, expected: bytes) -> None:
    assert percent_decode(text) == expected


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_encoded_is_decoded(text: str) -> None:
    assert percent_decode(percent_encode(text)).decode() == text


def test_representation_of_a_response_hides_its_body() -> None:
    assert repr(Response(200, {"x": "hunter2"}, b"hunter2")) == "Response(200)"
