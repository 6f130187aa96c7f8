"""Sprig's functions of URLs: from text to a map, and back.

Source: Sprig's url.go.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.values import kind_of

from .urlparts import Url, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget

    from . import Entry

STEP_SIZE = 4  # bytes that are decoded or escaped are a step


def url_parse(budget: Budget, text: bytes) -> dict[bytes, object]:
    """Give the parts of a URL by name. Raises FunctionError."""
    budget.spend_steps(len(text) // STEP_SIZE)
    try:
        url = parse_url(text)
    except FunctionError as error:
        raise FunctionError(f"unable to parse url: {error}") from None
    parts: dict[bytes, object] = {
        b"scheme": url.scheme,
        b"host": url.host,
        b"hostname": url.find_hostname(),
        b"path": url.path,
        b"query": url.query,
        b"opaque": url.opaque,
        b"fragment": url.fragment,
        b"userinfo": url.write_userinfo(),
    }
    budget.reserve(len(text))
    budget.reserve_elements(len(parts))
    return parts


def url_join(budget: Budget, parts: dict[bytes, object]) -> bytes:
    """Write a URL from its parts. Raises FunctionError."""
    url = Url()
    for name in ("scheme", "host", "path", "query", "opaque", "fragment"):
        setattr(url, name, get_part(parts, name))
    userinfo = get_part(parts, "userinfo")
    budget.spend_steps(sum(len(part) for part in parts.values() if isinstance(part, bytes)) // STEP_SIZE)
    if userinfo:
        try:
            parsed = parse_url(b"proto://" + userinfo + b"@host")
        except FunctionError as error:
            raise FunctionError(f"unable to parse userinfo in dict: {error}") from None
        url.user, url.password = parsed.user, parsed.password
    written = url.write()
    budget.reserve(len(written))
    return written


def get_part(parts: dict[bytes, object], name: str) -> bytes:
    """Give a part, or nothing if it is missing. Raises FunctionError if it is no string."""
    value = parts.get(name.encode(), b"")
    if isinstance(value, bytes):
        return value
    if value is None:
        raise FunctionError("runtime error: invalid memory address or nil pointer dereference", is_constant=True)
    raise FunctionError(f"unable to parse {name} key, must be of type string, but {kind_of(value)} found")


FUNCTIONS: dict[str, Entry] = {
    "urlJoin": ("budget, map[string]interface {} -> string", url_join),
    "urlParse": ("budget, string -> map[string]interface {}", url_parse),
}
