"""The first event of each kind in each log, so that a start need not search whole logs for them.

A kind is a topic and a shape: the class version, and the fields that the class had when it first
wrote. Every writer records its kinds. What was written before is searched for once, and the row
without a topic marks a log where that was done.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from sagaline.storage.log.rows import EventRow, Kind
from sagaline.storage.sql.datastore import Datastore
from sagaline.storage.tables.read_tables import table_exists
from sagaline.storage.tables.schema import event_samples

SEARCHED = ""
"""The topic of the row that marks a log as searched."""

_topic_of = itemgetter(EventRow._fields.index("topic"))


class Samples(NamedTuple):
    """The ids of the recorded samples of a log; whether events from before them were searched."""

    ids: frozenset[int]
    is_complete: bool


class SampleWriter:
    """Records, for one log, the first event of each kind that this process writes to it."""

    def __init__(self, datastore: Datastore, log: str) -> None:
        self.shape_of: Callable[[str], str] = lambda _topic: ""
        """The shape of the class that has a topic; empty where it is not known."""
        self._datastore = datastore
        self._log = log
        self._known: set[str] = set()

    def note(self, connection: Connection, rows: Sequence[EventRow], ids: Sequence[int]) -> None:
        """Records what is new among events, in the transaction that appends them."""
        if not self._known.issuperset(map(_topic_of, rows)):
            self._note(connection, dict(zip(map(_topic_of, rows[::-1]), ids[::-1], strict=True)))

    def _note(self, connection: Connection, first: dict[str, int]) -> None:
        new = {(topic, self.shape_of(topic)): id_ for topic, id_ in first.items()}
        if event_samples.fullname not in self._datastore.existing_tables:
            self._known.update(first)  # an application that may create no tables
            return
        columns = event_samples.c.topic, event_samples.c.shape
        query = select(*columns).where(event_samples.c.log == self._log)
        recorded = set(connection.execute(query).tuples())
        # A topic that is recorded now is known once a later transaction finds it recorded.
        self._known.update(topic for topic, shape in new if (topic, shape) in recorded)
        missing = [(*kind, id_) for kind, id_ in new.items() if kind not in recorded]
        _insert(connection, self._log, missing)


def add_samples(connection: Connection, log: str, kinds: Iterable[Kind]) -> None:
    """Records the events that were written before writers recorded them; marks the log as done."""
    rows = [(SEARCHED, "", 0)]
    rows += [(each.topic, f"first {n}", each.id) for n, each in enumerate(kinds)]
    _insert(connection, log, rows)


def samples_of(connection: Connection, log: str) -> Samples:
    """The samples of a log; none in a store of before."""
    if not table_exists(connection, event_samples.name):
        return Samples(frozenset(), is_complete=False)
    columns = event_samples.c.topic, event_samples.c.id
    query = select(*columns).where(event_samples.c.log == log)
    found = connection.execute(query).tuples().all()
    ids = frozenset(id_ for topic, id_ in found if topic != SEARCHED)
    return Samples(ids, any(topic == SEARCHED for topic, _ in found))


def _insert(connection: Connection, log: str, samples: Iterable[tuple[str, str, int]]) -> None:
    """Records samples by topic, shape and id; the first of each kind stays."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    rows = [{"log": log, "topic": t, "shape": s, "id": i} for t, s, i in samples]
    if rows:
        connection.execute(insert(event_samples).on_conflict_do_nothing(), rows)
