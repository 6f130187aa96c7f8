"""What vault-env says when variables cannot be given their values. Imported only then.

An outage of Vault, and one cause that many variables share, are one line and not one for each variable.
"""

from __future__ import annotations

from vault_secrets_webhook.inject.reference import Ciphertext, Reference
from vault_secrets_webhook.inject.resolve import FROM_PATH, is_outage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vault_secrets_webhook.errors import Error, InvalidReference, SecretError
    from vault_secrets_webhook.inject.reference import Part
    from vault_secrets_webhook.inject.resolve import Fetched, Plan
    from vault_secrets_webhook.textlog import Log, Value

MAX_NAMES = 20


def report_faults(faults: Iterable[SecretError], log: Log) -> None:
    """Log wrong references one by one, and everything else once for each cause."""
    groups: dict[str, list[str]] = {}
    for fault in faults:
        if fault.reference is not None:
            report_reference(fault.name, fault.reference, log)
        else:
            groups.setdefault(fault.cause, []).append(fault.name)
    for cause, names in groups.items():
        log.error("variable cannot be given its value", **name_variables(names), cause=cause)


def report_reference(name: str, wrong: InvalidReference, log: Log) -> None:
    """Log what is wrong with a reference, and where.

    The text is shown only when a path and `#` have been understood in it: without them it may be a password that
    happens to start with `vault:`.
    """
    is_shown = name == FROM_PATH or "#" in wrong.shown[: wrong.end]
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


def report_outage(outage: Error, plan: Plan, fetched: Fetched, faults: Iterable[SecretError], log: Log) -> None:
    """Log that Vault cannot be used and who has no value because of that, then the faults of the others."""
    names = [name for name, parts in plan.variables if any(is_struck(part, fetched) for part in parts)]
    if any(is_outage(fetched.secrets[read]) for read in plan.from_path):
        names.append(FROM_PATH)
    log.error("Vault cannot be used", **name_variables(names), cause=str(outage))
    struck = set(names)
    report_faults([fault for fault in faults if fault.name not in struck], log)


def is_struck(part: Part, fetched: Fetched) -> bool:
    """Tell whether an outage is why this part has no value."""
    if isinstance(part, Reference):
        return is_outage(fetched.secrets[part.source])
    return isinstance(part, Ciphertext) and is_outage(fetched.plaintexts[part.ciphertext])


def name_variables(names: list[str]) -> dict[str, Value]:
    """Make the fields of a line that name one variable, or several and how many they are."""
    names = list(dict.fromkeys(names))
    if len(names) == 1:
        return {"variable": names[0]}
    shown = [*names[:MAX_NAMES], "..."] if len(names) > MAX_NAMES else names
    return {"variables": shown, "count": len(names)}
