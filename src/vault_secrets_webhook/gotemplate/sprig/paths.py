"""Sprig's functions of paths. On Linux package path/filepath does what package path does.

Source: package path, `Base`, `Clean`, `Dir`, `Ext`, `IsAbs`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget

    from . import Entry


def base(path: bytes) -> bytes:
    """Give the last element: of nothing `.`, of slashes alone `/`."""
    return path.rstrip(b"/").rpartition(b"/")[2] or path[:1] or b"."


def clean(budget: Budget, path: bytes) -> bytes:
    """Give the shortest path that names the same without a look at the file system. Raises LimitError."""
    budget.reserve_elements(path.count(b"/"))
    root = path[:1] if path.startswith(b"/") else b""
    parts: list[bytes] = []
    for part in path.split(b"/"):
        if part == b".." and parts and parts[-1] != b"..":
            parts.pop()
        elif part not in (b"", b".") and not (part == b".." and root):
            parts.append(part)
    return root + b"/".join(parts) or b"."


def directory(budget: Budget, path: bytes) -> bytes:
    """Give all but the last element, clean."""
    head, slash, _ = path.rpartition(b"/")
    return clean(budget, head + slash)


def extension(path: bytes) -> bytes:
    """Give what the last element has from its last dot on."""
    _, dot, behind = path.rpartition(b"/")[2].rpartition(b".")
    return dot + behind if dot else b""


def is_absolute(path: bytes) -> bool:
    return path.startswith(b"/")


PATH, METERED = "string -> string", "budget, string -> string"
FUNCTIONS: dict[str, Entry] = {
    "base": (PATH, base),
    "clean": (METERED, clean),
    "dir": (METERED, directory),
    "ext": (PATH, extension),
    "isAbs": ("string -> bool", is_absolute),
    "osBase": (PATH, base),
    "osClean": (METERED, clean),
    "osDir": (METERED, directory),
    "osExt": (PATH, extension),
    "osIsAbs": ("string -> bool", is_absolute),
}
