"""Reads kubeconfig files: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/.

Several files, separated as in PATH, count as one: the first that names a cluster, user, context or current context
wins (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/). Names of files in them
are relative to the file that they stand in. Every message names the file, and the context or user.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from vault_secrets_webhook.errors import ConfigurationError

from .cluster import Cluster
from .credentials import Access, FixedCredentials, TokenFile, basic, bearer
from .errors import KubernetesError
from .plugin import ExecConfig, ExecPlugin
from .tls import KeyPair, Trust, make_client_context

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .credentials import Credentials

EXEC_EXTENSION = "client.authentication.k8s.io/exec"
URL_SCHEMES = ("https", "http")


class NamedExtension(msgspec.Struct, frozen=True):
    """Anything that a tool has added under a name."""

    name: str = ""
    extension: Any = None


class ClusterEntry(msgspec.Struct, frozen=True, rename="kebab"):
    """`Cluster` of a kubeconfig."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    proxy_url: str = ""
    extensions: list[NamedExtension] | None = None


class UserEntry(msgspec.Struct, frozen=True, rename="kebab"):
    """`AuthInfo` of a kubeconfig, whose names follow no one rule."""

    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    username: str = ""
    password: str = ""
    exec: ExecConfig | None = None
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    auth_provider: Any = None
    impersonated: str = msgspec.field(name="as", default="")


class ContextEntry(msgspec.Struct, frozen=True):
    """`Context` of a kubeconfig."""

    cluster: str = ""
    user: str = ""


class NamedCluster(msgspec.Struct, frozen=True):
    """A cluster and its name."""

    name: str = ""
    cluster: ClusterEntry | None = None


class NamedUser(msgspec.Struct, frozen=True):
    """A user and his name."""

    name: str = ""
    user: UserEntry | None = None


class NamedContext(msgspec.Struct, frozen=True):
    """A context and its name."""

    name: str = ""
    context: ContextEntry | None = None


class KubeConfig(msgspec.Struct, frozen=True):
    """What is used of one file."""

    current_context: str | None = msgspec.field(name="current-context", default="")
    clusters: list[NamedCluster] | None = None
    users: list[NamedUser] | None = None
    contexts: list[NamedContext] | None = None


Named = TypeVar("Named", NamedCluster, NamedUser, NamedContext)


class Origin(msgspec.Struct, frozen=True):
    """Which file an entry stands in, and what it is there: `kubeconfig FILE, user NAME`."""

    file: Path
    entry: str

    def __str__(self) -> str:
        return f"kubeconfig {self.file}, {self.entry}"

    def resolve(self, name: str) -> str:
        """Make the name of a file absolute."""
        return str(self.file.parent / name)

    def read(self, name: str) -> bytes:
        """Read a file that the entry names. Raises ConfigurationError."""
        try:
            return Path(self.resolve(name)).read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it has no such name"
            raise ConfigurationError(f"{self}: {name} cannot be read: {reason}") from None

    def decode(self, field: str, text: str) -> bytes:
        """Decode a field in base64. Raises ConfigurationError."""
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ConfigurationError(f"{self}: {field} is not base64") from None


def read_kubeconfig(names: str) -> Cluster:
    """Read the cluster and the user of the current context. Raises ConfigurationError."""
    files = [(Path(name).absolute(), read_file(Path(name))) for name in split_names(names)]
    current = next(((file, config.current_context) for file, config in files if config.current_context), None)
    if current is None:
        raise ConfigurationError(f"KUBECONFIG {names}: there is no current-context")
    context, origin = find(((file, config.contexts) for file, config in files), current[1] or "", "context", names)
    entry = context.context or ContextEntry()
    cluster, cluster_origin = find(((file, c.clusters) for file, c in files), entry.cluster, "cluster", str(origin))
    if not entry.user:
        return make_cluster(cluster.cluster, cluster_origin, UserEntry(), origin)
    user, user_origin = find(((file, config.users) for file, config in files), entry.user, "user", str(origin))
    return make_cluster(cluster.cluster, cluster_origin, user.user or UserEntry(), user_origin)


def split_names(names: str) -> list[str]:
    """Split a list of files; those that do not exist are passed over as long as one does."""
    every = [name for name in names.split(os.pathsep) if name]
    return [name for name in every if Path(name).exists()] or every


def read_file(file: Path) -> KubeConfig:
    """Read one file. Raises ConfigurationError, which shows nothing of the file but a line number."""
    import yaml  # noqa: PLC0415 - in its own cluster the webhook reads no YAML

    try:
        document = yaml.safe_load(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"KUBECONFIG {file}: {error.strerror}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f": see line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"KUBECONFIG {file}: this is not YAML{where}") from None
    try:
        return msgspec.convert(document or {}, KubeConfig)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"KUBECONFIG {file}: {error}") from None


def find(lists: Iterable[tuple[Path, list[Named] | None]], name: str, kind: str, where: str) -> tuple[Named, Origin]:
    """Find the first entry of a name, and where it stands. Raises ConfigurationError."""
    for file, entry in flatten(lists):
        if entry.name == name:
            return entry, Origin(file, f"{kind} {name}")
    raise ConfigurationError(f"{where}: there is no {kind} {name!r}")


def flatten(lists: Iterable[tuple[Path, list[Named] | None]]) -> Iterator[tuple[Path, Named]]:
    """Give every entry with its file."""
    for file, entries in lists:
        for entry in entries or ():
            yield file, entry


def make_cluster(entry: ClusterEntry | None, origin: Origin, user: UserEntry, user_origin: Origin) -> Cluster:
    """Make the access that the entries describe. Raises ConfigurationError."""
    entry = entry or ClusterEntry()
    url = entry.server.rstrip("/")
    check_url(url, "server", origin)
    if urlsplit(url).username is not None:
        raise ConfigurationError(f"{origin}: server must not hold a user name or password")
    if entry.proxy_url:
        check_url(entry.proxy_url, "proxy-url", origin)
    if entry.insecure_skip_tls_verify and (entry.certificate_authority or entry.certificate_authority_data):
        raise ConfigurationError(f"{origin}: insecure-skip-tls-verify and a certificate authority exclude each other")
    trust = Trust(
        read_data(origin, "certificate-authority", entry.certificate_authority_data, entry.certificate_authority),
        entry.insecure_skip_tls_verify,
    )
    context = make_client_context(trust, read_pair(user, user_origin), str(user_origin))
    credentials = make_credentials(user, user_origin, trust, describe_cluster(entry, trust))
    return Cluster(url, context, credentials, str(user_origin), entry.tls_server_name or None, entry.proxy_url or None)


def check_url(url: str, field: str, origin: Origin) -> None:
    """Raise ConfigurationError for a URL that cannot be used; it is not shown, for it may hold a password."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in URL_SCHEMES and bool(parts.hostname) and not parts.query and not parts.fragment
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(f"{origin}: {field} is not an https:// or http:// URL")


def read_data(origin: Origin, field: str, data: str, name: str) -> bytes:
    """Read what stands in a field as base64, or else in a file; data win over a file. Raises ConfigurationError."""
    if data:
        return origin.decode(f"{field}-data", data)
    return origin.read(name) if name else b""


def read_pair(user: UserEntry, origin: Origin) -> KeyPair | None:
    """Read the client certificate of a user, if there is one. Raises ConfigurationError."""
    certificate = read_data(origin, "client-certificate", user.client_certificate_data, user.client_certificate)
    key = read_data(origin, "client-key", user.client_key_data, user.client_key)
    if bool(certificate) != bool(key):
        raise ConfigurationError(f"{origin}: a client certificate needs a client key, and the reverse")
    return KeyPair(certificate, key) if certificate else None


def make_credentials(user: UserEntry, origin: Origin, trust: Trust, cluster: dict[str, Any]) -> Credentials:
    """Make the credentials of a user; what is fixed goes before a plugin, as in client-go."""
    if user.impersonated:
        raise ConfigurationError(f"{origin}: impersonation (as) is not supported")
    if user.auth_provider is not None:
        raise ConfigurationError(f"{origin}: auth-provider is no longer part of Kubernetes: use an exec plugin")
    if user.token_file:
        return TokenFile(origin.resolve(user.token_file))
    if user.token:
        try:
            return FixedCredentials(bearer(user.token, "the token"))
        except KubernetesError as error:
            raise ConfigurationError(f"{origin}: {error}") from None
    if user.username:
        return FixedCredentials(basic(user.username, user.password))
    if user.exec is None:
        return FixedCredentials(Access({}))
    return make_plugin(user.exec, origin, trust, cluster)


def make_plugin(config: ExecConfig, origin: Origin, trust: Trust, cluster: dict[str, Any]) -> ExecPlugin:
    """Make the credentials of a plugin. A command with a slash is relative to the file, one without is in PATH."""
    if not config.command:
        raise ConfigurationError(f"{origin}: the credential plugin has no command")
    if "/" in config.command:
        config = msgspec.structs.replace(config, command=origin.resolve(config.command))
    return ExecPlugin(config, str(origin), cluster, lambda pair: make_client_context(trust, pair, str(origin)))


def describe_cluster(entry: ClusterEntry, trust: Trust) -> dict[str, Any]:
    """Describe the cluster for a plugin, as `Cluster` of client.authentication.k8s.io."""
    extensions = {extension.name: extension.extension for extension in entry.extensions or ()}
    described = {
        "server": entry.server,
        "tls-server-name": entry.tls_server_name,
        "insecure-skip-tls-verify": entry.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(trust.authorities).decode(),
        "proxy-url": entry.proxy_url,
        "config": extensions.get(EXEC_EXTENSION),
    }
    return {name: value for name, value in described.items() if value}
