"""Ports that take their time: what a slow call costs the others, and how many sagas a port lets on.

On SQLite, in one process with its runner. *slow_share* starts sagas at a steady rate; their port
takes 5 ms, and 8 s for one in a hundred: the figures are of the quick ones, from the event that
starts a saga to the one that ends it. *throughput* starts many at once; their port takes 200 ms.
"""

import statistics
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.figure import Asked, Figure
from benchmarks.laboratory import SQLITE, Laboratory
from benchmarks.pairs import interleaved, say
from benchmarks.process import printed
from benchmarks.sample import Sample

PROGRAM = "benchmarks.programs.ports"

QUICK, GATEWAY = "0.005", "0.2"
"""Seconds of a call."""

ONE_IN = "100"
"""How many sagas there are for each that meets a slow call."""

RATE = "100"
"""Sagas that start in a second."""

ASKED = {"async": Asked("value >= 1000"), "def": Asked("value >= 350")}


def slow_share(laboratory: Laboratory) -> Iterator[Figure]:
    """The quick ones' median, and what one in a hundred of them takes longer than."""
    p50, p99 = [], []
    for number in range(1, laboratory.sizes.rounds + 1):
        told = _told(laboratory, "def", laboratory.sizes.port_sagas // 10, QUICK, ONE_IN, RATE)
        p50.append(Sample(statistics.median(told["ms"])))
        p99.append(Sample(statistics.quantiles(told["ms"], n=100, method="inclusive")[-1]))
        say(f"  round {number}: p50 {p50[-1].value:.3g} ms, p99 {p99[-1].value:.3g} ms")
    yield Figure("ports/slow_share/p50", "ms", p50)
    yield Figure("ports/slow_share/p99", "ms", p99, Asked("value <= 200"))


def throughput(laboratory: Laboratory) -> Iterator[Figure]:
    """Sagas a second, and the memory that they take."""
    peaks: dict[str, list[Sample]] = {kind: [] for kind in ASKED}

    def rate(kind: str) -> Sample:
        sagas = laboratory.sizes.port_sagas
        told = _told(laboratory, kind, sagas, GATEWAY, "0", "0")
        peaks[kind].append(Sample(told["megabytes"]))
        return Sample(sagas / told["seconds"], 1_000 * told["processor"] / sagas)

    measures = {kind: partial(rate, kind) for kind in ASKED}
    for kind, rates in interleaved(laboratory.sizes.rounds, "sagas/s", measures).items():
        yield Figure(f"ports/throughput/{kind}", "sagas/s", rates, ASKED[kind], processor="ms/saga")
        yield Figure(f"ports/memory/{kind}", "MB", peaks[kind], Asked("value <= 300"))


def _told(laboratory: Laboratory, kind: str, sagas: int, *given: str) -> dict[str, Any]:
    with laboratory.store(SQLITE) as store:
        told: dict[str, Any] = printed(PROGRAM, store, kind, str(sagas), *given)
    return told
