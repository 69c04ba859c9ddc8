"""Runs one read model: folds a batch of events into rows, and writes each changed row once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Constraint, Index, MetaData, Table
from sqlalchemy.schema import (
    CreateIndex,
    CreateTable,
    ExecutableDDLElement,
    SetColumnComment,
    SetTableComment,
)

from sagaline.codec import WantedTopics
from sagaline.messaging.lazy import flattened, refuse_unrun
from sagaline.messaging.message import Message
from sagaline.read_model.definition import ReadModel, create, projections_of
from sagaline.read_model.fingerprint import fingerprint
from sagaline.read_model.outdated import continues
from sagaline.read_model.rows import MAX_KEPT_ROWS, Rows
from sagaline.storage import Datastore
from sagaline.storage.sql.bulk import Change
from sagaline.storage.sql.names import qualified, shortened
from sagaline.storage.sql.postgres import leave_room, lock_creation
from sagaline.storage.tables.read_tables import record_fingerprint, table_exists

Fold = Callable[[Any, Message], Any]


class Projector:
    """Handles a follower's messages for one read model, and writes the rows of its table.

    `table` is the table to write, if not the model's own: in a rebuild it is a copy. `rebuilding`
    is set in the model then, so that its handlers leave out effects on the outside.
    """

    def __init__(
        self,
        model: type[ReadModel],
        datastore: Datastore,
        table: Table | None = None,
        rebuilding: bool = False,
        most_rows: int = MAX_KEPT_ROWS,
    ) -> None:
        self.name = model.table.name
        self.calls = None  # its messages wait for no port
        self.topics = topics_of_model(model)
        self.table = model.table if table is None else table
        kept = min(model.cached_rows, most_rows)
        self.rows = Rows(self.table, datastore.read, datastore.engine.dialect, kept)
        self.model = create(model, self.rows, rebuilding=rebuilding)
        self._projections = projections_of(model)
        self._has_keys_of_messages = model.keys_of is ReadModel.keys_of  # it reads no event
        self._datastore = datastore
        self._folds: dict[type, Fold] = {}

    def continues(self, made_by: str | None) -> bool:
        """Whether its code may write to the table that the code of this fingerprint made."""
        return continues(type(self.model), made_by)

    def prepare(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Reads the rows that the batch will need, with one SELECT; no message has to wait."""
        if not self.model.cached_rows or self.rows.all_in_memory:
            return ()
        found = [self._keys_of(each) for each in messages]
        keys = flattened(found, f"{type(self.model).__name__}.keys_of")
        if keys:
            with self._datastore.read() as connection:
                self.rows.prefetch(connection, keys)
        return ()

    def handle(self, message: Message) -> None:
        """Folds one event into the rows, in memory."""
        event = message.event
        fold = self._folds.get(type(event))
        if fold is None:
            fold = self._folds[type(event)] = self._fold_of(type(event))
        returned = fold(event, message)
        if returned is not None:
            refuse_unrun(f"{type(self.model).__name__} ({type(event).__name__})", returned)

    def changes(self) -> list[Change]:
        """The changed rows, each once, to be written here or in another process."""
        with self._datastore.read() as connection:
            return self.rows.changes(connection)

    def write(self, connection: Connection, others: Iterable[Change] = ()) -> None:
        """Writes each changed row once, and the changes of another process to other rows."""
        self.rows.write(connection)
        self.rows.write_changes(connection, others)

    def after_commit(self) -> None:
        """Keeps the rows, which are on disk now, in memory."""
        self.rows.after_commit()

    def roll_back(self) -> None:
        """Forgets all rows: the batch's changes are not on disk."""
        self.rows.roll_back()

    def create_table(self, connection: Connection, indexed: bool = True) -> bool:
        """Creates a missing table and returns whether it did; safe in concurrent processes.

        A large table is filled faster without its indexes; `finish_table` adds them later.
        """
        if connection.dialect.name == "postgresql":
            lock_creation(connection)
        if table_exists(connection, self.table.name):
            return False
        connection.execute(CreateTable(self.table))
        if connection.dialect.supports_comments:
            for comment in _comments(self.table):
                connection.execute(comment)
        if indexed:
            self.finish_table(connection)
        if self.table.name == self.name:
            record_fingerprint(connection, self.name, fingerprint(type(self.model)))
        return True

    def finish_table(self, connection: Connection) -> None:
        """Creates missing indexes; on PostgreSQL leaves room in pages for changes to rows."""
        if self.model.cached_rows and connection.dialect.name == "postgresql":
            leave_room(connection, qualified(connection, self.table.name))
        for index in sorted(self.table.indexes, key=lambda each: str(each.name)):
            connection.execute(CreateIndex(index, if_not_exists=True))

    def _keys_of(self, message: Message) -> Iterable[Any]:
        event = None if self._has_keys_of_messages else message.event
        return self.model.keys_of(event, message) or ()

    def _fold_of(self, event: type) -> Fold:
        projection = self._projections.of(event)
        if projection is None:
            return _ignore
        handler = getattr(self.model, projection.name)
        fold: Fold = handler if projection.takes_message else lambda event, _: handler(event)
        return fold if projection.events else _with_key(fold)


def topics_of_model(model: type[ReadModel]) -> WantedTopics | None:
    """The topics of the events that a read model handles; None for all."""
    events = projections_of(model).events
    return WantedTopics(events) if events else None


def copy_of(table: Table, name: str) -> Table:
    """The same table under another name, with indexes and constraints renamed to match.

    Index names are unique in a database, so each generation of a read table needs its own.
    """
    copy = table.to_metadata(MetaData(), name=name)
    named: list[Index | Constraint] = [*copy.indexes, *copy.constraints]
    for each in named:
        if isinstance(each.name, str):
            each.name = shortened(f"{name}_{each.name.removeprefix(f'{table.name}_')}")
    return copy


def _comments(table: Table) -> Iterator[ExecutableDDLElement]:
    if table.comment:
        yield SetTableComment(table)
    yield from (SetColumnComment(each) for each in table.columns if each.comment)


def _ignore(event: Any, message: Message) -> None:
    """Handles an event that the model has no handler for."""


def _with_key(fold: Fold) -> Fold:
    def fold_with_key(event: Any, message: Message) -> Any:
        return None if message.key is None else fold(event, message)

    return fold_with_key
