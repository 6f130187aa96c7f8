"""The endpoints of Vault and OpenBao that we use: one function each, which asks and reads the answer.

Source: https://developer.hashicorp.com/vault/api-docs and https://openbao.org/api-docs/
"""

from __future__ import annotations

from vault_secrets_webhook.errors import MalformedResponse, RequestRejected, SecretMissing, VaultError
from vault_secrets_webhook.goparse import is_digits
from vault_secrets_webhook.wire.jsontext import Number, dumps

from .client import BAD_REQUEST, MAX_DETAILS, MISSING, fold_list, strings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeGuard

    from vault_secrets_webhook.wire.jsontext import JSON

    from .client import Answer, Client

KV_V2_METADATA = frozenset(("created_time", "deletion_time", "destroyed", "version"))
OK = 200


class Secret:
    """What a path gave: its keys, and the lease they hang on (`lease_id` empty: none).

    `lease_seconds` counts from the answer. For KV version 2 the keys are those of the secret itself; for an answer
    that is a token (`auth/token/create`) those of its `auth`. `hangs_on_token` tells whether it ends with our token.
    """

    __slots__ = ("data", "hangs_on_token", "lease_id", "lease_seconds", "renewable", "version")

    def __init__(self, data: dict[str, JSON], answer: Answer, version: int | None = None) -> None:
        self.data = data
        self.version = version
        self.lease_id = answer.text("lease_id")
        self.lease_seconds = whole_number(answer.payload.get("lease_duration"))
        self.renewable = answer.payload.get("renewable") is True
        self.hangs_on_token = self.lease_id != "" or answer.payload.get("auth") is not None

    def __repr__(self) -> str:
        return f"Secret(version={self.version}, keys={len(self.data)})"


class Auth:
    """A token and what is known of it. `seconds` is its remaining life, 0 for one that does not end."""

    __slots__ = ("accessor", "is_batch", "policies", "renewable", "seconds", "token")

    def __init__(self, token: str, fields: dict[str, JSON]) -> None:
        self.token = token
        self.accessor = str(fields.get("accessor") or "")
        policies = fields.get("policies")
        self.policies = [str(policy) for policy in policies] if isinstance(policies, list) else []
        self.renewable = fields.get("renewable") is True
        self.seconds = whole_number(fields.get("lease_duration", fields.get("ttl")))
        self.is_batch = fields.get("token_type", fields.get("type")) == "batch"

    def __repr__(self) -> str:
        return "Auth(...)"


class Health:
    """State of a server, as sys/health tells it."""

    __slots__ = ("initialized", "sealed", "standby", "version")

    def __init__(self, fields: dict[str, JSON]) -> None:
        self.initialized = fields.get("initialized") is True
        self.sealed = fields.get("sealed") is not False
        self.standby = fields.get("standby") is True
        self.version = str(fields.get("version") or "")


def read_secret(client: Client, path: str, version: int | None = None) -> Secret:
    """Read a path: KV version 1 or 2, or any other. Raises SecretMissing for nothing, deleted and destroyed.

    `version` is for KV version 2; None and 0 are the current one.
    """
    query = f"version={version}" if version else ""
    answer = client.request("GET", path, query=query, accept=(MISSING,), wraps=True)
    answer = unwrap(client, answer, accept=(MISSING,))
    if answer.status == MISSING:
        raise missing(client, answer, version)
    if answer.status == OK and answer.is_empty:
        raise answer.malformed("is empty")
    data = find_data(answer)
    if is_kv_v2(path, data):
        if data["data"] is None:
            raise missing(client, answer, version)
        return Secret(kv_v2_data(answer, data), answer, kv_v2_version(data))
    if not data:
        raise missing(client, answer, version)
    return Secret(data, answer)


def write_secret(client: Client, path: str, body: str) -> Secret:
    """Write a JSON object to a path (PUT, as Vault's own client) and give what comes back, perhaps nothing.

    A body may hold a password, and a server may repeat it in more spellings than can be recognised, so the errors of
    a write with one do not quote the server.
    """
    data = body.encode("utf-8", "surrogateescape")
    is_empty = not body.strip("{} \t\r\n")
    answer = unwrap(client, client.request("PUT", path, body=data, wraps=True, quotes=is_empty))
    return Secret(find_data(answer), answer)


def find_data(answer: Answer) -> dict[str, JSON]:
    """Give an answer's data; of one that has none, but is a token, the fields of that."""
    return answer.object("data") or answer.object("auth")


def unwrap(client: Client, answer: Answer, accept: tuple[int, ...] = ()) -> Answer:
    """Exchange a wrapped response (VAULT_WRAP_TTL) for what it wraps; others stay as they are."""
    token = answer.object("wrap_info").get("token")
    if not is_token(token):
        return answer
    return client.request("PUT", "sys/wrapping/unwrap", token=token, accept=accept, about=answer.path)


def is_kv_v2(path: str, data: dict[str, JSON]) -> bool:
    """Tell whether an answer is a secret of KV version 2, and not a secret of version 1 that has a key `data`.

    The path has `/data/` behind its mount, and the answer holds `data` and the engine's own `metadata`, no more.
    """
    metadata = data.get("metadata")
    return (
        data.keys() == {"data", "metadata"}
        and isinstance(metadata, dict)
        and metadata.keys() >= KV_V2_METADATA
        and "data" in path.strip("/").split("/")[1:]
    )


def kv_v2_data(answer: Answer, data: dict[str, JSON]) -> dict[str, JSON]:
    inner = data["data"]
    if not isinstance(inner, dict):
        raise MalformedResponse(f"{answer.path}: the secret's data are not an object", path=answer.path)
    return inner


def kv_v2_version(data: dict[str, JSON]) -> int:
    metadata = data["metadata"]
    return whole_number(metadata.get("version")) if isinstance(metadata, dict) else 0


def missing(client: Client, answer: Answer, version: int | None) -> SecretMissing:
    """Make the error of an answer without a secret: says whether a version was deleted, destroyed or never there."""
    metadata = answer.object("data").get("metadata")
    which = f"version {version} of it" if version else "its current version"
    if isinstance(metadata, dict) and metadata.get("destroyed") is True:
        what = f"{which} was destroyed"
    elif isinstance(metadata, dict) and metadata.get("deletion_time"):
        what = f"{which} was deleted; undelete it, or name another version"
    else:
        what = (f"no secret, or no {which}" if version else "no secret at this path") + client.describe_namespace()
    details = tuple(client.scrub(text) for text in strings(answer.payload.get("errors"))[:MAX_DETAILS])
    text = "; ".join((f"{answer.path}: {what}", *map(fold_list, details)))
    return SecretMissing(text, path=answer.path, status=MISSING, details=details)


def decrypt_batch(client: Client, mount: str, key: str, ciphertexts: list[str]) -> list[bytes | VaultError]:
    """Decrypt with transit in one request; an item that cannot be decrypted gives its own error.

    https://developer.hashicorp.com/vault/api-docs/secret/transit#decrypt-data
    """
    path = f"{mount}/decrypt/{key}"
    items: list[JSON] = [{"ciphertext": ciphertext} for ciphertext in ciphertexts]
    # A batch in which some items fail is answered with 400 and the same list.
    body = encode_text(dumps({"batch_input": items}))
    answer = client.request("PUT", path, body=body, accept=(BAD_REQUEST,))
    results = answer.object("data").get("batch_results")
    if not isinstance(results, list) or len(results) != len(ciphertexts):
        errors = answer.payload.get("errors")
        if answer.status != BAD_REQUEST:
            raise MalformedResponse(f"{path}: the answer has not one result for each ciphertext", path=path)
        words = "; ".join(fold_list(client.scrub(text, *ciphertexts)) for text in strings(errors)[:MAX_DETAILS])
        raise RequestRejected(f"{path}: refused as a bad request (HTTP 400): {words}", path=path, status=BAD_REQUEST)
    return [read_plaintext(client, result, path, ciphertexts) for result in results]


def read_plaintext(client: Client, result: JSON, path: str, ciphertexts: list[str]) -> bytes | VaultError:
    """Read one result of a batch: base64 of the plaintext, or an error of this item alone."""
    from binascii import Error as Base64Error
    from binascii import a2b_base64

    fields = result if isinstance(result, dict) else {}
    plaintext = fields.get("plaintext")
    if fields.get("error") or not isinstance(plaintext, str):
        words = client.scrub(str(fields.get("error") or "no plaintext"), *ciphertexts)
        return RequestRejected(f"{path}: {words}", path=path, status=BAD_REQUEST)
    try:
        return a2b_base64(encode_text(plaintext), strict_mode=True)
    except Base64Error:
        return MalformedResponse(f"{path}: the plaintext is not base64", path=path)


def login(client: Client, mount: str, fields: dict[str, JSON]) -> Auth:
    """Log in at an auth mount with the fields of its method. The client's token is not changed."""
    path = f"auth/{mount.strip('/')}/login"
    answer = client.request("PUT", path, body=encode_text(dumps(fields)), token="")
    auth = answer.object("auth")
    token = auth.get("client_token")
    if not is_token(token):
        raise MalformedResponse(f"{path}: the answer has no client_token", path=path)
    return Auth(token, auth)


def lookup_self(client: Client) -> Auth:
    """Ask what is known of the client's own token."""
    return Auth(client.token, client.request("GET", "auth/token/lookup-self").object("data"))


def renew_self(client: Client, increment_seconds: int = 0) -> Auth:
    """Renew the client's own token."""
    body = dumps({"increment": increment_seconds} if increment_seconds else {}).encode()
    return Auth(client.token, client.request("PUT", "auth/token/renew-self", body=body).object("auth"))


def revoke_self(client: Client) -> None:
    """Revoke the client's own token, and with it every lease that hangs on it."""
    client.request("PUT", "auth/token/revoke-self", body=b"{}")


def renew_lease(client: Client, lease_id: str, increment_seconds: int = 0) -> int:
    """Renew a lease; the seconds it lasts from now on."""
    fields: dict[str, JSON] = {"lease_id": lease_id}
    if increment_seconds:
        fields["increment"] = increment_seconds
    answer = client.request("PUT", "sys/leases/renew", body=dumps(fields).encode())
    return whole_number(answer.payload.get("lease_duration"))


def read_health(client: Client) -> Health:
    """Ask for the server's state; needs no token. Every state is an answer, not an error."""
    statuses = (429, 472, 473, 501, 503)
    query = "standbyok=true&perfstandbyok=true&sealedcode=200&uninitcode=200"
    return Health(client.request("GET", "sys/health", query=query, token="", accept=statuses).payload)


def is_token(value: JSON) -> TypeGuard[str]:
    """Tell whether this can be a token: a header has to carry it."""
    if not isinstance(value, str) or isinstance(value, Number):
        return False
    return value.isascii() and value.isprintable() and value != ""


def encode_text(text: str) -> bytes:
    """Encode what goes into a body; bytes of the environment that are no UTF-8 become `?`, which Vault refuses."""
    return text.encode("utf-8", "replace")


def whole_number(value: JSON) -> int:
    """Read a count that Vault gave as a number; 0 for anything else."""
    text = str(value)
    return int(text) if is_digits(text) else 0
