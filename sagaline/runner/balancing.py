"""Who should lead which follower, so that each runner has as much work as any other."""

from collections.abc import Collection, Iterator, Mapping, Set
from itertools import permutations
from types import MappingProxyType
from typing import NamedTuple

Loads = Mapping[str, Mapping[str, float]]
"""By runner: the followers that it would lead, and the load of those that it leads or has led: how
many seconds of each second they took."""

Leaders = Mapping[str, Collection[str]]
"""Whose logs each follower reads."""

NOBODY: Leaders = MappingProxyType({})

LEAST = 0.01
"""The load of a follower that has had no work: so the idle are shared out by their number."""

READING = 0.3
"""What it takes to read a log, as a part of what it takes to write it. Who leads the writer has the
events in memory; else they are read and decoded, once for all followers that a runner leads."""

UNEVEN = 0.25
"""The part of its work that a runner must have more than another one, before it gives to it: a
follower that moves reads anew."""


class _Move(NamedTuple):
    """What a runner is relieved of, if it gives a follower to another one."""

    relief: float
    follower: str
    by: str
    to: str


def balance(wanted: Loads, held: Mapping[str, str], leaders: Leaders = NOBODY) -> dict[str, str]:
    """The runner that should lead each follower; `held` says who does so now.

    The answer follows from these alone, so that all runners find the same. Who leads a follower
    keeps it, unless the move makes a difference. Those whose logs others read are shared out first,
    as their steps wait for each other's; then the read models, so that each runner has some of
    them to do while it waits.
    """
    loads = {name: _load(name, wanted, held) for name in sorted(set().union(*wanted.values()))}
    read = set().union(*leaders.values())
    plan = _Plan(loads, leaders, wanted)
    order = sorted(loads, key=lambda each: (held.get(each) not in wanted, -loads[each]))
    for names in (loads.keys() & read, loads.keys() - read):
        for name in (each for each in order if each in names):
            plan.place(name, held.get(name, ""))
        plan.even_out(names)
    return plan.shares()


class _Plan:
    """Which follower each runner has, and how much work that is."""

    def __init__(self, loads: Mapping[str, float], leaders: Leaders, wanted: Loads) -> None:
        self._loads = loads
        self._leaders = leaders
        self._wanted = wanted
        self._parts: dict[str, frozenset[str]] = dict.fromkeys(sorted(wanted), frozenset())

    def place(self, name: str, owner: str) -> None:
        """Gives a follower to its owner, or to whom it leaves with the least work."""
        able = [each for each in self._parts if name in self._wanted[each]]
        if owner not in able:
            owner = min(able, key=lambda each: self._work(self._parts[each] | {name}))
        self._parts[owner] |= {name}

    def even_out(self, names: Set[str]) -> None:
        """Moves some of these, each time the one that relieves most, while it is too uneven."""
        while moves := list(self._moves(names)):
            best = max(moves)
            self._parts[best.by] -= {best.follower}
            self._parts[best.to] |= {best.follower}

    def shares(self) -> dict[str, str]:
        """The runner of each follower."""
        return {name: owner for owner, part in self._parts.items() for name in part}

    def _moves(self, names: Set[str]) -> Iterator[_Move]:
        work = {owner: self._work(part) for owner, part in self._parts.items()}
        for by, to in permutations(self._parts, 2):
            if work[by] - work[to] > UNEVEN * work[by]:
                for name in self._parts[by] & self._wanted[to].keys() & names:
                    left, right = self._parts[by] - {name}, self._parts[to] | {name}
                    relief = work[by] - max(self._work(left), self._work(right))
                    if relief > LEAST / 2:
                        yield _Move(relief, name, by, to)

    def _work(self, part: frozenset[str]) -> float:
        """Of these followers, and of reading what others write."""
        read = set().union(*(self._leaders.get(each, ()) for each in part)) - part
        return sum(self._loads[each] for each in sorted(part)) + READING * sum(
            self._loads.get(each, 0.0) for each in sorted(read)
        )


def _load(name: str, wanted: Loads, held: Mapping[str, str]) -> float:
    # Who has just taken it may not have told yet.
    told = wanted.get(held.get(name, ""), {}).get(name, 0.0)
    return max(LEAST, told or load_of(name, wanted))


def load_of(name: str, wanted: Loads) -> float:
    """The load of a follower by whoever had the most work with it."""
    return max(each.get(name, 0.0) for each in wanted.values())
