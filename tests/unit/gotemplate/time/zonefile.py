"""Files of the time zone database, made for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CENTRAL_EUROPE = b"CET-1CEST,M3.5.0,M10.5.0/3"
ZoneEntry = tuple[int, int, int]


def make_zone_file(
    rule: bytes = b"",
    *,
    zones: Sequence[ZoneEntry] = ((0, 0, 0),),
    names: bytes = b"LMT\0",
    transitions: Sequence[tuple[int, int]] = (),
    version: bytes = b"2",
) -> bytes:
    """A file: `zones` are offset, whether it is daylight saving time, and where in `names` the abbreviation begins."""

    def pack(size: int) -> bytes:
        counts = (0, 0, 0, len(transitions), len(zones), len(names))
        return b"".join(
            [
                *(b"TZif", version, bytes(15), *(count.to_bytes(4, "big") for count in counts)),
                *(time.to_bytes(size, "big", signed=True) for time, _ in transitions),
                *(bytes((index,)) for _, index in transitions),
                *(offset.to_bytes(4, "big", signed=True) + bytes((dst, start)) for offset, dst, start in zones),
                names,
            ]
        )

    return pack(4) if version == b"\0" else pack(4) + pack(8) + b"\n" + rule + b"\n"
