"""Finding the application's executable and becoming it: `execve` in the same process, as if we had never been."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` is `enum` on top of it; typeshed has no stub
import errno
import os
import stat
from _thread import start_new_thread

from vault_secrets_webhook.errors import Error, LaunchError

from . import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Never

NOT_FOUND, NOT_EXECUTABLE = 127, 126
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
IGNORED_BY_PYTHON = (_signal.SIGPIPE, _signal.SIGXFSZ)
ENDING_SIGNALS = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT)

# Limits of execve(2), "Limits on size of arguments and environment": 32 pages for one string, and for all of them
# a quarter of the stack's limit, but not less than 128 KiB and not more than 6 MiB.
STRING_PAGES = 32
LEAST_TOTAL, MOST_TOTAL = 128 * 1024, 6 * 1024 * 1024
POINTER_SIZE = 8
LAST_STREAM = 2


def find_command(command: str, path: str | None) -> str:
    """Find the executable as a shell does. Raises LaunchError with exit code 127 or 126.

    `path` is PATH, with an empty part for the working directory; None takes the usual places.
    """
    if not command:
        raise LaunchError("the command is empty", NOT_FOUND)
    if "/" in command:
        check_executable(command)
        return command
    refused: LaunchError | None = None
    for directory in (DEFAULT_PATH if path is None else path).split(":"):
        candidate = os.path.join(directory or ".", command)
        try:
            check_executable(candidate)
        except LaunchError as error:
            if error.exit_code == NOT_EXECUTABLE:
                refused = refused or error
        else:
            return candidate
    raise refused or LaunchError(f"{command}: command not found in PATH", NOT_FOUND)


def check_executable(path: str) -> None:
    """Raise LaunchError unless the path is a file that may be executed."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        code = NOT_EXECUTABLE if error.errno == errno.EACCES else NOT_FOUND
        raise LaunchError(f"{path}: {error.strerror}", code) from None
    if stat.S_ISDIR(mode):
        raise LaunchError(f"{path}: is a directory", NOT_EXECUTABLE)
    if not os.access(path, os.X_OK):
        raise LaunchError(f"{path}: permission denied: the file is not executable", NOT_EXECUTABLE)


def hold_closed_streams() -> None:
    """Open something in the place of closed standard streams, so that no connection of ours gets their numbers.

    Else what is written to standard error would go to Vault. The application gets them closed, as we did: execve(2)
    closes what is opened here. In a container without devices it is the root folder as O_PATH has it, which every user
    may open, and which refuses what is written to it as a closed stream does.
    """
    path, flags = "/dev/null", os.O_RDWR
    while True:
        try:
            descriptor = os.open(path, flags | os.O_CLOEXEC)
        except OSError:
            if path == "/":  # out of descriptors: then there is none for a connection either
                return
            path, flags = "/", os.O_PATH
            continue
        if descriptor > LAST_STREAM:
            os.close(descriptor)
            return


class SignalWatch:
    """Lets the signals that end a process end us, even as PID 1, for which the kernel has no default action.

    What was ignored or blocked stays so.
    """

    __slots__ = ("mask", "watched")

    def __init__(self) -> None:
        self.watched = [number for number in ENDING_SIGNALS if _signal.getsignal(number) != _signal.SIG_IGN]
        self.mask: set[int] | None = None
        for number in self.watched:
            _signal.signal(number, die)

    def start_thread(self) -> None:
        """Watch in a thread from now on, unless that is so already. To be called before anything waits.

        A handler in Python runs only when the system call returns in which we wait for Vault, and a signal that comes
        just before that call does not interrupt it.
        """
        if self.mask is not None:
            return
        mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, self.watched)
        try:
            start_new_thread(wait_and_die, ([number for number in self.watched if number not in mask],))
        except RuntimeError:  # the container's limit of processes: the handlers have to do
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        else:
            self.mask = mask

    def restore(self) -> None:
        """Give the application what we were given: undo what the interpreter and this watch have changed.

        Only the static executable knows whether what Python ignores was ignored before.
        """
        kept = process.ignored_signals() if process is not None else ()
        for number in (*IGNORED_BY_PYTHON, *self.watched):
            if number not in kept:
                _signal.signal(number, _signal.SIG_DFL)
        if self.mask is not None:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, self.mask)


def wait_and_die(numbers: list[int]) -> Never:
    die(_signal.sigwait(numbers), None)


def die(number: int, frame: FrameType | None) -> Never:
    del frame
    os._exit(128 + number)


def execute(path: str, argv: list[bytes], entries: list[bytes], watch: SignalWatch) -> Never:
    """Become the application; `check_sizes` has been asked before. Raises LaunchError."""
    watch.restore()
    try:
        if process is not None:
            process.execve(os.fsencode(path), argv, entries)
        if all(entry.find(b"=") > 0 for entry in entries):
            os.execve(path, argv, dict(entry.split(b"=", 1) for entry in entries))  # noqa: S606 - no shell is the point
        execute_verbatim(os.fsencode(path), argv, entries)
    except OSError as error:
        raise LaunchError(f"{path}: {explain(error)}", NOT_EXECUTABLE) from None


def execute_verbatim(path: bytes, argv: list[bytes], entries: list[bytes]) -> Never:
    """Call execve(2) with entries that `os.execve` cannot express, because they have no name or no `=`."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.execve(path, terminate(argv), terminate(entries))
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))


def terminate(strings: list[bytes]) -> object:
    """Make the array of C strings with a null pointer at its end."""
    import ctypes

    return (ctypes.c_char_p * (len(strings) + 1))(*strings, None)


def explain(error: OSError) -> str:
    """Say why the kernel did not start a file that is there and executable."""
    if error.errno == errno.ENOENT:
        return "cannot be started: the interpreter of its #! line, or its dynamic loader, is not in the container"
    if error.errno == errno.ENOEXEC:
        return "cannot be started: neither a program for this machine nor a script with a #! line"
    return f"cannot be started: {error.strerror}"


def check_sizes(path: str, argv: list[bytes], entries: list[bytes]) -> None:
    """Raise Error naming the variable that makes the environment something that the kernel does not take."""
    limit = STRING_PAGES * os.sysconf("SC_PAGE_SIZE")
    for entry in entries:
        if b"\0" in entry:
            raise Error(f"{name_of(entry)}: the value has a NUL byte in it, which no environment can hold")
        if len(entry) >= limit:
            raise Error(
                f"{name_of(entry)}: {len(entry)} bytes, but the kernel takes at most {limit - 1} for a variable"
            )
    total = sum(len(string) + 1 + POINTER_SIZE for string in [os.fsencode(path), *argv, *entries])
    if total > LEAST_TOTAL // 2 and total > (most := total_limit()):
        largest = max(entries, key=len, default=b"")
        raise Error(
            f"the environment has {total} bytes, but the kernel takes at most {most};"
            f" the largest variable is {name_of(largest)} with {len(largest)}"
        )


def total_limit() -> int:
    import resource

    stack, _ = resource.getrlimit(resource.RLIMIT_STACK)
    if stack == resource.RLIM_INFINITY:
        return MOST_TOTAL
    return max(LEAST_TOTAL, min(stack // 4, MOST_TOTAL))


def name_of(entry: bytes) -> str:
    return entry.partition(b"=")[0].decode("utf-8", "replace")
