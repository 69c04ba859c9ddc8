"""Rebuilding read tables from the logs, beside the live ones, while the system runs.

A rebuild folds the logs into a shadow table. When it has come as far as the live follower, one
transaction puts the shadow in the live table's place, takes over the positions, and moves the
follower's fence. Readers see the old rows or the new ones, never an empty or a partial table. The
old table stays, for a rollback.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial


from eventsourcing.utils import EnvType
from sqlalchemy import Connection

from sagaline.application import Application
from sagaline.errors import DefinitionError, NothingToRollBack, RebuildBusy, RebuildFailed
from sagaline.message import Message
from sagaline.projector import Projector, copy_of
from sagaline.read_model import ReadModel, fingerprint
from sagaline.runner import environment, views_url
from sagaline.storage import Datastore
from sagaline.storage.followers import advance, register, standing
from sagaline.storage.read_tables import (
    columns_of,
    count_rows,
    differing_keys,
    drop_table,
    forget_follower,
    has_table,
    lock_follower,
    place_follower,
    record_fingerprint,
    rename_table,
    shadows,
)
from sagaline.system import System

PAGE = 2_000
"""Events folded in one transaction."""

JOINS = 20
"""How often a rebuild tries to catch the live follower, each time from nearer."""

SHOWN = 10
"""Keys of differing rows that are told."""

Progress = Callable[[str, int, int], None]
"""Told the view, the events passed, and the events in all (both counted by ids)."""


@dataclass(frozen=True)
class Rebuilt:
    """One read table that was built again, or verified.

    `differences` are the keys of rows that a verification found to differ, ten at most.
    """

    view: str
    events: int
    rows: int
    seconds: float
    differences: list[str] = field(default_factory=list)


def rebuild(
    system: System,
    env: EnvType | None = None,
    views: Collection[str] = (),
    *,
    verify: bool = False,
    progress: Progress | None = None,
) -> Iterator[Rebuilt]:
    """Builds read tables again, all or those named; with `verify` it compares and swaps nothing.

    Yields each as it is done. Raises `RebuildFailed`, with the event, where a handler fails: the
    live table is left alone. A rebuild that was killed goes on where it stopped.
    """
    models = _chosen(system, views)
    environment_ = environment(env)
    datastore = Datastore.open(views_url(environment_))
    apps = {each.name: each(env=environment_) for each in system.members}
    try:
        datastore.prepare()
        for model in models:
            logs = {each: apps[each] for each in system.leaders_of[model.table.name]}
            yield _Rebuild(model, datastore, logs, progress or _silent).run(verify)
    finally:
        for each in apps.values():
            each.close()
        datastore.close()


def roll_back(system: System, env: EnvType | None = None, views: Collection[str] = ()) -> list[str]:
    """Puts the tables of before the last rebuild back; returns their names.

    Raises `NothingToRollBack` where one was never rebuilt.
    """
    datastore = Datastore.open(views_url(environment(env)))
    try:
        with datastore.write() as connection:
            return [_rolled_back(connection, each.table.name) for each in _chosen(system, views)]
    finally:
        datastore.close()


class _Rebuild:
    """The rebuild of one read table."""

    def __init__(
        self,
        model: type[ReadModel],
        datastore: Datastore,
        logs: Mapping[str, Application],
        progress: Progress,
    ) -> None:
        self._model = model
        self._view = model.table.name
        self._datastore = datastore
        self._logs = logs
        self._progress = progress
        self._events = 0
        self._fence = 0
        self._positions: dict[str, int] = {}
        self._name = ""
        self._projector: Projector

    def run(self, verify: bool) -> Rebuilt:
        started = time.monotonic()
        self._open(verify)
        for _ in range(JOINS):
            self._catch_up()
            ahead = {each: self._read(each, self._head(each)) for each in self._logs}
            with self._datastore.write() as connection:
                joined = self._join(connection, ahead)
                if joined:
                    differences = self._compare(connection) if verify else []
                    rows = count_rows(connection, self._projector.table.name)
                    self._discard(connection) if verify else self._swap(connection)
            if joined:
                spent = time.monotonic() - started
                return Rebuilt(self._view, self._events, rows, spent, differences)
            self._stand()
        raise RebuildBusy(view=self._view)

    def _open(self, verify: bool) -> None:
        """Finds the shadow table of a rebuild that was killed, or makes a new one."""
        made_by = "verify" if verify else fingerprint(self._model)
        with self._datastore.write() as connection:
            Projector(self._model, self._datastore).create_table(connection)
            register(connection, self._view, self._logs)
            known = shadows(connection, f"{self._view}@")
            mine = [each for each in known if each.endswith(f":{made_by}")]
            for each in known:
                if each not in mine or verify:
                    self._drop(connection, each)
            if mine and not verify:
                self._name = mine[0]
            else:
                generation = lock_follower(connection, self._view).fence
                self._name = f"{self._view}@{generation}:{made_by}"
            table = copy_of(self._model.table, _table_of(self._name))
            self._projector = Projector(self._model, self._datastore, table, rebuilding=True)
            self._projector.create_table(connection, indexed=False)
            register(connection, self._name, self._logs)
        self._stand()

    def _stand(self) -> None:
        self._projector.discard()
        with self._datastore.read() as connection:
            found = standing(connection, self._name)
        self._fence = found.fence
        self._positions = {each: found.positions.get(each, 0) for each in self._logs}

    def _live(self) -> dict[str, int]:
        with self._datastore.read() as connection:
            return standing(connection, self._view).positions

    def _head(self, leader: str) -> int:
        return self._logs[leader].recorder.head()

    def _catch_up(self) -> None:
        """Folds up to where the live follower is, a page at a time."""
        live = self._live()
        total = sum(live.get(each, 0) for each in self._logs)
        for leader in self._logs:
            while self._positions[leader] < live.get(leader, 0):
                messages, upto = self._read(leader, live[leader])
                self._fold(messages)
                with self._datastore.write() as connection:
                    self._write(connection, {leader: upto})
                self._wrote({leader: upto}, len(messages))
                self._progress(self._view, sum(self._positions.values()), total)

    def _join(
        self, connection: Connection, ahead: Mapping[str, tuple[list[Message], int]]
    ) -> bool:
        """Folds what was read ahead, just as far as the live follower, which waits meanwhile.

        Says no, to be rolled back, where the live follower is further than what was read.
        """
        live = lock_follower(connection, self._view).positions
        if any(live.get(each, 0) > upto for each, (_, upto) in ahead.items()):
            return False
        count = 0
        for leader, (messages, _) in ahead.items():
            wanted = [each for each in messages if each.id <= live.get(leader, 0)]
            self._fold(wanted)
            count += len(wanted)
        reached = {each: live.get(each, 0) for each in self._logs}
        self._write(connection, reached)
        self._wrote(reached, count)
        return True

    def _read(self, leader: str, upto: int) -> tuple[list[Message], int]:
        app = self._logs[leader]
        after = self._positions[leader]
        page = app.recorder.page(after, PAGE, self._projector.topics, upto=upto)
        messages = [
            Message(
                leader,
                row.id,
                row.topic,
                key=row.key,
                cause=row.cause,
                hop=row.hop or 0,
                decode=partial(app.mapper.to_domain_event, row),  # type: ignore[arg-type]
            )
            for row in page.rows
        ]
        return messages, page.head

    def _fold(self, messages: list[Message]) -> None:
        message: Message | None = None
        try:
            for message in messages:
                _ = message.event
            self._projector.begin(messages)
            for message in messages:
                self._projector.process(message)
        except Exception as error:
            place = message.position if message else "?"
            topic = message.topic if message else "?"
            raise RebuildFailed(
                view=self._view, position=place, topic=topic, reason=_told(error)
            ) from error

    def _write(self, connection: Connection, reached: dict[str, int]) -> None:
        advance(connection, self._name, self._fence, reached)
        self._projector.write(connection)

    def _wrote(self, reached: dict[str, int], count: int) -> None:
        self._projector.committed()
        self._fence += 1
        self._positions.update(reached)
        self._events += count

    def _compare(self, connection: Connection) -> list[str]:
        wanted = [each.name for each in self._model.table.columns]
        if sorted(columns_of(connection, self._view)) != sorted(wanted):
            return ["the columns of the table are not those of the read model"]
        shadow = self._projector.table.name
        found = differing_keys(connection, self._model.table, shadow, SHOWN)
        return [", ".join(str(part) for part in key) for key in found]

    def _swap(self, connection: Connection) -> None:
        self._projector.create_indexes(connection)
        old = f"{self._view}@old"
        forget_follower(connection, old)
        drop_table(connection, _old_of(self._view))
        place_follower(connection, old, standing(connection, self._view).positions)
        rename_table(connection, self._view, _old_of(self._view))
        rename_table(connection, self._projector.table.name, self._view)
        place_follower(connection, self._view, self._positions)
        record_fingerprint(connection, self._view, fingerprint(self._model))
        forget_follower(connection, self._name)

    def _discard(self, connection: Connection) -> None:
        self._drop(connection, self._name)

    def _drop(self, connection: Connection, name: str) -> None:
        if not name.endswith("@old"):
            drop_table(connection, _table_of(name))
            forget_follower(connection, name)


def _rolled_back(connection: Connection, view: str) -> str:
    old = _old_of(view)
    if not has_table(connection, old):
        raise NothingToRollBack(view=view)
    live = lock_follower(connection, view).positions
    before = standing(connection, f"{view}@old").positions
    spare = f"{view}__spare"
    for one, two in ((view, spare), (old, view), (spare, old)):
        rename_table(connection, one, two)
    place_follower(connection, view, before)
    place_follower(connection, f"{view}@old", live)
    return view


def _table_of(shadow: str) -> str:
    """The table of a shadow follower: ``order_list@7:3f2a`` keeps its rows in order_list__7."""
    view, _, rest = shadow.partition("@")
    return f"{view}__{rest.partition(':')[0]}"


def _old_of(view: str) -> str:
    return f"{view}__old"


def _chosen(system: System, views: Collection[str]) -> list[type[ReadModel]]:
    known: dict[str, type[ReadModel]] = {each.table.name: each for each in system.read_models}
    unknown = [each for each in views if each not in known]
    if unknown:
        raise DefinitionError(
            where=system.name,
            problem=f"it has no read model {', '.join(unknown)}",
            cure=f"Choose among {', '.join(known)}.",
        )
    return [known[each] for each in dict.fromkeys(views)] or list(known.values())


def _silent(view: str, passed: int, total: int) -> None:
    """Progress that nobody watches."""


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


