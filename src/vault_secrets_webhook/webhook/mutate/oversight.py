"""References that stay as they are because of something their author may not see: nothing is wrong enough to refuse.

Every function returns warnings, one of a kind: the first place tells what to do about the others.
"""

from __future__ import annotations

from posixpath import dirname
from typing import TYPE_CHECKING

from vault_secrets_webhook.webhook.annotations import MUTATE, PROVIDER
from vault_secrets_webhook.webhook.message import show

from .flavour import EXECUTABLES
from .grammar import OF_BAO, OF_VAULT
from .sources import name_variable
from .volume import normalize_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .grammar import Grammar
    from .spec import Container, Variable


# Why a pod with references is left alone though it did not ask for that -> what its author is told.
LEFT_ALONE = {
    "windows": "pods for Windows are left alone",
    "no-provider": f"objects without a provider are left alone: set annotation {PROVIDER} to vault or bao",
    "not-opted-in": f'only objects that ask for it are changed: set annotation {MUTATE} to "true"',
}


def warn_of_left(containers: Iterable[Container], reason: str) -> list[str]:
    """Warn of a reference in a pod that is left alone for a reason; its annotations are not read.

    What another webhook has wrapped is in good hands, and who asked for being skipped knows it.
    """
    if reason not in LEFT_ALONE:
        return []
    for container in containers:
        if container.command and container.command[0] in EXECUTABLES:
            continue
        if variable := find_literal(container, OF_VAULT) or find_literal(container, OF_BAO):
            place = name_variable(container, variable.name)
            return [f"{place}: the reference stays as it is, because {LEFT_ALONE[reason]}"]
    return []


def warn_of_arguments(containers: Iterable[Container], grammar: Grammar) -> list[str]:
    """Warn of a reference in a command or its arguments, in the same words before and after it is wrapped."""
    mark = grammar.mark
    for container in containers:
        for text in (*(container.command or ()), *(container.args or ())):
            if mark in text and grammar.has_reference(text):  # the first look is for speed
                name = show(container.name or "")
                return [f"container {name}: a reference in command or args has no effect: put it into env"]
    return []


def warn_of_wrapped(containers: Iterable[Container], marked: Collection[str], grammar: Grammar) -> list[str]:
    """Warn of containers that were taken for wrapped, while nothing may start the executable or be there to start.

    `marked` are the containers that we once wrapped.
    """
    warnings: dict[bool, str] = {}
    for container in containers:
        command = container.command or [""]
        is_first = command[0] in EXECUTABLES
        is_sound = has_mount(container, command[0]) if is_first else container.name in marked
        if not is_sound and is_first not in warnings and find_literal(container, grammar):
            warnings[is_first] = describe_missing_mount(container) if is_first else describe_doubt(container)
    return list(warnings.values())


def has_mount(container: Container, executable: str) -> bool:
    """Tell whether the container has a volume where the executable is to be."""
    wanted = {executable, dirname(executable)}
    return any(normalize_path(mount.mount_path or "") in wanted for mount in container.volume_mounts or ())


def describe_missing_mount(container: Container) -> str:
    executable = (container.command or [""])[0]
    return (
        f"container {show(container.name or '')} starts with {executable} but nothing is mounted at"
        f" {dirname(executable)}: leave it out of the command, this webhook brings it"
    )


def describe_doubt(container: Container) -> str:
    parts = (*(container.command or ()), *(container.args or ()))
    executable = next(part for part in parts if part in EXECUTABLES)
    return (
        f"container {show(container.name or '')} is left as it is, because {executable} stands in its command or args:"
        " if that does not start it, its references stay as they are"
    )


def find_literal(container: Container, grammar: Grammar) -> Variable | None:
    """Find a variable whose literal value holds a reference, right or wrong."""
    return next((one for one in container.env or () if one.value and grammar.has_reference(one.value)), None)
