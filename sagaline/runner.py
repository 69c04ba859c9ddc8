"""The runner: one thread that leads all followers of a system along their logs."""

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from functools import partial
from math import inf
from typing import Any, cast
from uuid import UUID

from eventsourcing import system as upstream
from eventsourcing.application import TApplication
from eventsourcing.utils import EnvType
from sqlalchemy import Connection

from sagaline.application import Application
from sagaline.clock import StoreClock
from sagaline.codec import loaded_class
from sagaline.errors import (
    DefinitionError,
    SagasInTheWay,
    StoreUnusable,
    UnknownEvents,
    UnknownTopic,
)
from sagaline.follower import STORAGE_FAULTS, Follower
from sagaline.lease import Leases
from sagaline.participant import Participant
from sagaline.projector import Projector
from sagaline.status import Place, fences, places, timers_pending
from sagaline.storage import Datastore, claim
from sagaline.storage.read_tables import columns_of
from sagaline.storage.store import refuse_another
from sagaline.storage.timers import first_dues
from sagaline.storage.watch import Watch
from sagaline.system import System, topics_of
from sagaline.tail import Tail
from sagaline.versions import is_changed, record, verdicts

POLL = 0.005
"""Seconds between two looks for what other processes have written, while there is nothing to do."""

UNSAVED = 5_000
"""Events that a follower may skip before it records its position, while there is work."""

LONGEST_REST = 0.25
"""Seconds without a look at the leases."""

LONGEST_PAUSE = 5.0
"""Seconds between two attempts on a store that is out of reach."""

log = logging.getLogger(__name__)


class Runner(upstream.Runner[UUID], upstream.RecordingEventReceiver[UUID]):
    """Runs a system here: `with Runner(system) as runner: runner.get(Orders).place(...)`.

    It catches up at start, without a prompt, from the recorded positions; it sees what other
    processes write; it goes on after faults of the store. Several runners on one store harm
    nothing. `env` is upstream's environment (SQLALCHEMY_URL, ORDERS_SQLALCHEMY_URL, ...); the read
    tables are in SAGALINE_VIEWS, or with the logs. `only` names the followers to lead; `now` is the
    clock that timers go by: the PostgreSQL server's, or else this machine's.

    Raises a `StoreUnusable` where the store cannot be opened, was made for another system or by a
    newer version, or holds events that the loaded code does not know; nothing is changed then.
    """

    def __init__(
        self,
        system: System,
        env: EnvType | None = None,
        *,
        only: Collection[str] = (),
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(system, environment(env))
        self._definition = system
        self._only = _checked(system, only)
        self._clock: StoreClock | None = None
        self._given_now = now
        self._now: Callable[[], datetime]
        self.apps: dict[str, Application] = {}
        self.followers: list[Follower] = []
        self.tails: dict[str, Tail] = {}
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._stopping = threading.Event()
        self._stopped = False
        self._pauses: dict[str, tuple[float, float]] = {}
        self._next_due = inf
        self._leases: list[Leases] = []
        self._watches: list[Watch] = []
        self._opened: list[Datastore] = []
        try:
            self._claim()
            self._construct()
        except BaseException:
            self._close()
            raise

    @property
    def datastores(self) -> list[Datastore]:
        """The stores of the system, each once: those of the logs, and that of the read tables."""
        found = [each.datastore for each in self.apps.values()] + [self.views]
        return list(dict.fromkeys(found))

    def start(self) -> None:
        """Starts to lead the followers, in a thread of its own.

        Raises UnknownEvents and SagasInTheWay, and upstream's RunnerAlreadyStartedError: a runner
        starts once.
        """
        if self.is_started:
            raise upstream.RunnerAlreadyStartedError
        try:
            self._check_events()
            self._check_sagas()
        except BaseException:
            self._close()
            raise
        super().start()
        self._thread = threading.Thread(target=self._work, name=self._definition.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops after the transaction under way, and lets all connections go."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._close()

    def get(self, cls: type[TApplication]) -> TApplication:
        """The application of that class."""
        return cast("TApplication", self.apps[cls.name])

    def receive_recording_event(self, new_recording_event: upstream.RecordingEvent[UUID]) -> None:
        """Something was recorded in this process: there is work."""
        self._wake.set()

    def places(self) -> list[Place]:
        """Where each follower of the system is, judged from the stores."""
        logs = {name: each.recorder for name, each in self.apps.items()}
        return places(self.datastores, logs, self._definition.leaders_of)

    def settled(self, horizon: float | None = None) -> bool:
        """Whether every follower is caught up and no timer is pending (within `horizon` s)."""
        until = None if horizon is None else self._now().timestamp() + horizon
        before = fences(self.datastores)
        if any(each.lag for each in self.places()) or timers_pending(self.datastores, until):
            return False
        # A timer that fires between the two looks is seen by neither, nor is what it leads to.
        return fences(self.datastores) == before

    def settle(self, timeout: float = 60.0, horizon: float | None = None) -> None:
        """Waits until the system is settled. Raises TimeoutError when it takes longer."""
        deadline = time.monotonic() + timeout
        while True:
            self._idle.clear()
            self._wake.set()
            self._idle.wait(max(0.0, min(deadline - time.monotonic(), 1.0)))
            if self._idle.is_set() and self.settled(horizon):
                return
            if time.monotonic() > deadline:
                behind = ", ".join(
                    f"{each.follower} is {each.lag} behind {each.leader}"
                    for each in self.places()
                    if each.lag
                )
                raise TimeoutError(f"Not settled after {timeout:g} s: {behind or 'timers pending'}")

    def _close(self) -> None:
        """Once, because a datastore counts who has it open."""
        if self._stopped:
            return
        self._stopped = True
        for watch in self._watches:
            watch.close()
        for app in self.apps.values():
            app.close()
        for datastore in self._opened:
            datastore.close()

    def _open(self, url: str) -> Datastore:
        datastore = Datastore.open(url)
        self._opened.append(datastore)
        return datastore

    def _claim(self) -> None:
        """All stores, before anything is created in one of them."""
        names = [each.name for each in self._definition.members]
        urls = [url_of(self.env or {}, name) for name in names]
        found = [self._open(url) for url in dict.fromkeys([*urls, views_url(self.env or {})])]
        for datastore in found:
            refuse_another(datastore, self._definition.name)
        for datastore in found:
            claim(datastore, self._definition.name, names)

    def _construct(self) -> None:
        self.views = self._open(views_url(self.env or {}))
        self.views.prepare()
        self._now = self._given_now or self._clock_of_store()
        for cls in self._definition.members:
            self.apps[cls.name] = cls(env=self.env)
            self.apps[cls.name].now = self._now
            self.apps[cls.name].lead(self)
            self.tails[cls.name] = Tail(
                cls.name, self.apps[cls.name].recorder, self.apps[cls.name].mapper
            )
        self.followers = [each for each in self._all_followers() if self._wanted(each.name)]
        starts: dict[str, int] = dict.fromkeys(self.tails, 0)
        for follower in self.followers:
            for leader, position in follower.register().items():
                starts[leader] = max(starts[leader], position)
        for name, position in starts.items():
            self.tails[name].start_at(position)
        self._watches = [Watch(each) for each in self.datastores]
        held: dict[Datastore, list[str]] = {}
        for follower in self.followers:
            held.setdefault(follower.datastore, []).append(follower.name)
        self._leases = [Leases(datastore, names) for datastore, names in held.items()]
        for app in self.apps.values():
            app.asking.meanwhile = self._keep_leases

    def _clock_of_store(self) -> Callable[[], datetime]:
        """The server's, where there is one: runners on several machines agree on what is due."""
        served = [each for each in self._opened if each.dialect == "postgresql"]
        self._clock = StoreClock((served or self._opened)[0])
        return self._clock

    def _all_followers(self) -> Iterator[Follower]:
        for cls in self._definition.members:
            application = self.apps[cls.name]
            topics = topics_of(self._definition, cls)
            if topics or cls.handlers:
                # Without a saga that leads it, it has no log to follow; it may still have timers.
                participant = Participant(application, topics, self.tails[cls.name])
                yield Follower(participant, application.datastore, self._leaders(cls.name))
        for model in self._definition.read_models:
            projector = Projector(model, self.views)
            with self.views.write() as connection:
                projector.create_table(connection)
                self._check_columns(connection, projector)
            yield Follower(projector, self.views, self._leaders(projector.name))

    def _check_columns(self, connection: Connection, projector: Projector) -> None:
        wanted = {each.name for each in projector.table.columns}
        if wanted != set(columns_of(connection, projector.name)):
            reason = f"{projector.name} has other columns than its read model: rebuild it"
            raise StoreUnusable(url=self.views.address, reason=reason)

    def _leaders(self, follower: str) -> dict[str, Tail]:
        return {each: self.tails[each] for each in self._definition.leaders_of[follower]}

    def _wanted(self, name: str) -> bool:
        return not self._only or name in self._only

    def _check_events(self) -> None:
        """What no follower has passed yet must be known to the code."""
        passed: dict[str, int] = {}
        for each in self.places():
            passed[each.leader] = min(passed.get(each.leader, each.position), each.position)
        for name, app in self.apps.items():
            unknown = [t for t in app.recorder.topics_since(passed.get(name, 0)) if not _known(t)]
            if unknown:
                raise UnknownEvents(
                    url=app.datastore.address,
                    reason="",
                    application=name,
                    topics=", ".join(unknown),
                )

    def _check_sagas(self) -> None:
        """A definition that was changed must be able to lead the instances that are under way."""
        for process in self._definition.processes:
            recorder = self.apps[process.name].recorder
            if not self._wanted(process.name) or not is_changed(process, recorder):
                continue
            found = verdicts(process, recorder, self.apps[process.name].mapper)
            stuck = [each for each in found if not each.can_go_on]
            if stuck:
                raise SagasInTheWay(
                    url=recorder.datastore.address,
                    reason="",
                    saga=process.name,
                    count=len(stuck),
                    key=stuck[0].key,
                    first=stuck[0].reason,
                )
            record(process, recorder)

    def _work(self) -> None:
        while not self._stopping.is_set():
            if not self._cycle():
                self._rest()
        for follower in self._held():
            self._guarded(follower.name, follower.save)
        for leases in self._leases:
            self._guarded(_name_of(leases), leases.release)

    def _cycle(self) -> bool:
        """One round over all logs and followers; says whether anything moved."""
        for leases in self._leases:
            self._guarded(_name_of(leases), partial(self._take, leases))
        held = self._held()
        moved = False
        if self._clock is not None:
            self._guarded("the clock", self._clock.look)
        # Before the logs are read: what was in a log when a timer was due is heard before it fires.
        now = self._now().timestamp()
        for tail in {name: t for each in held for name, t in each.leaders.items()}.values():
            moved |= self._guarded(f"the log of {tail.application}", tail.refresh)
        for follower in held:
            if self._stopping.is_set():
                return True
            moved |= self._guarded(follower.name, follower.step)
            if follower.unsaved > UNSAVED:
                self._guarded(follower.name, follower.save)
        return self._fire(held, now) or moved

    def _take(self, leases: Leases) -> None:
        gained = leases.renew()
        for follower in self.followers:
            if follower.name in gained:
                follower.forget()

    def _keep_leases(self) -> None:
        for leases in self._leases:
            self._guarded(_name_of(leases), leases.keep)

    def _held(self) -> list[Follower]:
        held: set[str] = set().union(*(each.held for each in self._leases))
        return [each for each in self.followers if each.name in held]

    def _fire(self, held: list[Follower], now: float) -> bool:
        dues = self._dues()
        self._next_due = min((dues.get(each.name, inf) for each in held), default=inf)
        fired = False
        for follower in held:
            if dues.get(follower.name, inf) <= now and self._at_head(follower):
                fired |= self._guarded(follower.name, partial(follower.fire, now))
        return fired

    def _at_head(self, follower: Follower) -> bool:
        return follower.caught_up and all(each.complete for each in follower.leaders.values())

    def _dues(self) -> dict[str, float]:
        dues: dict[str, float] = {}
        for datastore in self.datastores:
            name = f"the timers in {datastore.address}"
            self._guarded(name, partial(_read_dues, datastore, dues))
        return dues

    def _rest(self) -> None:
        for follower in self._held():
            self._guarded(follower.name, follower.save)
        self._idle.set()
        resting = time.monotonic() + LONGEST_REST
        while not self._wake.wait(POLL) and time.monotonic() < resting:
            changed = self._guarded("the watch", self._changed)
            if changed or self._now().timestamp() >= self._next_due:
                break
        self._wake.clear()

    def _changed(self) -> bool:
        changed = [each.changed() for each in self._watches]
        return any(changed)

    def _guarded(self, name: str, action: Callable[[], Any]) -> bool:
        """Runs one part; a fault of its store makes it pause, and stops no other."""
        until, pause = self._pauses.get(name, (0.0, 0.05))
        if time.monotonic() < until:
            return False
        try:
            moved = bool(action())
        except STORAGE_FAULTS as fault:
            pause = min(pause * 2, LONGEST_PAUSE)
            self._pauses[name] = (time.monotonic() + pause, pause)
            log.warning("%s: the store does not answer, again in %.1f s: %s", name, pause, fault)
            return False
        self._pauses.pop(name, None)
        return moved


def environment(env: EnvType | None) -> dict[str, str]:
    """The environment of a system: the process's own, what is given, and this storage."""
    return {
        "SQLALCHEMY_URL": "sqlite:///:memory:",
        **os.environ,
        "PERSISTENCE_MODULE": "sagaline.storage",
        **(env or {}),
    }


def url_of(env: Mapping[str, str], application: str) -> str:
    """Where the log of an application is: upstream's way of naming it."""
    return env.get(f"{application.upper()}_SQLALCHEMY_URL") or env["SQLALCHEMY_URL"]


def views_url(env: Mapping[str, str]) -> str:
    """Where the read tables are: with the logs, if nothing else is said."""
    return env.get("SAGALINE_VIEWS") or env["SQLALCHEMY_URL"]


def _name_of(leases: Leases) -> str:
    return f"the leases in {leases.datastore.address}"


def _read_dues(datastore: Datastore, dues: dict[str, float]) -> None:
    with datastore.read() as connection:
        dues.update(first_dues(connection))


def _checked(system: System, only: Collection[str]) -> frozenset[str]:
    unknown = [each for each in only if each not in system.leaders_of]
    if unknown:
        raise DefinitionError(
            where=system.name,
            problem=f"it has no follower {', '.join(unknown)}",
            cure=f"Choose among {', '.join(system.leaders_of)}.",
        )
    return frozenset(only)


def _known(topic: str) -> bool:
    try:
        loaded_class(topic)
    except UnknownTopic:
        return False
    return True
