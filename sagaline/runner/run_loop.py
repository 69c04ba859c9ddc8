"""The turns of a runner: in each, every follower that it holds takes a batch."""

import logging
import time
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from math import inf
from threading import Event
from typing import Any

from sagaline.application.message_handling import handling_of
from sagaline.followers.follower import Follower
from sagaline.followers.log_window import LogWindow
from sagaline.runner.bootstrap import VIEW_BATCH, OpenedSystem
from sagaline.runner.clock import StoreClock
from sagaline.runner.lease_renewal import LeaseRenewal
from sagaline.runner.leases import LOOK, Leases
from sagaline.storage import Datastore
from sagaline.storage.log.event_log import heads
from sagaline.storage.notify.file_version import FileVersion
from sagaline.storage.notify.listener import Listener
from sagaline.storage.notify.postgres_listener import PostgresListener
from sagaline.storage.notify.sqlite_listener import SQLiteListener, can_listen
from sagaline.storage.sql.errors import STORAGE_FAULTS
from sagaline.storage.tables.timers import first_dues

UNSAVED = 5_000
"""Events that a follower may skip before it records its position, while there is work."""

OFTEN = 0.25
"""Seconds between two looks which timers are due, while there is work."""

RECENT = 0.01
"""Seconds between two looks at what others have written, while there is work."""

PATIENCE = 1.0
"""Seconds that a read model may fall behind while there is other work."""

LONGEST_PAUSE = 5.0
"""Seconds between two attempts on a store that is out of reach."""

log = logging.getLogger(__name__)


class RunLoop:
    """Leads followers turn after turn, and rests while there is nothing to do.

    `wake` ends a rest: it is set by whoever has written something in this process, and by a notice
    that somebody has written anywhere, where the store gives one. `stopping` ends a turn.
    """

    def __init__(
        self, opened: OpenedSystem, now: Callable[[], datetime], wake: Event, stopping: Event
    ) -> None:
        self._opened = opened
        self._now = now
        self._wake = wake
        self._stopping = stopping
        self._pauses: dict[str, tuple[float, float]] = {}
        self._next_due = inf
        self._looked = 0.0
        self._moved = False
        self._read_at = 0.0
        self._heard_until = 0.0
        self._viewed = 0.0
        self._leases = _leases(opened)
        self._led: list[Follower] = []
        self._resting = Event()
        self._listeners = _listeners(opened, wake, self._resting)
        files = [each for each in opened.datastores if each.has_file]
        self._watches = [FileVersion(each, self._listeners.get(each)) for each in files]
        self._keeper = LeaseRenewal(self._leases.values())
        for app in opened.apps.values():
            handling_of(app).port_calls.meanwhile = self._keeper.alive

    def take(self) -> bool:
        """One turn over all logs and followers; says whether there may be more to do."""
        self._keeper.alive()
        for leases in self._leases.values():
            self._guarded(_name_of(leases), partial(self._take, leases))
        held = self._held()
        self._want(held)
        if isinstance(self._now, StoreClock):
            self._guarded("the clock", self._now.look)
        reads = not self._moved or time.monotonic() - self._read_at > RECENT
        moved = reads and self._read(held)
        busy = self._step([each for each in held if each.name in self._opened.apps])
        views = [each for each in held if each.name not in self._opened.apps]
        if not busy or self._are_due(views):
            moved |= self._step_views(views)
        moved |= busy
        if not moved or time.monotonic() - self._looked > OFTEN:
            moved |= self._fire(held)
        self._let_go(held)
        self._moved = moved
        return moved or not reads

    def rest(self) -> None:
        """Waits until something may have been written, a timer is due, or it is time for a look."""
        until = time.monotonic() + LOOK
        self._resting.set()
        while not self._wake.wait(self._nap()) and time.monotonic() < until:
            if self._now().timestamp() >= self._next_due or self._guarded("watch", self._changed):
                break
        self._resting.clear()
        self._wake.clear()

    def _nap(self) -> float:
        """Seconds until there is a reason to look."""
        due = self._next_due - self._now().timestamp()
        return max(0.0, min(LOOK, due, *(each.pause for each in self._watches)))

    def save(self) -> None:
        """Records how far the followers have come through events that they do not want."""
        for follower in self._held():
            self._save(follower)

    def close(self) -> None:
        """Gives the leases back, and lets all connections go."""
        self._keeper.close()
        self._resting.set()
        for leases in self._leases.values():
            self._guarded(_name_of(leases), leases.release)
        for listener in self._listeners.values():
            listener.close()
        for watch in self._watches:
            watch.close()

    def _step(self, followers: list[Follower]) -> bool:
        moved = False
        for follower in followers:
            if self._stopping.is_set():
                return True
            began = time.monotonic()
            moved |= self._guarded(follower.name, follower.step)
            self._leases[follower.datastore].worked(follower.name, time.monotonic() - began)
            if follower.unsaved > UNSAVED:
                self._save(follower)
        return moved

    def _save(self, follower: Follower) -> None:
        # Under a name of its own: a step that has nothing to do succeeds without the store.
        self._guarded(f"the position of {follower.name}", follower.save)

    def _step_views(self, views: list[Follower]) -> bool:
        """Lets read models come close to the heads: what they read now is still in memory."""
        moved = self._step(views)
        while far := [each for each in views if each.behind >= VIEW_BATCH]:
            if not self._step(far):
                break
        self._viewed = time.monotonic()
        return moved

    def _are_due(self, views: list[Follower]) -> bool:
        """Whether read models get their turn though there is other work."""
        late = time.monotonic() - self._viewed > PATIENCE
        return late or any(each.behind >= VIEW_BATCH for each in views)

    def _take(self, leases: Leases) -> None:
        gained = leases.take()
        for follower in self._opened.followers:
            if follower.name in gained:
                follower.forget()

    def _held(self) -> list[Follower]:
        held: set[str] = set().union(*(each.held for each in self._leases.values()))
        return [each for each in self._opened.followers if each.name in held]

    def _want(self, held: list[Follower]) -> None:
        """Has the logs read for what these followers want, if they are others than before."""
        if held != self._led:
            self._led = held
            for window in self._opened.windows.values():
                window.want(
                    _wanted([each.topics for each in held if window in each.leaders.values()])
                )

    def _read(self, held: list[Follower]) -> bool:
        """Reads what others have written; says whether there was something."""
        # Before the logs are read: what was in a log when a timer was due is heard before it fires.
        self._heard_until = self._now().timestamp()
        self._read_at = time.monotonic()
        moved = False
        for datastore, windows in _by_store(held).items():
            read = partial(_read_all, datastore, windows)
            moved |= self._guarded(f"the logs in {datastore.address}", read)
        return moved

    def _let_go(self, held: list[Follower]) -> None:
        """Drops what all who read it here have read: it would only take room."""
        reached = {name: window.head for name, window in self._opened.windows.items()}
        for follower in held:
            for leader, position in follower.positions.items():
                reached[leader] = min(reached[leader], position)
        for name, position in reached.items():
            self._opened.windows[name].let_go(position)

    def _fire(self, held: list[Follower]) -> bool:
        now, dues = self._heard_until, self._dues()
        self._looked = time.monotonic()
        self._next_due = min((dues.get(each.name, inf) for each in held), default=inf)
        fired = False
        for follower in held:
            if dues.get(follower.name, inf) <= now:
                fire = partial(follower.fire, now, self._at_head(follower))
                fired |= self._guarded(follower.name, fire)
        return fired

    def _at_head(self, follower: Follower) -> bool:
        return follower.caught_up and all(each.complete for each in follower.leaders.values())

    def _dues(self) -> dict[str, float]:
        dues: dict[str, float] = {}
        for datastore in self._opened.datastores:
            name = f"the timers in {datastore.address}"
            self._guarded(name, partial(_read_dues, datastore, dues))
        return dues

    def _changed(self) -> bool:
        changed = [each.changed() for each in self._watches]
        return any(changed)

    def _guarded(self, name: str, action: Callable[[], Any]) -> bool:
        """Runs one part; a fault of its store makes it pause, and stops no other."""
        until, pause = self._pauses.get(name, (0.0, 0.05))
        if time.monotonic() < until:
            return False
        try:
            moved = bool(action())
        except STORAGE_FAULTS as fault:
            pause = min(pause * 2, LONGEST_PAUSE)
            self._pauses[name] = (time.monotonic() + pause, pause)
            log.warning("%s: the store does not answer, again in %.1f s: %s", name, pause, fault)
            return False
        if self._pauses.pop(name, None):
            log.warning("%s: the store answers again", name)
        return moved


def _name_of(leases: Leases) -> str:
    return f"the leases in {leases.datastore.address}"


def _by_store(followers: list[Follower]) -> dict[Datastore, set[LogWindow]]:
    """The logs that these followers follow, by where they are."""
    found: dict[Datastore, set[LogWindow]] = {}
    for follower in followers:
        for window in follower.leaders.values():
            found.setdefault(window.datastore, set()).add(window)
    return found


def _wanted(topics: list[frozenset[str] | None]) -> frozenset[str] | None:
    """What somebody wants of a log; None for all of it."""
    known = [each for each in topics if each is not None]
    return frozenset().union(*known) if len(known) == len(topics) else None


def _read_all(datastore: Datastore, windows: Collection[LogWindow]) -> bool:
    """Reads what others have written into logs of one store, in one transaction."""
    with datastore.read() as connection:
        newest = heads(connection, [each.log for each in windows])
        moved = [each.refresh(head) for each, head in zip(windows, newest, strict=True)]
    return any(moved)


def _read_dues(datastore: Datastore, dues: dict[str, float]) -> None:
    with datastore.read() as connection:
        dues.update(first_dues(connection))


def _leases(opened: OpenedSystem) -> dict[Datastore, Leases]:
    held: dict[Datastore, list[str]] = {}
    for follower in opened.followers:
        held.setdefault(follower.datastore, []).append(follower.name)
    leaders = opened.system.leaders_of
    return {datastore: Leases(datastore, names, leaders) for datastore, names in held.items()}


def _listeners(opened: OpenedSystem, wake: Event, resting: Event) -> dict[Datastore, Listener]:
    channels: dict[Datastore, list[str]] = {}
    for app in opened.apps.values():
        if app.datastore.dialect == "postgresql":
            channels.setdefault(app.datastore, []).append(app.recorder.channel_name)
    listeners: dict[Datastore, Listener] = {
        datastore: PostgresListener(datastore, names, wake.set)
        for datastore, names in channels.items()
    }
    files = (each for each in opened.datastores if can_listen(each))
    return {**listeners, **{each: SQLiteListener(each, wake.set, resting) for each in files}}
