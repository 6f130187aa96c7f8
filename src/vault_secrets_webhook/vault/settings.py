"""The variables that Vault's own client documents, read once into values.

Sources: https://developer.hashicorp.com/vault/docs/commands#configure-environment-variables and
https://openbao.org/docs/commands/#environment-variables
"""

from __future__ import annotations

from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.goparse import (
    SECOND,
    is_digits,
    parse_duration,
    parse_whole_number,
    read_bool,
    read_setting,
)
from vault_secrets_webhook.wire.jsontext import loads
from vault_secrets_webhook.wire.message import URL
from vault_secrets_webhook.wire.proxy import ProxySettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from vault_secrets_webhook.wire.tls import TLSSettings

    T = TypeVar("T")

PREFIX = "VAULT_"  # of the names of all variables
DEFAULT_ADDRESS = "https://127.0.0.1:8200"
DEFAULT_TIMEOUT = 10 * SECOND
DEFAULT_BATCH_SIZE = 25

# What may stand in the name of a header (RFC 9110, section 5.6.2), and the names that the client sets itself.
NAME_CHARACTERS = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
RESERVED_HEADERS = frozenset(("host", "content-length", "content-type", "transfer-encoding", "connection"))


class TransitSettings:
    """Where ciphertexts are decrypted: mount, key, and how many in one request."""

    __slots__ = ("batch_size", "key", "mount")

    def __init__(self, key: str = "", mount: str = "transit", batch_size: int = DEFAULT_BATCH_SIZE) -> None:
        self.key = key
        self.mount = mount
        self.batch_size = max(1, batch_size)


class VaultSettings:
    """How to reach Vault, or OpenBao, whose client has the same variables with `BAO_` in the place of `VAULT_`.

    prefix         of the variables that these were read from, for messages
    address        of the server, or of a Vault agent; http, https or unix; without a slash at the end
    namespace      Vault Enterprise or OpenBao namespace, or empty
    address_name   the variable that names it, for messages; `is_default_address` tells that it does not
    timeout        seconds for one operation, its retries included; 0 in VAULT_CLIENT_TIMEOUT means the default
    max_retries    how often one operation may be tried again; None: as often as the timeout allows
    headers        sent with each request
    wrap_ttl       seconds that response wrapping is asked for, as text; empty: none
    rate_limit     requests a second and burst, or None
    transit        of Bank-Vaults' variables, which the client itself does not know
    """

    def __init__(self, environ: Mapping[str, str], prefix: str = PREFIX) -> None:
        """Read the variables. Raises ConfigurationError naming the one that cannot be used."""
        self.environ = environ
        self.prefix = prefix
        agent = self.read("AGENT_ADDR", parse_address)
        named = agent or self.read("ADDR", parse_address)
        self.address = named or DEFAULT_ADDRESS
        self.is_default_address = not named
        self.address_name = prefix + ("AGENT_ADDR" if agent else "ADDR")
        self.namespace = self.read("NAMESPACE", parse_header_text).strip("/")
        self.timeout = self.read("CLIENT_TIMEOUT", parse_timeout) / SECOND
        self.max_retries = self.read("MAX_RETRIES", parse_optional_number)
        self.headers = self.read("HEADERS", parse_headers)
        self.mfa = self.read("MFA", parse_list)
        self.wrap_ttl = self.read("WRAP_TTL", parse_wrap_ttl)
        self.rate_limit = self.read("RATE_LIMIT", parse_rate)
        self.transit = TransitSettings(
            self.read("TRANSIT_KEY_ID", str),
            self.read("TRANSIT_PATH", str) or "transit",
            self.read("TRANSIT_BATCH_SIZE", parse_batch_size),
        )
        self.follows_redirects = not read_bool(environ, prefix + "DISABLE_REDIRECTS")
        self.looks_up_srv = read_bool(environ, prefix + "SRV_LOOKUP")
        self.skip_verify = read_bool(environ, prefix + "SKIP_VERIFY")

    def read(self, name: str, parser: Callable[[str], T]) -> T:
        """Parse a variable, which is empty when it is not set. Raises ConfigurationError."""
        name = self.prefix + name
        return read_setting(name, self.environ.get(name, ""), parser)

    def proxies(self) -> ProxySettings:
        """Read the proxy variables; VAULT_PROXY_ADDR wins over VAULT_HTTP_PROXY, and both over the general ones."""
        forced, plain = self.prefix + "PROXY_ADDR", self.prefix + "HTTP_PROXY"
        proxy = self.environ.get(forced) or self.environ.get(plain, "")
        return ProxySettings.from_environment(self.environ, proxy, f"{forced} or {plain}")

    def tls(self) -> TLSSettings:
        """Read the TLS variables (late, because a plain address needs none of `_ssl`)."""
        from vault_secrets_webhook.wire.tls import TLSSettings

        return TLSSettings(
            ca_file=self.read("CACERT", str),
            ca_path=self.read("CAPATH", str),
            ca_bytes=self.read("CACERT_BYTES", parse_pem),
            client_cert=self.read("CLIENT_CERT", str),
            client_key=self.read("CLIENT_KEY", str),
            server_name=self.read("TLS_SERVER_NAME", parse_host_name),
            skip_verify=self.skip_verify,
            prefix=self.prefix,
        )


def parse_address(text: str) -> str:
    """Check an address; empty stays empty."""
    if not text:
        return ""
    url = URL(text)
    if url.userinfo:
        raise ValueError("it must not have a user or password in it")
    if "?" in url.path or "#" in url.path:
        raise ValueError("it must not have ? or # in it")
    if url.path.rstrip("/").endswith("/v1"):
        raise ValueError("it must not end in /v1, which is added to it")
    return str(url).rstrip("/")


def parse_timeout(text: str) -> int:
    return parse_duration(text) or DEFAULT_TIMEOUT if text else DEFAULT_TIMEOUT


def parse_optional_number(text: str) -> int | None:
    return parse_whole_number(text) if text else None


def parse_batch_size(text: str) -> int:
    """Read how many ciphertexts go into one request. Raises ValueError."""
    size = parse_whole_number(text) if text else DEFAULT_BATCH_SIZE
    if size < 1:
        raise ValueError("0 ciphertexts in a request are too few: write 1 or more")
    return size


def parse_header_text(text: str) -> str:
    """Check text that a header has to carry."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError("it must not have line breaks, control characters or other than ASCII in it")
    return text


def parse_list(text: str) -> list[str]:
    return [item for entry in parse_header_text(text).split(",") if (item := entry.strip())]


def parse_wrap_ttl(text: str) -> str:
    """Check a duration; it is sent as it was written, and empty stays empty."""
    parse_duration(text or "0")
    return parse_header_text(text)


def parse_host_name(text: str) -> str:
    if text.startswith(".") or " " in parse_header_text(text):
        raise ValueError("it must be a host name")
    return text


def parse_pem(text: str) -> str:
    if not text.isascii():
        raise ValueError("it must be PEM text")
    return text


def parse_headers(text: str) -> dict[str, str]:
    """Read VAULT_HEADERS: a JSON object of strings, or of lists of strings."""
    headers = {}
    try:
        fields = loads(text.encode()) if text else {}
    except ValueError:
        raise ValueError('it must be a JSON object like {"X-Name":"value"}') from None
    if not isinstance(fields, dict):
        raise ValueError('it must be a JSON object like {"X-Name":"value"}')  # noqa: TRY004 - a wrong value, not type
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) for item in values):
            raise ValueError(f"the header {name} must be a string")
        if not name or not NAME_CHARACTERS.issuperset(name) or is_reserved(name.lower()):
            raise ValueError(f"a header cannot have the name {name!r} here")
        headers[name] = parse_header_text(", ".join(str(item) for item in values))
    return headers


def is_reserved(name: str) -> bool:
    return name in RESERVED_HEADERS or name.startswith("x-vault-")


def parse_rate(text: str) -> tuple[float, int] | None:
    """Read VAULT_RATE_LIMIT: `rate` or `rate:burst`, requests a second."""
    if not text:
        return None
    rate, mark, burst = text.partition(":")
    whole, _, fraction = rate.partition(".")
    if not is_digits(whole + fraction) or (mark and not is_digits(burst)):
        raise ValueError("it must be a number of requests a second, as 10 or 10:20 with a burst")
    per_second = float(rate)
    at_once = int(burst) if burst else int(per_second) or 1
    if per_second <= 0 or at_once < 1:
        raise ValueError("it must be more than nothing")
    return per_second, at_once


def check_token(token: str, what: str) -> str:
    """Raise ConfigurationError unless this can be a token at all."""
    if not token:
        raise ConfigurationError(f"{what} is empty: a token is needed")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ConfigurationError(f"{what} holds something that cannot be a token: spaces, line breaks or binary data")
    return token
