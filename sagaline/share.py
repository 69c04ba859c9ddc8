"""Who should lead which follower, so that each runner has as much work as any other."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

Loads = Mapping[str, Mapping[str, float]]
"""By runner: the followers that it would lead, and the load of those that it leads or has led: how
many seconds of each second they took."""

LEAST = 0.01
"""The load of a follower that has had no work: so the idle are shared out by their number."""

UNEVEN = 0.25
"""The part of its load that a runner must have more than another one, before it gives to it: a
follower that moves reads anew."""


class _Move(NamedTuple):
    """What a runner is relieved of, if it gives a follower to another one."""

    relief: float
    follower: str
    to: str


def share(wanted: Loads, held: Mapping[str, str]) -> dict[str, str]:
    """The runner that should lead each follower; `held` says who does so now.

    The answer follows from these alone, so that all runners find the same. Who leads a follower
    keeps it, unless the move makes a difference.
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


def _load(name: str, wanted: Loads, held: Mapping[str, str]) -> float:
    # Who has just taken it may not have told yet.
    told = wanted.get(held.get(name, ""), {}).get(name, 0.0)
    return max(LEAST, told or load_of(name, wanted))


def load_of(name: str, wanted: Loads) -> float:
    """The load of a follower by whoever had the most work with it."""
    return max(each.get(name, 0.0) for each in wanted.values())


def _moves(
    wanted: Loads,
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
