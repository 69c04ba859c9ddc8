"""Tests of read models: what has happened, what happens now, which rows there are then."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from eventsourcing.domain import CanInitAggregate
from eventsourcing.utils import get_topic
from sqlalchemy import select

from sagaline.messaging.message import Message
from sagaline.read_model.definition import ReadModel
from sagaline.read_model.projector import Projector
from sagaline.storage import Datastore
from sagaline.testing.given.aggregates import LONG_AGO, SOMEONE, Happened


@dataclass(frozen=True)
class Told:
    """An event, and what its envelope says where that matters to the test."""

    event: Any
    envelope: dict[str, Any]


def told(event: Any, /, **envelope: Any) -> Told:
    """Tells of an event with its `application`, `key`, `cause` or `hop`.

    Otherwise the key is the event's stream, which for an order's own events is the order.
    """
    return Told(event, envelope)


class GivenReadModel:
    """A read model, and what it has folded: events, `happened(...)` or `told(...)`."""

    def __init__(self, model: type[ReadModel], history: Iterable[Any]) -> None:
        self._model = model
        self._history = list(history)

    def when(self, event: Any, /, *more: Any, **fields: Any) -> "FoldedRows":
        """Folds one event more, or several in one batch.

        One may be told as ``when(Order.Cancelled, reason="no stock")``: the kit fills in id,
        version and time. It runs on a real SQLite database in memory, with nothing kept in memory
        between what has happened and what happens now.
        """
        new = [Happened(event, fields) if isinstance(event, type) else event, *more]
        messages = [_message(each, id_) for id_, each in enumerate([*self._history, *new], start=1)]
        before = len(self._history)
        datastore = Datastore.open("sqlite://")
        try:
            return _folded(self._model, datastore, (messages[:before], messages[before:]))
        finally:
            datastore.close()


class FoldedRows:
    """The rows that there are then."""

    def __init__(self, model: type[ReadModel], rows: list[dict[str, Any]]) -> None:
        self._table = model.table
        self.rows = rows

    def then(self, *rows: Mapping[str, Any]) -> Self:
        """Expects exactly these rows, in any order, each with at least these values."""
        left = list(self.rows)
        # Who says most is served first: what says less may fit several.
        for wanted in sorted(rows, key=len, reverse=True):
            self._must_be_columns(wanted)
            found = next((each for each in left if wanted.items() <= each.items()), None)
            if found is None:
                raise AssertionError(self._told(f"No row as expected: {dict(wanted)}"))
            left.remove(found)
        return self.then_rows(len(rows))

    def then_row(self, key: Any, /, **columns: Any) -> Self:
        """Expects a row of this key, with at least these values."""
        self._must_be_columns(columns)
        row = self._of(key)
        if row is None:
            raise AssertionError(self._told(f"No row {key}."))
        found = {name: row[name] for name in columns}
        if found != columns:
            raise AssertionError(self._told(f"Another row {key} than expected: {columns}"))
        return self

    def then_no_row(self, key: Any, /) -> Self:
        """Expects that there is no row of this key."""
        if self._of(key) is not None:
            raise AssertionError(self._told(f"A row {key}, where none was expected."))
        return self

    def then_rows(self, count: int, /) -> Self:
        """Expects so many rows in all."""
        if len(self.rows) != count:
            raise AssertionError(self._told(f"{len(self.rows)} rows, where {count} were expected."))
        return self

    def _of(self, key: Any) -> dict[str, Any] | None:
        names = [each.name for each in self._table.primary_key.columns]
        wanted = key if isinstance(key, tuple) else (key,)
        return next((each for each in self.rows if tuple(each[n] for n in names) == wanted), None)

    def _must_be_columns(self, columns: Mapping[str, Any]) -> None:
        for name in columns:
            if name not in self._table.columns:
                known = ", ".join(self._table.columns.keys())
                raise TypeError(f"{self._table.name} has no column {name!r}: {known}")

    def _told(self, problem: str) -> str:
        there = [f"  {row}" for row in self.rows] or ["  none"]
        return "\n".join([problem, f"rows of {self._table.name}:", *there])


def _folded(
    model: type[ReadModel], datastore: Datastore, batches: Iterable[Sequence[Message]]
) -> FoldedRows:
    projector = Projector(model, datastore)
    with datastore.write() as connection:
        projector.create_table(connection)
    for batch in batches:
        projector.prepare(batch)
        for message in batch:
            projector.handle(message)
        with datastore.write() as connection:
            projector.write(connection)
        projector.after_commit()
        projector.roll_back()
    with datastore.read() as connection:
        rows = connection.execute(select(model.table)).mappings()
        return FoldedRows(model, [dict(row) for row in rows])


def _message(item: Any, id_: int) -> Message:
    envelope: dict[str, Any] = {"application": "Test"}
    if isinstance(item, Told):
        envelope |= item.envelope
        item = item.event
    event = _sealed(item, id_) if isinstance(item, Happened) else item
    envelope.setdefault("key", str(event.originator_id))
    if envelope["key"] is not None:
        envelope["key"] = str(envelope["key"])
    return Message(id=id_, topic=get_topic(type(event)), event=event, **envelope)


def _sealed(told_of: Happened, version: int) -> Any:
    envelope: dict[str, Any] = {
        "originator_id": SOMEONE,
        "originator_version": version,
        "timestamp": LONG_AGO + timedelta(seconds=version - 1),
    }
    kind = told_of.event_class
    if issubclass(kind, CanInitAggregate):
        envelope["originator_topic"] = f"{kind.__module__}:{kind.__qualname__.rpartition('.')[0]}"
    return kind(**(envelope | told_of.fields))
