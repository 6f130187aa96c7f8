"""Asks Vault whether a token can have what references name, without reading any of it.

What a token may do is told by `sys/capabilities-self`. Whether a secret is there is asked for KV version 2 only, which
can tell it without the values: by its subkeys (the names of its keys), or by its metadata (its versions), whichever the
token may read. Of everything else a read would be the only way: it is not made, because it gives the secret away, and
of a dynamic engine makes a lease. No request here changes anything.

Sources: https://openbao.org/api-docs/system/capabilities-self/, https://openbao.org/api-docs/system/internal-ui-mounts/
and https://openbao.org/api-docs/secret/kv/kv-v2/ (the same for Vault).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.errors import Error, RequestRejected, SecretMissing
from vault_secrets_webhook.vault import api
from vault_secrets_webhook.vault.client import DENIED, MISSING, is_passing, strings
from vault_secrets_webhook.webhook.message import show
from vault_secrets_webhook.wire.jsontext import dumps

from .outcome import FORBIDDEN, INVALID, is_token_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vault_secrets_webhook.inject.resolve import Job
    from vault_secrets_webhook.vault.client import Answer, Client
    from vault_secrets_webhook.wire.jsontext import JSON

READ, WRITE, DECRYPT = "read", "write to", "decrypt with"
# What a token must be capable of: one of these. A write is the one or the other, by whether something is there.
NEEDS = {READ: ("read",), WRITE: ("create", "update"), DECRYPT: ("update",)}
ROOT = "root"
DATA = "data/"
# What a KV version 2 has at its root beside the secrets themselves.
KV_V2_ENDPOINTS = ("config/", "data/", "delete/", "destroy/", "metadata/", "subkeys/", "undelete/")
MOST_KEYS_NAMED = 10


class Wish(NamedTuple):
    """What a reference needs of a path; of a KV version 2 perhaps a version, and a key (None: whatever there is)."""

    operation: str
    path: str
    version: int | None = None
    key: str | None = None


class PathFault(NamedTuple):
    """Why a wish will not be granted, and whether that is forbidden (403) or wrong (422)."""

    cause: str
    code: int


class PathFindings(NamedTuple):
    """The wishes that will not be granted, and those of which that cannot be told, with the reason."""

    faults: dict[Wish, PathFault]
    unknown: dict[Wish, str]


class TokenUnknown(Error):
    """The server does not know the token any more: all that it says is about another one."""


class Place(NamedTuple):
    """Where a path leads in a KV version 2: its mount, with a slash at the end, and what is behind it."""

    mount: str
    rest: str

    @property
    def name(self) -> str:
        """Give the name of the secret; empty where the path is not that of a secret."""
        return self.rest.removeprefix(DATA) if self.rest.startswith(DATA) else ""

    @property
    def subkeys(self) -> str:
        """Give the path that tells the names of a secret's keys."""
        return f"{self.mount}subkeys/{self.name}"

    @property
    def metadata(self) -> str:
        """Give the path that tells the versions of a secret."""
        return f"{self.mount}metadata/{self.name}"


class Shape(NamedTuple):
    """A secret that is there. `keys` are the names of its keys, None where they are not known."""

    keys: frozenset[str] | None


class Inquiry:
    """What one token can have. `role` is whose it is, for messages; `run` runs jobs. For a worker thread."""

    def __init__(self, client: Client, role: str, run: Callable[[list[Job]], None]) -> None:
        self.client = client
        self.role = show(role)
        self.run = run
        self.mounts: dict[str, bool] = {}  # and whether it is a KV version 2
        self.capabilities: Mapping[str, frozenset[str]] | None = None

    def ask(self, wishes: Sequence[Wish], *, ignores_missing: bool) -> PathFindings:
        """Find out about all wishes. Raises TokenUnknown, and VaultError for a server that cannot be used.

        With `ignores_missing` only what the token may do matters.
        """
        places: dict[str, Place] = {}
        if not ignores_missing:
            found = {wish.path: self.locate(wish.path) for wish in wishes if wish.operation == READ}
            places = {path: place for path, place in found.items() if place is not None}
        self.learn_capabilities({wish.path for wish in wishes}, places.values())
        findings = PathFindings({}, {})
        for wish in wishes:
            if fault := self.find_obstacle(wish, places.get(wish.path)):
                findings.faults[wish] = fault
            elif self.capabilities is None:
                findings.unknown[wish] = f"role {self.role} may not ask sys/capabilities-self"
        wanted = {
            wish: places[wish.path]
            for wish in wishes
            if wish not in findings.faults and wish.path in places and places[wish.path].name
        }
        self.look_for(wanted, findings)
        return findings

    def locate(self, path: str) -> Place | None:
        """Find where in a KV version 2 a path leads; None when it leads elsewhere, or nobody says where."""
        mount = next((known for known in self.mounts if path.startswith(known)), None) or self.look_up_mount(path)
        return Place(mount, path.removeprefix(mount)) if mount is not None and self.mounts[mount] else None

    def look_up_mount(self, path: str) -> str | None:
        """Ask which mount a path is in, which is told to every token that may use the mount."""
        try:
            fields = self.client.request("GET", f"sys/internal/ui/mounts/{path}").object("data")
        except RequestRejected as error:
            check_passing(error)
            return None
        mount, options = fields.get("path"), fields.get("options")
        if not isinstance(mount, str) or not mount.endswith("/") or not path.startswith(mount):
            return None
        self.mounts[mount] = isinstance(options, dict) and options.get("version") == "2"
        return mount

    def learn_capabilities(self, paths: set[str], places: Iterable[Place]) -> None:
        """Ask what the token is capable of at all paths, and where secrets tell that they are there."""
        asked = set(paths)
        for place in places:
            if place.name:
                asked |= {place.subkeys, place.metadata}
        if not asked:
            return
        listed: list[JSON] = [*sorted(asked)]
        body = api.encode_text(dumps({"paths": listed}))
        try:
            fields = self.client.request("PUT", "sys/capabilities-self", body=body).object("data")
        except RequestRejected as error:
            check_passing(error)
            if error.status == DENIED and is_token_unknown(self.client):
                raise TokenUnknown(str(error)) from None
            return
        self.capabilities = {path: frozenset(strings(fields.get(path))) for path in asked}

    def may(self, operation: str, path: str) -> bool:
        """Tell whether the token may do something; as long as nobody says that it may not, it may."""
        if self.capabilities is None:
            return True
        return not self.capabilities[path].isdisjoint((ROOT, *NEEDS[operation]))

    def find_obstacle(self, wish: Wish, place: Place | None) -> PathFault | None:
        """Find what the path itself, or a policy, has against a wish."""
        path = wish.path
        if place is not None and not (place.rest + "/").startswith(KV_V2_ENDPOINTS):
            return PathFault(f"{path}: {place.mount} is KV version 2: write {place.mount}{DATA}{place.rest}", INVALID)
        if self.may(wish.operation, path):
            return None
        needed = " or ".join(NEEDS[wish.operation])
        return PathFault(
            f"{path}: role {self.role} may not {wish.operation} it: give it a policy with the capability {needed} there",
            FORBIDDEN,
        )

    def look_for(self, wanted: Mapping[Wish, Place], findings: PathFindings) -> None:
        """See whether the secrets are there, each version once, several at a time. Raises VaultError."""
        results: dict[tuple[str, int | None], Shape | Error | None] = {}

        def make_job(wish: Wish, place: Place) -> Job:
            def look() -> None:
                try:
                    results[wish.path, wish.version] = self.find_shape(place, wish)
                except Error as error:
                    results[wish.path, wish.version] = error

            return look

        distinct = {(wish.path, wish.version): (wish, place) for wish, place in wanted.items()}
        self.run([make_job(wish, place) for wish, place in distinct.values()])
        for wish, place in wanted.items():
            self.judge(wish, place, results[wish.path, wish.version], findings)

    def judge(self, wish: Wish, place: Place, result: Shape | Error | None, findings: PathFindings) -> None:
        """Take down what follows for a wish. Raises VaultError."""
        if isinstance(result, SecretMissing):
            findings.faults[wish] = PathFault(str(result), INVALID)
        elif isinstance(result, Error):
            raise result
        elif result is None:
            findings.unknown[wish] = f"role {self.role} may read neither {place.subkeys} nor {place.metadata}"
        elif wish.key is None or (result.keys is not None and wish.key in result.keys):
            return
        elif result.keys is None:
            findings.unknown[wish] = (
                f"role {self.role} may not read {place.subkeys}, which tells whether there is the key"
            )
        else:
            findings.faults[wish] = PathFault(describe_missing_key(wish, result.keys), INVALID)

    def find_shape(self, place: Place, wish: Wish) -> Shape | None:
        """Ask for what is known of a secret without its values; None when the token may not have any of that."""
        for path, ask in ((place.subkeys, self.ask_subkeys), (place.metadata, self.ask_metadata)):
            if self.may(READ, path):
                try:
                    if (shape := ask(path, wish)) is not None:
                        return shape
                except SecretMissing:
                    raise
                except RequestRejected as error:  # such as 403 of a condition that capabilities do not tell
                    check_passing(error)
        return None

    def ask_subkeys(self, path: str, wish: Wish) -> Shape | None:
        """Ask for the names of a secret's keys. Raises SecretMissing."""
        query = f"depth=1&version={wish.version}" if wish.version else "depth=1"
        answer = self.client.request("GET", path, query=query, accept=(MISSING,), about=wish.path)
        if answer.status != MISSING:
            subkeys = answer.object("data").get("subkeys")
            return Shape(frozenset(subkeys if isinstance(subkeys, dict) else ()))
        self.check_missing(answer, wish)
        return None

    def ask_metadata(self, path: str, wish: Wish) -> Shape | None:
        """Ask for the versions of a secret. Raises SecretMissing."""
        answer = self.client.request("GET", path, accept=(MISSING,), about=wish.path)
        if answer.status == MISSING:
            self.check_missing(answer, wish)
            return None
        fields = answer.object("data")
        versions = fields.get("versions")
        number = str(wish.version or fields.get("current_version") or 0)
        version = versions.get(number) if isinstance(versions, dict) else None
        state = describe_state(version, datetime.now(UTC))
        if not state:
            return Shape(None)
        which = f"version {wish.version} of it" if wish.version else "its current version"
        raise SecretMissing(f"{wish.path}: {which} {state}", path=wish.path, status=MISSING)

    def check_missing(self, answer: Answer, wish: Wish) -> None:
        """Raise SecretMissing for a 404 that tells of a secret; a server that has no such endpoint gives a reason."""
        if not strings(answer.payload.get("errors")):
            raise api.missing(self.client, answer, wish.version)


def check_passing(error: RequestRejected) -> None:
    """Raise the error again if it may be gone in a moment: then it says nothing of what was asked."""
    if is_passing(error.status):
        raise error


def describe_state(version: JSON, now: datetime) -> str:
    """Say what is wrong with a version, by its metadata; empty when it can be read.

    One that has a life of its own (`delete_version_after`) has its end in the future.
    """
    if not isinstance(version, dict):
        return "was never written, or is forgotten"
    if version.get("destroyed") is True:
        return "was destroyed"
    end = version.get("deletion_time")
    if not isinstance(end, str) or not end:
        return ""
    try:
        is_over = datetime.fromisoformat(end) <= now
    except (TypeError, ValueError):
        return ""
    return "was deleted; undelete it, or name another version" if is_over else ""


def describe_missing_key(wish: Wish, keys: frozenset[str]) -> str:
    """Say that a key is not there, and which are, as vault-env does."""
    there = sorted(keys)
    names = ", ".join(there[:MOST_KEYS_NAMED]) + (", ..." if len(there) > MOST_KEYS_NAMED else "")
    return f"{wish.path}: no key {show(wish.key or '')}; there are: {names or 'none'}"
