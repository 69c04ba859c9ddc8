"""How far each follower lags behind its leaders, judged from the stores alone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from sagaline.runner.schedules import SCHEDULE_TOPICS
from sagaline.storage import ApplicationRecorder, Datastore
from sagaline.storage.tables.followers import all_fences, all_positions
from sagaline.storage.tables.port_calls import count_calls
from sagaline.storage.tables.timers import (
    HELD_DUE_AT,
    LAST_DUE_AT,
    first_dues,
    is_due,
    pending_timers,
)


class FollowerLag(NamedTuple):
    """The position of one follower in the log of one leader. `lag` counts ids, gaps included."""

    follower: str
    leader: str
    position: int
    head: int

    @property
    def lag(self) -> int:
        """How many ids of the log the follower has still to pass."""
        return max(0, self.head - self.position)


def measure_lag(
    datastores: Iterable[Datastore],
    logs: Mapping[str, ApplicationRecorder],
    leaders: Mapping[str, Sequence[str]],
) -> list[FollowerLag]:
    """The position of every follower of a system; `leaders` names the leaders of each."""
    stored: dict[tuple[str, str], int] = {}
    for datastore in datastores:
        with datastore.read() as connection:
            stored.update(all_positions(connection))
    heads = {name: recorder.head() for name, recorder in logs.items()}
    return [
        FollowerLag(follower, leader, stored.get((follower, leader), 0), heads[leader])
        for follower, names in leaders.items()
        for leader in names
    ]


def fences(datastores: Iterable[Datastore]) -> list[dict[str, int]]:
    """The fences of all followers, store by store: equal where no follower has written since."""
    found: list[dict[str, int]] = []
    for datastore in datastores:
        with datastore.read() as connection:
            found.append(all_fences(connection))
    return found


def count_timers(datastores: Iterable[Datastore]) -> int:
    """How many timers are pending in these stores."""
    return _total(datastores, pending_timers)


def count_calls_under_way(datastores: Iterable[Datastore]) -> int:
    """How many port calls have no answer yet in these stores, with what waits behind them."""
    return _total(datastores, count_calls)


def _total(datastores: Iterable[Datastore], count: Callable[[Connection], int]) -> int:
    found = 0
    for datastore in datastores:
        with datastore.read() as connection:
            found += count(connection)
    return found


def is_timer_pending(datastores: Iterable[Datastore], now: float, horizon: float | None) -> bool:
    """Whether a timer is pending; with a horizon (seconds), one that is due within it.

    Schedules always have a next due time: their timers count once they are due.
    """
    until = LAST_DUE_AT if horizon is None else now + horizon
    for datastore in datastores:
        with datastore.read() as connection:
            first = min(first_dues(connection).values(), default=HELD_DUE_AT)
            if first <= now:
                return True
            if first <= until and is_due(connection, until, SCHEDULE_TOPICS):
                return True
    return False
