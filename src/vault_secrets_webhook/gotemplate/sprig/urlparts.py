"""References to resources as Go reads them: URLs, whole or relative, in their parts.

    [scheme:][//[userinfo@]host][/]path[?query][#fragment]
    scheme:opaque[?query][#fragment]

Parts are kept decoded, but for the query and the opaque part. Which bytes may stand undecoded depends on the part.

Source: package net/url, `Parse`, `URL.String`, `URL.Hostname`; RFC 3986.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.quote import quote
from vault_secrets_webhook.gotemplate.values import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
DIGITS = frozenset(b"0123456789")
HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")
SCHEME = LETTERS | DIGITS | frozenset(b"+-.")
USERINFO = LETTERS | DIGITS | frozenset(b"-._:~!$&'()*+,;=%@")
CONTROLS = frozenset(range(0x20)) | {0x7F}

# What each part may have without an escape.
UNRESERVED = LETTERS | DIGITS | frozenset(b"-_.~")
HOST = UNRESERVED | frozenset(b"!$&'()*+,;=:[]<>\"")
PATH = UNRESERVED | frozenset(b"$&+,/:;=@")
USER = UNRESERVED | frozenset(b"$&+,;=")
FRAGMENT = UNRESERVED | frozenset(b"$&+,/:;=?@!()*")

LAST_ASCII = 0x7F
ESCAPE_SIZE = 3
ZONE_MARK = b"%25"
STRICT_SCHEMES = frozenset((b"http", b"https"))  # in which a host has one colon at most


class UrlError(FunctionError):
    """Text that is no URL."""


class Url:
    """A URL in its parts; `user` is None if there is no userinfo, and `password` if that has no colon."""

    __slots__ = ("fragment", "host", "opaque", "password", "path", "query", "scheme", "user")

    def __init__(self) -> None:
        self.scheme = self.opaque = self.host = self.path = self.query = self.fragment = b""
        self.user: bytes | None = None
        self.password: bytes | None = None

    def write_userinfo(self) -> bytes:
        """Give user and password as they stand before the `@`."""
        userinfo = escape(self.user or b"", USER)
        return userinfo if self.password is None else userinfo + b":" + escape(self.password, USER)

    def find_hostname(self) -> bytes:
        """Give the host without port and brackets."""
        host, colon, port = self.host.rpartition(b":")
        if not colon or not DIGITS.issuperset(port):
            host = self.host
        return host[1:-1] if host.startswith(b"[") and host.endswith(b"]") else host

    def write(self) -> bytes:
        """Give the URL as text; what it has from another one's text beyond its parts is not known here."""
        out = self.scheme + b":" if self.scheme else b""
        out += self.opaque or self.write_hierarchy()
        out += b"?" + self.query if self.query else b""
        return out + b"#" + escape(self.fragment, FRAGMENT) if self.fragment else out

    def write_hierarchy(self) -> bytes:
        out = b""
        if self.host or self.user is not None or (self.scheme and self.path):
            out += b"//"
        if self.user is not None:
            out += self.write_userinfo() + b"@"
        out += escape(self.host, HOST)
        path = self.path if self.path == b"*" else escape(self.path, PATH)
        if path and not path.startswith(b"/") and self.host:
            out += b"/"
        if not out and not self.scheme and b":" in path.partition(b"/")[0]:
            out += b"./"  # else what is before the colon would be a scheme
        return out + path


def parse_url(text: bytes) -> Url:
    """Read a URL. Raises UrlError."""
    before, _, fragment = text.partition(b"#")
    shown = before
    try:
        url = parse_parts(before)
        shown = text
        url.fragment = unescape(fragment)
    except FunctionError as error:
        raise UrlError(f"parse {decode(quote(shown))}: {error}") from None
    return url


def parse_parts(text: bytes) -> Url:
    if not CONTROLS.isdisjoint(text):
        raise UrlError("net/url: invalid control character in URL", is_constant=True)
    url = Url()
    if text == b"*":
        url.path = text
        return url
    scheme, rest = cut_scheme(text)
    url.scheme = scheme.lower()
    rest, _, url.query = rest.partition(b"?")
    if not rest.startswith(b"/"):
        if scheme:
            url.opaque = rest
            return url
        if b":" in rest.partition(b"/")[0]:
            raise UrlError("first path segment in URL cannot contain colon", is_constant=True)
    if rest.startswith(b"//") and (scheme or not rest.startswith(b"///")):
        authority, slash, rest = rest[2:].partition(b"/")
        rest = slash + rest
        parse_authority(url, authority)
    url.path = unescape(rest)
    return url


def cut_scheme(text: bytes) -> tuple[bytes, bytes]:
    """Give the scheme, if there is one, and what is behind it. Raises UrlError if there is nothing before the colon."""
    scheme, colon, rest = text.partition(b":")
    if colon and not scheme:
        raise UrlError("missing protocol scheme", is_constant=True)
    if colon and scheme[0] in LETTERS and SCHEME.issuperset(scheme):
        return scheme, rest
    return b"", text


def parse_authority(url: Url, authority: bytes) -> None:
    userinfo, mark, host = authority.rpartition(b"@")
    url.host = parse_host(url.scheme, host)
    if not mark:
        return
    if not USERINFO.issuperset(userinfo):
        raise UrlError("net/url: invalid userinfo", is_constant=True)
    user, colon, password = userinfo.partition(b":")
    url.user = unescape(user)
    url.password = unescape(password) if colon else None


def parse_host(scheme: bytes, host: bytes) -> bytes:
    bracket = host.rfind(b"[")
    if bracket > 0:
        raise UrlError("invalid IP-literal", is_constant=True)
    if bracket == 0:
        return parse_literal(host)
    colon = host.find(b":") if scheme in STRICT_SCHEMES else host.rfind(b":")
    if colon >= 0:
        check_port(host[colon:])
    return unescape(host, check_host_escape, HOST)


def parse_literal(host: bytes) -> bytes:
    """Read an IPv6 address in brackets, with its port."""
    name, bracket, port = host[1:].rpartition(b"]")
    if not bracket:
        raise UrlError("missing ']' in host", is_constant=True)
    check_port(port)
    start = name.find(ZONE_MARK)
    end = start if start >= 0 else len(name)
    address = unescape(name[:end], check_host_escape, HOST) + unescape(name[end:], check_zone_escape, HOST)
    from .addresses import check_address

    try:
        is_ipv6 = check_address(address)
    except FunctionError as error:
        raise UrlError(f"invalid host: {error}") from None
    if not is_ipv6:
        raise UrlError("invalid IP-literal", is_constant=True)
    return b"[" + address + b"]" + port


def check_port(port: bytes) -> None:
    """Check what is behind the host: nothing, or a colon and digits. Raises UrlError."""
    if port and not (port.startswith(b":") and DIGITS.issuperset(port[1:])):
        raise UrlError(f"invalid port {decode(quote(port))} after host")


def escape(text: bytes, allowed: frozenset[int]) -> bytes:
    """Escape all bytes but those that are allowed."""
    if allowed.issuperset(text):
        return text
    escaped = [bytes((byte,)) if byte in allowed else b"%%%02X" % byte for byte in range(256)]
    return b"".join(map(escaped.__getitem__, text))


def accept_escape(_escaped: bytes, _byte: int) -> bool:
    return True


def check_host_escape(escaped: bytes, byte: int) -> bool:
    """Tell whether a host may have an escape: for what is not ASCII, and for the percent sign."""
    return byte > LAST_ASCII or escaped == ZONE_MARK


def check_zone_escape(escaped: bytes, byte: int) -> bool:
    """Tell whether a zone may have an escape: for what a host may have without one, and for space and percent sign."""
    return escaped == ZONE_MARK or byte == ord(" ") or byte in HOST


def unescape(
    text: bytes,
    accept: Callable[[bytes, int], bool] = accept_escape,
    allowed: frozenset[int] | None = None,
) -> bytes:
    """Decode the escapes of a part. If `allowed` is given, no other byte of ASCII may stand without. Raises UrlError."""
    out = bytearray()
    start = 0
    while (found := text.find(b"%", start)) >= 0:
        check_bytes(text[start:found], allowed)
        escaped = text[found : found + ESCAPE_SIZE]
        is_hex = len(escaped) == ESCAPE_SIZE and HEX_DIGITS.issuperset(escaped[1:])
        byte = int(escaped[1:], 16) if is_hex else -1
        if byte < 0 or not accept(escaped, byte):
            raise UrlError(f"invalid URL escape {decode(quote(escaped))}")
        out += text[start:found]
        out.append(byte)
        start = found + ESCAPE_SIZE
    check_bytes(text[start:], allowed)
    return bytes(out + text[start:])


def check_bytes(text: bytes, allowed: frozenset[int] | None) -> None:
    """Check that a host has no byte of ASCII that it may not have. Raises UrlError."""
    if allowed is not None and not allowed.issuperset(text):
        for index, byte in enumerate(text):
            if byte <= LAST_ASCII and byte not in allowed:
                raise UrlError(f"invalid character {decode(quote(text[index : index + 1]))} in host name")
