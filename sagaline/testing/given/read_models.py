"""Tests of read models: given a history, when an event is projected, then these rows."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from eventsourcing.utils import get_topic
from sqlalchemy import select

from sagaline.codec import is_shareable
from sagaline.messaging.declaring import refuse_given
from sagaline.messaging.message import Message
from sagaline.read_model.definition import ReadModel
from sagaline.read_model.projector import Projector
from sagaline.storage import Datastore
from sagaline.testing.failure import unexpected
from sagaline.testing.given.happened import SOMEONE, Happened, happened, owner_of

_ENVELOPE = ("application", "key", "cause", "hop")


@dataclass(frozen=True)
class Recorded:
    """An event together with its envelope, as a log holds it."""

    event: Any
    envelope: dict[str, Any]


def recorded(event: Any, /, **envelope: Any) -> Recorded:
    """Declares an event with its `application`, `key`, `cause` or `hop`.

    The default key is the event's stream: for an order's own events, the order.
    """
    if unknown := ", ".join(envelope.keys() - _ENVELOPE):
        cure = f"An event has {', '.join(_ENVELOPE)} beside itself."
        refuse_given(unknown, "recorded", cure)
    return Recorded(event, envelope)


class GivenReadModel:
    """A read model with its history: events, `happened(...)` or `recorded(...)`."""

    def __init__(self, model: type[ReadModel], history: Iterable[Any]) -> None:
        self._model = model
        self._history = list(history)

    def when(self, event: Any, /, *more: Any, **fields: Any) -> "ProjectedRows":
        """Projects one more event, or several in one batch.

        Write one event as ``when(Order.Cancelled, reason="no stock")``: the kit fills in id,
        version and time. The history is projected first, as a batch of its own, on a real SQLite
        database in memory; no rows stay cached between the two batches.
        """
        new = [happened(event, **fields) if isinstance(event, type) else event, *more]
        messages = [_message(each, id_) for id_, each in enumerate([*self._history, *new], start=1)]
        before = len(self._history)
        datastore = Datastore.open("sqlite://")
        try:
            return _projected(self._model, datastore, (messages[:before], messages[before:]))
        finally:
            datastore.close()


class ProjectedRows:
    """The rows of a read table after the last batch."""

    def __init__(self, model: type[ReadModel], rows: list[dict[str, Any]]) -> None:
        self._table = model.table
        self.rows = rows

    def then(self, *rows: Mapping[str, Any]) -> Self:
        """Expects exactly these rows, in any order, each with at least these values."""
        left = list(self.rows)
        # The most detailed expectation is matched first: a less detailed one may fit several rows.
        for wanted in sorted(rows, key=len, reverse=True):
            self._must_be_columns(wanted)
            found = next((each for each in left if wanted.items() <= each.items()), None)
            if found is None:
                raise self._failure(f"a row with {dict(wanted)}")
            left.remove(found)
        return self.then_rows(len(rows))

    def then_row(self, key: Any, /, **columns: Any) -> Self:
        """Expects a row of this key, with at least these values."""
        self._must_be_columns(columns)
        row = self._row(key)
        if row is None or not columns.items() <= row.items():
            raise self._failure(f"row {key} with {columns}")
        return self

    def then_no_row(self, key: Any, /) -> Self:
        """Expects no row of this key."""
        if self._row(key) is not None:
            raise self._failure(f"no row {key}")
        return self

    def then_rows(self, count: int, /) -> Self:
        """Expects this number of rows in all."""
        if len(self.rows) != count:
            raise self._failure(f"{count} rows")
        return self

    def _row(self, key: Any) -> dict[str, Any] | None:
        names = [each.name for each in self._table.primary_key.columns]
        wanted = key if isinstance(key, tuple) else (key,)
        return next((each for each in self.rows if tuple(each[n] for n in names) == wanted), None)

    def _must_be_columns(self, columns: Mapping[str, Any]) -> None:
        for name in columns:
            if name not in self._table.columns:
                known = ", ".join(self._table.columns.keys())
                raise TypeError(f"{self._table.name} has no column {name!r}: {known}")

    def _failure(self, expected: str) -> AssertionError:
        return unexpected(f"rows of {self._table.name}", [expected], self.rows)


def _projected(
    model: type[ReadModel], datastore: Datastore, batches: Iterable[Sequence[Message]]
) -> ProjectedRows:
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
        return ProjectedRows(model, [dict(row) for row in rows])


def _message(item: Any, id_: int) -> Message:
    envelope: dict[str, Any] = {"application": "Test"}
    if isinstance(item, Recorded):
        envelope |= item.envelope
        item = item.event
    if isinstance(item, Happened):
        item = item.to_event(owner_of(item.event_class), SOMEONE, id_)
    if not hasattr(item, "originator_id"):
        cure = "Give events, happened(...) or recorded(...)."
        refuse_given(item, "the history of a read model", cure)
    envelope.setdefault("key", str(item.originator_id))
    if envelope["key"] is not None:
        envelope["key"] = str(envelope["key"])
    copied, shared = partial(deepcopy, item), is_shareable(type(item))
    return Message(id=id_, topic=get_topic(type(item)), decode=copied, shared=shared, **envelope)
