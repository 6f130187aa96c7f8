"""Finding time zones by name on the machine, and which of them is the local one.

The database is a directory of TZif files: what ZONEINFO names, or one of the usual ones. What a machine lacks is an
unknown time zone. The ZIP files that Go's programs read as well come with an installation of Go, which no pod has.

Source: Go package time, functions LoadLocation and initLocal on Unix.
"""

from __future__ import annotations

import os

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.values import decode

from .location import LOCAL, UTC, Location, ZoneTable
from .tzif import read_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SYSTEM_SOURCES = (b"/usr/share/zoneinfo", b"/usr/share/lib/zoneinfo", b"/usr/lib/locale/TZ", b"/etc/zoneinfo")
LOCAL_FILE = b"/etc/localtime"
LARGEST_FILE = 10 << 20
KNOWN = {b"": UTC, b"UTC": UTC, b"Local": LOCAL}


def load_location(name: bytes, environ: Mapping[bytes, bytes] = os.environb) -> Location:
    """Give the location of a name. Raises FunctionError with Go's words if there is none."""
    known = KNOWN.get(name)
    if known is not None:
        return known
    if b".." in name or name.startswith((b"/", b"\\")):
        raise FunctionError("time: invalid location name", is_constant=True)
    zoneinfo = environ.get(b"ZONEINFO")
    return Location(find_table(name, [*([zoneinfo] if zoneinfo else []), *SYSTEM_SOURCES]))


def load_local_table(environ: Mapping[bytes, bytes]) -> ZoneTable:
    """Give the time zone that TZ names, or the machine's if TZ is not set; UTC if that cannot be read."""
    setting = environ.get(b"TZ")
    name = LOCAL_FILE if setting is None else setting.removeprefix(b":")
    if name in (b"", b"UTC"):
        return ZoneTable(b"UTC")
    try:
        table = find_table(name, [b""] if name.startswith(b"/") else SYSTEM_SOURCES)
    except FunctionError:
        return ZoneTable(b"UTC")
    if name == LOCAL_FILE:
        table.name = b"Local"
    return table


def find_table(name: bytes, sources: Sequence[bytes]) -> ZoneTable:
    """Read a time zone from the first source that has it. Raises FunctionError with the first problem, in Go's words."""
    problem = None
    for source in sources:
        try:
            return read_table(name, read_source(source, name))
        except FileNotFoundError:
            continue
        except OSError as error:
            problem = problem or FunctionError(str(error.strerror).lower())
        except FunctionError as error:
            problem = problem or error
    raise problem or FunctionError("unknown time zone " + decode(name))


def read_source(source: bytes, name: bytes) -> bytes:
    """Read a time zone's file from a directory. Raises OSError or FunctionError."""
    path = source + b"/" + name if source else name
    if b"\0" in path:
        raise FunctionError("invalid argument", is_constant=True)
    with open(path, "rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise FunctionError(f"time: file {decode(path)} is too large")
    return data
