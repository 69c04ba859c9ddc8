"""Leases: several runners share the followers of a store, and each follower has one of them.

A lease saves work; it is not what keeps effects single. That is the fence: a runner that was paused
past its lease and goes on writes nothing.
"""

import os
import secrets
import socket
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from sagaline.runner.balancing import NOBODY, Leaders, Loads, balance, load_of
from sagaline.storage import Datastore
from sagaline.storage.tables.leases import (
    acquire_leases,
    lease_owners,
    live_runners,
    register_runner,
    release_leases,
    renew_leases,
    unregister_runner,
)

BOOT = Path("/proc/sys/kernel/random/boot_id")
"""What Linux has drawn by chance when this machine was started."""

SECONDS = 4.0
"""How long a lease lasts: a dead owner is followed within that time, and a look."""

RENEWAL = 1.5
"""Seconds between two renewals: one of them may fail, and the lease holds."""

LOOK = 0.75
"""Seconds between two looks at who leads what: what is given back is led again within a second."""

HUNG = 300.0
"""Seconds without a sign of life, after which a runner counts as hung: its leases run out."""

BUSY = 0.2
"""The part of its time that a runner must have worked for its loads to mean something."""


class Leases:
    """The leases that this runner holds on the followers of one store.

    Runners agree on nothing: each sees in the store who is alive and who would lead what, reckons
    its own share from that, takes it where it is free, and gives back what is another's.
    """

    def __init__(
        self, datastore: Datastore, names: Collection[str], leaders: Leaders = NOBODY
    ) -> None:
        self.datastore = datastore
        self._leaders = leaders
        self._loads = dict.fromkeys(names, 0.0)
        self._worked: defaultdict[str, float] = defaultdict(float)
        self.owner = f"{_machine()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._looked = float("-inf")
        self.held: set[str] = set()

    def take(self) -> set[str]:
        """Takes its share, once in a while; returns the followers that are new to it."""
        now = time.monotonic()
        if now - self._looked < LOOK:
            return set()
        self._weigh(now - self._looked)
        with self.datastore.read() as connection:
            alive, held_by = live_runners(connection), lease_owners(connection)
        held = {name for name, owner in held_by.items() if owner == self.owner}
        as_it_should_be = self.owner in alive and self._share(alive, held_by) == held == self.held
        gained = set() if as_it_should_be else self._settle()
        self._looked = now
        return gained

    def keep(self) -> None:
        """Renews what is held; takes nothing new. From any thread."""
        with self.datastore.write() as connection:
            renew_leases(connection, self.owner, self._loads, SECONDS)

    def worked(self, name: str, seconds: float) -> None:
        """Notes how long a follower was at work."""
        self._worked[name] += seconds

    def release(self) -> None:
        """Gives all of them back."""
        with self.datastore.write() as connection:
            unregister_runner(connection, self.owner)
        self.held = set()

    def _settle(self) -> set[str]:
        """Gives back what is another's, and takes what is its own and free; returns what is new."""
        with self.datastore.write() as connection:
            held = renew_leases(connection, self.owner, self._loads, SECONDS)
            alive = live_runners(connection)
            if self.owner not in alive:
                register_runner(connection, self.owner, self._loads, SECONDS)
                alive[self.owner] = self._loads
            mine = self._share(alive, lease_owners(connection))
            if held - mine:
                release_leases(connection, held - mine, self.owner)
            dead, free = self._dead(alive), mine - held
            new = acquire_leases(connection, free, self.owner, SECONDS, dead) if free else set()
            self._loads.update({name: load_of(name, alive) for name in new})
        gained, self.held = (held & mine | new) - self.held, held & mine | new
        return gained

    def _share(self, alive: Loads, held_by: Mapping[str, str]) -> set[str]:
        """The followers that it should lead, among those that live."""
        dead = self._dead(alive)
        wanted = {owner: loads for owner, loads in alive.items() if owner not in dead}
        shares = balance(wanted, held_by, self._leaders)
        return {name for name, owner in shares.items() if owner == self.owner}

    def _dead(self, owners: Collection[str]) -> set[str]:
        return {each for each in owners if self._is_dead(each)}

    def _weigh(self, seconds: float) -> None:
        """Reckons the work of the last while, and half of what was before it, as loads.

        A while with little work tells nothing about the next one with much: it changes nothing.
        """
        seconds = max(seconds, LOOK)
        if sum(self._worked.values()) > BUSY * seconds:
            for name in self.held:
                self._loads[name] = round((self._loads[name] + self._worked[name] / seconds) / 2, 3)
        self._worked.clear()

    def _is_dead(self, owner: str) -> bool:
        """Whether it was a process of this machine that is no more: its lease need not run out."""
        machine, pid, _ = owner.rsplit(":", 2)
        if machine != _machine() or owner == self.owner:
            return False
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


@cache
def _machine() -> str:
    """What numbers its processes by itself.

    Machines, and containers on one, may share a host's name. What counts the processes of a
    container has a number, but on each machine the first one has the same.
    """
    with suppress(OSError):
        boot = BOOT.read_text()[:8]
        return f"{socket.gethostname()}/{boot}/{os.stat('/proc/self/ns/pid').st_ino:x}"
    return socket.gethostname()
