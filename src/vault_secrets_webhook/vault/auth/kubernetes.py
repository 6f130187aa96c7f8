"""Login with a ServiceAccount's token, at an auth mount of type kubernetes or jwt: both take `role` and `jwt`.

Source: https://developer.hashicorp.com/vault/api-docs/auth/kubernetes#login and .../auth/jwt#jwt-login
"""

from __future__ import annotations

from vault_secrets_webhook.errors import RequestRejected, Unreachable, VaultError
from vault_secrets_webhook.vault import api
from vault_secrets_webhook.vault.client import fold_list
from vault_secrets_webhook.wire.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.vault.client import Client
    from vault_secrets_webhook.wire.jsontext import JSON

CLOCK_TOLERANCE = 60
REFUSED = frozenset((400, 403))  # where the JWT or the role can be the reason


def login(client: Client, mount: str, role: str, jwt: str, unix_time: float) -> api.Auth:
    """Log in; `unix_time` is only used to explain a failure. Raises VaultError with role, mount and likely cause."""
    what = f"login as role {role!r} at auth/{mount} failed"
    try:
        return api.login(client, mount, {"role": role, "jwt": jwt})
    except RequestRejected as error:
        if error.status in REFUSED:
            reasons = "; ".join(map(fold_list, error.details)) or "no reason given"
            text = f"{what} (HTTP {error.status}): {reasons}{describe_jwt(jwt, unix_time)}"
        else:
            text = f"{what}: {without_path(error)}"
        raise RequestRejected(text, path=error.path, status=error.status, details=error.details) from None
    except Unreachable as error:
        text = f"{what}: {without_path(error)}"
        raise Unreachable(text, path=error.path, may_pass=error.may_pass, timed_out=error.timed_out) from None


def without_path(error: VaultError) -> str:
    return str(error).removeprefix(f"{error.path}: ")


def describe_jwt(jwt: str, unix_time: float) -> str:
    """Say of whom the JWT is, and whether its times fit this machine's clock; empty when it cannot be read."""
    claims = read_claims(jwt)
    words = ""
    if account := service_account(claims):
        words += f"; the token is of ServiceAccount {account}: is it bound to the role?"
    expires, begins = seconds(claims.get("exp")), seconds(claims.get("nbf"))
    if expires and expires < unix_time:
        words += f"; the token expired {int(unix_time - expires)} s ago by this machine's clock"
    elif begins > unix_time + CLOCK_TOLERANCE:
        words += f"; the token is valid only in {int(begins - unix_time)} s: the clocks differ"
    return words


def read_claims(jwt: str) -> dict[str, JSON]:
    """Read the claims of a JWT (RFC 7519) without checking anything; empty when there are none to be read."""
    from binascii import Error as Base64Error
    from binascii import a2b_base64

    parts = jwt.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return {}
    text = parts[1].replace("-", "+").replace("_", "/")
    try:
        claims = loads(a2b_base64(text + "=" * (-len(text) % 4)))
    except (Base64Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def service_account(claims: dict[str, JSON]) -> str:
    """Give `namespace/name` of a ServiceAccount's token, else nothing."""
    subject = claims.get("sub")
    prefix, _, name = subject.partition("system:serviceaccount:") if isinstance(subject, str) else ("", "", "")
    return name.replace(":", "/") if not prefix else ""


def seconds(value: JSON) -> float:
    """Give a NumericDate; 0 when it is none."""
    try:
        return float(value) if isinstance(value, str) else 0.0
    except ValueError:
        return 0.0
