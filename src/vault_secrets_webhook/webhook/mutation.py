"""What becomes of an object under review, and who decides that: the seam between the server and the mutations.

A mutation knows nothing of HTTP, of the review's envelope or of log lines; the server knows nothing of pods, Secrets or
references.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .admission import AdmissionRequest
    from .mutate.patch import PatchOperation

    # The object as JSON, and the request that it came with.
    Mutate = Callable[[bytes, AdmissionRequest], Awaitable["Mutation"]]


class Mutation(msgspec.Struct, frozen=True):
    """What became of an object.

    `injected` are the names of what was changed in it: containers of a pod, keys of a Secret. `reason` is one of a few
    words, for metrics and logs: `injected`, `already-injected`, `no-references`, `unread`, `skipped`, `not-opted-in`,
    `no-provider`, `windows`, `helm`, `immutable`, `dry-run`.
    `name` is what the object calls itself, where that was read anyway, so that a log line need not read it again.
    `unread` are the optional objects that could not be read, each with the reason, so that a container which takes its
    variables from them was left as it is.
    """

    patch: list[PatchOperation]
    warnings: list[str]
    injected: list[str]
    reason: str
    unread: list[str] = []
    name: str = ""


class Reviewer(NamedTuple):
    """Who reviews what comes to one path.

    `noun` is what log lines call the object, `webhook_id` what dashboards call the path. `kinds` are the groups and
    kinds that may come there, None for all; of operations that are not in `operations` nothing is changed.
    """

    path: str
    noun: str
    webhook_id: str
    kinds: frozenset[tuple[str, str]] | None
    operations: frozenset[str]
    mutate: Mutate
