"""Leases: several runners share the followers of a store, and each follower has one of them.

A lease saves work; it is not what keeps effects single. That is the fence: a runner that was paused
past its lease and goes on writes nothing.
"""

import os
import secrets
import socket
import time
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from functools import cache

from sagaline.share import load_of, share
from sagaline.storage import Datastore
from sagaline.storage.leases import (
    appear,
    give_back_leases,
    keep_leases,
    living,
    owners,
    release_leases,
    take_leases,
)

SECONDS = 4.0
"""How long a lease lasts: a dead owner is followed within that time, and a renewal."""

RENEWAL = 0.75
"""Seconds between two renewals: with a rest, what is given back is led again within one second."""

BUSY = 0.2
"""The part of its time that a runner must have worked for its loads to mean something."""


class Leases:
    """The leases that this runner holds on the followers of one store.

    Runners agree on nothing: each sees in the store who is alive and who would lead what, reckons
    its own share from that, takes it where it is free, and gives back what is another's.
    """

    def __init__(self, datastore: Datastore, names: Collection[str]) -> None:
        self.datastore = datastore
        self._loads = dict.fromkeys(names, 0.0)
        self._worked: defaultdict[str, float] = defaultdict(float)
        self.owner = f"{_machine()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._renewed = float("-inf")
        self.held: set[str] = set()

    def renew(self) -> set[str]:
        """Takes its share, once in a while; returns the followers that are new to it."""
        now = time.monotonic()
        if now - self._renewed < RENEWAL:
            return set()
        self._weigh(now - self._renewed)
        with self.datastore.write() as connection:
            held = keep_leases(connection, self.owner, self._loads, SECONDS)
            alive = living(connection)
            if self.owner not in alive:
                appear(connection, self.owner, self._loads, SECONDS)
                alive[self.owner] = self._loads
            dead = {each for each in alive if self._is_dead(each)}
            shares = share(
                {each: names for each, names in alive.items() if each not in dead},
                owners(connection),
            )
            mine = {name for name, owner in shares.items() if owner == self.owner}
            if held - mine:
                give_back_leases(connection, held - mine, self.owner)
            free = mine - held
            new = take_leases(connection, free, self.owner, SECONDS, dead) if free else set()
            self._loads.update({name: load_of(name, alive) for name in new})
        self._renewed = now
        gained, self.held = (held & mine | new) - self.held, held & mine | new
        return gained

    def keep(self) -> None:
        """Renews what is held, once in a while, in the middle of a batch: takes nothing new.

        Without it a port that is slower than a lease would let two runners take the same batch
        from each other for ever.
        """
        now = time.monotonic()
        if now - self._renewed < RENEWAL:
            return
        self._weigh(now - self._renewed)
        with self.datastore.write() as connection:
            keep_leases(connection, self.owner, self._loads, SECONDS)
        self._renewed = now

    def worked(self, name: str, seconds: float) -> None:
        """Notes how long a follower was at work."""
        self._worked[name] += seconds

    def release(self) -> None:
        """Gives all of them back."""
        with self.datastore.write() as connection:
            release_leases(connection, self.owner)
        self.held = set()

    def _weigh(self, seconds: float) -> None:
        """Reckons the work of the last while, and half of what was before it, as loads.

        A while with little work tells nothing about the next one with much: it changes nothing.
        """
        seconds = max(seconds, RENEWAL)
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
    """What numbers its processes by itself: containers may share a host's name, and not these."""
    with suppress(OSError):
        return f"{socket.gethostname()}/{os.stat('/proc/self/ns/pid').st_ino:x}"
    return socket.gethostname()
