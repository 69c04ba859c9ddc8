"""How the baseline is run: as the library's documentation has it, or as an expert would."""

from dataclasses import dataclass
from typing import Any

from eventsourcing.system import (
    MultiThreadedRunner,
    NewMultiThreadedRunner,
    NewSingleThreadedRunner,
    Runner,
    SingleThreadedRunner,
)

from benchmarks.upstream.participant import TOPIC_FILTERS, TYPED_EVENTS


@dataclass(frozen=True)
class Tuning:
    """A runner, and the environment of the applications."""

    name: str
    runner: type[Runner[Any]]
    env: dict[str, str]
    native: bool = False
    """Whether it stores by `eventsourcing.sqlite` and `.postgres`, not by SQLAlchemy."""

    @property
    def short_name(self) -> str:
        """What it is called on a command line."""
        return next(name for name, each in TUNINGS.items() if each is self)


_FILTERED = {TOPIC_FILTERS: "y"}

_KEPT = {
    **_FILTERED,
    TYPED_EVENTS: "y",
    "AGGREGATE_CACHE_MAXSIZE": "10000",
    # One process writes, so that what is kept is what is stored.
    "AGGREGATE_CACHE_FASTFORWARD": "n",
    "DEEPCOPY_FROM_AGGREGATE_CACHE": "n",
}

DOCUMENTED = Tuning("eventsourcing, as its docs teach", SingleThreadedRunner, {})

EXPERT = Tuning("eventsourcing, tuned by an expert", NewSingleThreadedRunner, _FILTERED)
"""Topic filters, and the runner that hands events to the followers in memory, one after the other.

It is the fastest on SQLite. On PostgreSQL `NewMultiThreadedRunner`, whose threads wait side by
side, was a tenth faster with 80 orders (20.8 and 20.0 a second against 18.2 and 19.0); with 320 it
was seen to stall for ever after 256. So the one that finishes is taken on both.
"""

PUSHED = Tuning("eventsourcing, pushed to its limit", NewSingleThreadedRunner, _KEPT)
"""Beside that pydantic writes the events, by a mapper of one's own, and aggregates are kept and not
copied: safe as long as nothing fails, because what was rolled back stays in what is kept."""

NATIVE = Tuning(
    "eventsourcing's own recorders, pushed to their limit",
    NewSingleThreadedRunner,
    _KEPT,
    native=True,
)
"""The fastest way that the library has: the same over its own modules for SQLite and PostgreSQL."""

TUNINGS = {"documented": DOCUMENTED, "expert": EXPERT, "pushed": PUSHED, "native": NATIVE}

RUNNERS: dict[str, type[Runner[Any]]] = {
    each.__name__: each
    for each in (
        SingleThreadedRunner,
        NewSingleThreadedRunner,
        MultiThreadedRunner,
        NewMultiThreadedRunner,
    )
}
"""All that the library has."""
