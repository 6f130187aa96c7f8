"""One container: whether vault-env, or secret-init, starts its command already, and making it so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault_secrets_webhook.errors import Refused

from .flavour import EXECUTABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from .patch import Patch
    from .spec import Container, Handler

# First words that our vault-env takes for itself; after `--` it starts the command of that name. Only there, because
# Bank-Vaults' vault-env, whose image may be in use, has no such words and would look for a command called `--`.
END_OF_OPTIONS = "--"
RESERVED = frozenset(("copy", "--version", "--help", "-h", END_OF_OPTIONS))

# Path below a container -> what kubelet runs there.
HANDLERS: tuple[tuple[str, Callable[[Container], Handler | None]], ...] = (
    ("livenessProbe", lambda of: of.liveness_probe),
    ("readinessProbe", lambda of: of.readiness_probe),
    ("startupProbe", lambda of: of.startup_probe),
    ("lifecycle/postStart", lambda of: of.lifecycle.post_start if of.lifecycle else None),
    ("lifecycle/preStop", lambda of: of.lifecycle.pre_stop if of.lifecycle else None),
)


def is_wrapped(container: Container, marked: Collection[str], *, has_copier: bool) -> bool:
    """Tell whether vault-env, or what does the same for another provider or webhook, starts the container's command.

    `marked` are the containers that we once wrapped; `has_copier` tells that the pod has a container already that
    copies the executable, ours or that of a webhook which leaves no mark. Then the command may have got another
    wrapper around since, so the executable may stand anywhere. The mark alone proves nothing: it may have been copied
    from a pod to the template of another one.
    """
    command = container.command or ()
    if command and command[0] in EXECUTABLES:
        return True
    return (has_copier or container.name in marked) and not EXECUTABLES.isdisjoint((*command, *(container.args or ())))


def wrap_command(patch: Patch, path: str, container: Container, command: list[str] | Refused, executable: str) -> None:
    """Have the executable start the command of the container at `path`.

    `command` is what stands before the container's arguments, the container's own or its image's; raises it if that
    is not known. `$(NAME)` in command and arguments stays, kubelet expands it in arguments as well.
    """
    if isinstance(command, Refused):
        raise command
    write = patch.replace if container.command else patch.add
    write(f"{path}/command", [executable])
    words = [*command, *(container.args or ())]
    patch.add(f"{path}/args", [*protect(words), *words])


def wrap_handlers(patch: Patch, path: str, container: Container, executable: str) -> None:
    """Have the executable start the commands of exec probes and exec lifecycle hooks too."""
    for place, get_handler in HANDLERS:
        handler = get_handler(container)
        command = handler.exec.command if handler and handler.exec else None
        if command and command[0] not in EXECUTABLES:
            for index, word in enumerate((executable, *protect(command))):
                patch.add(f"{path}/{place}/exec/command/{index}", word)


def protect(command: list[str]) -> tuple[str, ...]:
    """Give what must stand before a command so that vault-env starts it, whatever it is called."""
    return (END_OF_OPTIONS,) if command[0] in RESERVED else ()
