"""Credential plugins: a program that prints a token or a client certificate, run when there is none or it is over.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins and
https://kubernetes.io/docs/reference/config-api/client-authentication.v1/. What the program prints is never shown; its
standard error goes to ours.
"""

from __future__ import annotations

import asyncio
import os
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from vault_secrets_webhook.errors import ConfigurationError

from .credentials import Access, bearer
from .errors import KubernetesError
from .tls import KeyPair

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
RUN_SECONDS = 30.0
# How long the API server must be left alone after a run whose result it did not accept.
RENEWAL_SECONDS = 5.0
# How long before its end a credential is replaced: requests take time, and clocks differ.
EARLY = timedelta(seconds=10)
ALWAYS_INTERACTIVE = "Always"


class ExecVariable(msgspec.Struct, frozen=True):
    """An environment variable for the plugin."""

    name: str
    value: str = ""


class ExecConfig(msgspec.Struct, frozen=True, rename="camel"):
    """`ExecConfig` of a kubeconfig."""

    command: str
    api_version: str = ""
    args: list[str] | None = None
    env: list[ExecVariable] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class ExecStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The status of an `ExecCredential`: a token, a client certificate with key, or both."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str = ""


class ExecCredential(msgspec.Struct, frozen=True, rename="camel"):
    """What a plugin prints."""

    kind: str = ""
    api_version: str = ""
    status: ExecStatus | None = None


_decode = msgspec.json.Decoder(ExecCredential).decode


class ExecPlugin:
    """Credentials from a plugin; one run at a time, and everybody who waits gets its result.

    `source` names kubeconfig and user for messages, `cluster` is what the plugin is told about the cluster if it asks
    for that, `make_context` makes a TLS context with a client certificate.
    """

    def __init__(
        self,
        config: ExecConfig,
        source: str,
        cluster: dict[str, Any],
        make_context: Callable[[KeyPair], ssl.SSLContext],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ConfigurationError for a plugin that cannot be run here."""
        if config.api_version not in VERSIONS:
            raise ConfigurationError(f"{source}: a credential plugin must have the apiVersion {' or '.join(VERSIONS)}")
        if config.interactive_mode == ALWAYS_INTERACTIVE:
            raise ConfigurationError(f"{source}: the credential plugin wants to ask at a terminal, and there is none")
        self.config = config
        self.source = f"{source}: the credential plugin {config.command!r}"
        self.cluster = cluster
        self.make_context = make_context
        self.clock = clock
        self.known: Access | None = None
        self.expiry: float | None = None
        self.ran_at: float | None = None
        self.running: asyncio.Task[Access] | None = None

    async def access(self) -> Access:
        """Give the credential of the last run, or run the plugin when there is none or it is over."""
        if self.known is None or (self.expiry is not None and self.clock() >= self.expiry):
            return await self.run_once()
        return self.known

    async def renew(self, refused: Access) -> bool:
        """Run the plugin again, unless somebody did already or it has only just run."""
        if self.known is refused:
            if self.ran_at is not None and self.clock() - self.ran_at < RENEWAL_SECONDS:
                return False
            await self.run_once()
        return True

    async def run_once(self) -> Access:
        """Run the plugin, or wait for the run that is under way; who stops waiting does not stop the run."""
        if self.running is None:
            self.running = asyncio.create_task(self.run())
            self.running.add_done_callback(self.forget_run)
        return await asyncio.shield(self.running)

    def forget_run(self, run: asyncio.Task[Access]) -> None:
        """Make room for the next run, and take note of the error of this one even if nobody waits any more."""
        self.running = None
        if not run.cancelled():
            run.exception()

    async def run(self) -> Access:
        """Run the plugin and take its credential. Raises KubernetesError."""
        credential = self.read(await self.execute())
        self.known, self.expiry = self.accept(credential), self.read_expiry(credential)
        self.ran_at = self.clock()
        return self.known

    async def execute(self) -> bytes:
        """Run the plugin; gives what it prints. Raises KubernetesError."""
        try:
            process = await asyncio.create_subprocess_exec(
                self.config.command,
                *(self.config.args or ()),
                env=self.environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            hint = f" ({self.config.install_hint})" if self.config.install_hint else ""
            raise KubernetesError(f"{self.source} cannot be started: {error.strerror}{hint}") from None
        try:
            async with asyncio.timeout(RUN_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            raise KubernetesError(f"{self.source} did not end within {RUN_SECONDS:g} seconds") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise KubernetesError(f"{self.source} failed with exit status {process.returncode}")
        return output

    def environment(self) -> dict[str, str]:
        """Make the plugin's environment: ours, what the kubeconfig adds, and what it is asked for."""
        spec: dict[str, Any] = {"interactive": False}
        if self.config.provide_cluster_info:
            spec["cluster"] = self.cluster
        question = {"apiVersion": self.config.api_version, "kind": "ExecCredential", "spec": spec}
        return {
            **os.environ,
            **{variable.name: variable.value for variable in self.config.env or ()},
            "KUBERNETES_EXEC_INFO": msgspec.json.encode(question).decode(),
        }

    def read(self, output: bytes) -> ExecStatus:
        """Read what the plugin printed. Raises KubernetesError."""
        try:
            credential = _decode(output)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise KubernetesError(f"{self.source} printed something that is not an ExecCredential") from None
        if credential.kind != "ExecCredential" or credential.api_version != self.config.api_version:
            raise KubernetesError(f"{self.source} did not print an ExecCredential of {self.config.api_version}")
        if credential.status is None:
            raise KubernetesError(f"{self.source} printed an ExecCredential without a status")
        return credential.status

    def accept(self, status: ExecStatus) -> Access:
        """Make access of a token, a client certificate, or both. Raises KubernetesError."""
        if bool(status.client_certificate_data) != bool(status.client_key_data):
            raise KubernetesError(f"{self.source} gave a client certificate without its key, or the reverse")
        if not status.token and not status.client_key_data:
            raise KubernetesError(f"{self.source} gave neither a token nor a client certificate")
        headers = bearer(status.token, f"the token of {self.source}").headers if status.token else {}
        if not status.client_key_data:
            return Access(headers)
        pair = KeyPair(status.client_certificate_data.encode(), status.client_key_data.encode())
        try:
            return Access(headers, self.make_context(pair))
        except ConfigurationError as error:
            raise KubernetesError(str(error)) from None

    def read_expiry(self, status: ExecStatus) -> float | None:
        """Read when to run the plugin again, in seconds since the epoch. Raises KubernetesError."""
        if not status.expiration_timestamp:
            return None
        try:
            expiry = datetime.fromisoformat(status.expiration_timestamp)
        except ValueError:
            expiry = None
        if expiry is None or expiry.tzinfo is None:
            raise KubernetesError(f"{self.source} gave an expirationTimestamp that is not RFC 3339")
        return (expiry - EARLY).timestamp()
