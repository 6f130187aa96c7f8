"""The variables that Vault's own client documents, read once into values.

Source: https://developer.hashicorp.com/vault/docs/commands#configure-environment-variables
"""

from __future__ import annotations

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
    from collections.abc import Mapping

    from vault_secrets_webhook.wire.tls import TLSSettings

DEFAULT_ADDRESS = "https://127.0.0.1:8200"
DEFAULT_TIMEOUT = 10 * SECOND

# What may stand in the name of a header (RFC 9110, section 5.6.2), and the names that the client sets itself.
NAME_CHARACTERS = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
RESERVED_HEADERS = frozenset(("host", "content-length", "content-type", "transfer-encoding", "connection"))


class VaultSettings:
    """How to reach Vault.

    address        of the server, or of a Vault agent; http, https or unix; without a slash at the end
    namespace      Vault Enterprise or OpenBao namespace, or empty
    address_name   the variable that names it, for messages
    timeout        seconds for one operation, its retries included; 0 in VAULT_CLIENT_TIMEOUT means the default
    max_retries    how often one operation may be tried again; None: as often as the timeout allows
    headers        sent with each request
    wrap_ttl       seconds that response wrapping is asked for, as text; empty: none
    rate_limit     requests a second and burst, or None
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Read the variables. Raises ConfigurationError naming the one that cannot be used."""
        get = environ.get
        self.environ = environ
        agent = get("VAULT_AGENT_ADDR", "")
        self.address = read_setting("VAULT_AGENT_ADDR", agent, parse_address) or read_setting(
            "VAULT_ADDR", get("VAULT_ADDR", "") or DEFAULT_ADDRESS, parse_address
        )
        self.address_name = "VAULT_AGENT_ADDR" if agent else "VAULT_ADDR"
        self.namespace = read_setting("VAULT_NAMESPACE", get("VAULT_NAMESPACE", ""), parse_header_text).strip("/")
        self.timeout = (read_setting("VAULT_CLIENT_TIMEOUT", get("VAULT_CLIENT_TIMEOUT", ""), parse_timeout)) / SECOND
        self.max_retries = read_setting("VAULT_MAX_RETRIES", get("VAULT_MAX_RETRIES", ""), parse_optional_number)
        self.headers = read_setting("VAULT_HEADERS", get("VAULT_HEADERS", ""), parse_headers)
        self.mfa = read_setting("VAULT_MFA", get("VAULT_MFA", ""), parse_list)
        self.wrap_ttl = read_setting("VAULT_WRAP_TTL", get("VAULT_WRAP_TTL", ""), parse_wrap_ttl)
        self.rate_limit = read_setting("VAULT_RATE_LIMIT", get("VAULT_RATE_LIMIT", ""), parse_rate)
        self.follows_redirects = not read_bool(environ, "VAULT_DISABLE_REDIRECTS")
        self.looks_up_srv = read_bool(environ, "VAULT_SRV_LOOKUP")
        self.skip_verify = read_bool(environ, "VAULT_SKIP_VERIFY")

    def proxies(self) -> ProxySettings:
        """Read the proxy variables; VAULT_PROXY_ADDR wins over VAULT_HTTP_PROXY, and both over the general ones."""
        forced = self.environ.get("VAULT_PROXY_ADDR") or self.environ.get("VAULT_HTTP_PROXY", "")
        return ProxySettings.from_environment(self.environ, forced)

    def tls(self) -> TLSSettings:
        """Read the TLS variables (late, because a plain address needs none of `_ssl`)."""
        from vault_secrets_webhook.wire.tls import TLSSettings

        get = self.environ.get
        return TLSSettings(
            ca_file=get("VAULT_CACERT", ""),
            ca_path=get("VAULT_CAPATH", ""),
            ca_bytes=read_setting("VAULT_CACERT_BYTES", get("VAULT_CACERT_BYTES", ""), parse_pem),
            client_cert=get("VAULT_CLIENT_CERT", ""),
            client_key=get("VAULT_CLIENT_KEY", ""),
            server_name=read_setting("VAULT_TLS_SERVER_NAME", get("VAULT_TLS_SERVER_NAME", ""), parse_host_name),
            skip_verify=self.skip_verify,
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
