"""Go's package time, as far as templates reach it: instants, durations, time zones, and layouts.

Nothing here uses Python's datetime and zoneinfo: importing these costs more than all of this, and they hold neither
years beyond 9999, nor nanoseconds, nor zones as Go reads them.

    civil       days and the calendar
    names       Month and Weekday
    duration    Duration: reading, writing, rounding
    instant     Time
    methods     what templates can call on a Time, loaded when one does
    marshal     a Time in text, JSON and binary
    location    Location: which offset holds when
    database    finding locations by name and the local one
    tzif        files of the time zone database
    zonerule    the rule at the end of such a file
    zonename    abbreviations of zones in text
    layout      layouts such as `2006-01-02`, split into elements
    format      writing a Time by a layout
    parse       reading one, by means of:
    elements    what each element of a layout asks for
    fields      what has been read
"""

from .duration import Duration
from .instant import Time
from .location import Location
from .names import Month, Weekday

__all__ = ["Duration", "Location", "Month", "Time", "Weekday"]
