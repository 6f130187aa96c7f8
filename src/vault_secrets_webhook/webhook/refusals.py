"""All that is wrong with one object, told at once: its author corrects it in one go, and not fault by fault.

Whoever finds a fault goes on looking, with what is usual in the place of what is wrong; nothing that is made after a
fault gets out, because `check` raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

from vault_secrets_webhook.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 10
FORBIDDEN, INVALID = 403, 422

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Refusals:
    """Collects the faults of an object, ten at most: looking for more would cost more than it tells."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[Refused] = []

    def add(self, refusal: Refused) -> None:
        """Note a fault. Raises Refused with all of them when there are enough."""
        self.found.append(refusal)
        if len(self.found) == MOST:
            self.found.append(Refused("... and there may be more: these are the first ones", code=refusal.code))
            self.check()

    def attempt(
        self, step: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result | None:
        """Take a step; None when it was refused, which is noted."""
        try:
            return step(*args, **kwargs)
        except Refused as refusal:
            self.add(refusal)
            return None

    def check(self) -> None:
        """Raise Refused when there is a fault. With one that is forbidden the object is forbidden."""
        if not self.found:
            return
        code = FORBIDDEN if any(one.code == FORBIDDEN for one in self.found) else INVALID
        raise Refused("\n".join(map(str, self.found)), code=code)
