"""How the baseline is run: as the library's documentation has it, or as an expert would."""

from dataclasses import dataclass, replace
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


_KEPT = {
    TOPIC_FILTERS: "y",
    TYPED_EVENTS: "y",
    "AGGREGATE_CACHE_MAXSIZE": "10000",
    # One process writes, so that what is kept is what is stored.
    "AGGREGATE_CACHE_FASTFORWARD": "n",
    "DEEPCOPY_FROM_AGGREGATE_CACHE": "n",
}

DOCUMENTED = Tuning("eventsourcing, as its docs teach", SingleThreadedRunner, {})

EXPERT = Tuning("eventsourcing, tuned by an expert", NewSingleThreadedRunner, _KEPT)
"""Topic filters, typed events, kept aggregates, and the runner that is the fastest on SQLite: it
hands events to the followers in memory."""

EXPERT_ON_SERVER = replace(EXPERT, runner=NewMultiThreadedRunner)
"""The same with the runner that is the fastest on PostgreSQL, where threads wait side by side."""

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


def expert(store: str) -> Tuning:
    """The best that is known for a kind of store, or for the store with this URL."""
    return EXPERT if store.startswith("sqlite") else EXPERT_ON_SERVER
