"""The functions that see the process they run in: Sprig's of the environment, and our own of files.

FILE and ACCESSOR are none of Sprig's; whoever may use them adds them to the set.

Sources: Sprig v3.3.0, group "OS"; package os, `Getenv`, `Expand` and `ReadFile`; package syscall (texts).
"""

from __future__ import annotations

import errno
import os

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import OUTPUT_LIMIT, LimitError
from vault_secrets_webhook.gotemplate.values import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry

SPECIAL = frozenset(b"*#$@!?-0123456789")
ALPHANUMERIC = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
OPENING_BRACE = ord("{")
CHUNK = 1 << 20
STEP_SIZE = 128  # bytes of names that are read in the time of a step

# What the C libraries call otherwise than Go does, beside the capital letter.
ERRORS = {
    errno.ELOOP: "too many levels of symbolic links",
    errno.ENAMETOOLONG: "file name too long",
    errno.EIO: "input/output error",
    errno.ENOTDIR: "not a directory",
    errno.EISDIR: "is a directory",
    errno.EACCES: "permission denied",
    errno.ENXIO: "no such device or address",
    errno.ESTALE: "stale NFS file handle",
    errno.EAGAIN: "resource temporarily unavailable",
}


def get_variable(name: bytes) -> bytes:
    """Give the value of an environment variable; nothing if there is none."""
    return os.environb.get(name, b"")


def expand_variables(budget: Budget, text: bytes) -> bytes:
    """Put the values of environment variables in for `$name` and `${name}`."""
    budget.spend_steps(len(text) // STEP_SIZE)
    last_brace = text.rfind(b"}")
    result: list[bytes] = []
    position = 0
    while 0 <= (dollar := text.find(b"$", position)) < len(text) - 1:
        budget.spend_steps(1)
        name, end = find_name(text, dollar + 1, last_brace)
        value = get_variable(name)
        if not name and end == dollar + 1:  # no name follows, and it is no bad syntax either
            value = b"$"
        budget.reserve(dollar - position + len(value))
        result += text[position:dollar], value
        position = end
    return b"".join((*result, text[position:]))


def find_name(text: bytes, start: int, last_brace: int) -> tuple[bytes, int]:
    """Give the name that starts there, and where it ends with its braces. Bad syntax has no name, but a length."""
    if text[start] in SPECIAL:
        return text[start : start + 1], start + 1
    if text[start] == OPENING_BRACE:
        if last_brace < start:
            return b"", start + 1
        end = text.find(b"}", start)
        return text[start + 1 : end], end + 1
    end = start
    while end < len(text) and text[end] in ALPHANUMERIC:
        end += 1
    return text[start:end], end


def name_accessor(path: bytes) -> bytes:
    """Give the name under which an accessor is asked for."""
    return b"__accessor__" + path.rstrip(b"/")


def read_file(budget: Budget, path: bytes) -> bytes:
    """Give what is in a file, with the two characters backslash and n for each line end.

    Raises FunctionError with the text of `os.ReadFile`. Nothing is waited for: a pipe gives what is in it.
    """
    if b"\0" in path:
        raise describe("open", path, "invalid argument")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as problem:
        raise describe("open", path, name_error(problem)) from None
    try:
        content = read_limited(handle)
    except OSError as problem:
        raise describe("read", path, name_error(problem)) from None
    finally:
        os.close(handle)
    budget.reserve(len(content) + content.count(b"\n"))
    return content.replace(b"\n", b"\\n")


def read_limited(handle: int) -> bytes:
    content = bytearray()
    while chunk := os.read(handle, CHUNK):
        content += chunk
        if len(content) > OUTPUT_LIMIT:
            raise LimitError(f"the file is larger than {OUTPUT_LIMIT >> 20} MiB")
    return bytes(content)


def describe(action: str, path: bytes, text: str) -> FunctionError:
    return FunctionError(f"{action} {decode(path)}: {text}")


def name_error(problem: OSError) -> str:
    number = problem.errno or 0
    text = os.strerror(number)
    return ERRORS.get(number, text[:1].lower() + text[1:])


FUNCTIONS: dict[str, Entry] = {
    "env": ("string -> string", get_variable),
    "expandenv": ("budget, string -> string", expand_variables),
}
FILE: dict[str, Entry] = {"file": ("budget, string -> string", read_file)}
ACCESSOR: dict[str, Entry] = {"accessor": ("string -> string", name_accessor)}
