"""What vault-env says when variables cannot be given their values. Imported only then.

An outage of Vault, and one cause that many variables share, are one line and not one for each variable.
"""

from __future__ import annotations

from vault_secrets_webhook.inject.reference import Ciphertext, Reference
from vault_secrets_webhook.inject.resolve import is_outage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from vault_secrets_webhook.errors import InvalidReference, SecretError
    from vault_secrets_webhook.inject.reference import Part
    from vault_secrets_webhook.inject.resolve import Fetched, Plan
    from vault_secrets_webhook.textlog import Log, Value

MAX_NAMES = 20


def report_faults(faults: Iterable[SecretError], log: Log, settings: Collection[str] = ()) -> None:
    """Log wrong references one by one, and everything else once for each cause.

    `settings` are variables of our own, whose wrong texts may be shown: they are no Secret's values.
    """
    groups: dict[str, list[str]] = {}
    for fault in faults:
        if fault.reference is not None:
            report_reference(fault.name, fault.reference, log, is_setting=fault.name in settings)
        else:
            groups.setdefault(fault.cause, []).append(fault.name)
    for cause, names in groups.items():
        log.error("variable cannot be given its value", **name_variables(names), cause=cause)


def report_reference(name: str, wrong: InvalidReference, log: Log, *, is_setting: bool) -> None:
    """Log what is wrong with a reference, and where.

    The text is shown only when a path and `#` have been understood in it: without them it may be a password that
    happens to start with `vault:`.
    """
    is_shown = is_setting or "#" in wrong.shown[: wrong.end]
    log.error(
        "variable cannot be given its value",
        variable=name,
        cause=wrong.reason,
        reference=wrong.shown if is_shown else None,
        column=wrong.offset + 1,
    )


def report_missing(dropped: Iterable[SecretError], log: Log) -> None:
    """Log which variables the application does not get."""
    groups: dict[str, list[str]] = {}
    for fault in dropped:
        groups.setdefault(fault.cause, []).append(fault.name)
    for cause, names in groups.items():
        log.warning("secret is missing and ignored", **name_variables(names), cause=cause)


def report_failure(
    plan: Plan, fetched: Iterable[Fetched], faults: Iterable[SecretError], titles: Mapping[str, str], log: Log
) -> None:
    """Log that a server cannot be used and who has no value because of that, then the faults of the others.

    `titles` are what the servers are called, by their schemes.
    """
    struck: set[str] = set()
    for one in fetched:
        if one.gave_up is not None:
            names = list_struck(plan, one)
            message = f"{titles[one.scheme]} cannot be used"
            log.error(message, **name_variables(names), cause=str(one.gave_up))
            struck.update(names)
    report_faults([fault for fault in faults if fault.name not in struck], log)


def list_struck(plan: Plan, fetched: Fetched) -> list[str]:
    """List the variables that have no value because of an outage."""
    names = [name for name, parts in plan.variables if any(is_struck(part, fetched) for part in parts)]
    return names + [name for name, read in plan.from_path if is_outage(fetched.secrets.get(read))]


def is_struck(part: Part, fetched: Fetched) -> bool:
    """Tell whether an outage is why this part has no value."""
    if isinstance(part, Reference):
        return is_outage(fetched.secrets.get(part.source))
    return isinstance(part, Ciphertext) and is_outage(fetched.plaintexts.get(part.ciphertext))


def name_variables(names: list[str]) -> dict[str, Value]:
    """Make the fields of a line that name one variable, or several and how many they are."""
    names = list(dict.fromkeys(names))
    if len(names) == 1:
        return {"variable": names[0]}
    shown = [*names[:MAX_NAMES], "..."] if len(names) > MAX_NAMES else names
    return {"variables": shown, "count": len(names)}
