"""The start of a system: opens its stores, applications and logs, and builds its followers."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from sagaline.application.aggregate_cache import CacheLimits, Pool
from sagaline.application.application import Application
from sagaline.application.declaration import declaration_of
from sagaline.application.message_handling import handling_of
from sagaline.application.ownership import ownership_among
from sagaline.application.processor import ApplicationProcessor
from sagaline.application.saga_process import SagaProcess
from sagaline.errors import (
    DefinitionError,
    LogTooShort,
    SagasIncompatible,
    StoreUnusable,
    UnknownEvents,
)
from sagaline.followers.follower import Follower
from sagaline.followers.log_window import LogWindow
from sagaline.followers.processor import Processor
from sagaline.messaging.declaring import named
from sagaline.ports.pool import PortPool
from sagaline.read_model.outdated import own_table, tables_out_of_date
from sagaline.read_model.projector import Projector
from sagaline.runner.clock import StoreClock
from sagaline.runner.lag import FollowerLag, measure_lag
from sagaline.runner.memory import BATCH_BYTES, Shares
from sagaline.runner.options import DEFAULT_OPTIONS, Options
from sagaline.runner.parts import refuse_changed_parts, register_members
from sagaline.runner.port_options import configure_ports, refuse_unknown_ports
from sagaline.runner.saga_versions import is_changed, record_definition, verdicts
from sagaline.runner.schedules import begin_schedules
from sagaline.runner.stored_events import StoredEvents, in_one_line
from sagaline.storage import Datastore, claim_store, own_store
from sagaline.storage.tables.creation import create_tables
from sagaline.storage.tables.ownership import refuse_another
from sagaline.storage.tables.read_tables import columns_of, refuse_foreign, start_over
from sagaline.system.environment import StoreAddress, log_at, tables_at, views_at
from sagaline.system.system import System


class OpenedSystem:
    """Opens the stores of a system, and builds its parts on them.

    Raises a `StoreUnusable` where a store cannot be opened, was made for another system or by a
    newer version, or knows other parts of the system; nothing is changed then.
    """

    def __init__(
        self,
        system: System,
        env: Mapping[str, str],
        only: Collection[str],
        now: Callable[[], datetime] | None = None,
        options: Options = DEFAULT_OPTIONS,
    ) -> None:
        self.system = system
        self.apps: dict[str, Application] = {}
        self.windows: dict[str, LogWindow] = {}
        self.followers: list[Follower] = []
        self._env = env
        self._options = options
        self._only = _checked(system, only)
        refuse_unknown_ports(system, options)
        self._opened: list[Datastore] = []
        self._cached = Pool()
        self.pool = PortPool(options.port_threads, options.port_patience)
        """Makes the calls of all ports."""
        try:
            self._claim()
            self.now = now or self._clock()
            self._refuse_clock()
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
        """The position and lag of each follower of the system, judged from the stores."""
        logs = {name: each.recorder for name, each in self.apps.items()}
        return measure_lag(self.datastores, logs, self.system.leaders_of)

    def tables_out_of_date(self) -> list[str]:
        """The read tables that other code made, which runners with that code go on writing."""
        with self.views.read() as connection:
            return tables_out_of_date(connection, self.system.read_models)

    def check(self) -> None:
        """Checks the logs against the positions and against the code.

        Raises LogTooShort where a follower is ahead of a log, UnknownEvents where the code does not
        define events that no follower has passed yet, StoreUnusable where it cannot read others,
        and SagasIncompatible where a changed saga definition does not fit live instances.
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
        logs = [self._read(name, passed.get(name, 0)) for name in self.apps]
        for process in self.system.processes:
            if self._wanted(process.name):
                self._check_saga(process)
        for log in logs:
            log.record()

    def close(self) -> None:
        """Closes the stores. Call it once: a datastore counts its references."""
        self.pool.close()
        for app in self.apps.values():
            app.close()
        for datastore in self._opened:
            datastore.close()

    def _read(self, name: str, after: int) -> StoredEvents:
        """Holds the events of a log against the code; `after` is what all followers have read."""
        app = self.apps[name]
        stored = StoredEvents(name, app.recorder, app.mapper)
        unknown, misfits = stored.read(after)
        url = app.datastore.address
        if unknown:
            topics = ", ".join(unknown)
            raise UnknownEvents(url=url, reason="", application=name, topics=topics)
        if misfits:
            raise StoreUnusable(url=url, reason=in_one_line(misfits))
        return stored

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
        datastore.lock_timeout = self._options.lock_timeout
        return datastore

    def _claim(self) -> None:
        """Claims all stores, before anything is created in one of them."""
        members = self.system.members
        logs = [log_at(self._env, each) for each in members]
        places = list(dict.fromkeys([*logs, views_at(self._env)]))
        found = [self._open(where) for where in places]
        for datastore, where in zip(found, places, strict=True):
            tables = tables_at(where, self.system, self._env)
            refuse_another(datastore, self.system.name, tables)
        refuse_changed_parts(self.system, self._env)
        for datastore in found:
            claim_store(datastore, self.system.name, self._names, self.system.removed)

    @property
    def _names(self) -> list[str]:
        return [each.name for each in self.system.members]

    @cached_property
    def _shares(self) -> Shares:
        tables = [each for each in self.system.read_models if each.cached_rows]
        return Shares.of(self._options.memory, len(self._names), len(tables))

    def _clock(self) -> StoreClock:
        """The server's clock, where there is one, so that runners on several machines agree."""
        served = [each for each in self._opened if each.dialect == "postgresql"]
        return StoreClock((served or self._opened)[0])

    def _refuse_clock(self) -> None:
        """Refuses a clock whose times depend on the zone of the machine."""
        now: object = self.now()
        if not isinstance(now, datetime) or now.utcoffset() is None:
            raise DefinitionError(
                where=self.system.name,
                problem="the clock of its runner gives times without a zone",
                cure="Write now=lambda: datetime.now(UTC).",
            )

    def _construct(self) -> None:
        self.views = self._open(views_at(self._env))
        create_tables(self.views)
        for cls in self.system.members:
            app = self.apps[cls.name] = cls(env=self._env)
            self._configure(app)
            sizes = self._options.window_events, self._shares.window_bytes
            self.windows[cls.name] = LogWindow(
                cls.name, app.recorder, app.mapper, *sizes, BATCH_BYTES
            )
        register_members(self.system, self.apps)
        self.followers = [each for each in self._all_followers() if self._wanted(each.name)]
        for datastore in self.datastores:
            own_store(datastore, self.system.name, self._names, self.system.removed)
        starts: dict[str, int] = dict.fromkeys(self.windows, 0)
        for follower in self.followers:
            for leader, position in follower.register().items():
                starts[leader] = max(starts[leader], position)
        for name, position in starts.items():
            self.windows[name].start_at(position)
        for datastore in self.datastores:
            begin_schedules(datastore, self.apps.values(), self.now())

    def _configure(self, app: Application) -> None:
        handling, options = handling_of(app), self._options
        handling.clock = self.now
        handling.ownership = ownership_among(type(app), self.system.applications)
        configure_ports(handling.calls, self.pool, options)
        handling.cache_limits = CacheLimits(
            options.cached_aggregates, self._shares.cache_bytes, self._cached
        )
        handling.command_attempts = options.command_attempts

    def _all_followers(self) -> Iterator[Follower]:
        topics_of = self.system.topics
        for cls in self.system.members:
            application, topics = self.apps[cls.name], topics_of[cls.name]
            if topics.classes or declaration_of(cls).handlers:
                # Without a saga or a reaction it follows no log; it may still have timers.
                participant = ApplicationProcessor(application, topics, self.windows[cls.name])
                yield self._follower(participant, application.datastore, application)
        for model in self.system.read_models:
            projector = Projector(model, self.views, most_rows=self._shares.rows)
            with self.views.write() as connection:
                if projector.create_table(connection):
                    # A table that was dropped must not keep the position of the old one.
                    start_over(connection, projector.name)
                refuse_foreign(connection, self.views.address, projector.table)
                if own_table(connection, model):
                    self._check_columns(connection, projector)
            yield self._follower(projector, self.views)

    def _follower(
        self, processor: Processor, datastore: Datastore, app: Application | None = None
    ) -> Follower:
        options, leaders = self._options, self._leaders(processor.name)
        attempts = options.event_attempts
        if app is None:
            size = options.read_model_batch_size
            return Follower(processor, datastore, leaders, size, attempts)
        return Follower(processor, datastore, leaders, options.batch_size, attempts, app.mapper)

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
    names: Any = [only] if isinstance(only, str) else only
    if not isinstance(names, Collection):
        cure = "Write only=['Orders']."
        raise DefinitionError(where=f"only of {system.name}", problem="it is no list", cure=cure)
    unknown = [
        each if isinstance(each, str) else named(each)
        for each in names
        if not isinstance(each, str) or each not in system.leaders_of
    ]
    if unknown:
        raise DefinitionError(
            where=system.name,
            problem=f"it has no follower {', '.join(unknown)}",
            cure=f"Choose among {', '.join(system.leaders_of)}.",
        )
    return frozenset(names)
