"""Which agents a pod gets, where they run, and what the containers of its author see of them.

An agent is a Vault (or OpenBao) agent or consul-template. It runs
- before everything else, as an init container that fetches a token and ends: `vault-agent`, and always with
  consul-template, which finds the token in the shared volume. A token that the pod brings makes it needless;
- once, as an init container that renders files and ends;
- beside the application, to keep files up to date: as a native sidecar (an init container with `restartPolicy: Always`,
  KEP-753, https://kep.k8s.io/753), which starts before the application's containers, ends after them and does not keep
  a Job from ending; or, for servers that do not know these, as one more container.

For pod.py this is used in two steps. `describe_needs` says, before the volumes are planned, what they must be able to
do; `plan_agents` gives what is added to the pod. Nothing is written to the cluster here: the generated ConfigMap is
given back, and `kube.config_maps` writes it.
An agent that an earlier pass, or another webhook, has put into the pod is known by the configuration that it is started
with (`is_agent`), and is not put in again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.message import show
from vault_secrets_webhook.webhook.values import CLASSIC_SIDECAR, NATIVE_SIDECAR

from . import agent, consul_template
from .agent import Surroundings, build_login_agent, build_rendering_agent, make_sidecar
from .agent_config import CONFIG_KEY, Login, build_config, generate_config_map
from .agent_volumes import CONFIGFILE_PATH, Store, find_token_mount, read_secrets_folder
from .consul_template import build_consul_template, list_sinks
from .copying import SAYS_NOTHING, build_security_context
from .flavour import AWS, BAO, VAULT, find_flavour
from .spec import list_containers
from .volume import build_mount, find_volume_at, normalize_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault_secrets_webhook.webhook.options import Options
    from vault_secrets_webhook.webhook.settings import Settings

    from .agent_config import GeneratedConfigMap
    from .patch import Patch
    from .spec import Container, Metadata, PodSpec
    from .volume import Mount, Volumes

LOGIN, RENDERING, TEMPLATE = "login", "rendering", "template"
# The configuration that an agent is started with -> what it is for.
KINDS = {
    f"/{folder}/{below}/{CONFIG_KEY}": kind
    for folder in (VAULT, BAO)
    for below, kind in (
        (agent.LOGIN_FOLDER, LOGIN),
        (agent.RENDERING_FOLDER, RENDERING),
        (consul_template.FOLDER, TEMPLATE),
    )
}
AGENT_USER = 100  # of agents for which no user is known: what their images have it for
CANNOT_LOG_IN = (
    "the agent has no token to log in with, because of automountServiceAccountToken: false: mount a projected token at"
    " {folder} in a container of the pod, and the agent gets it too"
)
READABLE_BY_OWNER, READABLE_BY_ALL = 0o600, 0o644
NATIVE_SIDECARS_SINCE = (1, 29)  # the first version of Kubernetes that has them without being asked


class Needs(msgspec.Struct, frozen=True):
    """What agents, if the pod gets any, need of the volumes that are planned for it.

    `points` are the folders that application containers will have mounts at (`init_points`: init containers too), so
    that one below `/vault` must be a mount point in the volume with the executable. `token` tells that application
    containers get VAULT_TOKEN_FILE. `copied_token` tells that the token of `token-auth-mount` has to be in the shared
    volume even if no container is wrapped. `shared` tells that the volume with the executable must be one to write to,
    not an image volume.
    """

    points: frozenset[str] = frozenset()
    init_points: frozenset[str] = frozenset()
    token: bool = False
    copied_token: bool = False
    shared: bool = False
    is_any: bool = False


class AgentRequest(msgspec.Struct, frozen=True):
    """A pod and what is planned for it.

    `served` are the containers that are wrapped now, `is_native` tells that sidecars are native ones. `volumes` are
    those of the delivery, None where nothing is wrapped; `role` is the one to log in with.
    """

    metadata: Metadata
    spec: PodSpec
    options: Options
    settings: Settings
    role: str
    served: Sequence[Container]
    volumes: Volumes | None
    is_native: bool


class Agents(msgspec.Struct, frozen=True):
    """What is added to a pod.

    `volumes` are appended. `init_containers_first` come before the container that copies the executable,
    `init_containers_last` behind it and before the author's; `sidecars` before the author's containers.
    `application_mounts` are for every container of the author, `init_mounts` for every init container of the author:
    `mount_files` adds those that are missing. `token_file` is empty, or what VAULT_TOKEN_FILE is set to.
    `config_map` is to be made in the pod's namespace before the pod is, None when there is none to make.
    """

    volumes: list[dict[str, Any]]
    init_containers_first: list[dict[str, Any]]
    init_containers_last: list[dict[str, Any]]
    sidecars: list[dict[str, Any]]
    application_mounts: tuple[Mount, ...]
    init_mounts: tuple[Mount, ...]
    token_file: str
    share_process_namespace: bool
    config_map: GeneratedConfigMap | None
    warnings: list[str]


class Wishes(msgspec.Struct, frozen=True):
    """Which agents annotations ask for: one that logs in, one that renders, consul-template."""

    login: bool
    rendering: bool
    template: bool

    def is_any(self) -> bool:
        """Tell whether there is an agent at all."""
        return self.login or self.rendering or self.template

    def writes_files(self, options: Options) -> bool:
        """Tell whether applications get a volume with files."""
        return self.rendering or self.template or (self.login and bool(options.vault_agent_configmap))


def read_wishes(options: Options, *, is_wrapping: bool) -> Wishes:
    """Tell which agents a pod is to have.

    Without references, and so without anything that needs a token, `vault-agent` alone asks for nothing: it may be the
    operator's default for all pods.
    """
    if options.provider == AWS:
        return Wishes(login=False, rendering=False, template=False)
    template = bool(options.vault_ct_configmap)
    wants_login = options.vault_agent and (is_wrapping or bool(options.vault_agent_configmap))
    return Wishes(
        login=(wants_login or template) and options.token_auth_mount is None,
        rendering=bool(options.vault_agent_configmap) and not options.vault_agent,
        template=template,
    )


def describe_needs(options: Options, *, is_wrapping: bool) -> Needs:
    """Say what agents need of the volumes; `is_wrapping` tells that there are containers to be wrapped."""
    wishes = read_wishes(options, is_wrapping=is_wrapping)
    if not wishes.is_any():
        return Needs()
    points = frozenset((normalize_path(options.vault_configfile_path),) if wishes.writes_files(options) else ())
    return Needs(
        points=points,
        init_points=points if reaches_init_containers(options) else frozenset(),
        token=wishes.login and options.vault_agent and is_wrapping,
        copied_token=wishes.template and options.token_auth_mount is not None,
        shared=True,
        is_any=True,
    )


def reaches_init_containers(options: Options) -> bool:
    """Tell whether init containers see the files: only those of an agent that ended before can be there."""
    return bool(options.vault_ct_configmap) and options.vault_ct_once and options.vault_ct_inject_in_initcontainers


def chooses_native(setting: str, version: tuple[int, int] | None) -> bool:
    """Tell whether sidecars are native ones, by the setting AGENT_SIDECAR and the server's version if it is known."""
    if setting == NATIVE_SIDECAR:
        return True
    return setting != CLASSIC_SIDECAR and version is not None and version >= NATIVE_SIDECARS_SINCE


def read_kind(container: Container) -> str:
    """Tell what kind of agent a container is, by the configuration that it is started with; empty for none."""
    for word in (*(container.command or ()), *(container.args or ())):
        path = word.removeprefix("-config=")
        kind = KINDS.get(path)
        if kind and any(find_volume_at(container, place) for place in (path, path.rpartition("/")[0])):
            return kind
    return ""


def is_agent(container: Container) -> bool:
    """Tell whether a container is an agent that was put into the pod."""
    return bool(read_kind(container))


def plan_agents(request: AgentRequest) -> Agents | None:
    """Decide on the agents of a pod; None when it gets none. Raises Refused for what cannot be."""
    options, spec = request.options, request.spec
    wishes = read_wishes(options, is_wrapping=bool(request.served))
    if not wishes.is_any():
        return None
    present = [one for one in list_containers(spec) if is_agent(one)]
    return Planning(request, wishes, present).plan()


class Planning:
    """The agents of one pod in the making."""

    def __init__(self, request: AgentRequest, wishes: Wishes, present: Sequence[Container]) -> None:
        self.request = request
        self.options = request.options
        self.flavour = find_flavour(request.options)
        self.wishes = wishes
        self.kinds = {read_kind(one) for one in present}
        self.store = Store(request.spec, request.volumes, present)
        self.config_map: GeneratedConfigMap | None = None
        self.first: list[dict[str, Any]] = []
        self.last: list[dict[str, Any]] = []
        self.sidecars: list[dict[str, Any]] = []

    def plan(self) -> Agents:
        """Put everything together."""
        secrets = self.plan_secrets()
        wished = {LOGIN: self.wishes.login, RENDERING: self.wishes.rendering, TEMPLATE: self.wishes.template}
        missing = [kind for kind, is_wished in wished.items() if is_wished and kind not in self.kinds]
        shared = self.store.plan_shared(self.flavour, self.request.settings) if missing else None
        if shared:
            surroundings = self.describe_surroundings(shared)
            for kind in missing:
                if kind == LOGIN:
                    self.add_login_agent(surroundings, secrets)
                elif secrets:
                    self.add_rendering_agent(kind, surroundings, secrets)
        mounts = (secrets,) if secrets else ()
        return Agents(
            volumes=self.store.added,
            init_containers_first=self.first,
            init_containers_last=self.last,
            sidecars=self.sidecars,
            application_mounts=mounts,
            init_mounts=mounts if reaches_init_containers(self.options) else (),
            token_file=self.find_token_file(shared),
            share_process_namespace=self.shares_processes(),
            config_map=self.config_map,
            warnings=self.warn(),
        )

    def plan_secrets(self) -> Mount | None:
        """Decide on the volume that files are written to: one for both kinds of agents that do, at the same place."""
        if not self.wishes.writes_files(self.options):
            return None
        folder = read_secrets_folder(self.options, self.flavour)
        wanted = "agent-secrets" if self.options.vault_agent_configmap else "ct-secrets"
        return self.store.plan_secrets(wanted, folder)

    def describe_surroundings(self, shared: Mount) -> Surroundings:
        """Put together what the agents have in common."""
        request = self.request
        containers = request.spec.containers or ()
        return Surroundings(
            spec=request.spec,
            options=self.options,
            flavour=self.flavour,
            security_context=build_agent_security(request.spec, request.served or containers, self.options),
            shared=shared,
            certificate=self.store.plan_certificate(self.options),
            token_mount=find_token_mount(
                (*containers, *(request.spec.init_containers or ())), self.options.service_account_token_path
            ),
        )

    def add_login_agent(self, of: Surroundings, secrets: Mount | None) -> None:
        """Add the agent that fetches a token; with a configuration of the author's it may write files too."""
        name = self.store.name_container(agent.NAME)
        is_authors = self.options.vault_agent and bool(self.options.vault_agent_configmap)
        # As a folder the author's ConfigMap has always been there as a whole, with templates beside the configuration.
        config = self.store.add_config("vault-agent-config", self.name_login_config(of), has_more=is_authors)
        files = secrets if is_authors else None
        self.first.append(build_login_agent(of, name, config, files))

    def add_rendering_agent(self, kind: str, of: Surroundings, secrets: Mount) -> None:
        """Add an agent that writes files, or consul-template."""
        options, store = self.options, self.store
        if kind == RENDERING:
            name = store.name_container(agent.NAME)
            config = store.add_config("agent-configmap", options.vault_agent_configmap)
            self.place(build_rendering_agent(of, name, config, secrets), is_once=options.vault_agent_once)
        else:
            name = store.name_container(consul_template.NAME)
            config = store.add_config("ct-configmap", options.vault_ct_configmap)
            self.place(build_consul_template(of, name, config, secrets), is_once=options.vault_ct_once)

    def place(self, container: dict[str, Any], *, is_once: bool) -> None:
        """Put an agent that renders files where it belongs.

        One that ends would, as a sidecar, be started again and again by a kubelet that is to keep all running.
        """
        if is_once:
            self.last.append(container)
        else:
            where = self.last if self.request.is_native else self.sidecars
            where.append(make_sidecar(container, is_native=self.request.is_native))

    def name_login_config(self, of: Surroundings) -> str:
        """Name the ConfigMap of the agent that logs in, which is generated unless there is one for it."""
        options = self.options
        if options.vault_agent and options.vault_agent_configmap:
            return options.vault_agent_configmap
        login = Login(
            options=options,
            role=self.request.role,
            jwt_file=f"{normalize_path(options.service_account_token_path)}/token",
            sinks=list_sinks(self.flavour) if self.wishes.template else (self.flavour.token_file,),
            mode=choose_mode(of.security_context, self.request),
        )
        self.config_map = generate_config_map(self.request.metadata, build_config(login))
        return self.config_map.name

    def find_token_file(self, shared: Mount | None) -> str:
        """Give the file with the token for application containers, if it is in the volume that they have."""
        volumes = self.request.volumes
        if not (self.options.vault_agent and self.wishes.login and self.request.served and volumes):
            return ""
        written_to = shared.volume if shared else self.store.find_volume(self.flavour.folder)
        return self.flavour.token_file if written_to == volumes.executable.volume else ""

    def shares_processes(self) -> bool:
        """Tell whether the containers of the pod are to see each other's processes."""
        options = self.options
        return (
            self.wishes.rendering and options.vault_agent_share_process_namespace and not options.vault_agent_once
        ) or (self.wishes.template and options.vault_ct_share_process_namespace and not options.vault_ct_once)

    def warn(self) -> list[str]:
        """Warn of what will probably not work."""
        spec = self.request.spec
        if spec.automount_service_account_token is False and self.wishes.login and LOGIN not in self.kinds:
            folder = normalize_path(self.options.service_account_token_path)
            if not any(find_volume_at(one, folder) for one in list_containers(spec)):
                return [CANNOT_LOG_IN.format(folder=folder)]
        return []


def build_agent_security(spec: PodSpec, served: Sequence[Container], options: Options) -> dict[str, Any]:
    """Make the security context of agents; where no user is known, it is the one that their images are made for.

    These images start as root unless they are told otherwise, which is for their entry points.
    """
    if not served:  # a pod without containers, which the API server will refuse
        served = spec.init_containers or ()
    context = build_security_context(spec, served, options) if served else {}
    if "runAsUser" not in context:
        context.update(runAsUser=AGENT_USER, runAsNonRoot=True)
    return context


def choose_mode(context: dict[str, Any], request: AgentRequest) -> int:
    """Choose the permissions of the token's file: for all, unless all who read it are the user who writes it.

    consul-template always is; applications read it only with `vault-agent`.
    """
    of_pod = (request.spec.security_context or SAYS_NOTHING).run_as_user
    users = {
        own if (own := (one.security_context or SAYS_NOTHING).run_as_user) is not None else of_pod
        for one in (request.served if request.options.vault_agent else ())
    }
    return READABLE_BY_OWNER if users <= {context["runAsUser"]} else READABLE_BY_ALL


def list_missing_mounts(container: Container, mounts: Sequence[Mount]) -> list[dict[str, Any]]:
    """Give the mounts of an author's container that are to be added. Raises Refused where another volume is there."""
    missing = []
    for mount in mounts:
        there = find_volume_at(container, mount.folder)
        if not there:
            missing.append(build_mount(mount, read_only=False))
        elif there != mount.volume:
            raise Refused(
                f"container {show(container.name or '')} mounts the volume {show(there)} at {mount.folder}, where agents"
                f" write their files: choose another folder by {CONFIGFILE_PATH}"
            )
    return missing


def mount_files(patch: Patch, path: str, container: Container, mounts: Sequence[Mount]) -> None:
    """Mount the files of agents in a container at `path` that is not wrapped. Raises Refused as above."""
    patch.append(f"{path}/volumeMounts", container.volume_mounts, list_missing_mounts(container, mounts))
