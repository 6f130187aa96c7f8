"""Events of the core API: one is written, and counted up when the same happens again.

Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ ; `kubectl describe` shows those
whose `involvedObject` has the name, kind, namespace and uid of what it describes. What is told is not known here.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from .client import JSON, MERGE_PATCH, NOT_FOUND, Call
from .errors import KubernetesError

if TYPE_CHECKING:
    from datetime import datetime

    from .client import Client

COMPONENT = "vault-secrets-webhook"
WARNING = "Warning"
LONGEST_NOTE = 1024  # the limit of the API


class Subject(NamedTuple):
    """The object that an Event is about; `namespace` is a checked name, the others are anything."""

    namespace: str
    api_version: str
    kind: str
    name: str
    uid: str = ""


class Written(NamedTuple):
    """An Event that the API server has."""

    namespace: str
    name: str


async def create_event(client: Client, subject: Subject, reason: str, note: str, moment: datetime) -> Written:
    """Write a warning about an object. Raises KubernetesError."""
    written = Written(subject.namespace, f"{COMPONENT}.{secrets.token_hex(8)}")
    about = {"apiVersion": subject.api_version, "kind": subject.kind, "name": subject.name, "uid": subject.uid}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": written.namespace, "name": written.name},
        "involvedObject": {"namespace": subject.namespace, **{key: value for key, value in about.items() if value}},
        "type": WARNING,
        "reason": reason,
        "message": note,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": format_moment(moment),
        "lastTimestamp": format_moment(moment),
        "count": 1,
    }
    await client.send(make_call("POST", "create", written, "", event))
    return written


async def count_event(client: Client, written: Written, count: int, moment: datetime) -> bool:
    """Say how often it has happened by now; False when the Event is no longer there. Raises KubernetesError."""
    change = {"count": count, "lastTimestamp": format_moment(moment)}
    try:
        await client.send(make_call("PATCH", "patch", written, f"/{written.name}", change))
    except KubernetesError as error:
        if error.status == NOT_FOUND:  # they are kept for an hour
            return False
        raise
    return True


def make_call(method: str, verb: str, written: Written, path: str, body: object) -> Call:
    """Make the request for an Event."""
    return Call(
        method,
        f"/api/v1/namespaces/{written.namespace}/events{path}",
        f"an Event in namespace {written.namespace}",
        f"the verb {verb} for events in namespace {written.namespace}",
        msgspec.json.encode(body),
        content_type=JSON if method == "POST" else MERGE_PATCH,
    )


def format_moment(moment: datetime) -> str:
    """Write a moment in UTC as `metav1.Time`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
