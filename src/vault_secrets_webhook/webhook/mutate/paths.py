"""Whether a pod will get what its references name (PATH_CHECK): asked of Vault as the pod, before it is created.

What can be told without reading a value is told, by container, variable and path; what cannot is let through with a
warning. Looked at are the containers that are about to be wrapped: literal values of their variables, and those out of
Secrets and ConfigMaps as far as they were read anyway. A value with `$(NAME)` is not whole before kubelet has it.

In a dry run nothing is asked, because a login is something that happens.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vault_secrets_webhook.errors import InvalidReference, Refused, VaultError
from vault_secrets_webhook.inject.reference import LOGIN, Ciphertext, Read, Reference, parse_paths
from vault_secrets_webhook.vault.auth import METHODS
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.lookup import CONFIG_MAP, SECRET
from vault_secrets_webhook.webhook.message import escape, show
from vault_secrets_webhook.webhook.values import ENFORCE, OFF, is_object_name
from vault_secrets_webhook.webhook.vaultaccess.access import PREFIXES, find_scheme, read_authorities
from vault_secrets_webhook.webhook.vaultaccess.checking import PathQuestion
from vault_secrets_webhook.webhook.vaultaccess.inquiry import DECRYPT, READ, WRITE, Wish

from .change import name_role
from .grammar import find_grammar
from .sources import EXPANSION, Object, list_sources, name_variable
from .spec import name_service_account

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vault_secrets_webhook.inject.reference import Part
    from vault_secrets_webhook.webhook.lookup import ObjectLookup
    from vault_secrets_webhook.webhook.options import Options
    from vault_secrets_webhook.webhook.vaultaccess.inquiry import PathFindings

    from .change import Job
    from .spec import Container

MOST_WISHES = 200  # of one pod
LONGEST_PATH = 2000
LONGEST_CAUSE = 1000
MOST_WARNINGS = 10
PATIENCE = 5.0  # seconds that a pod is kept waiting for what would be a warning only
FROM_PATH = "annotation vault-env-from-path"
WHO = ("TOKEN", "TOKEN_FILE", "TOKEN_PATH")  # behind VAULT_, or BAO_
DRY_RUN = "whether Vault has what the references name is not looked at: in a dry run nothing is asked of it"
NOT_CHECKED = "whether Vault has what the references name is not looked at: "


class PathChecker(Protocol):
    """Who asks Vault."""

    async def check(self, question: PathQuestion) -> PathFindings:
        """Find out what a pod will not get. Raises Refused, VaultError and KubernetesError."""


class Remembering:
    """Implements `lookup.ObjectLookup`, and knows afterwards what was read, by kind and name."""

    def __init__(self, lookup: ObjectLookup) -> None:
        self.lookup = lookup
        self.read: dict[Object, Mapping[str, bytes] | Mapping[str, str] | None] = {}

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Give the data of a Secret."""
        found = self.read[Object(SECRET, name)] = await self.lookup.secret(namespace, name)
        return found

    async def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Give the data of a ConfigMap."""
        found = self.read[Object(CONFIG_MAP, name)] = await self.lookup.config_map(namespace, name)
        return found


class Text(NamedTuple):
    """A value with a reference, perhaps, and where it is, for messages."""

    place: str
    text: str


class Requests:
    """What the references of a pod ask for, and the places that do; what is not looked at, for its author."""

    def __init__(self) -> None:
        self.places: dict[Wish, list[str]] = {}
        self.warnings: list[str] = []
        self.is_any = False

    def add(self, wish: Wish, place: str) -> None:
        """Take a wish of a place."""
        self.is_any = True
        if wish not in self.places and (len(self.places) == MOST_WISHES or len(wish.path) > LONGEST_PATH):
            self.warn(f"{place}: {NOT_CHECKED}the path is too long, or the pod has more than {MOST_WISHES} of them")
        else:
            self.places.setdefault(wish, []).append(place)

    def warn(self, warning: str) -> None:
        """Warn, of the first few."""
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(warning)


class PathCheck:
    """The check for one pod. Its `lookup` is to be used for looking for references."""

    def __init__(self, level: str, checker: PathChecker | None, lookup: ObjectLookup) -> None:
        self.level = level
        self.checker = None if level == OFF else checker
        self.seen = Remembering(lookup) if self.checker else None
        self.lookup = self.seen or lookup

    async def check(self, job: Job | None, *, dry_run: bool) -> list[str]:
        """Check a pod that nothing else is wrong with. Returns warnings.

        Raises Refused with all faults where they are to be enforced; then also VaultError and KubernetesError.
        """
        if self.checker is None or self.seen is None or job is None or find_grammar(job.options).parse is None:
            return []
        requests = list_requests(job, self.seen)
        if not requests.is_any:
            return requests.warnings
        if dry_run:
            return [*requests.warnings, DRY_RUN]
        if reason := find_foreign_login(job.options):
            return [*requests.warnings, NOT_CHECKED + reason]
        try:
            findings = await self.checker.check(await self.describe(job, requests))
        except Refused as refusal:
            return [*requests.warnings, *self.conclude(job, [Refused(escape(str(refusal)), code=refusal.code)])]
        except (VaultError, KubernetesError) as error:
            if self.level == ENFORCE:
                raise
            return [*requests.warnings, NOT_CHECKED + escape(str(error))]
        faults = list_faults(requests, findings)
        return [*requests.warnings, *self.conclude(job, faults), *warn_of_unknown(requests, findings)]

    async def describe(self, job: Job, requests: Requests) -> PathQuestion:
        """Say what is asked for, and who asks. Raises Refused and KubernetesError."""
        options, account = job.options, name_service_account(job.spec)
        if not is_object_name(account):
            raise Refused("spec.serviceAccountName is not the name of a ServiceAccount")
        return PathQuestion(
            wishes=list(requests.places),
            options=options,
            namespace=job.namespace,
            account=account,
            role=name_role(job),
            authorities=await self.find_authorities(options.vault_tls_secret, job.namespace),
            patience=inf if self.level == ENFORCE else PATIENCE,
        )

    async def find_authorities(self, secret: str, namespace: str) -> str:
        """Give the authorities that the pod will trust. Raises Refused and KubernetesError."""
        if not secret:
            return ""
        found = await self.lookup.secret(namespace, secret)
        return read_authorities(found, f"the Secret {show(secret)} of the pod's namespace")

    def conclude(self, job: Job, faults: Iterable[Refused]) -> list[str]:
        """Raise Refused for faults, or give them as warnings."""
        if self.level != ENFORCE:
            return [str(fault) for fault in faults][:MOST_WARNINGS]
        for fault in faults:
            job.refusals.add(fault)
        job.refusals.check()
        return []


def find_foreign_login(options: Options) -> str:
    """Say why it is not known who the pod will be to Vault; empty when it is known."""
    if options.token_auth_mount is not None:
        return "the token comes out of the volume of annotation token-auth-mount"
    if options.vault_agent and options.vault_agent_configmap:
        return "the configuration of the pod's own agent says who logs in"
    if options.vault_auth_method not in METHODS:
        return f"the webhook cannot log in by auth method {options.vault_auth_method}"
    return ""


def list_requests(job: Job, seen: Remembering) -> Requests:
    """List what the references of the containers that are to be wrapped ask for."""
    requests = Requests()
    scheme = find_scheme(job.options)
    parse = find_grammar(job.options).parse
    containers = [place.container for place in job.chosen]
    for container in containers:
        if name := find_own_identity(container, job.options, scheme):
            requests.warn(
                f"container {show(container.name or '')}: {NOT_CHECKED}its own variable {name} says whom it asks, or as whom"
            )
            continue
        transit = find_transit_path(container, job.options, PREFIXES[scheme])
        for text in list_texts(container, seen):
            try:
                parts = parse(text.text) if parse else ()
            except InvalidReference:  # what becomes of that REFERENCE_CHECK says
                continue
            requests.is_any |= any(not isinstance(part, str) for part in parts)
            for wish in list_wishes(parts, transit):
                requests.add(wish, text.place)
    if job.options.vault_env_from_path and containers:
        add_paths(job.options.vault_env_from_path, scheme, requests)
    return requests


def find_own_identity(container: Container, options: Options, scheme: str) -> str:
    """Name a variable of the container by which it has a token of its own, or asks elsewhere; empty without one."""
    prefix = PREFIXES[scheme]
    deciding = {prefix + name for name in WHO} | {prefix + "AGENT_ADDR"}
    if not options.vault_namespace:  # which would win over the container's
        deciding.add(prefix + "NAMESPACE")
    for variable in container.env or ():
        says_something = (variable.value and variable.value != scheme + LOGIN) or variable.value_from is not None
        if variable.name in deciding and says_something:
            return variable.name or ""
    return ""


def find_transit_path(container: Container, options: Options, prefix: str) -> str:
    """Give the path that decrypts a container's ciphertexts; empty where that is not known."""
    own = {variable.name: variable.value for variable in container.env or ()}
    key = options.transit_key_id or own.get(prefix + "TRANSIT_KEY_ID") or ""
    mount = options.transit_path or own.get(prefix + "TRANSIT_PATH", "transit")
    return tidy(f"{mount}/decrypt/{key}") if key and mount and EXPANSION not in mount + key else ""


def list_texts(container: Container, seen: Remembering) -> Iterator[Text]:
    """Give the values of a container's variables that are known and whole."""
    for variable in container.env or ():
        if variable.value and EXPANSION not in variable.value:
            yield Text(name_variable(container, variable.name), variable.value)
    for source in list_sources(container):
        kind, name = source.object
        data = seen.read.get(source.object) or {}
        for key in data if source.key is None else (source.key,):
            if (value := data.get(key)) is not None:
                text = value.decode(errors="replace") if isinstance(value, bytes) else value
                yield Text(f"{source.asker}: key {show(key)} of {kind} {name}", text)


def list_wishes(parts: Sequence[Part], transit: str) -> Iterator[Wish]:
    """Give what the parts of a value ask for."""
    for part in parts:
        if isinstance(part, Reference):
            source = part.source
            if isinstance(source, Read):
                key = None if part.is_template else part.selector
                yield Wish(READ, tidy(source.path), source.version or None, key)
            else:
                yield Wish(WRITE, tidy(source.path))
        elif isinstance(part, Ciphertext) and transit:
            yield Wish(DECRYPT, transit)


def add_paths(listed: str, scheme: str, requests: Requests) -> None:
    """Take the secrets all of whose keys become variables."""
    try:
        reads = parse_paths(listed, scheme)
    except InvalidReference:
        return
    for read in reads:
        requests.add(Wish(READ, tidy(read.path), read.version or None), FROM_PATH)


def tidy(path: str) -> str:
    """Write a path as servers know it: empty segments vanish when it is asked for."""
    return "/".join(filter(None, path.split("/")))


def list_faults(requests: Requests, findings: PathFindings) -> Iterator[Refused]:
    """Give the faults, each for every place that has it."""
    for wish, fault in findings.faults.items():
        for place in requests.places[wish]:
            yield Refused(f"{place}: {escape(fault.cause)[:LONGEST_CAUSE]}", code=fault.code)


def warn_of_unknown(requests: Requests, findings: PathFindings) -> list[str]:
    """Warn once of what cannot be told: one change of the role's policies would be needed for all of it."""
    if not findings.unknown:
        return []
    wish, cause = next(iter(findings.unknown.items()))
    others = len(findings.unknown) - 1
    more = f" (and {others} more like it)" if others else ""
    what = f"{requests.places[wish][0]}: it is not known whether Vault has what {escape(wish.path)} names"
    return [f"{what[:LONGEST_CAUSE]}{more}: {escape(cause)[:LONGEST_CAUSE]}"]
