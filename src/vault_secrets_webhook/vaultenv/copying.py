"""`vault-env copy DIR [MOUNT_POINT ...]`: puts the running executable into a volume, without a shell.

The volume is later mounted read-only into the application's containers, so that what other volumes are mounted at below
it must be made here as well. The copy has the name by which the executable was called, `vault-env` or `secret-init`. It
is there as a whole or not at all: it is written beside its place, and renamed.
Imported only for this command.
"""

from __future__ import annotations

import errno
import os
import stat

from vault_secrets_webhook.errors import Error
from vault_secrets_webhook.textlog import quote_text

USAGE = "usage: {} copy DIR [MOUNT_POINT ...]"
RUNNING = "/proc/self/exe"
MODE = 0o755
CHUNK = 1 << 18
STDERR = 2
FAILED = 1

# What to do about what the kernel says; it says the rest itself.
ADVICE = {
    errno.ENOENT: "mount a volume there, or create the folder",
    errno.ENOTDIR: "name a folder",
    errno.EISDIR: "remove that folder",
    errno.EEXIST: "remove that file",
    errno.EROFS: "mount the volume without readOnly here",
    errno.ENOSPC: "the volume needs more space (sizeLimit)",
    errno.EDQUOT: "the volume needs more space (its quota)",
}


class CopyError(Error):
    """The executable cannot be copied, or a mount point cannot be made. The text begins with the path."""


def run(arguments: list[str], source: str | None, name: str) -> int:
    """Copy `source` as the arguments say, and call it `name`; the exit code.

    None is where there is no executable to copy.
    """
    if not arguments or not arguments[0] or arguments[0].startswith("-"):
        return complain(USAGE.format(name))
    if source is None:
        return complain(
            f"{name} copy: this {name} is run by a Python interpreter and has no executable to copy:"
            " use the static executable"
        )
    directory, *mount_points = arguments
    try:
        copy_executable(source, directory, name)
        for mount_point in mount_points:
            make_folder(os.path.join(directory, mount_point))
    except CopyError as error:
        return complain(f"{name} copy: {error}")
    return 0


def complain(line: str) -> int:
    """Write a line to standard error; the exit code."""
    try:
        os.write(STDERR, line.encode("utf-8", "replace") + b"\n")
    except OSError:  # a closed or full stream
        return FAILED
    return FAILED


def copy_executable(source: str, directory: str, name: str) -> None:
    """Write `DIRECTORY/NAME`, in one step for whoever looks. Raises CopyError."""
    check_folder(directory)
    target = os.path.join(directory, name)
    temporary = os.path.join(directory, f".{name}.{os.getpid()}")
    reader = open_source(source)
    try:
        writer = open_temporary(temporary, directory)
        try:
            try:
                copy_bytes(reader, writer, source, directory)
                finish(writer, directory)
            finally:
                os.close(writer)
            put_in_place(temporary, target)
        except BaseException:
            discard(temporary)
            raise
    finally:
        os.close(reader)


def check_folder(directory: str) -> None:
    """Raise CopyError unless this is a folder: the later errors would name what is to be in it."""
    try:
        mode = os.stat(directory).st_mode
    except OSError as error:
        raise explain(directory, error) from None
    if not stat.S_ISDIR(mode):
        raise explain(directory, OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))


def open_source(source: str) -> int:
    try:
        return os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        cure = "so /proc must be mounted"
        if error.errno == errno.EACCES:
            cure = "so the image must let this user read vault-env"
        raise CopyError(f"{quote_text(source)}: {error.strerror}: vault-env finds itself there, {cure}") from None


def open_temporary(path: str, directory: str) -> int:
    """Create the file that the copy is written to; never one that is there already, or what a link points to."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            return os.open(path, flags, MODE)
        except FileExistsError:
            os.unlink(path)  # of a copy that was killed: in a container, all have the same process id
            return os.open(path, flags, MODE)
    except OSError as error:
        raise explain(directory, error) from None


def copy_bytes(reader: int, writer: int, source: str, directory: str) -> None:
    """Copy all that is to be read. Reading and writing work on every kernel and file system, and take milliseconds."""
    while True:
        try:
            chunk = os.read(reader, CHUNK)
        except OSError as error:
            raise CopyError(f"{quote_text(source)}: {error.strerror}: it cannot be read") from None
        if not chunk:
            return
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[os.write(writer, rest) :]
        except OSError as error:
            raise explain(directory, error) from None


def finish(writer: int, directory: str) -> None:
    """Make the file executable for all, whatever the umask is, and have it on the disk before it gets its name."""
    try:
        os.fchmod(writer, MODE)
        os.fsync(writer)
    except OSError as error:
        raise explain(directory, error) from None


def discard(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:  # what has failed already is told, not this
        return


def put_in_place(temporary: str, target: str) -> None:
    try:
        os.rename(temporary, target)
    except OSError as error:
        raise explain(target, error) from None


def make_folder(path: str) -> None:
    """Make a folder and those above it, which all may read whatever the umask is. Raises CopyError."""
    path = path.rstrip("/") or "/"
    if os.path.isdir(path):
        return
    if above := os.path.dirname(path):
        make_folder(above)
    try:
        os.mkdir(path, MODE)
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | MODE)  # fsGroup's bit stays
    except OSError as error:
        if not os.path.isdir(path):  # another process may have made it
            raise explain(path, error) from None


def explain(path: str, error: OSError) -> CopyError:
    """Say what went wrong where, and what helps."""
    if error.errno in (errno.EACCES, errno.EPERM):
        advice = f"user {os.geteuid()} may not write there: give the volume an fsGroup, or run as its owner"
    else:
        advice = ADVICE.get(error.errno or 0, "")
    return CopyError(f"{quote_text(path)}: {error.strerror}" + (f": {advice}" if advice else ""))
