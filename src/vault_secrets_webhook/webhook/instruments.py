"""Counters, gauges and histograms in one registry, and the table of them that the documentation is made from.

With several worker processes each keeps its values in files that all of them read, so that any of them can answer for
all: https://prometheus.github.io/client_python/multiprocess/ . The files are named for the worker's place and not for
its process, so that the next one in the same place goes on counting.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector

from .workers import FOLDER_VARIABLE, find_place

if TYPE_CHECKING:
    from collections.abc import Sequence

# The buckets of Go's client, which are enough for look-ups, and finer ones for reviews without.
BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which Go's client does not have


class Row(NamedTuple):
    """A metric as its documentation shows it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


class Instruments:
    """Makes metrics in a registry of its own, so that several servers fit into one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rows: list[Row] = []
        place = find_place()
        self.folder = "" if place is None else os.environ[FOLDER_VARIABLE]
        if place is None:
            ProcessCollector(registry=self.registry)
        else:  # of several processes the figures of one would say little
            values.ValueClass = values.MultiProcessValue(lambda: place.number)  # type: ignore[no-untyped-call]

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """Make a counter."""
        self.rows.append(Row(name, "counter", tuple(labels), text))
        return Counter(name, text, labels, registry=self.registry)

    def gauge(
        self,
        name: str,
        text: str,
        mode: Literal["livesum", "livemax", "livemin"] = "livesum",
        labels: Sequence[str] = (),
    ) -> Gauge:
        """Make a gauge. `mode` is how the values of several processes are put together."""
        self.rows.append(Row(name, "gauge", tuple(labels), text))
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=mode)

    def histogram(
        self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = BUCKETS
    ) -> Histogram:
        """Make a histogram."""
        self.rows.append(Row(name, "histogram", tuple(labels), text))
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def render(self) -> bytes:
        """Write all metrics in the text format of Prometheus."""
        if not self.folder:
            return generate_latest(self.registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, self.folder)  # type: ignore[no-untyped-call]
        return generate_latest(everybody)
