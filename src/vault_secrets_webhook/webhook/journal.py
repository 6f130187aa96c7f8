"""What the log says about reviews.

A line tells which object it was and how the review ended, never what was in the object. What comes out of a review is
cut: whoever can send reviews must not be able to fill disks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.errors import VaultError
from vault_secrets_webhook.textlog import DEBUG, INFO

from .admission import LONGEST_NAME, cut, find_name
from .faults import log_fault
from .kube.errors import KubernetesError
from .responses import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault_secrets_webhook.textlog import Log

    from .admission import AdmissionRequest, Review, Verdict
    from .mutation import Reviewer

MOST_LOGGED, LONGEST_LOGGED = 20, 500  # of a list: items, and characters of each
# Whose errors are told in their own words, which hold nothing of the object; and the word for the metric.
TOLD = ((KubernetesError, "kubernetes-error"), (VaultError, "vault-error"))


class Fault(NamedTuple):
    """A review that cannot be answered: the word for the metric, and what to answer instead."""

    reason: str
    failure: Failure


def name_object(request: AdmissionRequest, name: str = "") -> dict[str, str]:
    """Give the fields that say which object a line is about. Without `name` it is looked for in the object."""
    return {
        "kind": cut(request.kind.kind, LONGEST_NAME),
        "namespace": cut(request.namespace, LONGEST_NAME),
        "name": cut(request.name or name, LONGEST_NAME) or find_name(request),
        "operation": request.operation,
        "uid": cut(request.uid, LONGEST_NAME),
    }


def log_verdict(log: Log, noun: str, review: Review, verdict: Verdict, seconds: float) -> None:
    """Log how a review ended: changed and refused objects always, the others for debugging."""
    is_news = verdict.mutated or bool(verdict.refusal)
    if verdict.unread:
        log.warning(
            "optional objects could not be read: a reference in them is not seen",
            **name_object(review.request, verdict.name),
            objects=cut_list(verdict.unread),
        )
    if log.threshold > (INFO if is_news else DEBUG):
        return
    write = log.info if is_news else log.debug
    write(
        f"{noun} refused" if verdict.refusal else f"{noun} mutated" if verdict.mutated else f"{noun} left as it is",
        **name_object(review.request, verdict.name),
        changed=cut_list(verdict.injected) or None,
        reason=verdict.reason,
        error=verdict.refusal or None,
        dry_run=review.request.dry_run or None,
        seconds=round(seconds, 6),
    )


def explain(log: Log, reviewer: Reviewer, review: Review, error: Exception) -> Fault:
    """Log why a review cannot be answered; gives what to answer instead."""
    fields = name_object(review.request)
    message, late = f"a {reviewer.noun} could not be reviewed", f"a {reviewer.noun} could not be reviewed in time"
    for kind, reason in TOLD:
        if isinstance(error, kind):
            log.error(message, error=str(error), **fields)
            return Fault(reason, Failure(500, str(error)))
    if isinstance(error, TimeoutError):
        log.error(late, **fields)
        return Fault("timeout", Failure(504, "the review took longer than the time that the request allows"))
    log_fault(log, message, error, **fields)
    text = f"internal error ({type(error).__qualname__}); the webhook's log says where"
    return Fault("internal-error", Failure(500, text))


def cut_list(texts: Sequence[str]) -> list[str]:
    """Shorten a list for a log line: names in an object that was not validated yet may be long, and many."""
    shown = [cut(text, LONGEST_LOGGED) for text in texts[:MOST_LOGGED]]
    return shown if len(texts) <= MOST_LOGGED else [*shown, f"and {len(texts) - MOST_LOGGED} more"]
