"""Reading files of the time zone database: TZif of the versions 1 to 3, which are those that Go reads.

A file of version 2 or 3 says everything twice, with times of 32 and of 64 bits, and ends with a rule for the times
behind its last transition; the first half is skipped.

Sources: RFC 9636; Go package time, function LoadLocationFromTZData.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

from .location import ALWAYS_BEFORE, Zone, ZoneTable

VERSIONS = {0: 1, ord("2"): 2, ord("3"): 3}
HEADER_SIZE = 20  # the magic number, the version and what is reserved; then come six counts of four bytes
ZONE_SIZE = 6


class Reader:
    """Takes bytes from the front of data. Raises FunctionError when they run out."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, size: int) -> bytes:
        start = self.position
        if len(self.data) - start < size:
            raise malformed()
        self.position += size
        return self.data[start : self.position]

    def take_numbers(self, count: int, size: int, *, signed: bool = True) -> list[int]:
        data = self.take(count * size)
        return [int.from_bytes(data[at : at + size], "big", signed=signed) for at in range(0, len(data), size)]


def read_table(name: bytes, data: bytes) -> ZoneTable:
    """Read the contents of a file. Raises FunctionError with Go's words if they are malformed."""
    reader = Reader(data)
    header = reader.take(HEADER_SIZE)
    version = VERSIONS.get(header[4])
    if header[:4] != b"TZif" or version is None:
        raise malformed()
    counts = reader.take_numbers(6, 4, signed=False)
    if version == 1:
        return read_body(name, reader, counts, 4)
    reader.take(measure_body(counts, 4) + HEADER_SIZE)
    return read_body(name, reader, reader.take_numbers(6, 4, signed=False), 8)


def measure_body(counts: list[int], size: int) -> int:
    """Give the size of what follows a header."""
    utc, standard, leap, times, zones, names = counts
    return times * size + times + zones * ZONE_SIZE + names + leap * (size + 4) + standard + utc


def read_body(name: bytes, reader: Reader, counts: list[int], size: int) -> ZoneTable:
    utc, standard, leap, count, zone_count, name_size = counts
    times = reader.take_numbers(count, size)
    indexes: bytes | tuple[int, ...] = reader.take(count)
    entries = reader.take(zone_count * ZONE_SIZE)
    names = reader.take(name_size)
    reader.take(leap * (size + 4) + standard + utc)
    zones = [read_zone(entries[at : at + ZONE_SIZE], names) for at in range(0, len(entries), ZONE_SIZE)]
    if not zones or any(index >= zone_count for index in indexes):
        raise malformed()
    if not times:
        times, indexes = [ALWAYS_BEFORE], (0,)
    rule = reader.data[reader.position :]
    if len(rule) <= 2 or not rule.startswith(b"\n") or not rule.endswith(b"\n"):  # noqa: PLR2004 # the two newlines
        rule = b""
    return ZoneTable(name, zones, times, indexes, rule[1:-1])


def read_zone(entry: bytes, names: bytes) -> Zone:
    start = entry[5]
    if start >= len(names):
        raise malformed()
    offset = int.from_bytes(entry[:4], "big", signed=True)
    return Zone(names[start:].partition(b"\0")[0], offset, is_dst=entry[4] != 0)


def malformed() -> FunctionError:
    return FunctionError("malformed time zone information", is_constant=True)
