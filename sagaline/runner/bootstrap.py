"""A system on its stores: its applications, their logs, and its followers, ready to be led."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime

from sqlalchemy import Connection

from sagaline.application.application import Application
from sagaline.application.declaration import declaration_of
from sagaline.application.message_handling import handling_of
from sagaline.application.processor import ApplicationProcessor
from sagaline.application.saga_process import SagaProcess
from sagaline.codec import unknown_topics
from sagaline.errors import (
    DefinitionError,
    LogTooShort,
    SagasIncompatible,
    StoreUnusable,
    UnknownEvents,
)
from sagaline.followers.follower import Follower
from sagaline.followers.log_window import LogWindow
from sagaline.read_model.projector import Projector
from sagaline.runner.clock import StoreClock
from sagaline.runner.lag import FollowerLag, measure_lag
from sagaline.runner.saga_versions import is_changed, record_definition, verdicts
from sagaline.storage import Datastore, own_store
from sagaline.storage.tables.creation import create_tables
from sagaline.storage.tables.ownership import refuse_another
from sagaline.storage.tables.read_tables import columns_of, start_over
from sagaline.system.environment import StoreAddress, log_at, tables_at, views_at
from sagaline.system.system import System

VIEW_BATCH = 10_000
"""Events that a read model takes at once: the more it takes, the fewer times it writes one row."""


class OpenedSystem:
    """Opens the stores of a system, and puts its parts together on them.

    Raises a `StoreUnusable` where a store cannot be opened, was made for another system or by a
    newer version; nothing is changed then.
    """

    def __init__(
        self,
        system: System,
        env: Mapping[str, str],
        only: Collection[str],
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.system = system
        self.apps: dict[str, Application] = {}
        self.windows: dict[str, LogWindow] = {}
        self.followers: list[Follower] = []
        self._env = env
        self._only = _checked(system, only)
        self._opened: list[Datastore] = []
        try:
            self._claim()
            self.now = now or self._clock()
            self._construct()
        except BaseException:
            self.close()
            raise

    @property
    def datastores(self) -> list[Datastore]:
        """The stores of the system, each once: those of the logs, and that of the read tables."""
        found = [each.datastore for each in self.apps.values()] + [self.views]
        return list(dict.fromkeys(found))

    def lag(self) -> list[FollowerLag]:
        """Where each follower of the system is, judged from the stores."""
        logs = {name: each.recorder for name, each in self.apps.items()}
        return measure_lag(self.datastores, logs, self.system.leaders_of)

    def check(self) -> None:
        """Holds the logs against the positions and against the code.

        Raises LogTooShort where a follower is ahead of a log, UnknownEvents where the code does not
        know what no follower has passed yet, and SagasIncompatible where a changed definition could
        not lead instances that are under way.
        """
        passed: dict[str, int] = {}
        for each in self.lag():
            if each.position > each.head:
                raise LogTooShort(
                    url=self.apps[each.leader].datastore.address,
                    reason="",
                    application=each.leader,
                    follower=each.follower,
                    position=each.position,
                    head=each.head,
                )
            passed[each.leader] = min(passed.get(each.leader, each.position), each.position)
        for name in self.apps:
            self._check_topics(name, passed.get(name, 0))
        for process in self.system.processes:
            if self._wanted(process.name):
                self._check_saga(process)

    def close(self) -> None:
        """Lets the stores go: once, because a datastore counts who has it open."""
        for app in self.apps.values():
            app.close()
        for datastore in self._opened:
            datastore.close()

    def _check_topics(self, name: str, after: int) -> None:
        app = self.apps[name]
        unknown = unknown_topics(app.recorder.topics_since(after))
        if unknown:
            raise UnknownEvents(
                url=app.datastore.address, reason="", application=name, topics=", ".join(unknown)
            )

    def _check_saga(self, process: type[SagaProcess]) -> None:
        app = self.apps[process.name]
        if not is_changed(process, app.recorder):
            return
        found = verdicts(process, app.recorder, app.mapper)
        stuck = [each for each in found if not each.can_go_on]
        if stuck:
            raise SagasIncompatible(
                url=app.datastore.address,
                reason="",
                saga=process.name,
                count=len(stuck),
                key=stuck[0].key,
                first=stuck[0].reason,
            )
        record_definition(process, app.recorder)

    def _open(self, where: StoreAddress) -> Datastore:
        datastore = Datastore.open(*where)
        self._opened.append(datastore)
        return datastore

    def _claim(self) -> None:
        """All stores, before anything is created in one of them."""
        members = self.system.members
        logs = [log_at(self._env, each) for each in members]
        measure_lag = list(dict.fromkeys([*logs, views_at(self._env)]))
        found = [self._open(where) for where in measure_lag]
        for datastore, where in zip(found, measure_lag, strict=True):
            tables = tables_at(where, self.system, self._env)
            refuse_another(datastore, self.system.name, tables)
        for datastore in found:
            own_store(datastore, self.system.name, [each.name for each in members])

    def _clock(self) -> StoreClock:
        """The server's, where there is one: runners on several machines agree on what is due."""
        served = [each for each in self._opened if each.dialect == "postgresql"]
        return StoreClock((served or self._opened)[0])

    def _construct(self) -> None:
        self.views = self._open(views_at(self._env))
        create_tables(self.views)
        for cls in self.system.members:
            app = self.apps[cls.name] = cls(env=self._env)
            handling_of(app).clock = self.now
            self.windows[cls.name] = LogWindow(cls.name, app.recorder, app.mapper)
        self.followers = [each for each in self._all_followers() if self._wanted(each.name)]
        starts: dict[str, int] = dict.fromkeys(self.windows, 0)
        for follower in self.followers:
            for leader, position in follower.register().items():
                starts[leader] = max(starts[leader], position)
        for name, position in starts.items():
            self.windows[name].start_at(position)

    def _all_followers(self) -> Iterator[Follower]:
        for cls in self.system.members:
            application = self.apps[cls.name]
            topics = self.system.topics[cls.name]
            if topics or declaration_of(cls).handlers:
                # Without a saga that leads it, it has no log to follow; it may still have timers.
                participant = ApplicationProcessor(application, topics, self.windows[cls.name])
                yield Follower(participant, application.datastore, self._leaders(cls.name))
        for model in self.system.read_models:
            projector = Projector(model, self.views)
            with self.views.write() as connection:
                if projector.create_table(connection):
                    # It may have been dropped: empty, it must not stand where the old one stood.
                    start_over(connection, projector.name)
                self._check_columns(connection, projector)
            yield Follower(projector, self.views, self._leaders(projector.name), VIEW_BATCH)

    def _check_columns(self, connection: Connection, projector: Projector) -> None:
        wanted = {each.name for each in projector.table.columns}
        if wanted != set(columns_of(connection, projector.name)):
            reason = f"{projector.name} has other columns than its read model: rebuild it"
            raise StoreUnusable(url=self.views.address, reason=reason)

    def _leaders(self, follower: str) -> dict[str, LogWindow]:
        return {each: self.windows[each] for each in self.system.leaders_of[follower]}

    def _wanted(self, name: str) -> bool:
        return not self._only or name in self._only


def _checked(system: System, only: Collection[str]) -> frozenset[str]:
    unknown = [each for each in only if each not in system.leaders_of]
    if unknown:
        raise DefinitionError(
            where=system.name,
            problem=f"it has no follower {', '.join(unknown)}",
            cure=f"Choose among {', '.join(system.leaders_of)}.",
        )
    return frozenset(only)
