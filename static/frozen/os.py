"""What vault-env uses of `os`: the system calls, which are in C, and a few functions on top of them.

The standard library's `os` brings the abstract base classes of collections for its `environ`, which would be a fifth of
the time that a start takes.
"""

from _stat import S_ISDIR
from posix import *
from posix import _exit  # noqa: F401 - for others

environb = environ


def fsencode(path):
    return path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path


class path:  # noqa: N801 - a module elsewhere
    """The part of `os.path`."""

    @staticmethod
    def join(folder, *names):
        for name in names:
            if name.startswith("/"):
                folder = name
            else:
                folder += name if not folder or folder.endswith("/") else f"/{name}"
        return folder

    @staticmethod
    def dirname(name):
        head = name[: name.rfind("/") + 1]
        return head.rstrip("/") or head

    @staticmethod
    def exists(name):
        try:
            stat(name)
        except (OSError, ValueError):
            return False
        return True

    @staticmethod
    def isdir(name):
        try:
            return S_ISDIR(stat(name).st_mode)
        except (OSError, ValueError):
            return False
