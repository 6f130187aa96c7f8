"""Which agents a pod gets, and how their containers look."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.mutate import agents
from vault_secrets_webhook.webhook.mutate.agents import AgentRequest, Agents, Needs
from vault_secrets_webhook.webhook.mutate.flavour import FLAVOURS, Flavour
from vault_secrets_webhook.webhook.mutate.patch import Patch
from vault_secrets_webhook.webhook.mutate.spec import Container, Metadata, PodSpec
from vault_secrets_webhook.webhook.mutate.volume import Mount, Volumes
from vault_secrets_webhook.webhook.settings import Settings

SETTINGS = Settings.from_environment({})
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
    "runAsUser": 100,
    "runAsNonRoot": True,
}
AGENT_RESOURCES = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "100m", "memory": "128Mi"}}
CONNECTION = [{"name": "VAULT_ADDR", "value": "https://vault:8200"}, {"name": "VAULT_SKIP_VERIFY", "value": "false"}]
SHARED = {"name": "vault-env", "mountPath": "/vault/"}
APP: dict[str, Any] = {"name": "app", "command": ["app"]}
INIT: dict[str, Any] = {"vault_agent": True}
SIDECAR: dict[str, Any] = {"vault_agent_configmap": "agent"}
TEMPLATE: dict[str, Any] = {"vault_ct_configmap": "templates"}


def plan_volumes(flavour: Flavour, *, is_image: bool = False, certificate: Mount | None = None) -> Volumes:
    executable = Mount(flavour.volume, flavour.folder, "usr/local/bin" if is_image else "")
    return Volumes(flavour, executable, certificate, [{"name": flavour.volume}], (flavour.executable,))


def plan(
    spec: dict[str, Any] | None = None,
    *,
    is_wrapping: bool = True,
    is_native: bool = True,
    volumes: Volumes | None = None,
    role: str = "app",
    **options: Any,
) -> Agents | None:
    """Plan the agents of a pod, whose containers are all wrapped or none."""
    decoded = msgspec.convert(spec or {"containers": [APP]}, PodSpec)
    changed = msgspec.structs.replace(SETTINGS.defaults, **options)
    request = AgentRequest(
        metadata=Metadata(name="shop"),
        spec=decoded,
        options=changed,
        settings=SETTINGS,
        role=role,
        served=(decoded.containers or []) if is_wrapping else [],
        volumes=(volumes or plan_volumes(FLAVOURS[changed.provider])) if is_wrapping else None,
        is_native=is_native,
    )
    return agents.plan_agents(request)


def expect(*args: Any, **kwargs: Any) -> Agents:
    planned = plan(*args, **kwargs)
    assert planned is not None
    return planned


def place(planned: Agents) -> list[tuple[str, str, list[str]]]:
    """Give where each container stands, and its command."""
    parts = {"first": planned.init_containers_first, "last": planned.init_containers_last, "beside": planned.sidecars}
    return [
        (
            f"{where}{' native' if one.get('restartPolicy') == 'Always' else ''}",
            one["name"],
            [*one["command"], *one["args"]],
        )
        for where, containers in parts.items()
        for one in containers
    ]


LOGIN_COMMAND = ["vault", "agent", "-config", "/vault/agent/config.hcl", "-exit-after-auth"]
RENDERING_COMMAND = ["vault", "agent", "-config", "/vault/config/config.hcl"]
TEMPLATE_COMMAND = ["consul-template", "-config", "/vault/ct-config/config.hcl"]
LOGIN = ("first", "vault-agent", LOGIN_COMMAND)
# Case -> options, further arguments of `plan`, where which container is and what it runs.
PLACES: list[tuple[str, dict[str, Any], dict[str, Any], list[tuple[str, str, list[str]]]]] = [
    ("init", INIT, {}, [LOGIN]),
    ("init with a ConfigMap", {**INIT, **SIDECAR}, {}, [LOGIN]),
    ("native sidecar", SIDECAR, {}, [("last native", "vault-agent", RENDERING_COMMAND)]),
    ("classic sidecar", SIDECAR, {"is_native": False}, [("beside", "vault-agent", RENDERING_COMMAND)]),
    (
        "once",
        {**SIDECAR, "vault_agent_once": True},
        {},
        [("last", "vault-agent", [*RENDERING_COMMAND, "-exit-after-auth"])],
    ),
    (
        "once for old servers",
        {**SIDECAR, "vault_agent_once": True},
        {"is_native": False},
        [("last", "vault-agent", [*RENDERING_COMMAND, "-exit-after-auth"])],
    ),
    ("consul-template", TEMPLATE, {}, [LOGIN, ("last native", "consul-template", TEMPLATE_COMMAND)]),
    (
        "consul-template, classic",
        TEMPLATE,
        {"is_native": False},
        [LOGIN, ("beside", "consul-template", TEMPLATE_COMMAND)],
    ),
    (
        "consul-template once",
        {**TEMPLATE, "vault_ct_once": True},
        {},
        [LOGIN, ("last", "consul-template", [*TEMPLATE_COMMAND, "-once"])],
    ),
    (
        "consul-template without references",
        TEMPLATE,
        {"is_wrapping": False},
        [LOGIN, ("last native", "consul-template", TEMPLATE_COMMAND)],
    ),
    (
        "sidecar without references",
        SIDECAR,
        {"is_wrapping": False},
        [("last native", "vault-agent", RENDERING_COMMAND)],
    ),
    (
        "both kinds, classic",
        {**SIDECAR, **TEMPLATE},
        {"is_native": False},
        [
            LOGIN,
            ("beside", "vault-agent-1", RENDERING_COMMAND),
            ("beside", "consul-template", TEMPLATE_COMMAND),
        ],
    ),
    (
        "token of the pod",
        {**INIT, **TEMPLATE, "token_auth_mount": ("tokens", "app")},
        {},
        [("last native", "consul-template", TEMPLATE_COMMAND)],
    ),
    (
        "OpenBao",
        {**INIT, "provider": "bao"},
        {},
        [("first", "vault-agent", ["bao", "agent", "-config", "/bao/agent/config.hcl", "-exit-after-auth"])],
    ),
]


@pytest.mark.parametrize(
    ("options", "arguments", "expected"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES]
)
def test_places(options: dict[str, Any], arguments: dict[str, Any], expected: list[tuple[str, str, list[str]]]) -> None:
    assert place(expect(**arguments, **options)) == expected


NONE: list[tuple[str, dict[str, Any]]] = [
    ("nothing asked for", {}),
    ("nothing that needs a token", {**INIT, "is_wrapping": False}),
    ("a token of the pod", {**INIT, "token_auth_mount": ("tokens", "app")}),
    ("another kind of server", {**INIT, **SIDECAR, **TEMPLATE, "provider": "aws"}),
    ("once alone", {"vault_agent_once": True, "vault_ct_once": True}),
]


@pytest.mark.parametrize("options", [row[1] for row in NONE], ids=[row[0] for row in NONE])
def test_pods_without_agents(options: dict[str, Any]) -> None:
    assert plan(**options) is None


def test_the_agent_that_logs_in() -> None:
    planned = expect(**INIT)
    assert planned.config_map is not None
    assert planned.init_containers_first == [
        {
            "name": "vault-agent",
            "image": "hashicorp/vault:latest",
            "imagePullPolicy": "IfNotPresent",
            "command": ["vault"],
            "args": LOGIN_COMMAND[1:],
            "env": CONNECTION,
            "resources": AGENT_RESOURCES,
            "securityContext": RESTRICTED,
            "volumeMounts": [
                SHARED,
                {"name": "vault-agent-config", "mountPath": "/vault/agent/", "readOnly": True},
            ],
        }
    ]
    items = [{"key": "config.hcl", "path": "config.hcl"}]
    name = planned.config_map.name
    assert planned.volumes == [{"name": "vault-agent-config", "configMap": {"name": name, "items": items}}]
    assert planned.token_file == "/vault/.vault-token"
    assert planned.application_mounts == ()


def test_the_agent_that_renders() -> None:
    planned = expect(is_native=False, **SIDECAR)
    (agent,) = planned.sidecars
    assert agent["volumeMounts"] == [
        SHARED,
        {"name": "agent-secrets", "mountPath": "/vault/secrets/"},
        {"name": "agent-configmap", "mountPath": "/vault/config/config.hcl", "subPath": "config.hcl", "readOnly": True},
    ]
    assert [volume["name"] for volume in planned.volumes] == ["agent-secrets", "agent-configmap"]
    assert planned.volumes[0]["emptyDir"] == {"medium": "Memory"}
    assert planned.volumes[1]["configMap"]["name"] == "agent"
    assert planned.application_mounts == (Mount("agent-secrets", "/vault/secrets"),)
    assert (planned.init_mounts, planned.token_file, planned.config_map) == ((), "", None)


def test_what_is_beside_the_authors_configuration_is_there_too() -> None:
    planned = expect(vault_agent=True, **SIDECAR)
    assert planned.volumes[-1] == {"name": "vault-agent-config", "configMap": {"name": "agent"}}
    (agent,) = planned.init_containers_first
    assert {"name": "vault-agent-config", "mountPath": "/vault/agent/", "readOnly": True} in agent["volumeMounts"]
    assert planned.config_map is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"vault_agent_env_variables": ({"name": "BAO_ADDR", "value": "x"},)},
            "bao-agent-env-variables: BAO_ADDR .*/bao-addr, .*/bao-skip-verify, .*/bao-tls-secret",
        ),
        ({"vault_auth_method": "gcp-gce"}, "annotation secrets-webhook.security.bank-vaults.io/bao-agent-configmap$"),
    ],
)
def test_messages_name_the_annotations_of_the_pods_family(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        plan(provider="bao", **options, **INIT)


def test_consul_template() -> None:
    planned = expect(is_wrapping=False, is_native=False, **TEMPLATE)
    assert planned.sidecars == [
        {
            "name": "consul-template",
            "image": "hashicorp/consul-template:0.32.0",
            "imagePullPolicy": "IfNotPresent",
            "command": ["consul-template"],
            "args": TEMPLATE_COMMAND[1:],
            "env": [*CONNECTION, {"name": "HOME", "value": "/home/consul-template"}],
            "resources": {"limits": {"cpu": "100m", "memory": "128Mi"}},
            "securityContext": RESTRICTED,
            "volumeMounts": [
                SHARED,
                {"name": "vault-env", "mountPath": "/home/consul-template/"},
                {"name": "ct-secrets", "mountPath": "/vault/secrets/"},
                {
                    "name": "ct-configmap",
                    "mountPath": "/vault/ct-config/config.hcl",
                    "subPath": "config.hcl",
                    "readOnly": True,
                },
            ],
        }
    ]
    names = [volume["name"] for volume in planned.volumes]
    assert names == ["ct-secrets", "vault-env", "vault-agent-config", "ct-configmap"]
    assert planned.volumes[1]["emptyDir"] == {"medium": "Memory", "sizeLimit": "64Mi"}
    assert planned.token_file == ""


def test_with_consul_template_alone_the_application_gets_no_token() -> None:
    assert expect(**TEMPLATE).token_file == ""
    assert expect(**TEMPLATE, **INIT).token_file == "/vault/.vault-token"


def test_consul_template_finds_the_token_of_openbao() -> None:
    planned = expect(provider="bao", **TEMPLATE)
    assert planned.config_map is not None
    config = planned.config_map.data["config.hcl"]
    assert 'path = "/bao/.bao-token"' in config
    assert 'path = "/bao/.vault-token"' in config  # below its home, as it looks for it
    (template,) = planned.init_containers_last
    names = [variable["name"] for variable in template["env"]]
    assert names == ["VAULT_ADDR", "VAULT_SKIP_VERIFY", "BAO_ADDR", "BAO_SKIP_VERIFY", "HOME"]


def test_init_containers_see_files_only_of_what_ended_before() -> None:
    wanted = {**TEMPLATE, "vault_ct_inject_in_initcontainers": True}
    assert expect(**wanted).init_mounts == ()
    assert expect(**wanted, vault_ct_once=True).init_mounts == (Mount("ct-secrets", "/vault/secrets"),)


def test_both_kinds_of_agents_write_to_one_volume() -> None:
    planned = expect(**SIDECAR, **TEMPLATE)
    assert planned.application_mounts == (Mount("agent-secrets", "/vault/secrets"),)
    assert [volume["name"] for volume in planned.volumes if "emptyDir" in volume] == ["agent-secrets"]


def test_names_that_the_author_has_are_left_to_the_author() -> None:
    volumes = [{"name": name} for name in ("agent-secrets", "agent-configmap", "vault-agent-config", "ct-configmap")]
    spec = {"containers": [APP, {"name": "vault-agent"}], "initContainers": [{"name": "consul-template"}]}
    planned = expect({**spec, "volumes": volumes}, **SIDECAR, **TEMPLATE)
    assert [volume["name"] for volume in planned.volumes] == [
        "agent-secrets-1",
        "vault-agent-config-1",
        "agent-configmap-1",
        "ct-configmap-1",
    ]
    assert [name for _, name, _ in place(planned)] == ["vault-agent-1", "vault-agent-2", "consul-template-1"]


def test_an_image_volume_is_none_to_write_to() -> None:
    """The agents get a volume of their own, and the application, which does not see it, no token."""
    volumes = plan_volumes(FLAVOURS[""], is_image=True)
    planned = expect(volumes=volumes, **INIT)
    assert [volume["name"] for volume in planned.volumes] == ["vault-env-1", "vault-agent-config"]
    assert planned.init_containers_first[0]["volumeMounts"][0]["name"] == "vault-env-1"
    assert planned.token_file == ""


def test_certificate() -> None:
    certificate = Mount("vault-tls", "/vault/tls")
    (agent,) = expect(volumes=plan_volumes(FLAVOURS[""], certificate=certificate), **INIT).init_containers_first
    assert {"name": "VAULT_CACERT", "value": "/vault/tls/ca.crt"} in agent["env"]
    assert {"name": "vault-tls", "mountPath": "/vault/tls/", "readOnly": True} in agent["volumeMounts"]


def test_certificate_where_nothing_is_wrapped() -> None:
    planned = expect(is_wrapping=False, vault_tls_secret="vault-ca", **SIDECAR)
    (agent,) = planned.init_containers_last
    assert {"name": "VAULT_CACERT", "value": "/vault/tls/ca.crt"} in agent["env"]
    (volume,) = [one for one in planned.volumes if "projected" in one]
    assert volume["projected"]["sources"][0]["secret"]["name"] == "vault-ca"


def test_resources_and_images_from_annotations() -> None:
    planned = expect(
        vault_image="vault:1",
        vault_image_pull_policy="Always",
        vault_agent_cpu_request="1m",
        vault_agent_cpu_limit="2m",
        vault_agent_memory_request="3Mi",
        vault_agent_memory_limit="4Mi",
        vault_ct_image="ct:1",
        vault_ct_pull_policy="Never",
        vault_ct_cpu="5m",
        vault_ct_memory="6Mi",
        **TEMPLATE,
    )
    (agent,), (template,) = planned.init_containers_first, planned.init_containers_last
    assert (agent["image"], agent["imagePullPolicy"]) == ("vault:1", "Always")
    assert agent["resources"] == {"requests": {"cpu": "1m", "memory": "3Mi"}, "limits": {"cpu": "2m", "memory": "4Mi"}}
    assert (template["image"], template["imagePullPolicy"]) == ("ct:1", "Never")
    assert template["resources"] == {"limits": {"cpu": "5m", "memory": "6Mi"}}


def test_resources_that_the_pod_has_for_all() -> None:
    spec = {"containers": [APP], "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
    planned = expect(spec, **TEMPLATE)
    assert [one["resources"] for one in (*planned.init_containers_first, *planned.init_containers_last)] == [{}, {}]


def test_variables_of_the_annotation() -> None:
    variables = ({"name": "VAULT_LOG_LEVEL", "value": "debug"}, {"name": "NODE"})
    (agent,) = expect(vault_agent_env_variables=variables, **INIT).init_containers_first
    assert agent["env"] == [*CONNECTION, *variables]


@pytest.mark.parametrize("name", ["VAULT_ADDR", "BAO_ADDR", "VAULT_SKIP_VERIFY", "VAULT_CACERT", "VAULT_AGENT_ADDR"])
def test_variables_of_the_annotation_do_not_go_around_the_operator(name: str) -> None:
    with pytest.raises(Refused, match=f"vault-agent-env-variables: {name} is decided by") as error:
        plan(vault_agent_env_variables=({"name": name, "value": "canary"},), **INIT)
    assert error.value.code == 403
    assert "canary" not in str(error.value)


def test_dollars_in_texts_are_no_variables() -> None:
    (agent,) = expect(vault_addr="https://vault/$(HOME)", **INIT).init_containers_first
    assert agent["env"][0]["value"] == "https://vault/$$(HOME)"


SHARING: list[tuple[str, dict[str, Any], bool]] = [
    ("not asked for", {**SIDECAR, **TEMPLATE}, False),
    ("agent", {**SIDECAR, "vault_agent_share_process_namespace": True}, True),
    ("consul-template", {**TEMPLATE, "vault_ct_share_process_namespace": True}, True),
    ("of the other one", {**TEMPLATE, "vault_agent_share_process_namespace": True}, False),
    ("agent that ends", {**INIT, "vault_agent_share_process_namespace": True}, False),
    ("once", {**TEMPLATE, "vault_ct_once": True, "vault_ct_share_process_namespace": True}, False),
]


@pytest.mark.parametrize(("options", "expected"), [row[1:] for row in SHARING], ids=[row[0] for row in SHARING])
def test_processes_are_shared_only_on_request(options: dict[str, Any], expected: bool) -> None:
    planned = expect(**options)
    assert planned.share_process_namespace is expected
    added = [
        capability
        for one in (*planned.init_containers_first, *planned.init_containers_last, *planned.sidecars)
        for capability in one["securityContext"]["capabilities"].get("add", ())
    ]
    assert added == (["SYS_PTRACE"] if expected else [])


USERS: list[tuple[str, dict[str, Any], dict[str, Any], int, int]] = [
    ("nobody says", {}, {}, 100, 0o644),
    ("pod", {"runAsUser": 7}, {}, 7, 0o600),
    ("container", {}, {"runAsUser": 7}, 7, 0o600),
    ("container beside the pod", {"runAsUser": 7}, {"runAsUser": 8}, 7, 0o644),
    ("root", {"runAsUser": 0}, {}, 0, 0o600),
    ("root of the container", {}, {"runAsUser": 0}, 100, 0o644),
    ("not root", {"runAsNonRoot": True}, {}, 100, 0o644),
]


@pytest.mark.parametrize(
    ("pod", "container", "user", "mode"), [row[1:] for row in USERS], ids=[row[0] for row in USERS]
)
def test_whoever_the_application_is_it_can_read_the_token(
    pod: dict[str, Any], container: dict[str, Any], user: int, mode: int
) -> None:
    planned = expect({"containers": [{**APP, "securityContext": container}], "securityContext": pod}, **INIT)
    assert planned.init_containers_first[0]["securityContext"]["runAsUser"] == user
    assert planned.config_map is not None
    assert f"mode = {mode}\n" in planned.config_map.data["config.hcl"]


def test_a_token_for_consul_template_alone_is_for_nobody_else() -> None:
    planned = expect(**TEMPLATE)
    assert planned.config_map is not None
    assert f"mode = {0o600}\n" in planned.config_map.data["config.hcl"]


def test_the_mount_of_the_token_is_found() -> None:
    mounts = [{"name": "kube-api-access-x", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]
    (agent,) = expect({"containers": [{**APP, "volumeMounts": mounts}]}, **INIT).init_containers_first
    assert {**mounts[0], "readOnly": True} in agent["volumeMounts"]


def test_a_token_at_another_place() -> None:
    mounts = [{"name": "vault-token", "mountPath": "/var/run/vault/", "subPath": "a"}]
    options = {**INIT, "service_account_token_path": "/var/run/vault"}
    planned = expect({"containers": [APP, {"name": "b", "volumeMounts": mounts}]}, **options)
    assert {**mounts[0], "readOnly": True} in planned.init_containers_first[0]["volumeMounts"]
    assert planned.config_map is not None
    assert 'token_path = "/var/run/vault/token"' in planned.config_map.data["config.hcl"]
    with pytest.raises(Refused, match="no container of the pod mounts a volume at '/var/run/vault'"):
        plan(**options)


def test_an_agent_that_gets_no_token_is_warned_of() -> None:
    spec = {"containers": [APP], "automountServiceAccountToken": False}
    (warning,) = expect(spec, **INIT).warnings
    assert "automountServiceAccountToken: false" in warning
    mounts = [{"name": "t", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]
    assert expect({**spec, "containers": [{**APP, "volumeMounts": mounts}]}, **INIT).warnings == []


FOLDERS = [
    "",
    "secrets",
    "/",
    "/vault",
    "/vault/",
    "/vault/vault-env",
    "/vault/.vault-token",
    "/vault/agent",
    "/vault/tls",
    "/vault/tls/x",
    "/a/../vault/tls",
    "/a:b",
    "/home/consul-template",
    "/var/run/secrets/kubernetes.io/serviceaccount",
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_that_files_cannot_be_written_to(folder: str) -> None:
    options = {**SIDECAR, "vault_configfile_path": folder}
    with pytest.raises(Refused, match="annotation vault-configfile-path"):
        plan(**options)


def test_mount_files() -> None:
    patch, mounts = Patch(), (Mount("agent-secrets", "/vault/secrets"),)
    there = {"volumeMounts": [{"name": "agent-secrets", "mountPath": "/vault/secrets/"}]}
    agents.mount_files(patch, "/spec/containers/0", msgspec.convert(APP, Container), mounts)
    agents.mount_files(patch, "/spec/containers/1", msgspec.convert({**APP, **there}, Container), mounts)
    (operation,) = patch.operations
    assert (operation.path, operation.value) == (
        "/spec/containers/0/volumeMounts",
        [{"name": "agent-secrets", "mountPath": "/vault/secrets/"}],
    )


def test_a_volume_of_the_author_at_the_place_of_the_files() -> None:
    other = {**APP, "volumeMounts": [{"name": "mine", "mountPath": "/vault/secrets"}]}
    with pytest.raises(Refused, match="container 'app' mounts the volume 'mine' at /vault/secrets"):
        agents.mount_files(Patch(), "", msgspec.convert(other, Container), (Mount("agent-secrets", "/vault/secrets"),))


@pytest.mark.parametrize("is_native", [True, False], ids=["native", "classic"])
@pytest.mark.parametrize("provider", ["", "vault", "bao"])
def test_a_second_pass_adds_nothing(provider: str, is_native: bool) -> None:
    options = {**SIDECAR, **TEMPLATE, "provider": provider}
    first = expect(is_native=is_native, **options)
    flavour = FLAVOURS[provider]
    spec = {
        "initContainers": [*first.init_containers_first, *first.init_containers_last],
        "containers": [*first.sidecars, APP],
        "volumes": [{"name": flavour.volume}, *first.volumes],
    }
    for is_wrapping in (True, False):
        again = expect(spec, is_wrapping=is_wrapping, is_native=is_native, **options)
        assert (again.volumes, place(again), again.config_map) == ([], [], None)
        assert again.application_mounts == first.application_mounts


def test_agents_of_the_other_webhook_are_known() -> None:
    login = {
        "name": "vault-agent",
        "command": ["vault", "agent", "-config=/vault/agent/config.hcl", "-exit-after-auth"],
        "volumeMounts": [
            {"name": "vault-env", "mountPath": "/vault/"},
            {"name": "vault-agent-config", "mountPath": "/vault/agent/"},
        ],
    }
    planned = expect({"containers": [APP], "initContainers": [login], "volumes": [{"name": "vault-env"}]}, **INIT)
    assert (planned.volumes, place(planned), planned.config_map) == ([], [], None)
    assert planned.token_file == "/vault/.vault-token"


def test_an_agent_of_the_author_is_none_of_ours() -> None:
    """It is started with the same words, but nothing is mounted where its configuration is."""
    own = {"name": "mine", "command": RENDERING_COMMAND}
    assert not agents.is_agent(msgspec.convert(own, Container))
    assert place(expect({"containers": [APP, own]}, **SIDECAR)) == [("last native", "vault-agent", RENDERING_COMMAND)]


VERSIONS: list[tuple[str, tuple[int, int] | None, bool]] = [
    ("auto", (1, 28), False),
    ("auto", (1, 29), True),
    ("auto", (2, 0), True),
    ("auto", None, False),
    ("native", (1, 28), True),
    ("native", None, True),
    ("classic", (1, 40), False),
]


@pytest.mark.parametrize(("setting", "version", "expected"), VERSIONS)
def test_native_sidecars_are_for_servers_that_know_them(
    setting: str,
    version: tuple[int, int] | None,
    expected: bool,
) -> None:
    assert agents.chooses_native(setting, version) is expected


POINTS = frozenset(("/vault/secrets",))
NEEDS: list[tuple[str, dict[str, Any], bool, Needs]] = [
    ("none", {}, True, Needs()),
    ("none without references", INIT, False, Needs()),
    ("init", INIT, True, Needs(token=True, shared=True, is_any=True)),
    ("sidecar", SIDECAR, False, Needs(points=POINTS, shared=True, is_any=True)),
    ("consul-template", TEMPLATE, True, Needs(points=POINTS, shared=True, is_any=True)),
    (
        "init containers",
        {**TEMPLATE, "vault_ct_once": True, "vault_ct_inject_in_initcontainers": True},
        True,
        Needs(points=POINTS, init_points=POINTS, shared=True, is_any=True),
    ),
    (
        "a token of the pod",
        {**TEMPLATE, "token_auth_mount": ("tokens", "app")},
        False,
        Needs(points=POINTS, copied_token=True, shared=True, is_any=True),
    ),
]


@pytest.mark.parametrize(
    ("options", "is_wrapping", "expected"), [row[1:] for row in NEEDS], ids=[row[0] for row in NEEDS]
)
def test_needs(options: dict[str, Any], is_wrapping: bool, expected: Needs) -> None:
    changed = msgspec.structs.replace(SETTINGS.defaults, **options)
    assert agents.describe_needs(changed, is_wrapping=is_wrapping) == expected
