"""What tests ask of a running OpenBao or Vault, as its root user: engines, policies, auth methods, secrets.

Every path is below `/v1/`, without it. Helpers raise `ServerFailedError` with method, path, status and the server's own
messages; `request` never judges a status.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tests.servers.errors import ServerFailedError
from tests.servers.jsonclient import JsonClient
from tests.servers.process import poll

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.servers.kubernetes import ApiServer


class OpenBaoApi:
    """Requests to one server. The helpers act as its root user."""

    def __init__(self, address: str, root_token: str, ca_file: Path | None) -> None:
        """`address` has no trailing slash; `ca_file` verifies it if it is `https`."""
        self.address = address
        self.root_token = root_token
        self.ca_file = ca_file
        self._client = JsonClient(address, ca_file=ca_file)

    def request(
        self, method: str, path: str, body: Any = None, token: str | None = None, namespace: str | None = None
    ) -> tuple[int, Any]:
        """Status and decoded answer. Without a token the request is anonymous."""
        headers = {"X-Vault-Token": token, "X-Vault-Namespace": namespace}
        sent = {name: value for name, value in headers.items() if value is not None}
        return self._client.request(method, f"/v1/{path}", body, sent)

    def act(self, method: str, path: str, body: Any = None, *, namespace: str | None = None) -> Any:
        """The decoded answer to a request of the root user, which has to succeed."""
        status, answer = self.request(method, path, body, self.root_token, namespace)
        if status not in {200, 204}:
            reasons = answer.get("errors") if isinstance(answer, dict) else None
            raise ServerFailedError(f"{method} {path}: status {status}, {reasons}")
        return answer

    # Secrets engines

    def enable_engine(self, mount: str, engine: str, options: Mapping[str, str] | None = None) -> None:
        """Mount a secrets engine such as `database`."""
        self.act("POST", f"sys/mounts/{mount}", {"type": engine, "options": dict(options or {})})

    def enable_kv1(self, mount: str = "kv1") -> None:
        """Mount a KV version 1."""
        self.enable_engine(mount, "kv", {"version": "1"})

    def enable_kv2(self, mount: str) -> None:
        """Mount another KV version 2 and wait for its upgrade, during which it answers 400. `secret` is there already."""
        self.enable_engine(mount, "kv", {"version": "2"})
        poll(lambda: self.request("GET", f"{mount}/config", None, self.root_token)[0] == 200, what=f"{mount} ready")

    def write_kv1(self, path: str, data: Mapping[str, Any], mount: str = "kv1") -> None:
        """Write a secret to a KV version 1."""
        self.act("PUT", f"{mount}/{path}", dict(data))

    def write_kv2(self, path: str, data: Mapping[str, Any], mount: str = "secret") -> int:
        """Write a secret to a KV version 2; returns its new version."""
        answer = self.act("PUT", f"{mount}/data/{path}", {"data": dict(data)})
        version: int = answer["data"]["version"]
        return version

    def enable_pki(self, mount: str = "pki", role: str = "app", domain: str = "example.com") -> str:
        """Mount a PKI with a root, and a role that issues for `domain` and below; returns the root as PEM.

        Certificates are issued by `PUT {mount}/issue/{role}` with `{"common_name": "app.example.com"}`.
        """
        self.enable_engine(mount, "pki")
        root = self.act("POST", f"{mount}/root/generate/internal", {"common_name": f"{domain} root", "ttl": "87600h"})
        rules = {"allowed_domains": [domain], "allow_subdomains": True, "allow_bare_domains": True, "max_ttl": "72h"}
        self.act("POST", f"{mount}/roles/{role}", {**rules, "key_type": "ec", "key_bits": 256})
        certificate: str = root["data"]["certificate"]
        return certificate

    def enable_transit(self, mount: str = "transit", key: str = "app") -> None:
        """Mount a transit engine with one key."""
        self.enable_engine(mount, "transit")
        self.act("POST", f"{mount}/keys/{key}", {})

    def encrypt(self, plaintext: str | bytes, mount: str = "transit", key: str = "app") -> str:
        """The ciphertext, `vault:v1:...`, of a text (as UTF-8) or bytes."""
        data = plaintext.encode() if isinstance(plaintext, str) else plaintext
        answer = self.act("POST", f"{mount}/encrypt/{key}", {"plaintext": base64.b64encode(data).decode()})
        ciphertext: str = answer["data"]["ciphertext"]
        return ciphertext

    def create_namespace(self, name: str) -> None:
        """Make a namespace below the root one."""
        self.act("PUT", f"sys/namespaces/{name}", {})

    # Policies and tokens

    def write_policy(self, name: str, rules: str | Mapping[str, Iterable[str]]) -> None:
        """Write a policy: its text, or capabilities by path such as `{"secret/data/app": ["read"]}`."""
        if not isinstance(rules, str):
            rules = "\n".join(_format_rule(path, capabilities) for path, capabilities in rules.items())
        self.act("PUT", f"sys/policies/acl/{name}", {"policy": rules})

    def create_token(self, policies: Iterable[str], **options: Any) -> str:
        """A token with these policies. Options as in the API: `ttl="5s"`, `renewable=False`, `num_uses=1`, ..."""
        answer = self.act("POST", "auth/token/create", {"policies": list(policies), **options})
        token: str = answer["auth"]["client_token"]
        return token

    # Auth methods

    def enable_auth(self, mount: str, method: str) -> None:
        """Mount an auth method at `auth/{mount}`."""
        self.act("POST", f"sys/auth/{mount}", {"type": method})

    def enable_kubernetes_auth(self, api_server: ApiServer, mount: str = "kubernetes") -> None:
        """Mount the kubernetes method; it asks `api_server` (TokenReview) about every token."""
        self.enable_auth(mount, "kubernetes")
        config = {
            "kubernetes_host": api_server.address,
            "kubernetes_ca_cert": api_server.ca_file.read_text(),
            "token_reviewer_jwt": api_server.create_token_reviewer(),
        }
        self.act("POST", f"auth/{mount}/config", config)

    def create_kubernetes_role(
        self,
        role: str,
        *,
        namespace: str,
        service_account: str,
        policies: Iterable[str],
        mount: str = "kubernetes",
        **options: Any,
    ) -> None:
        """Let a ServiceAccount log in as `role`. Options as in the API: `audience="vault"`, `token_ttl="5m"`, ..."""
        bound = {
            "bound_service_account_namespaces": [namespace],
            "bound_service_account_names": [service_account],
            "token_policies": list(policies),
        }
        self.act("POST", f"auth/{mount}/role/{role}", {**bound, **options})

    def enable_jwt_auth(self, api_server: ApiServer, mount: str = "jwt") -> None:
        """Mount the jwt method; it verifies tokens by the public key of `api_server`, without asking it."""
        self.enable_auth(mount, "jwt")
        config = {"jwt_validation_pubkeys": [api_server.token_public_key], "bound_issuer": api_server.token_issuer}
        self.act("POST", f"auth/{mount}/config", config)

    def create_jwt_role(
        self,
        role: str,
        *,
        namespace: str,
        service_account: str,
        audience: str,
        policies: Iterable[str],
        mount: str = "jwt",
    ) -> None:
        """Let a ServiceAccount log in as `role` with a token made for `audience`."""
        bound = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_subject": f"system:serviceaccount:{namespace}:{service_account}",
            "bound_audiences": [audience],
            "token_policies": list(policies),
        }
        self.act("POST", f"auth/{mount}/role/{role}", bound)


def _format_rule(path: str, capabilities: Iterable[str]) -> str:
    listed = ", ".join(f'"{capability}"' for capability in capabilities)
    return f'path "{path}" {{ capabilities = [{listed}] }}'
