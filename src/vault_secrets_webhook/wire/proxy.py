"""Which HTTP proxy a URL is reached through: HTTP_PROXY, HTTPS_PROXY, NO_PROXY, as Go's net/http reads them.

Source: golang.org/x/net/http/httpproxy. Names in lower case count too. Loopback is never reached through a proxy.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import ConfigurationError

from .message import URL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FORCED_BY = "VAULT_PROXY_ADDR or VAULT_HTTP_PROXY"
LOOPBACK_4, SIZE_4 = 127, 4  # 127.0.0.0/8, as bytes
LOOPBACK_6 = bytes(15) + b"\x01"


class ProxySettings:
    """The proxies for http and https URLs (empty: none), and the hosts that are reached without."""

    __slots__ = ("excluded", "forced", "forced_by", "http", "https")

    def __init__(
        self, *, http: str = "", https: str = "", excluded: str = "", forced: str = "", forced_by: str = FORCED_BY
    ) -> None:
        self.http = http
        self.https = https
        self.excluded = [entry.strip().lower() for entry in excluded.split(",") if entry.strip()]
        self.forced = forced
        self.forced_by = forced_by

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], forced: str = "", forced_by: str = FORCED_BY
    ) -> ProxySettings:
        """Read the variables; `forced` is a proxy for everything, whatever they say, and `forced_by` who says so."""
        http, https, excluded = (
            environ.get(name) or environ.get(name.lower(), "") for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
        )
        return cls(http=http, https=https, excluded=excluded, forced=forced, forced_by=forced_by)

    def choose(self, url: URL) -> URL | None:
        """Choose the proxy for a URL. Raises ConfigurationError for a proxy that cannot be used."""
        named = (self.https, "HTTPS_PROXY") if url.scheme == "https" else (self.http, "HTTP_PROXY")
        text, name = (self.forced, self.forced_by) if self.forced else named
        if not text or url.scheme == "unix" or (not self.forced and self.is_excluded(url)):
            return None
        try:
            return parse_proxy(text)
        except ValueError as error:
            raise ConfigurationError(f"the proxy of {name} for {url.netloc()} cannot be used: {error}") from None

    def is_excluded(self, url: URL) -> bool:
        """Tell whether a host is reached without proxy."""
        host = url.host.lower().rstrip(".")
        address = pack(host)
        if host == "localhost" or address == LOOPBACK_6 or (len(address) == SIZE_4 and address[0] == LOOPBACK_4):
            return True
        return any(matches(entry, host, url.port) for entry in self.excluded)


def parse_proxy(text: str) -> URL:
    """Read a proxy's address: `http://host`, or `host` alone. Raises ValueError."""
    scheme, mark, _ = text.partition("://")
    if mark and scheme.isalnum() and scheme.lower() != "http":
        raise ValueError(f"only http:// proxies are supported, not {scheme}://")
    return URL(text if mark else f"http://{text}")


def matches(entry: str, host: str, port: int) -> bool:
    """Tell whether one entry of NO_PROXY covers the host: `*`, network, name, `.suffix`, each with `:port` or not."""
    if entry == "*":
        return True
    if "/" in entry:
        return is_in_network(host, entry)
    name, mark, wanted_port = entry.rpartition(":")
    if mark and wanted_port.isdigit() and (":" not in name or name.endswith("]")):
        if int(wanted_port) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    if address := pack(entry):
        return pack(host) == address
    suffix = entry.removeprefix("*") if entry.startswith("*.") else entry
    if suffix.startswith("."):
        return host.endswith(suffix)
    return host == suffix or host.endswith(f".{suffix}")


def is_in_network(host: str, network: str) -> bool:
    """Tell whether an address lies in a CIDR network of its own family."""
    base, _, length = network.partition("/")
    address, start = pack(host), pack(base)
    if not address or len(address) != len(start) or not length.isdigit() or int(length) > 8 * len(address):
        return False
    shift = 8 * len(address) - int(length)
    return int.from_bytes(address, "big") >> shift == int.from_bytes(start, "big") >> shift


def pack(address: str) -> bytes:
    """Turn an IPv4 or IPv6 literal into its bytes; empty for anything else."""
    import _socket

    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    try:
        return _socket.inet_pton(family, address)
    except OSError:
        return b""
