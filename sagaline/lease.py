"""Leases: several runners share the followers of a store, and each follower has one of them.

A lease saves work; it is not what keeps effects single. That is the fence: a runner that was paused
past its lease and goes on writes nothing.
"""

import os
import secrets
import socket
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import NamedTuple

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

LEAST = 0.01
"""The load of a follower that has had no work: so the idle are shared out by their number."""

UNEVEN = 0.25
"""The part of its load that a runner must have more than another one, before it gives to it: a
follower that moves reads anew."""


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
            self._loads.update({name: _known(name, alive) for name in new})
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


class _Move(NamedTuple):
    """What a runner is relieved of, if it gives a follower to another one."""

    relief: float
    follower: str
    to: str


def share(wanted: Mapping[str, Mapping[str, float]], held: Mapping[str, str]) -> dict[str, str]:
    """Who should lead each follower: as much work for each runner as can be.

    `wanted` says which followers each runner would lead, and the load of those that it leads or has
    led: how many seconds of each second they took. `held` says who leads them now. The answer
    follows from these alone, so that all runners find the same. Who leads a follower keeps it,
    unless the move makes a difference.
    """
    loads = {name: _load(name, wanted, held) for name in set().union(*wanted.values())}
    sums = dict.fromkeys(sorted(wanted), 0.0)
    shares: dict[str, str] = {}
    for name in sorted(loads, key=lambda each: (held.get(each) not in wanted, -loads[each], each)):
        able = [owner for owner in sums if name in wanted[owner]]
        owner = held.get(name, "")
        shares[name] = owner if owner in able else min(able, key=lambda each: sums[each])
        sums[shares[name]] += loads[name]
    while moves := list(_moves(wanted, shares, loads, sums)):
        best = max(moves)
        sums[shares[best.follower]] -= loads[best.follower]
        sums[best.to] += loads[best.follower]
        shares[best.follower] = best.to
    return shares


def _load(name: str, wanted: Mapping[str, Mapping[str, float]], held: Mapping[str, str]) -> float:
    # Who has just taken it may not have told yet.
    told = wanted.get(held.get(name, ""), {}).get(name, 0.0)
    return max(LEAST, told or _known(name, wanted))


def _known(name: str, wanted: Mapping[str, Mapping[str, float]]) -> float:
    """The load of a follower by whoever had the most work with it."""
    return max(each.get(name, 0.0) for each in wanted.values())


def _moves(
    wanted: Mapping[str, Mapping[str, float]],
    shares: Mapping[str, str],
    loads: Mapping[str, float],
    sums: Mapping[str, float],
) -> Iterator[_Move]:
    """The moves that make it more even, between those where it is too uneven."""
    for name, owner in shares.items():
        for other in sums:
            if name in wanted[other] and sums[owner] - sums[other] > UNEVEN * sums[owner]:
                most = max(sums[owner] - loads[name], sums[other] + loads[name])
                if most < sums[owner] - LEAST / 2:
                    yield _Move(sums[owner] - most, name, other)
