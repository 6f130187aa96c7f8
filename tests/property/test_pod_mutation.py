"""Any pod, whatever starts its containers and however that is delivered: the patch applies, a second pass changes nothing, the rest survives, and only Refused is raised."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.cluster import FakeCluster, apply, mutate
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.annotation_table import TABLE
from vault_secrets_webhook.webhook.annotations import INJECTED, NEW_PREFIX, PREFIX
from vault_secrets_webhook.webhook.mutate.container import RESERVED
from vault_secrets_webhook.webhook.mutate.environment import VARIABLES
from vault_secrets_webhook.webhook.mutate.flavour import EXECUTABLES, FLAVOURS, Flavour
from vault_secrets_webhook.webhook.mutate.patch import PatchOperation
from vault_secrets_webhook.webhook.mutate.volume import normalize_path

EXE = "/vault/vault-env"
NAMES = frozenset().union(*(one.names for one in VARIABLES.values()))
SOURCE = "/usr/local/bin/vault-env"
COPYING = ["sh", "-c", f"cp {SOURCE} /vault/"]
COPYING_OTHER = ["sh", "-c", "cp /usr/local/bin/secret-init /bao/"]
OUR_IMAGE = "vault-env:1"
MEDIA, WAYS = ["Memory", "Disk", "Image", "Auto"], ["shell", "self"]
environs = st.sampled_from(
    [
        {
            "VAULT_ENV_IMAGE": OUR_IMAGE,
            "SECRET_INIT_IMAGE": OUR_IMAGE,
            "VAULT_ENV_VOLUME_MEDIUM": medium,
            "VAULT_ENV_COPY": way,
            "PROVIDER": provider,
        }
        for medium in MEDIA
        for way in WAYS
        for provider in FLAVOURS
    ]
)
CLUSTER = FakeCluster(
    secrets={"refs": {"a": b"vault:a#b", "b": b"x"}, "plain": {"a": b"x"}},
    config_maps={"refs": {"a": "${vault:a#b}", "b": "bao:a#b"}, "plain": {"a": "x"}},
    version=(1, 35),
)
object_names = st.sampled_from(["refs", "plain", "absent"])

texts = st.sampled_from(
    [
        "plain",
        "",
        "vault:a#b",
        "x ${vault:a#b} y",
        ">>vault:a#b#{}",
        "vault:login",
        "vault:v1:abc",
        "vault:$(X)",
        "$(A)",
        "bao:a#b",
        "x ${bao:a#b} y",
        "arn:aws:ssm:eu-west-1:1:parameter/x",
    ]
)
names = st.sampled_from(["A", "B", "VAULT_ADDR", "VAULT_LOG_LEVEL", "BAO_ROLE", "SECRET_INIT_LOG_LEVEL", "VAULT_TOKEN"])
unknown = st.dictionaries(
    st.sampled_from(["futureA", "futureB", "x/y~z"]),
    st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3), st.lists, max_leaves=4),
    max_size=2,
)
words = st.sampled_from(
    ["app", "sh", "-c", "$(X)", f"cp {SOURCE} /vault/", EXE, "/bao/secret-init", "copy", "--", "-h"]
)
commands = st.lists(words, min_size=1, max_size=3) | st.sampled_from(
    [
        COPYING,
        COPYING_OTHER,
        [SOURCE, "copy", "/vault/"],
        [SOURCE, "copy", "/vault/", "/vault/x"],
        [SOURCE, "copy", "/other/"],
    ]
)


def part(required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with unknown fields, whose known ones may be absent or null."""
    known = st.fixed_dictionaries(required, optional={name: st.none() | one for name, one in optional.items()})
    return st.builds(lambda extra, fields: {**extra, **fields}, unknown, known)


selectors = part({"name": object_names}, key=st.sampled_from(["a", "b", "c"]), optional=st.booleans())
variables = part(
    {"name": names},
    value=texts,
    valueFrom=part({}, secretKeyRef=selectors, configMapKeyRef=selectors, fieldRef=unknown),
)
mounts = part(
    {"name": st.sampled_from(["vault-env", "vault-tls", "data"])},
    mountPath=st.sampled_from(
        ["/data", "/vault/x", "/vault/x.json", "/vault/secrets", "/vault/tls/", "/vaults", "/vault", "/bao/x", "/bao"]
    ),
    subPath=st.sampled_from(["", "x"]),
)
handlers = part({}, exec=part({}, command=commands))
containers = part(
    {
        "name": st.sampled_from(["app", "sidecar", "copy-vault-env", "copy-secret-init", "a/b"]),
        "command": commands,
        "env": st.lists(variables, min_size=1, max_size=4)
        | st.just([{"name": "A", "value": "vault:a#b"}, {"name": "B", "value": "bao:a#b"}]),
    },
    args=commands,
    envFrom=st.lists(part({}, secretRef=selectors, configMapRef=selectors), max_size=2),
    volumeMounts=st.lists(mounts, max_size=2),
    securityContext=part({}, runAsUser=st.integers(0, 2), runAsNonRoot=st.booleans()),
    livenessProbe=handlers,
    lifecycle=part({}, preStop=handlers),
)
volumes = part(
    {"name": st.sampled_from(["vault-env", "secret-init", "vault-tls", "bao-tls", "vault-env-tls", "data"])},
    image=part({}, reference=st.sampled_from([OUR_IMAGE, "other"])),
)
ANNOTATIONS = [
    (PREFIX + "vault-env-from-path", "secret/data/a"),
    (PREFIX + "vault-tls-secret", "vault-ca"),
    (PREFIX + "token-auth-mount", "data:token"),
    (PREFIX + "mutate-probes", "true"),
    (PREFIX + "vault-env-image", OUR_IMAGE),
    (PREFIX + "vault-env-image", "other"),
    (PREFIX + "skip-containers", "app"),
    (PREFIX + "skip-containers", "sidecar,nobody"),
    (PREFIX + "vault-agent", "true"),
    (PREFIX + "vault-agent-configmap", "agent"),
    (PREFIX + "vault-ct-configmap", "templates"),
    (PREFIX + "vault-ct-once", "true"),
    (PREFIX + "vault-ct-inject-in-initcontainers", "true"),
    (NEW_PREFIX + "provider", "vault"),
    (NEW_PREFIX + "provider", "bao"),
    (NEW_PREFIX + "provider", "aws"),
    (NEW_PREFIX + "bao-tls-secret", "vault-ca"),
    (NEW_PREFIX + "bao-agent", "true"),
    (INJECTED, "app"),
]
pod_annotations = st.lists(st.sampled_from(ANNOTATIONS), max_size=4).map(dict) | st.dictionaries(
    st.sampled_from([PREFIX + row.suffix for row in TABLE] + [PREFIX + "nonsense", INJECTED, "a/b"]),
    st.sampled_from(["true", "false", "app", "5", "10s", "secret/data/a", "vault-ca", "data:token", "Always"]),
    max_size=2,
)
specs = part(
    {"containers": st.lists(containers, min_size=1, max_size=3)},
    initContainers=st.lists(containers, max_size=2),
    volumes=st.lists(volumes, max_size=3, unique_by=lambda volume: volume["name"]),
    serviceAccountName=st.just("shop"),
    securityContext=part({}, runAsUser=st.integers(0, 5), runAsNonRoot=st.booleans()),
    resources=part({}, limits=st.dictionaries(st.sampled_from(["cpu", "memory"]), st.just("1"))),
)
busy = st.lists(st.sampled_from(ANNOTATIONS), min_size=1, max_size=5).map(dict)
pods = st.one_of(
    part({"spec": specs}, metadata=part({}, annotations=pod_annotations)),
    part({"spec": specs, "metadata": st.fixed_dictionaries({"annotations": pod_annotations})}),
    part({"spec": specs, "metadata": st.fixed_dictionaries({"annotations": busy})}),
)


def every_container(pod: Any) -> list[Any]:
    return [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]


@settings(max_examples=60, deadline=None)
@given(pods, environs)
def test_the_patch_applies_and_a_second_pass_changes_nothing(pod: Any, environ: dict[str, str]) -> None:
    with contextlib.suppress(Refused):
        mutation = mutate(pod, CLUSTER, environ)
        assert bool(mutation.patch) == bool(mutation.injected) == (mutation.reason == "injected")
        result = apply(pod, mutation)
        again = mutate(result, CLUSTER, environ)
        assert again.patch == []
        assert again.reason in {"already-injected", mutation.reason}


@settings(max_examples=60, deadline=None)
@given(pods, containers, st.booleans(), environs)
def test_a_container_that_comes_in_between_is_the_only_one_changed(
    pod: Any, added: Any, is_init: bool, environ: dict[str, str]
) -> None:
    with contextlib.suppress(Refused):
        once = apply(pod, mutate(pod, CLUSTER, environ))
        kind = "initContainers" if is_init else "containers"
        between = copy.deepcopy(once)
        between["spec"][kind] = [added, *(once["spec"].get(kind) or ())]
        twice = apply(between, mutate(between, CLUSTER, environ))
        assert mutate(twice, CLUSTER, environ).patch == []
        known = [one for one in every_container(twice) if one in every_container(once)]
        assert len(known) >= len(every_container(once))


@settings(max_examples=60, deadline=None)
@given(pods, environs)
def test_what_is_not_ours_survives(pod: Any, environ: dict[str, str]) -> None:
    with contextlib.suppress(Refused):
        result = apply(pod, mutate(pod, CLUSTER, environ))
        assert strip(result, pod) == without_replaced(pod)


@settings(max_examples=120, deadline=None)
@given(pods, environs)
def test_a_wrapped_container_finds_the_executable(pod: Any, environ: dict[str, str]) -> None:
    with contextlib.suppress(Refused):
        result = apply(pod, mutate(pod, CLUSTER, environ))
        old_ones = every_container(pod)
        for new, old in zip(every_container(result)[-len(old_ones) :], old_ones, strict=True):
            if new["command"] != old["command"]:
                assert finds_executable(result, new)


def finds_executable(pod: Any, container: Any) -> bool:
    """Tell whether the executable is there when the container starts: in the image, or copied before."""
    flavour = next(one for one in FLAVOURS.values() if [one.executable] == container["command"])
    mount = find_mount(container, flavour)
    volume = next(one for one in pod["spec"]["volumes"] if one["name"] == mount["name"])
    image = volume.get("image")
    if image and mount.get("subPath"):
        needed = {normalize_path(one.get("mountPath") or "") for one in container["volumeMounts"]}
        below = {path.removeprefix(flavour.folder) for path in needed if path.startswith(flavour.folder + "/")}
        assert below <= {"/tls", "/secrets"}
        return bool(image["reference"] == OUR_IMAGE and mount["subPath"] == "usr/local/bin" and mount["readOnly"])
    init_containers = pod["spec"].get("initContainers") or []
    turn = next((index for index, one in enumerate(init_containers) if one is container), len(init_containers))
    return not mount.get("subPath") and any(
        copies_executable(one["command"], flavour) and find_mount(one, flavour).get("name") == volume["name"]
        for one in init_containers[:turn]
    )


def copies_executable(command: list[str], flavour: Flavour) -> bool:
    source, target = f"/usr/local/bin/{flavour.name}", flavour.folder + "/"
    return command[:3] == [source, "copy", target] or " ".join(command).startswith(f"sh -c cp {source} {target}")


def find_mount(container: Any, flavour: Flavour) -> Any:
    """Give what the container has in the flavour's folder, empty when there is nothing."""
    mounts = container.get("volumeMounts") or ()
    return next((one for one in mounts if normalize_path(one.get("mountPath") or "") == flavour.folder), {})


def strip(result: Any, pod: Any) -> Any:
    """Take everything out of a mutated pod that we may have added."""
    result = copy.deepcopy(result)
    kept = result["spec"].get("initContainers") or []
    added = len(kept) - len(pod["spec"].get("initContainers") or [])
    restore(result["spec"], pod["spec"], "initContainers", kept[added:])
    old_volumes = pod["spec"].get("volumes") or []
    restore(result["spec"], pod["spec"], "volumes", (result["spec"].get("volumes") or [])[: len(old_volumes)])
    for new, old in zip(every_container(result), every_container(pod), strict=True):
        env = (new.get("env") or [])[: len(old.get("env") or [])]
        restore(new, old, "env", [one for one in env if one["name"] not in NAMES])
        restore(new, old, "volumeMounts", (new.get("volumeMounts") or [])[: len(old.get("volumeMounts") or [])])
        if new["command"] != old["command"]:
            assert new["command"][0] in EXECUTABLES
            protection = ["--"] if old["command"][0] in RESERVED else []
            assert new["args"] == [*protection, *old["command"], *(old.get("args") or [])]
        for key in ("command", "args", "livenessProbe", "lifecycle"):
            restore(new, old, key, old.get(key))
    restore_annotations(result, pod)
    return result


def restore(new: Any, old: Any, key: str, value: Any) -> None:
    """Put a member back; an absent, null or empty list is what it was."""
    new.pop(key, None)
    if key in old:
        new[key] = value or old[key]
        if key == "env" and not value:
            new[key] = [] if old[key] else old[key]


def restore_annotations(result: Any, pod: Any) -> None:
    metadata = pod.get("metadata")
    new = result.get("metadata")
    if new is not None and new.get("annotations") is not None:
        new["annotations"].pop(INJECTED, None)
    if metadata is None:
        result.pop("metadata", None)
        if "metadata" in pod:
            result["metadata"] = None
    elif not metadata.get("annotations"):
        restore(new, metadata, "annotations", None)
    elif INJECTED in metadata["annotations"]:
        new["annotations"][INJECTED] = metadata["annotations"][INJECTED]


def without_replaced(pod: Any) -> Any:
    """The pod without the variables that may be replaced."""
    pod = copy.deepcopy(pod)
    for one in every_container(pod):
        if one.get("env"):
            one["env"] = [variable for variable in one["env"] if variable["name"] not in NAMES]
    return pod


@settings(max_examples=60, deadline=None)
@given(pods, environs)
def test_every_reference_is_wrapped_once(pod: Any, environ: dict[str, str]) -> None:
    with contextlib.suppress(Refused):
        mutation = mutate(pod, CLUSTER, environ)
        result = apply(pod, mutation)
        old_ones = every_container(pod)
        schemes = find_schemes(pod, environ)
        for new, old in zip(every_container(result)[-len(old_ones) :], old_ones, strict=True):
            executables = [word for word in [*new["command"], *(new.get("args") or ())] if word in EXECUTABLES]
            refers = any((variable.get("value") or "").startswith(schemes) for variable in old["env"])
            # The copying ones start with these.
            if refers and old["command"][0] not in {"sh", SOURCE} and is_included(old["name"], pod):
                assert executables
            if new["command"] != old["command"]:
                assert old["command"][0] not in EXECUTABLES


def read_annotation(pod: Any, key: str) -> str:
    return str(((pod.get("metadata") or {}).get("annotations") or {}).get(key, ""))


def find_schemes(pod: Any, environ: dict[str, str]) -> tuple[str, ...]:
    """Give how references to the pod's provider begin."""
    provider = read_annotation(pod, NEW_PREFIX + "provider") or environ.get("PROVIDER", "")
    return {"bao": ("bao:",), "aws": ("arn:aws:ssm:",)}.get(provider, ("vault:",))


def is_included(name: str, pod: Any) -> bool:
    only = read_annotation(pod, PREFIX + "containers")
    skipped = read_annotation(pod, PREFIX + "skip-containers")
    return name not in skipped.split(",") and (not only or name in only.split(","))


def is_non_root(pod: Any, one: Any) -> bool:
    """What PodSecurity `restricted` asks of a container."""
    own = (one.get("securityContext") or {}).get("runAsNonRoot")
    return bool((pod["spec"].get("securityContext") or {}).get("runAsNonRoot") if own is None else own)


@settings(max_examples=60, deadline=None)
@given(pods, environs)
def test_injected_containers_are_non_root_where_all_others_are(pod: Any, environ: dict[str, str]) -> None:
    with contextlib.suppress(Refused):
        result = apply(pod, mutate(pod, CLUSTER, environ))
        if all(is_non_root(pod, one) for one in every_container(pod)):
            assert all(is_non_root(result, one) for one in every_container(result))


MEMBERS = [
    "metadata",
    "annotations",
    "spec",
    "containers",
    "initContainers",
    "volumes",
    "name",
    "command",
    "args",
    "env",
    "value",
    "envFrom",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=60, deadline=None)
@given(json_values)
def test_any_json_is_answered_or_refused(document: Any) -> None:
    with contextlib.suppress(Refused):
        mutation = mutate(document, CLUSTER)
        assert all(isinstance(one, PatchOperation) for one in mutation.patch)
        assert msgspec.json.encode(mutation.patch)
