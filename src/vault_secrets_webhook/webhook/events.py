"""Kubernetes Events about refused pods, for those who created something else than the pod.

Who runs `kubectl apply` on a pod reads the refusal at once. Who rolls out a Deployment reads nothing: the ReplicaSet's
controller gets it. So the Event is about the pod's controller, where `kubectl describe` shows it.

It is written after the review is answered and cannot change its outcome. What is repeated is counted, and not written
each time; what is too much is dropped; and where RBAC forbids it, it is told in the log once and left alone for a
while.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from .admission import LONGEST_NAME, cut, find_name
from .faults import log_fault
from .kube.client import FORBIDDEN
from .kube.errors import KubernetesError
from .kube.events import LONGEST_NOTE, Subject, Written, count_event, create_event
from .throttle import Throttle
from .values import is_label

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from vault_secrets_webhook.textlog import Log

    from .admission import AdmissionRequest
    from .kube.client import Client

    NoteRefusal = Callable[[AdmissionRequest, str], None]

REFUSED = "SecretInjectionRefused"
POD = "Pod"
MOST_WAITING, MOST_REMEMBERED = 100, 1000
# Seconds: between two writes about the same, between two writes at all, for which a namespace that is forbidden is left
# alone, between two log lines about failures of one status, and to write what is waiting when the process ends.
REPEAT_PAUSE, PAUSE, FORBIDDEN_PAUSE, COMPLAINT_PAUSE, LAST_SECONDS = 30.0, 0.05, 600.0, 10.0, 2.0


class OwnerReference(msgspec.Struct, frozen=True, rename="camel"):
    """What is used of an owner reference."""

    api_version: str
    kind: str
    name: str
    uid: str = ""
    controller: bool | None = None


class OwnedMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """What is used of a pod's metadata."""

    owner_references: list[OwnerReference] | None = None


class OwnedObject(msgspec.Struct, frozen=True):
    """What is used of a pod."""

    metadata: OwnedMetadata | None = None


class Happening(msgspec.Struct):
    """What has happened to an object, how often, and the Event that tells it, as soon as there is one."""

    subject: Subject
    note: str
    count: int = 0
    is_waiting: bool = False
    next_write: float = 0.0
    written: Written | None = None


_decode_owned = msgspec.json.Decoder(OwnedObject).decode


class EventRecorder:
    """Collects what is to be told, and writes it one after the other. `tell` is told what became of each."""

    def __init__(
        self, client: Client, log: Log, tell: Callable[[str], None], clock: Callable[[], float] = monotonic
    ) -> None:
        self.client = client
        self.log = log
        self.tell = tell
        self.clock = clock
        self.waiting: asyncio.Queue[Happening] = asyncio.Queue(MOST_WAITING)
        self.known: OrderedDict[tuple[Subject, str], Happening] = OrderedDict()
        self.forbidden_until: OrderedDict[str, float] = OrderedDict()
        self.complaints = Throttle(COMPLAINT_PAUSE, clock)
        self.has_complained = False

    def note_refusal(self, request: AdmissionRequest, refusal: str) -> None:
        """Note that a pod was refused. `refusal` must hold no text of references."""
        if request.dry_run or request.kind.kind != POD or not is_label(request.namespace):
            return
        if self.forbidden_until.get(request.namespace, 0.0) > self.clock():
            return
        subject, note = find_subject(request), cut(refusal, LONGEST_NOTE)
        happening = self.known.get((subject, note))
        if happening is None:
            happening = self.known[subject, note] = Happening(subject, note)
            keep_to(self.known, MOST_REMEMBERED)
        happening.count += 1
        if happening.is_waiting or self.clock() < happening.next_write:
            return  # the next write tells how often
        try:
            self.waiting.put_nowait(happening)
            happening.is_waiting = True
        except asyncio.QueueFull:
            self.tell("dropped")

    async def write_all(self) -> None:
        """Write what is waiting, for ever."""
        while True:
            happening = await self.waiting.get()
            try:
                self.tell(await self.write(happening))
            except Exception as error:  # noqa: BLE001 - the next one is to be written all the same
                log_fault(self.log, "an Event could not be written", error)
                self.tell("failed")
            self.waiting.task_done()
            await asyncio.sleep(PAUSE)

    async def write(self, happening: Happening) -> str:
        """Write one, or count it up; gives the word for the metric."""
        happening.is_waiting = False
        happening.next_write = self.clock() + REPEAT_PAUSE
        moment = datetime.now(UTC)
        try:
            if happening.written is not None and await count_event(
                self.client, happening.written, happening.count, moment
            ):
                return "written"
            happening.written = await create_event(self.client, happening.subject, REFUSED, happening.note, moment)
        except KubernetesError as error:
            self.explain(happening.subject.namespace, error)
            return "failed"
        return "written"

    def explain(self, namespace: str, error: KubernetesError) -> None:
        """Log why an Event could not be written; a permission that is missing once only, and nothing each time."""
        if error.status != FORBIDDEN:
            if times := self.complaints.count(error.status or 0):
                self.log.warning("an Event could not be written", error=str(error), times=times)
            return
        self.forbidden_until[namespace] = self.clock() + FORBIDDEN_PAUSE
        keep_to(self.forbidden_until, MOST_REMEMBERED)
        if not self.has_complained:
            self.has_complained = True
            self.log.warning("an Event could not be written; set EVENTS=false to do without", error=str(error))


def find_subject(request: AdmissionRequest) -> Subject:
    """Find what an Event about a pod should be about: its controller, or itself by the name that it would have."""
    try:
        metadata = _decode_owned(request.object).metadata
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        metadata = None
    for owner in (metadata.owner_references if metadata else None) or ():
        if owner.controller:
            texts = (cut(text, LONGEST_NAME) for text in (owner.api_version, owner.kind, owner.name, owner.uid))
            return Subject(request.namespace, *texts)
    return Subject(request.namespace, "v1", POD, find_name(request))


def keep_to(known: OrderedDict[Any, Any], most: int) -> None:
    """Forget the oldest, so that there are at most as many."""
    while len(known) > most:
        known.popitem(last=False)


@contextlib.asynccontextmanager
async def open_recorder(client: Client, log: Log, tell: Callable[[str], None]) -> AsyncIterator[EventRecorder]:
    """Write Events as long as the context lasts, and what is still waiting at its end, if that is quick."""
    recorder = EventRecorder(client, log, tell)
    writing = asyncio.create_task(recorder.write_all())
    try:
        yield recorder
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await recorder.waiting.join()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
