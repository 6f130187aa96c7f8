"""The part of a Pod that the mutation looks at, typed.

Only ever decoded, never encoded: whatever is not named here must survive, so changes are made by a patch. Field names
are those of the Kubernetes API, https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/. Every
field may be absent or null.
"""

from __future__ import annotations

import msgspec

from vault_secrets_webhook.errors import Refused


class Part(msgspec.Struct, gc=False, rename="camel"):
    """Base of all parts. They hold no cycles, so the collector need not follow them."""


class KeySelector(Part):
    """A key of a Secret or ConfigMap in the pod's namespace."""

    name: str | None = None
    key: str | None = None
    optional: bool | None = None


class ValueSource(Part):
    """Where a variable's value is taken from. `fieldRef` and the like are not looked at."""

    secret_key_ref: KeySelector | None = None
    config_map_key_ref: KeySelector | None = None


class Variable(Part):
    """A variable of a container's environment."""

    name: str | None = None
    value: str | None = None
    value_from: ValueSource | None = None


class ObjectSelector(Part):
    """A whole Secret or ConfigMap in the pod's namespace."""

    name: str | None = None
    optional: bool | None = None


class VariablesSource(Part):
    """Where several variables are taken from: an entry of `envFrom`. Their prefix is part of names only."""

    secret_ref: ObjectSelector | None = None
    config_map_ref: ObjectSelector | None = None


class VolumeMount(Part):
    """A volume in a container's file system."""

    name: str | None = None
    mount_path: str | None = None
    sub_path: str | None = None
    sub_path_expr: str | None = None


class Exec(Part):
    """A command that kubelet runs in the container."""

    command: list[str] | None = None


class Handler(Part):
    """A probe or a lifecycle hook."""

    exec: Exec | None = None


class Lifecycle(Part):
    """The lifecycle hooks of a container."""

    post_start: Handler | None = None
    pre_stop: Handler | None = None


class SecurityContext(Part):
    """Whom a container runs as; that of a pod holds for all containers that do not say otherwise."""

    run_as_user: int | None = None
    run_as_non_root: bool | None = None
    windows_options: dict[str, object] | None = None


class Container(Part):
    """A container or init container."""

    name: str | None = None
    image: str | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[Variable] | None = None
    env_from: list[VariablesSource] | None = None
    volume_mounts: list[VolumeMount] | None = None
    liveness_probe: Handler | None = None
    readiness_probe: Handler | None = None
    startup_probe: Handler | None = None
    lifecycle: Lifecycle | None = None
    security_context: SecurityContext | None = None


class KeyToPath(Part):
    """A key of a Secret as a file."""

    key: str | None = None
    path: str | None = None


class SecretProjection(Part):
    """A Secret as files."""

    name: str | None = None
    items: list[KeyToPath] | None = None


class Projection(Part):
    """One source of a projected volume."""

    secret: SecretProjection | None = None


class Projected(Part):
    """A volume made of several sources."""

    sources: list[Projection] | None = None


class ImageSource(Part):
    """A container image as files."""

    reference: str | None = None


class Volume(Part):
    """A volume of the pod."""

    name: str | None = None
    image: ImageSource | None = None
    projected: Projected | None = None


class Resources(Part):
    """Amounts by the name of the resource. An amount is text or a number."""

    requests: dict[str, object] | None = None
    limits: dict[str, object] | None = None


class OperatingSystem(Part):
    """What the pod's author says of the node's operating system."""

    name: str | None = None


class LocalReference(Part):
    """The name of an object in the pod's namespace."""

    name: str | None = None


class Requirement(Part):
    """What a label of the node must be."""

    key: str | None = None
    operator: str | None = None
    values: list[str] | None = None


class NodeSelectorTerm(Part):
    """Requirements all of which a node must meet."""

    match_expressions: list[Requirement] | None = None


class NodeSelector(Part):
    """Terms one of which a node must meet."""

    node_selector_terms: list[NodeSelectorTerm] | None = None


class PreferredTerm(Part):
    """A term that a node had better meet, and how much that weighs."""

    weight: int | None = None
    preference: NodeSelectorTerm | None = None


class NodeAffinity(Part):
    """Which nodes the pod may run on, and had better run on."""

    required: NodeSelector | None = msgspec.field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")
    preferred: list[PreferredTerm] | None = msgspec.field(
        default=None, name="preferredDuringSchedulingIgnoredDuringExecution"
    )


class Affinity(Part):
    """What decides where the pod runs."""

    node_affinity: NodeAffinity | None = None


class PodSpec(Part):
    """What a pod is made of."""

    init_containers: list[Container] | None = None
    containers: list[Container] | None = None
    volumes: list[Volume] | None = None
    service_account_name: str | None = None
    service_account: str | None = None
    automount_service_account_token: bool | None = None
    share_process_namespace: bool | None = None
    security_context: SecurityContext | None = None
    resources: Resources | None = None
    os: OperatingSystem | None = None
    node_selector: dict[str, str] | None = None
    affinity: Affinity | None = None
    image_pull_secrets: list[LocalReference] | None = None


class Metadata(Part):
    """What is said about a pod. Of `ownerReferences` nothing is known but that they are objects."""

    name: str | None = None
    annotations: dict[str, str] | None = None
    generate_name: str | None = None
    owner_references: list[dict[str, object]] | None = None


class Pod(Part):
    """A pod as the API server sends it to be admitted: not yet validated."""

    metadata: Metadata | None = None
    spec: PodSpec | None = None


DECODER = msgspec.json.Decoder(Pod)
DEFAULT_SERVICE_ACCOUNT = "default"


def decode_pod(text: bytes) -> Pod:
    """Read the JSON of a Pod. Raises Refused naming the field that is wrong, not what it holds."""
    try:
        return DECODER.decode(text)
    except msgspec.MsgspecError as error:
        raise Refused(f"the pod cannot be read: {error}") from None
    except UnicodeDecodeError:
        raise Refused("the pod cannot be read: it is not UTF-8") from None
    except RecursionError:
        raise Refused("the pod cannot be read: it is nested too deep") from None


def list_containers(spec: PodSpec) -> list[Container]:
    """Give all containers, init containers first."""
    return [*(spec.init_containers or ()), *(spec.containers or ())]


def list_required_terms(spec: PodSpec) -> list[NodeSelectorTerm]:
    """Give the terms of its node affinity one of which a node must meet."""
    affinity = spec.affinity.node_affinity if spec.affinity else None
    required = affinity.required if affinity else None
    return (required.node_selector_terms or []) if required else []


def name_service_account(spec: PodSpec) -> str:
    """Name the pod's ServiceAccount, by the older name of the field too, which the API still has."""
    return spec.service_account_name or spec.service_account or DEFAULT_SERVICE_ACCOUNT
