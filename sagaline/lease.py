"""Leases: several runners share the followers of a store, and each follower has one of them.

A lease saves work; it is not what keeps effects single. That is the fence: a runner that was paused
past its lease and goes on writes nothing.
"""

import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cache

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


class Leases:
    """The leases that this runner holds on the followers of one store.

    Runners agree on nothing: each sees in the store who is alive and who would lead what, reckons
    its own share from that, takes it where it is free, and gives back what is another's.
    """

    def __init__(self, datastore: Datastore, names: Collection[str]) -> None:
        self.datastore = datastore
        self._names = names
        self._owner = f"{_machine()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._renewed = float("-inf")
        self.held: set[str] = set()

    def renew(self) -> set[str]:
        """Takes its share, once in a while; returns the followers that are new to it."""
        now = time.monotonic()
        if now - self._renewed < RENEWAL:
            return set()
        with self.datastore.write() as connection:
            held = keep_leases(connection, self._owner, SECONDS)
            alive = living(connection)
            if self._owner not in alive:
                appear(connection, self._owner, self._names, SECONDS)
                alive[self._owner] = list(self._names)
            dead = {each for each in alive if self._is_dead(each)}
            shares = share(
                {each: names for each, names in alive.items() if each not in dead},
                owners(connection),
            )
            mine = {name for name, owner in shares.items() if owner == self._owner}
            if held - mine:
                give_back_leases(connection, held - mine, self._owner)
            free = mine - held
            new = take_leases(connection, free, self._owner, SECONDS, dead) if free else set()
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
        with self.datastore.write() as connection:
            keep_leases(connection, self._owner, SECONDS)
        self._renewed = now

    def release(self) -> None:
        """Gives all of them back."""
        with self.datastore.write() as connection:
            release_leases(connection, self._owner)
        self.held = set()

    def _is_dead(self, owner: str) -> bool:
        """Whether it was a process of this machine that is no more: its lease need not run out."""
        machine, pid, _ = owner.rsplit(":", 2)
        if machine != _machine() or owner == self._owner:
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


def share(wanted: Mapping[str, Collection[str]], held: Mapping[str, str]) -> dict[str, str]:
    """Who should lead each follower: as many for each runner as can be.

    `wanted` says which followers each runner would lead, `held` who leads them now. The answer
    follows from these alone, so that all runners find the same, and changes little when one of
    them comes or goes.
    """
    shares: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for name in sorted(set().union(*wanted.values())):
        able = [owner for owner, names in wanted.items() if name in names]
        owner = min(able, key=lambda each: (counts[each], held.get(name) != each, each))
        shares[name] = owner
        counts[owner] += 1
    return shares
