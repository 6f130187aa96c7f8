"""Where the cluster is: kubeconfig files, and what a pod finds in its container."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.fakes.certificates import make_pair
from vault_secrets_webhook.errors import ConfigurationError
from vault_secrets_webhook.webhook.kube.credentials import TokenFile
from vault_secrets_webhook.webhook.kube.discovery import find_cluster
from vault_secrets_webhook.webhook.kube.plugin import ExecPlugin

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.certificates import Pair
    from vault_secrets_webhook.webhook.kube.cluster import Cluster

CLUSTER = {"server": "https://api.example:6443/"}


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return make_pair(tmp_path)


def encode(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def make_config(cluster: Any = None, user: Any = None, **fields: Any) -> dict[str, Any]:
    """Make a kubeconfig with one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "clusters": [{"name": "c", "cluster": CLUSTER if cluster is None else cluster}],
        "users": [{"name": "u", "user": {} if user is None else user}],
        **fields,
    }


def read(directory: Path, config: Any, name: str = "config") -> Cluster:
    """Write a kubeconfig and find the cluster in it."""
    file = directory / name
    file.write_text(config if isinstance(config, str) else yaml.safe_dump(config))
    cluster = find_cluster(str(file), {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"})
    assert cluster is not None
    return cluster


def authorization(cluster: Cluster) -> str | None:
    return asyncio.run(cluster.credentials.access()).headers.get("Authorization")


def test_smallest(tmp_path: Path) -> None:
    cluster = read(tmp_path, make_config())
    assert (cluster.url, cluster.server_name, cluster.proxy) == ("https://api.example:6443", None, None)
    assert (cluster.context.verify_mode, cluster.context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert cluster.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert cluster.source == f"kubeconfig {tmp_path / 'config'}, user u"
    assert authorization(cluster) is None


def test_as_json(tmp_path: Path) -> None:
    assert read(tmp_path, json.dumps(make_config(user={"token": "t"}))).url == "https://api.example:6443"


def test_cluster_fields(tmp_path: Path) -> None:
    fields = {"tls-server-name": "kubernetes", "proxy-url": "http://user:password@proxy:3128"}
    cluster = read(tmp_path, make_config({**CLUSTER, **fields}))
    assert (cluster.server_name, cluster.proxy) == ("kubernetes", "http://user:password@proxy:3128")


@pytest.mark.parametrize("inline", [False, True], ids=["file", "data"])
def test_certificates(inline: bool, tmp_path: Path, pair: Pair) -> None:
    """Names of files are relative to the kubeconfig."""
    if inline:
        cluster_fields = {"certificate-authority-data": encode(pair.certificate)}
        user_fields = {"client-certificate-data": encode(pair.certificate), "client-key-data": encode(pair.key)}
    else:
        cluster_fields = {"certificate-authority": pair.certificate.name}
        user_fields = {"client-certificate": pair.certificate.name, "client-key": str(pair.key)}
    cluster = read(tmp_path, make_config({**CLUSTER, **cluster_fields}, user_fields))
    expected = ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())
    assert cluster.context.get_ca_certs(binary_form=True) == [expected]


def test_no_verification(tmp_path: Path) -> None:
    cluster = read(tmp_path, make_config({**CLUSTER, "insecure-skip-tls-verify": True}))
    assert (cluster.context.verify_mode, cluster.context.check_hostname) == (ssl.CERT_NONE, False)


def test_token(tmp_path: Path) -> None:
    assert authorization(read(tmp_path, make_config(user={"token": "t\n"}))) == "Bearer t"


def test_token_file_is_relative_and_wins(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from the file")
    (tmp_path / "token").write_text("fresh\n")
    cluster = read(tmp_path, make_config(user={"token": "stale", "tokenFile": "token"}))
    assert isinstance(cluster.credentials, TokenFile)
    assert authorization(cluster) == "Bearer fresh"


def test_password(tmp_path: Path) -> None:
    cluster = read(tmp_path, make_config(user={"username": "Aladdin", "password": "open sesame"}))
    assert authorization(cluster) == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


@pytest.mark.parametrize(
    ("command", "expected"), [("plugin", "plugin"), ("./plugin", "{}/plugin"), ("/bin/plugin", "/bin/plugin")]
)
def test_plugin(command: str, expected: str, tmp_path: Path, pair: Pair) -> None:
    fields = {
        "certificate-authority": pair.certificate.name,
        "tls-server-name": "kubernetes",
        "extensions": [
            {"name": "other", "extension": 1},
            {"name": "client.authentication.k8s.io/exec", "extension": {"a": [1]}},
        ],
    }
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": command,
        "args": None,
        "env": [{"name": "A", "value": "b"}],
        "installHint": "hint",
        "provideClusterInfo": True,
        "interactiveMode": "IfAvailable",
    }
    credentials = read(tmp_path, make_config({**CLUSTER, **fields}, {"exec": plugin})).credentials
    assert isinstance(credentials, ExecPlugin)
    assert credentials.config.command == expected.format(tmp_path)
    assert credentials.cluster == {
        "server": CLUSTER["server"],
        "tls-server-name": "kubernetes",
        "certificate-authority-data": encode(pair.certificate),
        "config": {"a": [1]},
    }


def test_fixed_token_goes_before_a_plugin(tmp_path: Path) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/nowhere"}
    assert authorization(read(tmp_path, make_config(user={"token": "t", "exec": plugin}))) == "Bearer t"


def test_several_files(tmp_path: Path) -> None:
    """The first to name something wins; files that are not there are passed over."""
    (tmp_path / "sub").mkdir()
    first = {"current-context": "", "clusters": [{"name": "c", "cluster": {"server": "https://first"}}], "users": None}
    second = make_config(user={"tokenFile": "token"})
    (tmp_path / "first").write_text(yaml.safe_dump(first))
    (tmp_path / "sub/second").write_text(yaml.safe_dump(second))
    (tmp_path / "sub/token").write_text("t")
    names = os.pathsep.join(str(tmp_path / name) for name in ("nowhere", "first", "sub/second"))
    cluster = find_cluster(names, {})
    assert cluster is not None
    assert cluster.url == "https://first"
    assert authorization(cluster) == "Bearer t"


CONTEXT = {"name": "here", "context": {"cluster": "c", "user": "nobody"}}
WRONG: list[tuple[str, Any, str]] = [
    ("empty", "", "there is no current-context"),
    ("not YAML", "a: [CANARY\nb: :", "this is not YAML: see line 2"),
    ("a list", "[]", "there is no current-context"),
    ("a text", "CANARY", "Expected `object`, got `str`"),
    ("wrong type", make_config(user={"token": 7}), "Expected `str`, got `int` - at `$.users[0].user.token`"),
    ("no context", make_config(**{"current-context": "CONTEXT"}), "there is no context 'CONTEXT'"),
    ("context is null", make_config(contexts=[{"name": "here"}]), "context here: there is no cluster ''"),
    ("no cluster", make_config(clusters=None), "context here: there is no cluster 'c'"),
    ("no user", make_config(contexts=[CONTEXT]), "context here: there is no user 'nobody'"),
    ("no server", make_config({}), "cluster c: server is not an https:// or http:// URL"),
    ("not a URL", make_config({"server": "https://[CANARY"}), "cluster c: server is not an https://"),
    ("scheme", make_config({"server": "ftp://CANARY"}), "cluster c: server is not an https://"),
    ("password in the URL", make_config({"server": "https://u:CANARY@s"}), "must not hold a user name or password"),
    ("proxy", make_config({**CLUSTER, "proxy-url": "socks5://CANARY"}), "cluster c: proxy-url is not an https://"),
    ("CA file", make_config({**CLUSTER, "certificate-authority": "ca"}), "cluster c: ca cannot be read: No such file"),
    ("CA data", make_config({**CLUSTER, "certificate-authority-data": "CANARY!"}), "-authority-data is not base64"),
    ("CA", make_config({**CLUSTER, "certificate-authority-data": "Q0FOQVJZ"}), "authority is not a PEM certificate"),
    (
        "CA and no verification",
        make_config({**CLUSTER, "certificate-authority": "ca", "insecure-skip-tls-verify": True}),
        "exclude each other",
    ),
    ("client certificate alone", make_config(user={"client-certificate-data": "Q0FOQVJZ"}), "user u: a client cert"),
    (
        "client certificate",
        make_config(user={"client-certificate-data": "Q0FOQVJZ", "client-key-data": "Q0FOQVJZ"}),
        "user u: the client certificate and its key are not a pair",
    ),
    ("token", make_config(user={"token": "CANARY 1"}), "user u: the token is empty or has characters"),
    ("impersonation", make_config(user={"token": "CANARY", "as": "admin"}), "user u: impersonation (as) is not"),
    ("auth provider", make_config(user={"auth-provider": {"name": "gcp"}}), "user u: auth-provider is no longer"),
    ("plugin without command", make_config(user={"exec": {"command": ""}}), "user u: the credential plugin has no"),
    ("plugin of no version", make_config(user={"exec": {"command": "x"}}), "user u: a credential plugin must have"),
]


@pytest.mark.parametrize(("config", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong(config: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, config)
    assert message in str(caught.value)
    assert str(tmp_path / "config") in str(caught.value)
    assert "CANARY" not in str(caught.value)


def test_encrypted_client_key(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, password=b"secret")
    user = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
    with pytest.raises(ConfigurationError, match="user u: the client key is encrypted"):
        read(tmp_path, make_config(user=user))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere: No such file"):
        find_cluster(str(tmp_path / "nowhere"), {})


@pytest.mark.parametrize(
    ("host", "url"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_in_a_pod(host: str, url: str, tmp_path: Path, pair: Pair) -> None:
    (tmp_path / "ca.crt").write_bytes(pair.certificate.read_bytes())
    (tmp_path / "token").write_text("t")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    cluster = find_cluster("", environ, str(tmp_path))
    assert cluster is not None
    assert (cluster.url, authorization(cluster)) == (url, "Bearer t")
    assert len(cluster.context.get_ca_certs()) == 1


def test_in_a_pod_without_token(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(ConfigurationError, match="automountServiceAccountToken"):
        find_cluster("", environ, str(tmp_path))


@pytest.mark.parametrize("environ", [{}, {"KUBERNETES_SERVICE_HOST": "h"}, {"KUBERNETES_SERVICE_PORT": "1"}])
def test_no_cluster(environ: dict[str, str]) -> None:
    assert find_cluster("", environ) is None
