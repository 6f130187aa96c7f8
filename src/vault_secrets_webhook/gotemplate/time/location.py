"""Time zones: which offset from UTC holds where and when.

A `ZoneTable` says it, by transitions and by the rule that holds behind the last of them: it is Go's struct. A `Location`
is the pointer to one, for Go compares pointers: there is one UTC, one Local, and a zone that a date was read with is like
no other.

Source: Go package time, type Location.
"""

from __future__ import annotations

import os
from _bisect import bisect_right  # the module bisect would add one import to it, and nothing else

from vault_secrets_webhook.gotemplate.values import TYPES, Type, define_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import ClassVar

    from vault_secrets_webhook.gotemplate.values import Method

ALWAYS_BEFORE, ALWAYS_AFTER = -(1 << 63), (1 << 63) - 1
HOUR = 3_600


class Zone:
    """A time within a location: its abbreviation, seconds east of UTC, and whether it is daylight saving time."""

    __slots__ = ("is_dst", "name", "offset")
    go_type: ClassVar[Type] = define_type("time.zone", "struct")

    def __init__(self, name: bytes, offset: int, *, is_dst: bool = False) -> None:
        self.name = name
        self.offset = offset
        self.is_dst = is_dst


class Period:
    """A zone and when it is in effect: seconds since 1970, `end` exclusive."""

    __slots__ = ("end", "start", "zone")

    def __init__(self, zone: Zone, start: int = ALWAYS_BEFORE, end: int = ALWAYS_AFTER) -> None:
        self.zone = zone
        self.start = start
        self.end = end


UTC_ZONE = Zone(b"UTC", 0)


class ZoneTable:
    """The zones of a location. `times` are those of the transitions and `indexes` the zone that each begins.

    `rule` says what holds behind the last transition, if it is not the zone that this began (see `zonerule`).
    """

    __slots__ = ("indexes", "name", "rule", "times", "zones")
    go_type: ClassVar[Type] = define_type("time.Location", "struct")

    def __init__(
        self,
        name: bytes,
        zones: Sequence[Zone] = (UTC_ZONE,),
        times: Sequence[int] = (ALWAYS_BEFORE,),
        indexes: Sequence[int] = (0,),
        rule: bytes = b"",
    ) -> None:
        self.name = name
        self.zones = zones
        self.times = times
        self.indexes = indexes
        self.rule = rule

    def find_period(self, unix: int) -> Period:
        """Give the period that an instant, in seconds since 1970, lies in."""
        index = bisect_right(self.times, unix) - 1
        if index < 0:
            return Period(self.find_first_zone(), ALWAYS_BEFORE, self.times[0])
        start = self.times[index]
        if index + 1 < len(self.times):
            return Period(self.zones[self.indexes[index]], start, self.times[index + 1])
        return self.apply_rule(start, unix) or Period(self.zones[self.indexes[index]], start)

    def apply_rule(self, start: int, unix: int) -> Period | None:
        if not self.rule:
            return None
        from .zonerule import find_period

        return find_period(self.rule, start, unix)

    def find_first_zone(self) -> Zone:
        """Give the zone before the first transition, guessed as the reference implementation of tzcode does."""
        if 0 not in self.indexes:
            return self.zones[0]
        first = self.indexes[0]
        if self.zones[first].is_dst:
            for zone in reversed(self.zones[:first]):
                if not zone.is_dst:
                    return zone
        return next((zone for zone in self.zones if not zone.is_dst), self.zones[0])

    def find_offset(self, name: bytes, clock: int) -> int | None:
        """Give the offset of an abbreviation, best of the zone in effect when clocks show `clock` (as if in UTC)."""
        named = [zone for zone in self.zones if zone.name == name]
        for zone in named:
            found = self.find_period(clock - zone.offset).zone
            if found.name == name:
                return found.offset
        return named[0].offset if named else None


class Location:
    """A `*time.Location`: a pointer to a table, which is the local one if it is not given."""

    __slots__ = ("loaded",)
    go_type: ClassVar[Type] = Type("*time.Location", "ptr", ZoneTable.go_type)
    go_methods: ClassVar[Mapping[str, Method]] = {"String": ("-> string", lambda location: location.table.name)}
    go_hidden_fields: ClassVar = ("name", "zone", "tx", "extend", "cacheStart", "cacheEnd", "cacheZone")

    def __init__(self, table: ZoneTable | None) -> None:
        self.loaded = table

    @property
    def table(self) -> ZoneTable:
        if self.loaded is None:
            from .database import load_local_table

            self.loaded = load_local_table(os.environb)
        return self.loaded

    @property
    def go_pointed(self) -> ZoneTable:
        """What it points to, which has no methods."""
        return self.table

    def find_period(self, unix: int) -> Period:
        """Give the period that an instant, in seconds since 1970, lies in."""
        return self.table.find_period(unix)


TYPES[Location.go_type.name] = Location.go_type
UTC = Location(ZoneTable(b"UTC"))
LOCAL = Location(None)  # read when it is first asked for, as Go does, and not again
FIXED_BY_HOUR: dict[int, Location] = {}


def make_fixed(name: bytes, offset: int) -> Location:
    """Give a location that has one zone forever. Those without a name and of a whole hour are made once each."""
    made = Location(ZoneTable(name, [Zone(name, offset)]))
    hour, rest = divmod(offset, HOUR)
    if name or rest or not -12 <= hour <= 14:  # noqa: PLR2004 # the hours that are in use
        return made
    return FIXED_BY_HOUR.setdefault(hour, made)
