"""Pods as a whole: which containers are changed, and when nothing is."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.fakes.cluster import NAMESPACE, FakeCluster, apply, mutate
from tests.fakes.registry import FakeImages
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.annotations import INJECTED, PREFIX
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.lookup import ImageQuestion

EXE = "/vault/vault-env"
REFERENCE = [{"name": "A", "value": "vault:secret/data/a#b"}]


def container(name: str = "app", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "i", "command": [name], **more}


def referring(name: str = "app", **more: Any) -> dict[str, Any]:
    return container(name, env=copy.deepcopy(REFERENCE), **more)


def pod(*containers: dict[str, Any], annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"generateName": "app-"}
    if annotations:
        metadata["annotations"] = {PREFIX + key: text for key, text in annotations.items()}
    return {"metadata": metadata, "spec": {"containers": list(containers), **spec}}


def names(result: Any, kind: str = "initContainers") -> list[str]:
    return [one["name"] for one in result["spec"].get(kind) or ()]


def wrapped(result: Any) -> list[str]:
    every = [*(result["spec"].get("initContainers") or ()), *result["spec"]["containers"]]
    return [one["name"] for one in every if (one.get("command") or [""])[0] == EXE]


def environment(one: Any) -> dict[str, str]:
    return {variable["name"]: variable.get("value") for variable in one["env"]}


UNTOUCHED: list[tuple[str, dict[str, Any], str]] = [
    ("skip", pod(referring(), annotations={"mutate": "skip"}), "skipped"),
    ("skip-before-wrong", pod(referring(), annotations={"mutate": "skip", "run-as-user": "x"}), "skipped"),
    ("skip-before-windows", pod(referring(), annotations={"mutate": "skip"}, os={"name": "windows"}), "skipped"),
    ("windows", pod(referring(), os={"name": "windows"}), "windows"),
    ("windows-before-wrong", pod(referring(), os={"name": "windows"}, annotations={"run-as-user": "x"}), "windows"),
    ("windows-selector", pod(referring(), nodeSelector={"kubernetes.io/os": "windows"}), "windows"),
    ("windows-old-selector", pod(referring(), nodeSelector={"beta.kubernetes.io/os": "windows"}), "windows"),
    ("plain", pod(container()), "no-references"),
    ("no-containers", pod(), "no-references"),
    ("no-containers-but-from-path", pod(annotations={"vault-env-from-path": "a"}), "no-references"),
    ("null-containers", {"metadata": {}, "spec": {"containers": None}}, "no-references"),
    ("nothing", {}, "no-references"),
    ("nulls", {"metadata": None, "spec": None}, "no-references"),
    ("wrapped", pod(referring(command=[EXE], args=["app"])), "already-injected"),
    ("wrapped-by-the-other", pod(referring(command=["/bao/secret-init"], args=["app"])), "already-injected"),
    ("env-without-value", pod(container(env=[{"name": "A"}])), "no-references"),
]


@pytest.mark.parametrize(("document", "reason"), [row[1:] for row in UNTOUCHED], ids=[row[0] for row in UNTOUCHED])
def test_untouched(document: dict[str, Any], reason: str) -> None:
    mutation = mutate(document)
    assert (mutation.patch, mutation.injected, mutation.reason) == ([], [], reason)


@pytest.mark.parametrize("text", ["Skip", "true", "", " skip"])
def test_only_the_exact_word_skips(text: str) -> None:
    assert mutate(pod(referring(), annotations={"mutate": text})).reason == "injected"


@pytest.mark.parametrize(
    "more", [{"os": {"name": "linux"}}, {"nodeSelector": {"kubernetes.io/os": "linux", "a": "windows"}}]
)
def test_linux_is_injected(more: dict[str, Any]) -> None:
    assert mutate(pod(referring(), **more)).reason == "injected"


def test_only_containers_with_references_are_changed() -> None:
    document = pod(container("a"), referring("b"), container("c"), initContainers=[container("i"), referring("j")])
    mutation = mutate(document)
    result = apply(document, mutation)
    assert mutation.injected == ["j", "b"]
    assert wrapped(result) == ["j", "b"]
    assert names(result) == ["copy-vault-env", "i", "j"]
    assert result["metadata"]["annotations"] == {INJECTED: "j,b"}
    assert result["spec"]["containers"][0] == document["spec"]["containers"][0]
    assert result["spec"]["initContainers"][1] == document["spec"]["initContainers"][0]


def test_from_path_forces_every_container_and_asks_nobody() -> None:
    cluster = FakeCluster()
    document = pod(
        container("a", envFrom=[{"secretRef": {"name": "s"}}]),
        container("b"),
        initContainers=[container("i")],
        annotations={"vault-env-from-path": "secret/data/a#2"},
    )
    mutation = mutate(document, cluster)
    assert mutation.injected == ["i", "a", "b"]
    assert cluster.asked == []
    result = apply(document, mutation)
    assert environment(result["spec"]["containers"][1])["VAULT_ENV_FROM_PATH"] == "secret/data/a#2"
    assert mutate(result).patch == []


def test_from_path_still_checks_references() -> None:
    document = pod(
        container(env=[{"name": "A", "value": "vault:x"}]), annotations={"vault-env-from-path": "secret/data/a"}
    )
    with pytest.raises(Refused, match="variable 'A'"):
        mutate(document)


def test_objects_are_asked_for_in_the_namespace_of_the_review() -> None:
    cluster = FakeCluster(secrets={"s": {"k": b"vault:a#b"}})
    document = pod(container(envFrom=[{"secretRef": {"name": "s"}}]))
    document["metadata"]["namespace"] = "elsewhere"
    mutation = mutate(document, cluster)
    assert mutation.injected == ["app"]
    assert cluster.asked == [("Secret", NAMESPACE, "s")]


def test_nothing_of_an_object_gets_into_the_pod(canary: str) -> None:
    cluster = FakeCluster(secrets={"s": {"k": f"${{vault:a#b}}{canary}".encode()}})
    document = pod(container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]))
    result = apply(document, mutate(document, cluster))
    assert wrapped(result) == ["app"]
    assert canary not in repr(result)
    assert result["spec"]["containers"][0]["env"][0] == document["spec"]["containers"][0]["env"][0]


def test_the_token_of_the_webhook_stays_with_it(canary: str) -> None:
    mutation = mutate(pod(referring()), environ={"VAULT_TOKEN": canary})
    assert canary not in repr(mutation)


def test_the_token_of_a_container_stays() -> None:
    document = pod(container(env=[{"name": "VAULT_TOKEN", "value": "vault:login"}]))
    result = apply(document, mutate(document))
    assert environment(result["spec"]["containers"][0])["VAULT_TOKEN"] == "vault:login"


@pytest.mark.parametrize(
    ("spec", "annotations", "environ", "expected"),
    [
        ({}, {}, {}, "default"),
        ({"serviceAccountName": "shop"}, {}, {}, "shop"),
        ({"serviceAccount": "old"}, {}, {}, "old"),
        ({"serviceAccountName": "shop", "serviceAccount": "old"}, {}, {}, "shop"),
        ({"serviceAccountName": "shop"}, {}, {"VAULT_ROLE": "all"}, "all"),
        ({"serviceAccountName": "shop"}, {"vault-role": "one"}, {"VAULT_ROLE": "all"}, "one"),
        ({"serviceAccountName": "shop"}, {"vault-role": ""}, {"VAULT_ROLE": "all"}, "shop"),
        ({}, {"vault-role": "{{ .namespace }}-{{ .name | upper }}-"}, {}, f"{NAMESPACE}--"),
        ({}, {}, {"VAULT_ROLE": "{{ .authmethod }}.{{ .path }}", "VAULT_PATH": "k8s"}, "jwt.k8s"),
        ({}, {"vault-role": "{{ .serviceaccount }}", "vault-serviceaccount": "till"}, {}, "till"),
    ],
)
def test_role(spec: Any, annotations: dict[str, str], environ: dict[str, str], expected: str) -> None:
    document = pod(referring(), annotations=annotations, **spec)
    result = apply(document, mutate(document, environ=environ))
    assert environment(result["spec"]["containers"][0])["VAULT_ROLE"] == expected


def test_probes_only_when_asked_for_and_only_of_changed_containers() -> None:
    probe: dict[str, Any] = {"livenessProbe": {"exec": {"command": ["live"]}}}
    plain = pod(referring(**probe))
    assert apply(plain, mutate(plain))["spec"]["containers"][0]["livenessProbe"] == probe["livenessProbe"]
    asked = pod(referring("a", **probe), container("b", **probe), annotations={"mutate-probes": "true"})
    first, second = apply(asked, mutate(asked))["spec"]["containers"]
    assert first["livenessProbe"] == {"exec": {"command": [EXE, "live"]}}
    assert second["livenessProbe"] == probe["livenessProbe"]


def test_token_auth_mount() -> None:
    document = pod(
        referring(),
        initContainers=[container("i")],
        volumes=[{"name": "tokens"}],
        annotations={"token-auth-mount": "tokens:app"},
    )
    result = apply(document, mutate(document))
    assert names(result) == ["copy-vault-token", "copy-vault-env", "i"]
    assert environment(result["spec"]["containers"][0])["VAULT_TOKEN_FILE"] == "/vault/.vault-token"


def test_mount_points_below_the_volume_are_made() -> None:
    document = pod(
        referring("a", volumeMounts=[{"name": "x", "mountPath": "/vault/secrets"}]),
        referring("b", volumeMounts=[{"name": "x", "mountPath": "/vault/x/y/"}, {"name": "x", "mountPath": "/data"}]),
        container("c", volumeMounts=[{"name": "x", "mountPath": "/vault/unchanged"}]),
        volumes=[{"name": "x"}],
        annotations={"vault-tls-secret": "ca"},
    )
    mutation = mutate(document)
    result = apply(document, mutation)
    points = result["spec"]["initContainers"][0]["command"][4:]
    assert points == ["/vault/secrets", "/vault/tls", "/vault/x/y"]
    mounts = [mount for one in result["spec"]["containers"][:2] for mount in one["volumeMounts"]]
    assert [mount.get("readOnly") for mount in mounts if mount["name"] == "vault-env"] == [True, True]
    assert mutation.warnings == []


def test_a_file_below_the_volume_makes_it_writable_with_a_warning() -> None:
    file = {"name": "x", "mountPath": "/vault/app.json", "subPath": "app.json"}
    document = pod(referring("a", volumeMounts=[file]), referring("b"), volumes=[{"name": "x"}])
    mutation = mutate(document)
    first, second = apply(document, mutation)["spec"]["containers"]
    assert first["volumeMounts"][1] == {"name": "vault-env", "mountPath": "/vault/"}
    assert second["volumeMounts"] == [{"name": "vault-env", "mountPath": "/vault/", "readOnly": True}]
    assert len(mutation.warnings) == 1
    assert "'/vault/app.json'" in mutation.warnings[0]


def test_a_container_added_by_another_webhook_is_the_only_one_changed() -> None:
    document = pod(
        referring(),
        volumes=[{"name": "tokens"}],
        annotations={"vault-tls-secret": "ca", "token-auth-mount": "tokens:app"},
    )
    once = apply(document, mutate(document))
    extended = copy.deepcopy(once)
    extended["spec"]["containers"].append(referring("sidecar"))
    mutation = mutate(extended)
    twice = apply(extended, mutation)
    assert mutation.injected == ["sidecar"]
    assert twice["spec"]["initContainers"] == once["spec"]["initContainers"]
    assert twice["spec"]["volumes"] == once["spec"]["volumes"]
    assert twice["spec"]["containers"][0] == once["spec"]["containers"][0]
    assert twice["spec"]["containers"][1]["volumeMounts"] == once["spec"]["containers"][0]["volumeMounts"]
    assert twice["metadata"]["annotations"][INJECTED] == "app,sidecar"
    assert mutate(twice).patch == []


def test_an_init_container_added_in_front_gets_vault_env_in_time() -> None:
    document = pod(referring())
    once = apply(document, mutate(document))
    once["spec"]["initContainers"].insert(0, referring("early"))
    twice = apply(once, mutate(once))
    assert names(twice) == ["copy-vault-env-1", "early", "copy-vault-env"]
    assert names(twice, "volumes") == ["vault-env"]
    assert {one["volumeMounts"][0]["name"] for one in twice["spec"]["initContainers"]} == {"vault-env"}


def test_a_wrapper_around_ours_is_not_wrapped_again() -> None:
    document = pod(referring())
    once = apply(document, mutate(document))
    app = once["spec"]["containers"][0]
    app["command"], app["args"] = ["/otel/wrap"], [*app["command"], *app["args"]]
    assert mutate(once).reason == "already-injected"


IMAGE = {"VAULT_ENV_VOLUME_MEDIUM": "Image", "VAULT_ENV_IMAGE": "vault-env:1"}
ITSELF = {"VAULT_ENV_COPY": "self", "VAULT_ENV_IMAGE": "vault-env:1"}


@pytest.mark.parametrize("environ", [IMAGE, ITSELF], ids=["image", "itself"])
def test_a_wrapper_around_ours_is_not_wrapped_again_however_it_was_delivered(environ: dict[str, str]) -> None:
    document = pod(referring(), referring("b"))
    once = apply(document, mutate(document, environ=environ))
    app = once["spec"]["containers"][0]
    app["command"], app["args"] = ["/sbin/tini", "--"], [*app["command"], *app["args"]]
    again = mutate(once, environ=environ)
    assert (again.patch, again.warnings, again.reason) == ([], [], "already-injected")


def test_a_container_that_needs_more_than_the_image_carries_comes_in_between() -> None:
    """The image volume stays with those that have it; what is copied from then on serves all that come later."""
    document = pod(referring(), volumes=[{"name": "x"}])
    once = apply(document, mutate(document, environ=IMAGE))
    assert names(once) == []
    between = copy.deepcopy(once)
    between["spec"]["containers"].append(referring("b", volumeMounts=[{"name": "x", "mountPath": "/vault/x"}]))
    twice = apply(between, mutate(between, environ=IMAGE))
    assert names(twice) == ["copy-vault-env"]
    assert names(twice, "volumes") == ["x", "vault-env", "vault-env-1"]
    assert twice["spec"]["containers"][0] == once["spec"]["containers"][0]
    twice["spec"]["containers"].append(referring("c"))
    thrice = apply(twice, mutate(twice, environ=IMAGE))
    assert names(thrice) == ["copy-vault-env"]
    mounted = [one["volumeMounts"][-1] for one in thrice["spec"]["containers"]]
    assert [(one["name"], one.get("subPath")) for one in mounted] == [
        ("vault-env", "usr/local/bin"),
        ("vault-env-1", None),
        ("vault-env-1", None),
    ]
    assert mutate(thrice, environ=IMAGE).patch == []


def test_a_pod_of_the_other_webhook_is_completed_with_what_it_has() -> None:
    document = of_the_other_webhook(referring(command=[EXE], args=["app"]), referring("b"))
    result = apply(document, mutate(document, environ=IMAGE))
    assert names(result, "volumes") == ["vault-env"]
    assert result["spec"]["containers"][1]["volumeMounts"][0]["mountPath"] == "/vault/"
    assert "subPath" not in result["spec"]["containers"][1]["volumeMounts"][0]


def test_a_token_is_never_for_an_image() -> None:
    document = pod(referring(), volumes=[{"name": "tokens"}], annotations={"token-auth-mount": "tokens:app"})
    result = apply(document, mutate(document, environ={**IMAGE, **ITSELF}))
    assert names(result) == ["copy-vault-token", "copy-vault-env"]
    assert result["spec"]["initContainers"][1]["command"] == ["/usr/local/bin/vault-env", "copy", "/vault/"]
    assert result["spec"]["volumes"][1]["emptyDir"] == {"medium": "Memory", "sizeLimit": "64Mi"}


def of_the_other_webhook(*containers: dict[str, Any], **annotations: str) -> dict[str, Any]:
    """A pod that the existing webhook has worked on: it copies the executable, and leaves no mark."""
    copier = {
        "name": "copy-vault-env",
        "command": ["sh", "-c", "cp /usr/local/bin/vault-env /vault/"],
        "volumeMounts": [{"name": "vault-env", "mountPath": "/vault/"}],
    }
    spec = {"initContainers": [copier], "volumes": [{"name": "vault-env", "emptyDir": {}}]}
    return pod(*containers, annotations={key.replace("_", "-"): text for key, text in annotations.items()}, **spec)


def test_a_wrapper_around_the_executable_of_the_other_webhook() -> None:
    document = of_the_other_webhook(referring(command=["/sbin/tini", "--", EXE], args=["app"]))
    assert mutate(document).reason == "already-injected"
    del document["spec"]["initContainers"]
    assert mutate(document).reason == "injected"


DONE = referring(command=[EXE], volumeMounts=[{"name": "vault-env", "mountPath": "/vault/"}])


@pytest.mark.parametrize(
    "document", [of_the_other_webhook(DONE, vault_agent="true"), pod(DONE)], ids=["copied", "bare"]
)
def test_a_pod_that_is_done_gets_no_agent(document: dict[str, Any]) -> None:
    cluster = FakeCluster()
    mutation = mutate(document, cluster)
    assert (mutation.patch, mutation.reason, cluster.written) == ([], "already-injected", [])


def test_an_agent_logs_in_before_vault_env_is_copied() -> None:
    document = pod(referring(), container("b"), initContainers=[container("i")], annotations={"vault-agent": "true"})
    cluster = FakeCluster()
    mutation = mutate(document, cluster)
    result = apply(document, mutation)
    assert mutation.injected == ["app"]
    assert names(result) == ["vault-agent", "copy-vault-env", "i"]
    assert environment(result["spec"]["containers"][0])["VAULT_TOKEN_FILE"] == "/vault/.vault-token"
    ((namespace, config_map),) = cluster.written
    assert namespace == NAMESPACE
    volumes = {one["name"]: one for one in result["spec"]["volumes"]}
    assert volumes["vault-agent-config"]["configMap"]["name"] == config_map.name
    assert "emptyDir" in volumes["vault-env"]
    again = mutate(result, cluster)
    assert (again.patch, again.reason, len(cluster.written)) == ([], "already-injected", 1)


def test_an_agent_writes_to_a_volume_that_is_no_image() -> None:
    document = pod(referring(), annotations={"vault-agent": "true"})
    result = apply(document, mutate(document, environ=IMAGE))
    assert names(result) == ["vault-agent", "copy-vault-env"]
    assert "emptyDir" in result["spec"]["volumes"][0]


@pytest.mark.parametrize(("version", "native"), [(None, False), ((1, 28), False), ((1, 29), True)])
def test_consul_template_alone_changes_a_pod_without_references(version: Any, native: bool) -> None:
    document = pod(
        container(), container("b"), initContainers=[container("i")], annotations={"vault-ct-configmap": "ct"}
    )
    cluster = FakeCluster(version=version)
    mutation = mutate(document, cluster)
    result = apply(document, mutation)
    assert (mutation.reason, mutation.injected) == ("injected", ["vault-agent", "consul-template"])
    sidecar = ["consul-template"]
    assert names(result) == ["vault-agent", *(sidecar if native else []), "i"]
    assert names(result, "containers") == [*([] if native else sidecar), "app", "b"]
    for one in result["spec"]["containers"][-2:]:
        assert [mount["mountPath"] for mount in one["volumeMounts"]] == ["/vault/secrets/"]
        assert one["command"] == [one["name"]]
    assert INJECTED not in result["metadata"].get("annotations", {})
    assert len(cluster.written) == 1
    again = mutate(result, cluster)
    assert (again.patch, again.injected, len(cluster.written)) == ([], [], 1)


def test_files_of_an_agent_below_the_volume_with_vault_env_get_a_mount_point() -> None:
    document = pod(referring(), container("b"), annotations={"vault-ct-configmap": "ct"})
    mutation = mutate(document)
    result = apply(document, mutation)
    copier = next(one for one in result["spec"]["initContainers"] if one["name"] == "copy-vault-env")
    assert "/vault/secrets" in copier["command"]
    app = next(one for one in result["spec"]["containers"] if one["name"] == "app")
    assert [(mount["mountPath"], mount.get("readOnly", False)) for mount in app["volumeMounts"]] == [
        ("/vault/", True),
        ("/vault/secrets/", False),
    ]
    assert mutation.warnings == []
    assert mutate(result).patch == []


def test_an_excluded_container_gets_no_files_of_agents() -> None:
    annotations = {"vault-ct-configmap": "ct", "skip-containers": "b"}
    document = pod(container(), container("b"), annotations=annotations)
    result = apply(document, mutate(document))
    by_name = {one["name"]: one for one in result["spec"]["containers"]}
    assert "volumeMounts" in by_name["app"]
    assert by_name["b"] == document["spec"]["containers"][1]


def test_a_token_of_the_pod_is_copied_for_consul_template_alone() -> None:
    annotations = {"vault-ct-configmap": "ct", "token-auth-mount": "tokens:t"}
    document = pod(container(), volumes=[{"name": "tokens"}], annotations=annotations)
    cluster = FakeCluster(version=(1, 35))
    result = apply(document, mutate(document, cluster, IMAGE))
    assert names(result) == ["copy-vault-token", "consul-template"]
    copier, agent = result["spec"]["initContainers"]
    shared = copier["volumeMounts"][0]["name"]
    assert shared in {mount["name"] for mount in agent["volumeMounts"]}
    assert cluster.written == []
    assert mutate(result, cluster, IMAGE).patch == []


def test_from_path_wraps_no_agent() -> None:
    annotations = {"vault-ct-configmap": "ct", "vault-env-from-path": "secret/data/a"}
    document = pod(container(), annotations=annotations)
    for version in (None, (1, 35)):
        cluster = FakeCluster(version=version)
        result = apply(document, mutate(document, cluster))
        assert wrapped(result) == ["app"]
        assert mutate(result, cluster).patch == []


@pytest.mark.parametrize("share", ["true", "false"])
def test_a_shared_process_namespace_is_for_the_asking(share: str) -> None:
    annotations = {"vault-ct-configmap": "ct", "vault-ct-share-process-namespace": share}
    document = pod(container(), annotations=annotations)
    result = apply(document, mutate(document))
    assert result["spec"].get("shareProcessNamespace", False) is (share == "true")
    assert mutate(result).patch == []


def test_nothing_is_written_in_a_dry_run_and_for_a_pod_that_is_refused() -> None:
    document = pod(referring(), annotations={"vault-agent": "true"})
    cluster = FakeCluster()
    assert mutate(document, cluster, dry_run=True).patch == mutate(document, cluster).patch
    assert len(cluster.written) == 1
    wrong = pod(
        referring(), container("b", env=[{"name": "A", "value": "vault:x"}]), annotations={"vault-agent": "true"}
    )
    with pytest.raises(Refused):
        mutate(wrong, cluster)
    assert len(cluster.written) == 1


LITERAL, OF_MAP = {"value": "vault:a"}, {"valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}
LEVELS: list[tuple[str, dict[str, Any], int | None]] = [
    ("enforce", LITERAL, None),
    ("enforce", OF_MAP, None),
    ("enforce", {"value": "vault:a#${if}"}, None),
    ("warn", LITERAL, 1),
    ("warn", OF_MAP, 1),
    ("warn", {"value": "vault:a#${if}"}, 1),
    ("warn", {"value": "vault:a#b"}, 0),
    ("off", LITERAL, 0),
    ("off", OF_MAP, 0),
    ("off", {"value": "vault:a#${if}"}, 0),
]


@pytest.mark.parametrize(("level", "variable", "warnings"), LEVELS)
def test_what_becomes_of_a_wrong_reference(level: str, variable: dict[str, Any], warnings: int | None) -> None:
    document = pod(container(env=[{"name": "A", **variable}]))
    cluster = FakeCluster(config_maps={"m": {"k": "vault:a"}})
    variables = {"REFERENCE_CHECK": level}
    if warnings is None:
        with pytest.raises(Refused, match=r"^container 'app', variable 'A'"):
            mutate(document, cluster, variables)
        return
    mutation = mutate(document, cluster, variables)
    assert mutation.injected == ["app"]
    assert [warning.startswith("container 'app', variable 'A'") for warning in mutation.warnings] == [True] * warnings


def test_a_pod_with_a_thousand_wrong_references_gets_few_warnings() -> None:
    env = [{"name": f"A{number}", "value": "vault:a"} for number in range(1000)]
    assert len(mutate(pod(container(env=env)), environ={"REFERENCE_CHECK": "warn"}).warnings) == 10


@pytest.mark.parametrize(
    ("environ", "annotations", "reason"),
    [
        ({"OPT_IN": "true"}, {}, "not-opted-in"),
        ({"OPT_IN": "true"}, {"mutate": "true"}, "injected"),
        ({"OPT_IN": "true"}, {"mutate": "skip"}, "skipped"),
        ({}, {"mutate": "true"}, "injected"),
    ],
)
def test_opting_in(environ: dict[str, str], annotations: dict[str, str], reason: str) -> None:
    assert mutate(pod(referring(), annotations=annotations), environ=environ).reason == reason


def test_all_that_is_wrong_with_a_pod_is_told() -> None:
    document = pod(
        container("a", env=[{"name": "A", "value": "vault:a"}, {"name": "B", "value": "vault:#b"}]),
        {"name": "bare", "env": REFERENCE, "volumeMounts": [{"name": "x", "mountPath": "/vault/vault-env"}]},
        volumes=[{"name": "x"}],
        annotations={"run-as-user": "root", "vault-addr": "https://e", "token-auth-mount": "y:f"},
    )
    with pytest.raises(Refused) as caught:
        mutate(document)
    starts = [
        f"annotation {PREFIX}run-as-user: ",
        f"annotation {PREFIX}vault-addr: ",
        "container 'a', variable 'A': no key",
        "container 'a', variable 'B': the path is missing",
        "container 'bare' has no command",
        "container 'bare' mounts a volume at '/vault/vault-env'",
        f"annotation {PREFIX}token-auth-mount: the pod has no volume y",
    ]
    lines = [line for line in str(caught.value).splitlines() if not line.startswith(" ")]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
    assert caught.value.code == 403


def test_root_that_must_not_be_hides_no_other_fault() -> None:
    annotations = {"run-as-non-root": "true", "token-auth-mount": "y:f"}
    with pytest.raises(Refused) as caught:
        mutate(pod(referring(), securityContext={"runAsUser": 0}, annotations=annotations))
    first, second = str(caught.value).splitlines()
    assert "would run as root" in first
    assert "the pod has no volume y" in second


def test_a_pod_whose_optional_object_cannot_be_read() -> None:
    failure = KubernetesError("no answer", status=500)
    cluster = FakeCluster(secrets={"refs": {"k": b"vault:a#b"}}, failures={"broken": failure})
    broken = container(envFrom=[{"secretRef": {"name": "broken", "optional": True}}])
    mutation = mutate(pod(broken), cluster)
    assert (mutation.patch, mutation.reason, mutation.unread) == ([], "unread", ["Secret broken: no answer"])
    assert len(mutation.warnings) == 1
    beside = mutate(pod(broken, referring("b")), cluster)
    assert (beside.injected, beside.reason, beside.unread) == (["b"], "injected", mutation.unread)
    assert mutate(pod(referring("a")), cluster).unread == []


def test_a_mutate_that_does_not_skip_warns() -> None:
    mutation = mutate(pod(referring(), annotations={"mutate": "SKIP"}))
    assert mutation.injected == ["app"]
    assert ["only skip" in warning for warning in mutation.warnings] == [True]


def test_the_user_of_the_containers_is_that_of_the_injected_ones() -> None:
    document = pod(
        referring("a", securityContext={"runAsUser": 1000, "runAsNonRoot": True}),
        container("b", securityContext={"runAsUser": 0}),
        volumes=[{"name": "tokens"}],
        annotations={"token-auth-mount": "tokens:app"},
    )
    injected = apply(document, mutate(document))["spec"]["initContainers"]
    contexts = [one["securityContext"] for one in injected]
    assert [(one["runAsUser"], one["runAsNonRoot"]) for one in contexts] == [(1000, True)] * 2


def test_a_mount_where_the_token_will_be() -> None:
    mounts = [{"name": "x", "mountPath": "/vault/.vault-token"}]
    document = pod(referring(volumeMounts=mounts), volumes=[{"name": "x"}])
    assert mutate(document).reason == "injected"
    document["metadata"]["annotations"] = {PREFIX + "token-auth-mount": "x:token"}
    with pytest.raises(Refused, match=r"where /vault/\.vault-token must be"):
        mutate(document)


def test_a_container_without_command_that_from_path_wraps() -> None:
    sidecar = {"name": "istio-proxy", "args": ["proxy"]}
    with pytest.raises(Refused, match=f"^annotation {PREFIX}vault-env-from-path is for every container") as caught:
        mutate(pod(container(), sidecar, annotations={"vault-env-from-path": "secret/data/a"}))
    assert "container 'istio-proxy' has no command" in str(caught.value)


def test_images_are_looked_into_for_containers_without_a_command_only() -> None:
    images = FakeImages({"bare": {"entrypoint": ["/app"]}})
    document = pod(referring(image="other"), {"name": "bare", "image": "bare", "env": REFERENCE})
    result = apply(document, mutate(document, images=images))
    assert wrapped(result) == ["app", "bare"]
    assert [question.image for question in images.asked] == ["bare"]
    assert mutate(result, images=images).patch == []
    assert len(images.asked) == 1
    plain = pod({"name": "bare", "image": "bare"})
    assert mutate(plain, images=images).patch == []
    assert len(images.asked) == 1


QUESTIONS: dict[str, tuple[dict[str, Any], dict[str, str], dict[str, Any]]] = {
    "nothing": ({}, {}, {}),
    "service account": ({"serviceAccountName": "app"}, {}, {"service_account": "app"}),
    "its old name": ({"serviceAccount": "app"}, {}, {"service_account": "app"}),
    "pull secrets": ({"imagePullSecrets": [{"name": "a"}, {}, {"name": "b"}]}, {}, {"pull_secrets": ("a", "b")}),
    "skip verify": ({}, {"registry-skip-verify": "true"}, {"skips_verification": True}),
    "node selector": ({"nodeSelector": {"kubernetes.io/arch": "arm64"}}, {}, {"architectures": ("arm64",)}),
    "its old label": ({"nodeSelector": {"beta.kubernetes.io/arch": "arm"}}, {}, {"architectures": ("arm",)}),
    "other labels": ({"nodeSelector": {"kubernetes.io/os": "linux"}}, {}, {}),
    "no terms": ({"affinity": {"nodeAffinity": {}}}, {}, {}),
    "affinity": (
        {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["x"]}]},
                            {
                                "matchExpressions": [
                                    {"key": "kubernetes.io/arch", "operator": "In", "values": ["s390x", "arm64"]},
                                    {"key": "kubernetes.io/arch", "operator": "NotIn", "values": ["arm"]},
                                ]
                            },
                        ]
                    }
                }
            }
        },
        {},
        {"architectures": ("s390x", "arm64")},
    ),
}


@pytest.mark.parametrize(("spec", "annotations", "expected"), QUESTIONS.values(), ids=QUESTIONS)
def test_what_is_asked_about_an_image(
    spec: dict[str, Any], annotations: dict[str, str], expected: dict[str, Any]
) -> None:
    images = FakeImages({"bare": {"cmd": ["/app"]}})
    mutate(pod({"name": "bare", "image": "bare", "env": REFERENCE}, annotations=annotations, **spec), images=images)
    usual = ImageQuestion("bare", "shop", (), "default", (), skips_verification=False)
    assert images.asked == [usual._replace(**expected)]


def test_a_mark_copied_from_another_pod_does_not_stop_injection() -> None:
    document = pod(referring(), annotations={"injected": "app"})
    result = apply(document, mutate(document))
    assert wrapped(result) == ["app"]
    assert names(result) == ["copy-vault-env"]


def test_a_pod_of_the_existing_webhook_is_completed() -> None:
    """Both webhooks are installed: theirs ran first, then a third one added a container."""
    document = of_the_other_webhook(
        referring("app", command=[EXE], args=["app"]), referring("sidecar"), vault_tls_secret="ca"
    )
    mutation = mutate(document)
    result = apply(document, mutation)
    assert mutation.injected == ["sidecar"]
    assert names(result) == ["copy-vault-env"]
    # Their copying container makes no mount point for the certificate.
    assert result["spec"]["containers"][1]["volumeMounts"][0] == {"name": "vault-env", "mountPath": "/vault/"}
    assert mutation.warnings != []


def test_a_volume_of_the_author_that_is_called_vault_env() -> None:
    document = pod(referring(), volumes=[{"name": "vault-env", "emptyDir": {}}])
    result = apply(document, mutate(document))
    assert names(result, "volumes") == ["vault-env", "vault-env-1"]
    assert result["spec"]["containers"][0]["volumeMounts"][0]["name"] == "vault-env-1"
    assert mutate(result).patch == []


REFUSED: list[tuple[str, dict[str, Any], str, int]] = [
    ("no-command", pod(container(), {"name": "bare", "env": REFERENCE}), "container 'bare' has no command", 422),
    ("reference", pod(container(env=[{"name": "A", "value": "vault:a"}])), "container 'app', variable 'A': ", 422),
    ("annotation", pod(container(), annotations={"run-as-user": "root"}), f"annotation {PREFIX}run-as-user: ", 422),
    (
        "root",
        pod(referring(), annotations={"run-as-non-root": "1"}, securityContext={"runAsUser": 0}),
        "injected ",
        422,
    ),
    ("address", pod(referring(), annotations={"vault-addr": "https://e"}), f"annotation {PREFIX}vault-addr: ", 403),
    ("mount", pod(referring(volumeMounts=[{"name": "x", "mountPath": "/vault"}])), "container 'app' mounts ", 422),
    ("types", pod(container(env="x")), "the pod cannot be read: Expected `array | null`", 422),
]


@pytest.mark.parametrize(("document", "words", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(document: dict[str, Any], words: str, code: int) -> None:
    with pytest.raises(Refused) as caught:
        mutate(document)
    assert str(caught.value).startswith(words)
    assert caught.value.code == code


def test_a_hostile_name_cannot_break_the_message() -> None:
    with pytest.raises(Refused) as caught:
        mutate(pod({"name": "a\nb" * 1000, "env": REFERENCE}))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "template",
    ["${.x | upper}", "${file `/x`}", "${env `HOME`}", "${if}$(KUBELET)", "${.x}" * 5000 + "${if}"],
    ids=["good", "file", "environment", "not-whole", "long"],
)
def test_a_template_is_left_to_vault_env(template: str) -> None:
    assert mutate(pod(container(env=[{"name": "A", "value": f"vault:a#{template}"}]))).injected == ["app"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("vault:a#${if}", "container 'app', variable 'A': a: template: config:1: missing value for if"),
        ("x${vault:a#${.x | uper}}", 'a: template: config:1: function "uper" not defined'),
        ("vault:a#${blob `s3://b`}", 'function "blob" not defined: it reads from a cloud'),
    ],
)
def test_a_template_that_does_not_parse_is_refused(value: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        mutate(pod(container(env=[{"name": "A", "value": value}])))
    assert words in str(caught.value)
    assert caught.value.code == 422


def test_unknown_annotations_warn() -> None:
    mutation = mutate(pod(container(), annotations={"vault-rol": "x"}))
    assert len(mutation.warnings) == 1
    assert mutation.reason == "no-references"


def test_a_thousand_containers_worth_of_environment() -> None:
    env = [{"name": f"V{number}", "value": "text " * 3} for number in range(30)]
    containers = [container(f"c{number}", env=[*env, *REFERENCE]) for number in range(1000)]
    document = pod(*containers)
    mutation = mutate(document)
    assert len(mutation.injected) == 1000
    result = apply(document, mutation)
    assert wrapped(result) == mutation.injected
    assert all("VAULT_ADDR" in environment(one) for one in result["spec"]["containers"])
    assert mutate(result).patch == []


@pytest.mark.parametrize(
    "metadata", [None, {}, {"annotations": None}, {"annotations": {}}, {"annotations": {"a": "b"}}]
)
def test_the_mark_fits_any_metadata(metadata: Any) -> None:
    document = {"metadata": metadata, "spec": {"containers": [referring()]}}
    result = apply(document, mutate(document))
    kept = (metadata or {}).get("annotations") or {}
    assert result["metadata"]["annotations"] == {**kept, INJECTED: "app"}


def test_no_metadata() -> None:
    document = {"spec": {"containers": [referring()]}}
    assert apply(document, mutate(document))["metadata"] == {"annotations": {INJECTED: "app"}}


@pytest.mark.parametrize("key", ["env", "args", "volumeMounts", "envFrom"])
@pytest.mark.parametrize("empty", [None, []])
def test_empty_lists(key: str, empty: Any) -> None:
    one = referring()
    if key != "env":
        one[key] = empty
    document = pod(one, volumes=empty, initContainers=empty)
    if key == "env":
        one["env"] = empty
        document["metadata"]["annotations"] = {PREFIX + "vault-env-from-path": "a"}
    result = apply(document, mutate(document))
    assert wrapped(result) == ["app"]
    assert names(result, "volumes") == ["vault-env"]
