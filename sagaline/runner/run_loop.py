"""The loop of a runner: in each turn, every follower that it holds handles a batch."""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from functools import partial
from threading import Event

from sagaline.codec import united
from sagaline.followers.follower import Follower
from sagaline.followers.log_window import LogWindow
from sagaline.followers.processor import RunnerStopping
from sagaline.runner.bootstrap import OpenedSystem
from sagaline.runner.clock import StoreClock
from sagaline.runner.housekeeping import Housekeeping
from sagaline.runner.idle_wait import IdleWait
from sagaline.runner.lease_renewal import LeaseRenewal
from sagaline.runner.leases import Leases
from sagaline.runner.options import Options
from sagaline.runner.outdated_tables import OutdatedTables
from sagaline.runner.store_guard import StoreGuard
from sagaline.runner.timer_schedule import TimerSchedule
from sagaline.storage import Datastore
from sagaline.storage.log.event_log import heads
from sagaline.storage.sql.errors import ENDINGS
from sagaline.storage.sql.lock_waits import WaitLimit

MAX_UNSAVED = 5_000
"""Ids that a follower may skip before it records its position, while there is work."""

LOG_POLL_INTERVAL = 0.01
"""Seconds between two reads of what other processes have written, while there is work."""

MAX_READ_MODEL_DELAY = 1.0
"""Seconds that read models may go without a turn while there is other work."""


class RunLoop:
    """Runs followers turn after turn, and waits while there is nothing to do.

    `wake` ends a wait (see `IdleWait`); `stopping` ends a turn after the batch under way.
    """

    def __init__(
        self,
        opened: OpenedSystem,
        options: Options,
        now: Callable[[], datetime],
        wake: Event,
        stopping: Event,
        limit: WaitLimit | None = None,
    ) -> None:
        self._opened = opened
        self._now = now
        self._stopping = stopping
        self._options = options
        self._guard = StoreGuard(options.store_retry_interval)
        self._timers = TimerSchedule(opened.datastores, self._guard, stopping)
        self._housekeeping = Housekeeping(options, now, self._guard)
        self._moved = False
        self._logs_read_at = 0.0
        self._fire_until = 0.0
        self._read_models_ran_at = 0.0
        self._leases = _leases(opened, options)
        self._outdated = OutdatedTables(opened)
        self._last_held: list[Follower] = []
        self._idle = IdleWait(opened, now, wake, self._guard, options.idle_poll_interval)
        times = options.lease_renewal_interval, options.hung_timeout
        self._renewal = LeaseRenewal(self._leases.values(), *times, limit)
        opened.pool.on_answer = wake.set
        for follower in opened.followers:
            follower.end_when(self._refuse_stop)

    @property
    def is_supervised(self) -> bool:
        """Whether the thread that renews the leases runs."""
        return self._renewal.is_alive

    @property
    def current(self) -> str:
        """What it is at work on."""
        return self._guard.current

    def abandon(self) -> None:
        """Renews the leases no more: `stop` has returned, while a batch is still under way here."""
        self._renewal.stop()

    def run_once(self) -> bool:
        """Runs one turn over all logs and followers; returns whether there may be more to do."""
        self._renewal.report_progress()
        self._opened.pool.tick()
        for leases in self._leases.values():
            self._guard.run(_name_of(leases), partial(self._acquire, leases))
        held = self._held()
        self._set_topics(held)
        if isinstance(self._now, StoreClock):
            self._guard.run("the clock", self._now.synchronise)
        reads = not self._moved or time.monotonic() - self._logs_read_at > LOG_POLL_INTERVAL
        moved = reads and self._read(held)
        busy = self._step([each for each in held if each.name in self._opened.apps])
        read_models = [each for each in held if each.name not in self._opened.apps]
        if not busy or self._is_overdue(read_models):
            moved |= self._step_read_models(read_models)
        moved |= busy
        if self._stopping.is_set():
            return True
        if not moved or self._timers.age > self._options.timer_poll_interval:
            moved |= self._timers.fire(held, self._fire_until)
        self._discard(held)
        if held and self._housekeeping.is_due:
            self._housekeeping.run(each for each, leases in self._leases.items() if leases.held)
        self._moved = moved
        return moved or not reads

    def wait(self) -> None:
        """Waits until a store may have changed, a timer is due, or it is time for a poll."""
        self._idle.wait(self._timers.next_due, self._opened.pool.next_due())

    def save(self) -> None:
        """Records the positions that followers have reached by skipping events."""
        for follower in self._held():
            self._save(follower)

    def close(self) -> None:
        """Releases the leases, and closes what listens."""
        self._renewal.close()
        for leases in self._leases.values():
            with suppress(*ENDINGS):  # as it has ended the run already
                self._guard.run(_name_of(leases), leases.release)
        self._idle.close()

    def _step(self, followers: list[Follower]) -> bool:
        moved = False
        for follower in followers:
            if self._stopping.is_set():
                return True
            started = time.monotonic()
            moved |= self._guard.run(follower.name, follower.step)
            self._leases[follower.datastore].add_work(follower.name, time.monotonic() - started)
            if follower.unsaved > MAX_UNSAVED:
                self._save(follower)
        return moved

    def _refuse_stop(self) -> None:
        if self._stopping.is_set():
            raise RunnerStopping

    def _save(self, follower: Follower) -> None:
        # Under a name of its own: a step that has nothing to do succeeds without the store.
        self._guard.run(f"the position of {follower.name}", follower.save)

    def _step_read_models(self, read_models: list[Follower]) -> bool:
        """Runs read models until less than a batch is left: those events are still in memory."""
        moved = self._step(read_models)
        while lagging := [each for each in read_models if each.lag >= each.batch_size]:
            if self._stopping.is_set() or not self._step(lagging):
                break
        self._read_models_ran_at = time.monotonic()
        return moved

    def _is_overdue(self, read_models: list[Follower]) -> bool:
        """Whether read models get a turn although there is other work."""
        delay = time.monotonic() - self._read_models_ran_at
        return delay > MAX_READ_MODEL_DELAY or any(
            each.lag >= each.batch_size for each in read_models
        )

    def _acquire(self, leases: Leases) -> None:
        if leases.is_due and leases.datastore is self._opened.views:
            outdated = self._outdated.read(leases.held)
            leases.want(set(_names_in(self._opened, leases.datastore)) - outdated)
        gained = leases.acquire()
        for follower in self._opened.followers:
            if follower.name in gained:
                follower.reset()

    def _held(self) -> list[Follower]:
        held: set[str] = set().union(*(each.held for each in self._leases.values()))
        return [each for each in self._opened.followers if each.name in held]

    def _set_topics(self, held: list[Follower]) -> None:
        """Sets which topics of each log are read, where other followers are held than before."""
        if held != self._last_held:
            self._last_held = held
            for window in self._opened.windows.values():
                readers = [each for each in held if window in each.leaders.values()]
                window.set_topics(united(each.topics for each in readers))

    def _read(self, held: list[Follower]) -> bool:
        """Reads what other processes have written; returns whether there was anything."""
        # The time is taken before the read: a timer that was due then fires after what is read.
        self._fire_until = self._now().timestamp()
        self._logs_read_at = time.monotonic()
        moved = False
        for datastore, windows in _windows_by_store(held).items():
            read = partial(_read_all, datastore, windows)
            moved |= self._guard.run(f"the logs in {datastore.address}", read)
        return moved

    def _discard(self, held: list[Follower]) -> None:
        """Discards the messages that all followers here have passed."""
        reached = {name: window.head for name, window in self._opened.windows.items()}
        for follower in held:
            for leader, position in follower.positions.items():
                reached[leader] = min(reached[leader], position)
        for name, position in reached.items():
            self._opened.windows[name].discard_through(position)


def _name_of(leases: Leases) -> str:
    return f"the leases in {leases.datastore.address}"


def _windows_by_store(followers: list[Follower]) -> dict[Datastore, set[LogWindow]]:
    found: dict[Datastore, set[LogWindow]] = {}
    for follower in followers:
        for window in follower.leaders.values():
            found.setdefault(window.datastore, set()).add(window)
    return found


def _read_all(datastore: Datastore, windows: Collection[LogWindow]) -> bool:
    """Reads what other processes have written into logs of one store, in one transaction."""
    with datastore.read() as connection:
        newest = heads(connection, [each.log for each in windows])
        moved = [each.refresh(head) for each, head in zip(windows, newest, strict=True)]
    return any(moved)


def _leases(opened: OpenedSystem, options: Options) -> dict[Datastore, Leases]:
    leaders = opened.system.leaders_of
    times = options.lease_duration, options.lease_poll_interval
    return {
        each: Leases(each, _names_in(opened, each), leaders, *times)
        for each in dict.fromkeys(follower.datastore for follower in opened.followers)
    }


def _names_in(opened: OpenedSystem, datastore: Datastore) -> list[str]:
    """The followers that write to a store."""
    return [each.name for each in opened.followers if each.datastore is datastore]
