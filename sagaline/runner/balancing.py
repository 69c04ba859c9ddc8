"""Assigns followers to runners, so that each runner has about the same work."""

from collections.abc import Collection, Iterator, Mapping, Set
from itertools import permutations
from types import MappingProxyType
from typing import NamedTuple

Loads = Mapping[str, Mapping[str, float]]
"""By runner: the followers that it can run, each with its load: seconds of work per second."""

Leaders = Mapping[str, Collection[str]]
"""By follower: the applications and sagas whose logs it reads."""

NO_LEADERS: Leaders = MappingProxyType({})

MIN_LOAD = 0.01
"""The load of a follower without work, so that idle followers are shared out by number."""

READ_COST = 0.3
"""The cost of reading a log, as a part of the cost of writing it. The runner of the writer has the
events in memory; another one reads and decodes them, once for all its followers."""

MAX_IMBALANCE = 0.25
"""The part of its work by which a runner may exceed another one before a follower moves: after a
move, its aggregates are read again."""


class _Move(NamedTuple):
    """The move of a follower to another runner, and the work that it saves the first one."""

    relief: float
    follower: str
    source: str
    target: str


def balance(
    wanted: Loads, held: Mapping[str, str], leaders: Leaders = NO_LEADERS
) -> dict[str, str]:
    """The runner that should run each follower; `held` names the present ones.

    The result depends on the arguments alone, so all runners compute the same. A runner keeps its
    followers, unless a move makes a difference. Followers whose logs others read come first, as
    their batches wait for each other's; then the read models, so that each runner has some of them
    to run while it waits.
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
    """The followers of each runner, and the work that they are."""

    def __init__(self, loads: Mapping[str, float], leaders: Leaders, wanted: Loads) -> None:
        self._loads = loads
        self._leaders = leaders
        self._wanted = wanted
        self._parts: dict[str, frozenset[str]] = dict.fromkeys(sorted(wanted), frozenset())

    def place(self, name: str, owner: str) -> None:
        """Assigns a follower to its owner, or to the runner that then has the least work."""
        able = [each for each in self._parts if name in self._wanted[each]]
        if owner not in able:
            owner = min(able, key=lambda each: self._work(self._parts[each] | {name}))
        self._parts[owner] |= {name}

    def even_out(self, names: Set[str]) -> None:
        """Moves followers, the one that saves most work first, until the work is even enough."""
        while moves := list(self._moves(names)):
            best = max(moves)
            self._parts[best.source] -= {best.follower}
            self._parts[best.target] |= {best.follower}

    def shares(self) -> dict[str, str]:
        """The runner of each follower."""
        return {name: owner for owner, part in self._parts.items() for name in part}

    def _moves(self, names: Set[str]) -> Iterator[_Move]:
        work = {owner: self._work(part) for owner, part in self._parts.items()}
        for source, target in permutations(self._parts, 2):
            if work[source] - work[target] > MAX_IMBALANCE * work[source]:
                for name in self._parts[source] & self._wanted[target].keys() & names:
                    left, right = self._parts[source] - {name}, self._parts[target] | {name}
                    relief = work[source] - max(self._work(left), self._work(right))
                    if relief > MIN_LOAD / 2:
                        yield _Move(relief, name, source, target)

    def _work(self, part: frozenset[str]) -> float:
        """The load of these followers, and of reading the logs that other runners write."""
        read = set().union(*(self._leaders.get(each, ()) for each in part)) - part
        return sum(self._loads[each] for each in sorted(part)) + READ_COST * sum(
            self._loads.get(each, 0.0) for each in sorted(read)
        )


def _load(name: str, wanted: Loads, held: Mapping[str, str]) -> float:
    # A runner that has just acquired it may not have measured it yet.
    measured = wanted.get(held.get(name, ""), {}).get(name, 0.0)
    return max(MIN_LOAD, measured or load_of(name, wanted))


def load_of(name: str, wanted: Loads) -> float:
    """The highest load of a follower that any runner has measured."""
    return max(each.get(name, 0.0) for each in wanted.values())
