"""The two sets of functions that templates may call, beside those that are built into text/template.

vault-env runs as the application, in its container, and its templates may do what the application may: all of Sprig,
and `file`. The webhook runs with an identity of its own over text that somebody else wrote. There a template may compute,
and nothing more: what gives it the environment, files or the network is not there, and its absence is explained. The
clock, random numbers and the machine's time zones stay.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .functions import Function

IMPURE = {
    "env": "reads environment variables",
    "expandenv": "reads environment variables",
    "file": "reads files",
    "getHostByName": "asks the name service",
}
# What Sprig does not have, and the table in `sprig.environment` that does.
EXTRA = {"accessor": "ACCESSOR", "file": "FILE"}
CLOUD = {
    "awskms": "calls a cloud's service",
    "blob": "reads from a cloud's storage",
    "gcpkms": "calls a cloud's service",
}


class Functions:
    """Sprig and our own functions, without those that `withheld` names: a `FunctionSet`.

    `withheld` says of each what it would do, and `where` who it is that does not do it.
    """

    __slots__ = ("where", "withheld")

    def __init__(self, withheld: Mapping[str, str], where: str) -> None:
        self.withheld = withheld
        self.where = where

    def __contains__(self, name: object) -> bool:
        """Tell whether there is such a function, which imports nothing but their names."""
        from .sprig import SPRIG

        return name not in self.withheld and (name in EXTRA or name in SPRIG)

    def get(self, name: str) -> Function | None:
        """Give the function of that name, or None."""
        if name in self.withheld:
            return None
        if name in EXTRA:
            from .functions import Function
            from .sprig import environment

            return Function(name, *getattr(environment, EXTRA[name])[name])
        from .sprig import SPRIG

        return SPRIG.get(name)

    def explain(self, name: str) -> str:
        """Say why a function of that name is not here; empty for one that nobody knows."""
        return f"it {self.withheld[name]}, which {self.where}" if name in self.withheld else ""


IN_POD = Functions(CLOUD, "vault-env does not do")
IN_WEBHOOK = Functions({**CLOUD, **IMPURE}, "a template in the webhook must not do")
