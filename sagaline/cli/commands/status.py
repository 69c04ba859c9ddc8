"""`sagaline status`: prints the position of each follower, from the stores alone."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

import typer

from sagaline.admin.entry import Entry
from sagaline.admin.late import Late
from sagaline.cli.attention import late, show_held_up, show_late
from sagaline.cli.calls import Call, oldest_of_each
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import InspectedStores, inspected
from sagaline.cli.output import AsJson, duration, facts, outdated_fact, print_json, show
from sagaline.cli.queries import letters_by_follower, out_of_date, sagas_by_state
from sagaline.cli.tables import Listing
from sagaline.runner.held_up import HeldUp, held_up
from sagaline.runner.lag import FollowerLag, count_timers, measure_lag
from sagaline.saga.state import OPEN_STATES, State
from sagaline.storage.tables.followers import all_fences
from sagaline.storage.tables.leases import Lease, all_leases
from sagaline.storage.tables.saga_locks import all_lock_requests

MAX_LATE = 20
"""Late sagas and steps that are named; `sagas list --late` names all."""


class FollowerLine(NamedTuple):
    """One follower and one of its leaders.

    `state`: following, idle, behind, parked, outdated, or new. An idle follower is at the end of
    the log, and no runner owns it: `lease` says who had it last, where nobody released it. A new
    one was never run: its read table may not exist. An outdated one waits for the rebuild of its
    table, or for runners with the code that made it.
    """

    follower: str
    leader: str
    position: int
    head: int
    lag: int
    lag_seconds: float | None
    owner: str | None
    state: str
    dead_letters: int
    lease: str


class Lock(NamedTuple):
    """A semantic lock: the saga that holds it, and those that wait for it, as names and keys."""

    name: str
    holder: str
    since: datetime
    waiting: list[str]


class SystemStatus(NamedTuple):
    """The state of a system, as its stores show it."""

    system: str
    stores: list[str]
    followers: list[FollowerLine]
    tables_out_of_date: list[str]
    sagas: dict[str, int]
    dead_letters: int
    timers: int
    locks: list[Lock]
    port_calls: list[Call]
    held_up: list[HeldUp]
    late: list[Late]

    @classmethod
    def of(cls, stores: InspectedStores) -> "SystemStatus":
        """Read the stores."""
        letters, outdated = letters_by_follower(stores), out_of_date(stores)
        return cls(
            stores.system.name,
            [each.address for each in stores.datastores],
            _followers(stores, letters, outdated),
            outdated,
            sagas_by_state(stores, OPEN_STATES),
            sum(letters.values()),
            count_timers(stores.datastores),
            _locks(stores),
            oldest_of_each(stores),
            held_up(stores.system, stores.datastores),
            list(late(stores, MAX_LATE)),
        )

    @property
    def runners(self) -> int:
        """How many runners own followers now."""
        return len({each.owner for each in self.followers} - {None})

    @property
    def wants_attention(self) -> bool:
        """Whether something is parked, late or out of date."""
        waits = self.dead_letters or self.sagas[State.PARKED.value] or self.late
        return bool(waits or self.tables_out_of_date)

    def as_json(self) -> dict[str, Any]:
        """Return the status as plain JSON values."""
        locks = [each._asdict() for each in self.locks]
        calls = [each.as_json() for each in self.port_calls]
        followers = [each._asdict() for each in self.followers]
        rest: dict[str, Any] = {"followers": followers, "locks": locks, "runners": self.runners}
        rest["held_up"] = [each.as_json() for each in self.held_up]
        rest["late"] = [each.as_json() for each in self.late]
        return {**self._asdict(), **rest, "port_calls": calls}


def status(ctx: typer.Context, json: AsJson = False) -> None:
    """Print the status; exit with 1 where something needs attention."""
    with inspected(ctx) as stores:
        found = SystemStatus.of(stores)
    if json:
        print_json(found.as_json())
    else:
        _show(found)
    needs_attention(when=found.wants_attention)


def _followers(
    stores: InspectedStores, letters: Mapping[str, int], outdated: Collection[str]
) -> list[FollowerLine]:
    leases: dict[str, Lease] = {}
    known: set[str] = set()
    for datastore in stores.datastores:
        with datastore.read() as connection:
            leases.update((each.follower, each) for each in all_leases(connection))
            known.update(all_fences(connection))
    held = {name: each.owner for name, each in leases.items() if each.is_valid}
    return [
        FollowerLine(
            *place,
            place.lag,
            _lag_seconds(stores, place),
            held.get(place.follower),
            "outdated" if place.follower in outdated else _state(place, known, held, letters),
            letters.get(place.follower, 0),
            _described(leases.get(place.follower)),
        )
        for place in _lags(stores)
    ]


def _described(lease: Lease | None) -> str:
    """Say in words whether a lease holds; name the owner of one that does not."""
    if lease is None:
        return "free"
    if lease.is_valid:
        return "held"
    of = lease.owner.rpartition(":")[0]
    if lease.is_wrong:
        return f"wrong, so free: that of {of} would end in {duration(lease.ends_in)}"
    return f"expired: that of {of} ended {duration(-lease.ends_in)} ago"


def _locks(stores: InspectedStores) -> list[Lock]:
    found: list[Lock] = []
    for datastore in stores.datastores:
        with datastore.read() as connection:
            queues = groupby(all_lock_requests(connection), key=lambda each: each.name)
        for name, (holder, *waiting) in queues:
            since = datetime.fromtimestamp(holder.since, UTC)
            names = [f"{each.saga} {each.key}" for each in (holder, *waiting)]
            found.append(Lock(name, names[0], since, names[1:]))
    return found


def _lags(stores: InspectedStores) -> list[FollowerLag]:
    """Return the positions of all followers; a log without a table counts as empty."""
    recorders = {name: log.recorder for name, log in stores.written.items()}
    followed = stores.system.leaders_of
    known = {
        (each.follower, each.leader): each
        for each in measure_lag(
            stores.datastores,
            recorders,
            {name: [each for each in of if each in recorders] for name, of in followed.items()},
        )
    }
    return [
        known.get((name, leader)) or FollowerLag(name, leader, 0, 0)
        for name, leaders in followed.items()
        for leader in leaders
    ]


def _lag_seconds(stores: InspectedStores, place: FollowerLag) -> float | None:
    """Return the age of the oldest event that is not processed yet."""
    if not place.lag:
        return 0.0
    log = stores.logs[place.leader]
    rows = log.recorder.page(place.position, 1).rows
    moment = Entry.of(place.leader, rows[0], log.mapper).timestamp if rows else None
    if moment is None:
        return None
    return round(max(0.0, (datetime.now(UTC) - moment).total_seconds()), 3)


def _state(
    place: FollowerLag, known: Collection[str], held: Collection[str], letters: Mapping[str, int]
) -> str:
    if letters.get(place.follower):
        return "parked"
    if place.lag:
        return "behind"
    if place.follower not in known:
        return "new"
    return "following" if place.follower in held else "idle"


def _show(found: SystemStatus) -> None:
    rows = Listing("follower", "leader", "#position", "#lag", "#age", "state", ">owner")
    last = ""
    for each in found.followers:
        name, last = ("" if each.follower == last else each.follower), each.follower
        age = duration(each.lag_seconds) if each.lag else ""
        style = {"parked": "red", "outdated": "red", "behind": "yellow"}.get(each.state, "")
        owner = each.owner.rpartition(":")[0] if each.owner else "nobody"
        if each.lease not in ("free", "held"):
            owner = f"nobody: the lease is {each.lease}"
        rows.add(name, each.leader, each.position, each.lag, age, each.state, owner, style=style)
    rows.show()
    show("")
    if found.locks:
        locks = Listing("lock", "held by", "?since", "#waiting")
        for lock in found.locks:
            locks.add(lock.name, lock.holder, lock.since, len(lock.waiting))
        locks.show()
        show("")
    if found.port_calls:
        _show_calls(found.port_calls)
    show_late(found.late)
    show(facts(_summary(found)))
    show_held_up(found.held_up)


def _show_calls(calls: Iterable[Call]) -> None:
    rows = Listing("port without an answer", "command", "#calls", "?oldest since", ">its key")
    for each in calls:
        rows.add(each.follower, each.words, each.count, each.since, each.key or "")
    rows.show()
    show("")


def _late(found: SystemStatus) -> str:
    more = " or more" if len(found.late) == MAX_LATE else ""
    return f"{len(found.late)}{more}: see `sagaline sagas list --late`"


def _summary(found: SystemStatus) -> list[tuple[str, Any]]:
    sagas = ", ".join(f"{count:,} {state}" for state, count in found.sagas.items() if count)
    return [
        ("system", f"{found.system} on {', '.join(found.stores)}"),
        ("runners", found.runners or "none: nobody runs it"),
        ("open sagas", sagas or "none"),
        ("timers", found.timers),
        *([("late", _late(found))] if found.late else []),
        ("dead letters", found.dead_letters),
        outdated_fact(found.tables_out_of_date),
    ]
