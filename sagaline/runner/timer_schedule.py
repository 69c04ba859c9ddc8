"""When the next timer is due, and the firing of those that are."""

import time
from collections.abc import Collection, Sequence
from functools import partial
from math import inf
from threading import Event

from sagaline.followers.follower import Follower
from sagaline.runner.store_guard import StoreGuard
from sagaline.storage import Datastore
from sagaline.storage.tables.timers import first_dues


class TimerSchedule:
    """Reads which timers are due, and has their followers fire them.

    `next_due` is when the next timer of the followers held is due, in seconds since 1970.
    """

    def __init__(
        self, datastores: Collection[Datastore], guard: StoreGuard, stopping: Event
    ) -> None:
        self._datastores = datastores
        self._guard = guard
        self._stopping = stopping
        self._read_at = 0.0
        self.next_due = inf

    @property
    def age(self) -> float:
        """Seconds since the timers were read."""
        return time.monotonic() - self._read_at

    def fire(self, followers: Sequence[Follower], now: float) -> bool:
        """Fires the timers due by `now`, up to where the logs were read; returns if any fired."""
        dues = self._dues()
        self._read_at = time.monotonic()
        self.next_due = min((dues.get(each.name, inf) for each in followers), default=inf)
        fired = False
        for follower in followers:
            if dues.get(follower.name, inf) <= now and not self._stopping.is_set():
                fire = partial(follower.fire, now, _is_at_head(follower))
                fired |= self._guard.run(follower.name, fire)
        return fired

    def _dues(self) -> dict[str, float]:
        dues: dict[str, float] = {}
        for datastore in self._datastores:
            name = f"the timers in {datastore.address}"
            self._guard.run(name, partial(_read_dues, datastore, dues))
        return dues


def _is_at_head(follower: Follower) -> bool:
    return follower.caught_up and all(each.complete for each in follower.leaders.values())


def _read_dues(datastore: Datastore, dues: dict[str, float]) -> None:
    with datastore.read() as connection:
        dues.update(first_dues(connection))
