"""What the webhook writes for agents, given to a real one: each text comes out of HCL as it went in, and login works."""

from __future__ import annotations

import json
import os
import secrets
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fakes.server import FakeServer, Reply
from tests.fakes.vault import auth
from tests.servers.agent import run_agent
from vault_secrets_webhook.webhook.mutate.agent_config import Login, build_config
from vault_secrets_webhook.webhook.mutate.hcl import Block, encode
from vault_secrets_webhook.webhook.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.kubernetes import ApiServer
    from tests.servers.openbao import OpenBao

DEFAULTS = Settings.from_environment({}).defaults
# What nothing in the texts looks like: templates of the agent are rendered as they are.
DELIMITERS = {"left_delimiter": "\x02<" * 8, "right_delimiter": "\x03>" * 8}
HOSTILE = [
    'x" }\nvault { address = "https://evil.example" }\n#',
    "${file:/etc/passwd}",
    '${"}',
    "$${a} %{if b} %%{c}",
    "<<EOF\nx\nEOF\n",
    "\\u0024{a} \\\\ \\",
    "/* // # */",
    "\x01\x02\x1b\x7f\r\t",
    "\N{LINE SEPARATOR}\ufeff\U0001f600\U0010ffff\ufffe",
    "{{ env `PATH` }}",
    "null",
    " ",
]
# All that HCL can hold, with what has a meaning in it more often than chance would have it.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from("${}%\"\\\n#<u'/"), min_size=1)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(HOSTILE)
@given(st.lists(TEXT, min_size=30, max_size=60))
def test_a_real_agent_reads_each_text_as_it_is(
    openbao: OpenBao, tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("agent")
    token = folder / "token"
    token.write_text(openbao.root_token)
    written = folder / "written"
    templates = [
        Block((), {"contents": text, "destination": str(written / str(index)), **DELIMITERS})
        for index, text in enumerate(texts)
    ]
    method = Block(("token_file",), {"config": {"token_file_path": str(token)}})
    config = folder / "config.hcl"
    config.write_text(encode({"auto_auth": Block((), {"method": method}), "template": templates}))
    ended = run_agent(config, openbao.address, folder)
    assert ended.status == 0, ended.log
    assert [(written / str(index)).read_bytes().decode() for index in range(len(texts))] == texts


def generate(folder: Path, role: str, jwt: str, **options: Any) -> Path:
    """Write the configuration that a pod would get; only its files are other ones."""
    (folder / "jwt").write_text(jwt)
    changed = msgspec.structs.replace(DEFAULTS, **options)
    login = Login(changed, role, str(folder / "jwt"), [str(folder / "token")], 0o644)
    config = folder / "config.hcl"
    config.write_text(build_config(login))
    return config


@pytest.mark.parametrize("role", HOSTILE, ids=ascii)
def test_a_role_reaches_the_server_as_it_is(tmp_path: Path, role: str) -> None:
    """A role is not a name that Kubernetes checks: an annotation may say anything."""
    with FakeServer(lambda _: Reply(200, auth())) as server:
        config = generate(tmp_path, role, "jwt", vault_namespace="team a", vault_path="mine/k8s")
        ended = run_agent(config, server.address, tmp_path)
        asked = next((one for one in server.asked if one.path == "auth/mine/k8s/login"), None)
    assert asked is not None, ended.log
    assert asked.json() == {"role": role, "jwt": "jwt"}
    assert asked.headers["x-vault-namespace"].strip("/") == "team a"
    assert (tmp_path / "token").read_text() == "token-of-the-login"


def test_the_address_of_the_environment_wins_over_that_of_a_configuration(tmp_path: Path) -> None:
    """So an author's own ConfigMap does not lead an agent away from the address that the operator allows."""
    with FakeServer(lambda _: Reply(200, auth())) as allowed, FakeServer(lambda _: Reply(200, auth())) as other:
        config = generate(tmp_path, "app", "jwt")
        config.write_text(config.read_text() + encode({"vault": Block((), {"address": other.address})}))
        ended = run_agent(config, allowed.address, tmp_path)
        assert [one.path for one in allowed.asked if "login" in one.path] == ["auth/kubernetes/login"], ended.log
        assert other.asked == []


@pytest.mark.parametrize("method", ["kubernetes", "jwt"])
def test_vault_env_reads_with_the_token_of_the_agent(
    api_server: ApiServer, openbao: OpenBao, tmp_path: Path, canary: str, method: str
) -> None:
    """With both methods of the server, and a token of the TokenRequest API, as kubelet mounts it."""
    namespace = f"agent-{secrets.token_hex(4)}"
    api_server.create_namespace(namespace)
    api_server.create_service_account(namespace, "app")
    openbao.write_policy(namespace, {f"secret/data/{namespace}/*": ["read"]})
    openbao.write_kv2(f"{namespace}/app", {"password": canary})
    bound: dict[str, Any] = {"namespace": namespace, "service_account": "app", "policies": [namespace]}
    if method == "kubernetes":
        openbao.enable_kubernetes_auth(api_server, namespace)
        openbao.create_kubernetes_role("app", mount=namespace, **bound)
    else:
        openbao.enable_jwt_auth(api_server, namespace)
        openbao.create_jwt_role("app", mount=namespace, audience="vault", **bound)
    audiences = None if method == "kubernetes" else ["vault"]
    jwt = api_server.request_token(namespace, "app", audiences)
    config = generate(tmp_path, "app", jwt, vault_path=namespace, vault_auth_method=method)
    ended = run_agent(config, openbao.address, tmp_path)
    assert ended.status == 0, ended.log
    assert canary not in ended.log
    token = tmp_path / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o644
    assert (tmp_path / "jwt").exists()
    environ = {
        "PATH": os.environ["PATH"],
        "VAULT_ADDR": openbao.address,
        "VAULT_TOKEN_FILE": str(token),
        "PASSWORD": f"vault:secret/data/{namespace}/app#password",
    }
    command = [sys.executable, "-m", "vault_secrets_webhook.vaultenv"]
    show = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    run = subprocess.run([*command, *show], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["PASSWORD"] == canary
