"""Leases: several runners share the followers of a store, one runner at a time for each.

A lease saves work. What makes effects happen once is the fence: a runner that was paused past its
lease and goes on writes nothing.
"""

import logging
import os
import secrets
import socket
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from sagaline.messaging.logbook import fields, logger_of
from sagaline.runner.balancing import NO_LEADERS, Leaders, Loads, balance, load_of
from sagaline.storage import Datastore
from sagaline.storage.tables.leases import (
    acquire_leases,
    last_owners,
    lease_owners,
    live_runners,
    register_runner,
    release_leases,
    renew_leases,
    unregister_runner,
)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""A number that Linux draws at random when a machine starts."""

LEASE_DURATION = 4.0
"""Seconds that a lease lasts: the followers of a dead runner move within this time and a poll."""

LEASE_POLL_INTERVAL = 0.75
"""Seconds between two reads of all leases: a released follower moves within a second."""

MIN_MEASURED_WORK = 0.2
"""The part of its time that a runner must have worked for its loads to be measured."""

log = logger_of(__name__)

NOBODY: Final[Mapping[str, str]] = {}
"""No former owners."""

_TAKEN = "Takes over %s from %s, which is dead or hung"


class Leases:
    """The leases of this runner on the followers of one store.

    Runners exchange no messages: each reads which runners are alive and what each could run,
    computes its own share from that, acquires the free part of it, and releases what belongs to
    another. The methods are called by the runner's thread, `renew` by any.
    """

    def __init__(
        self,
        datastore: Datastore,
        names: Collection[str],
        leaders: Leaders = NO_LEADERS,
        duration: float = LEASE_DURATION,
        poll_interval: float = LEASE_POLL_INTERVAL,
        log_level: int = logging.INFO,
    ) -> None:
        self.datastore = datastore
        self.duration = duration
        self.poll_interval = poll_interval
        self.owner = f"{_machine()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.held: set[str] = set()
        self._leaders = leaders
        self._log_level = log_level
        self._loads = dict.fromkeys(names, 0.0)
        self._worked: defaultdict[str, float] = defaultdict(float)
        self._polled_at = float("-inf")

    @property
    def is_due(self) -> bool:
        """Whether the last poll is so long ago that `acquire` reads all leases."""
        return time.monotonic() - self._polled_at >= self.poll_interval

    def want(self, names: Collection[str]) -> None:
        """Sets the followers to share in: `acquire` releases any other."""
        self._loads = {name: self._loads.get(name, 0.0) for name in names}

    def acquire(self) -> set[str]:
        """Acquires its share, unless the last poll is recent; returns the followers new to it."""
        if not self.is_due:
            return set()
        now = time.monotonic()
        self._measure_loads(now - self._polled_at)
        with self.datastore.read() as connection:
            alive, owner_of = live_runners(connection), lease_owners(connection)
        held = {name for name, owner in owner_of.items() if owner == self.owner}
        is_known = self.owner in alive and alive[self.owner].keys() == self._loads.keys()
        is_right = is_known and self._share(alive, owner_of) == held == self.held
        gained = set() if is_right else self._exchange()
        self._polled_at = now
        return gained

    def renew(self) -> None:
        """Renews what is held; acquires nothing. May be called from any thread."""
        with self.datastore.write() as connection:
            renew_leases(connection, self.owner, self._loads, self.duration)

    def add_work(self, name: str, seconds: float) -> None:
        """Adds to the measured work of a follower."""
        self._worked[name] += seconds

    def release(self) -> None:
        """Releases all of them."""
        with self.datastore.write() as connection:
            unregister_runner(connection, self.owner)
        self._hold(set())

    def _exchange(self) -> set[str]:
        """Releases what belongs to another, acquires its own where free; returns what is new."""
        with self.datastore.write() as connection:
            held = renew_leases(connection, self.owner, self._loads, self.duration)
            alive = live_runners(connection)
            if self.owner not in alive:
                register_runner(connection, self.owner, self._loads, self.duration)
                alive[self.owner] = self._loads
            mine = self._share(alive, lease_owners(connection))
            if held - mine:
                release_leases(connection, held - mine, self.owner)
            new, last = self._acquire(connection, mine - held, self._dead(alive))
            self._loads.update({name: load_of(name, alive) for name in new})
        return self._hold(held & mine | new, last)

    def _acquire(
        self, connection: Connection, free: set[str], dead: Collection[str]
    ) -> tuple[set[str], Mapping[str, str]]:
        """Acquires what is free; returns what is new, and whose it was where nobody released it."""
        if not free:
            return set(), {}
        last = last_owners(connection, free)
        return acquire_leases(connection, free, self.owner, self.duration, dead), last

    def _hold(self, held: set[str], last: Mapping[str, str] = NOBODY) -> set[str]:
        """Sets what is held, and logs what has changed; returns what is new."""
        gained, lost, self.held = held - self.held, self.held - held, held
        for name in sorted(lost):
            log.log(self._log_level, "No longer leads %s", name, extra=fields(follower=name))
        for name in sorted(gained):
            if last.get(name, self.owner) == self.owner:
                log.log(self._log_level, "Leads %s", name, extra=fields(follower=name))
            else:
                extra = fields(follower=name, runner=last[name])
                log.log(self._log_level, _TAKEN, name, last[name], extra=extra)
        return gained

    def _share(self, alive: Loads, owner_of: Mapping[str, str]) -> set[str]:
        """The followers that belong to this runner, given the runners that are alive."""
        dead = self._dead(alive)
        candidates = {owner: loads for owner, loads in alive.items() if owner not in dead}
        shares = balance(candidates, owner_of, self._leaders)
        return {name for name, owner in shares.items() if owner == self.owner}

    def _dead(self, owners: Collection[str]) -> set[str]:
        return {each for each in owners if self._is_dead(each)}

    def _measure_loads(self, seconds: float) -> None:
        """Averages the work of the last `seconds` with the loads before them.

        A time with little work does not predict one with much: it changes nothing.
        """
        seconds = max(seconds, self.poll_interval)
        if sum(self._worked.values()) > MIN_MEASURED_WORK * seconds:
            for name in self.held & self._loads.keys():
                self._loads[name] = round((self._loads[name] + self._worked[name] / seconds) / 2, 3)
        self._worked.clear()

    def _is_dead(self, owner: str) -> bool:
        """Whether it was a process of this machine that has ended: its lease is free at once."""
        machine, _, process = owner.rpartition(":")[0].rpartition(":")
        if machine != _machine() or owner == self.owner or not process.isdecimal():
            return False
        try:
            os.kill(int(process), 0)
        except (ProcessLookupError, OverflowError):
            return True
        except PermissionError:
            return False
        return False


@cache
def _machine() -> str:
    """The name of the process numbering that this process belongs to.

    Machines, and containers on one, may share a host name. A container's process namespace has a
    number, but the first one has the same number on each machine; so the boot id is added.
    """
    with suppress(OSError):
        boot = BOOT_ID.read_text()[:8]
        return f"{socket.gethostname()}/{boot}/{os.stat('/proc/self/ns/pid').st_ino:x}"
    return socket.gethostname()
