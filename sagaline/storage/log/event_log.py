"""The log of one events table, in the driver's own SQL because every event passes here."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Dialect, Table

from sagaline.errors import VersionGap
from sagaline.storage.log.log_columns import STORED, LogColumns
from sagaline.storage.log.rows import Appended, EventRow, Kind, LogRow, Page, Part
from sagaline.storage.sql.chunks import chunks

Row = tuple[Any, ...]

VERSIONED: Final = b'{"class_version":'
"""The first bytes of an event of a later class version than the first, as plain JSON."""

KIND_WINDOW = 100_000
"""Ids that one query searches for kinds of events."""

TOPIC_WINDOW = 10_000
"""Ids that one query searches for events, without those of some topics."""

NO_VERSIONS: Final[Mapping[UUID, int]] = {}


class Log(ABC):
    """Reads and writes the rows of one events table, on the caller's connection."""

    placeholder: str

    def __init__(self, table: Table, dialect: Dialect) -> None:
        quote = dialect.identifier_preparer
        self.table = table
        self.name = quote.format_table(table)
        self.log_columns = LogColumns(table, quote)
        self.columns = self.log_columns.listed
        self.newest = f"SELECT max(id) FROM {self.name}"
        self._rows = f"SELECT {self.columns} FROM {self.name}"
        self._stored = f"SELECT {', '.join(STORED)} FROM {self.name}"
        self._notified = f"SELECT id, {', '.join(STORED)} FROM {self.name}"

    def leave_out(self, lacking: Collection[str]) -> None:
        """Reads no columns that a table of an earlier version lacks: they have NULL."""
        self.log_columns.lacking = lacking
        self._rows = f"SELECT {self.log_columns.read} FROM {self.name}"

    @abstractmethod
    def append(self, connection: Connection, rows: Sequence[EventRow]) -> Appended:
        """Appends events in order, under the log's lock, so that ids become visible in order.

        Raises VersionConflict if one of the versions exists already.
        """

    @abstractmethod
    def fetch(self, connection: Connection, sql: str, parameters: Sequence[Any]) -> list[Row]:
        """All rows of a query."""

    @abstractmethod
    def log_rows(self, rows: list[Row]) -> list[LogRow]:
        """Converts rows of a log's columns to Python types."""

    @abstractmethod
    def bound(self, originator_id: UUID | str) -> Any:
        """Converts an originator id for the driver."""

    @abstractmethod
    def loaded(self, originator_id: Any) -> UUID:
        """Converts an originator id from the driver."""

    @abstractmethod
    def among(self, column: str, values: Collection[Any]) -> tuple[str, list[Any]]:
        """The condition that a column has one of these values, with its parameters."""

    def head(self, connection: Connection) -> int:
        """The id of the newest event; 0 in an empty log."""
        return self.fetch(connection, self.newest, ())[0][0] or 0

    def page(
        self,
        connection: Connection,
        after: int,
        limit: int,
        without: Collection[str] = (),
        upto: int | None = None,
        part: Part | None = None,
    ) -> Page:
        """Reads up to `limit` rows after `after`, and the id up to which they are complete.

        It leaves out the topics `without`; with a `part`, it keeps only that part's rows.
        """
        # The head is read before the rows: later commits have greater ids.
        head = self.head(connection)
        head = head if upto is None else min(head, upto)
        if head <= after:
            return Page([], after)
        if without:
            rows = self._next_without(connection, after, head, limit, without)
        else:
            rows = self._next(connection, after, limit)
            rows = rows[: bisect_right(rows, head, key=itemgetter(0))]
        head = head if len(rows) < limit else rows[-1][0]
        return Page(self.log_rows(rows if part is None else part.of(rows)), head)

    def streams(
        self,
        connection: Connection,
        originator_ids: Collection[UUID],
        after: Mapping[UUID, int] = NO_VERSIONS,
    ) -> dict[UUID, list[LogRow]]:
        """The events of several aggregates, each in the order of versions.

        For an aggregate in `after`, it reads only the events after that version.
        """
        found: dict[UUID, list[LogRow]] = {each: [] for each in originator_ids}
        whole = [each for each in found if each not in after] if after else list(found)
        conditions = [
            self.among("originator_id", [self.bound(i) for i in chunk]) for chunk in chunks(whole)
        ]
        conditions += [self._after_versions(chunk) for chunk in chunks(list(after.items()))]
        for condition, parameters in conditions:
            sql = f"{self._rows} WHERE {condition} ORDER BY originator_id, originator_version"
            for row in self.log_rows(self.fetch(connection, sql, parameters)):
                found[row.originator_id].append(row)
        return found

    def changed(
        self, connection: Connection, after: int, limit: int
    ) -> tuple[set[UUID] | None, int]:
        """The aggregates with later events, and the head; None for more than `limit` ids."""
        head = self.head(connection)
        if head <= after:
            return set(), head
        if after + limit < head:
            return None, head
        sql = (
            f"SELECT DISTINCT originator_id FROM {self.name} "
            f"WHERE id > {self.placeholder} AND id <= {self.placeholder}"
        )
        return {self.loaded(each) for (each,) in self.fetch(connection, sql, (after, head))}, head

    def kinds(self, connection: Connection, after: int) -> list[Kind]:
        """The first event of each kind after `after`; compressed or encrypted, of each topic.

        It reads in windows: to group a whole log, SQLite would sort it.
        """
        mark, size = self.placeholder, len(VERSIONED)
        version = (
            f"CASE WHEN substr(state, 1, {size}) = {mark} THEN substr(state, {size + 1}, 3) END"
        )
        rows = f"FROM {self.name} WHERE id > {mark} AND id <= {mark}"
        head, width = self.head(connection), KIND_WINDOW
        found: dict[Row, int] = {}
        while after < head:
            window = VERSIONED, after, min(after + width, head)
            kinds = self.fetch(connection, f"SELECT DISTINCT topic, {version} {rows}", window)
            if not found.keys() >= set(kinds):
                first = f"SELECT topic, {version}, min(id) {rows} GROUP BY 1, 2"
                for topic, number, id_ in self.fetch(connection, first, window):
                    found.setdefault((topic, number), id_)
            after = window[-1]
            width = KIND_WINDOW if kinds else width * 2  # ids may have a large gap
        return [Kind.read(self.name, topic, id_) for (topic, _), id_ in found.items()]

    def rows_of(self, connection: Connection, ids: Collection[int]) -> list[LogRow]:
        """The events with these ids."""
        found: list[Row] = []
        for chunk in chunks(list(ids)):
            condition, parameters = self.among("id", chunk)
            sql = f"{self._rows} WHERE {condition} ORDER BY id"
            found += self.fetch(connection, sql, parameters)
        return self.log_rows(found)

    def refuse_gap(self, connection: Connection, rows: Sequence[EventRow]) -> None:
        """Raises VersionGap for an event whose version does not follow one in the log or in `rows`.

        Such a stream could not be read again. One index search for each stream that goes on.
        """
        last: dict[Any, int] = {}
        going_on: dict[tuple[Any, int], EventRow] = {}
        for row in rows:
            id_, before = self.bound(row.originator_id), row.originator_version - 1
            if last.get(id_, before) != before:
                self._refuse_gap(row)
            if id_ not in last and row.originator_version > 1:
                going_on[id_, before] = row
            last[id_] = row.originator_version
        for chunk in chunks(list(going_on)):
            for missing in set(chunk).difference(self._versions(connection, chunk)):
                self._refuse_gap(going_on[missing])

    def stream(
        self,
        connection: Connection,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[Row]:
        """The stored columns of one aggregate's events."""
        asked = {"originator_id =": self.bound(originator_id), "originator_version >": gt}
        where, parameters = self._where({**asked, "originator_version <=": lte})
        sql = f"{self._stored}{where} ORDER BY originator_version{' DESC' if desc else ''}"
        rows = self.fetch(connection, *self._limited(sql, parameters, limit))
        return [(self.loaded(row[0]), *row[1:]) for row in rows]

    def notifications(
        self,
        connection: Connection,
        start: int | None,
        limit: int,
        stop: int | None,
        topics: Collection[str],
        *,
        inclusive_of_start: bool,
    ) -> list[Row]:
        """The id and the stored columns of events, as upstream selects them."""
        at_start = "id >=" if inclusive_of_start else "id >"
        where, parameters = self._where({at_start: start, "id <=": stop}, topics)
        sql, parameters = self._limited(f"{self._notified}{where} ORDER BY id", parameters, limit)
        rows = self.fetch(connection, sql, parameters)
        return [(row[0], self.loaded(row[1]), *row[2:]) for row in rows]

    def _versions(
        self, connection: Connection, versions: Sequence[tuple[Any, int]]
    ) -> list[tuple[Any, int]]:
        """Those of these versions of aggregates that are in the log."""
        mark = self.placeholder
        each = f"(originator_id = {mark} AND originator_version = {mark})"
        where = " OR ".join([each] * len(versions))
        sql = f"SELECT originator_id, originator_version FROM {self.name} WHERE {where}"
        return self.fetch(connection, sql, [value for pair in versions for value in pair])

    def _refuse_gap(self, row: EventRow) -> None:
        stream = f"{row.originator_id} in {self.table.name}"
        raise VersionGap(stream=stream, version=row.originator_version)

    def _next(self, connection: Connection, after: int, limit: int) -> list[Row]:
        # No upper bound: with one, PostgreSQL expects few rows and sorts all of them.
        sql = f"{self._rows} WHERE id > {self.placeholder} ORDER BY id LIMIT {self.placeholder}"
        return self.fetch(connection, sql, (after, limit))

    def _next_without(
        self, connection: Connection, after: int, head: int, limit: int, topics: Collection[str]
    ) -> list[Row]:
        """Reads the log in windows, so that no query plan reads more than one window."""
        condition, values = self.among("topic", topics)
        sql = (
            f"{self._rows} WHERE id > {self.placeholder} AND id <= {self.placeholder} "
            f"AND NOT ({condition}) ORDER BY id LIMIT {self.placeholder}"
        )
        rows: list[Row] = []
        width = TOPIC_WINDOW
        while after < head and len(rows) < limit:
            end = min(after + width, head)
            found = self.fetch(connection, sql, (after, end, *values, limit - len(rows)))
            rows += found
            after = end
            width = TOPIC_WINDOW if found else width * 2  # ids may have a large gap
        return rows

    def _after_versions(self, versions: Sequence[tuple[UUID, int]]) -> tuple[str, list[Any]]:
        # One index search for each on both databases; a join may read all rows.
        mark = self.placeholder
        each = f"(originator_id = {mark} AND originator_version > {mark})"
        parameters = [value for id_, version in versions for value in (self.bound(id_), version)]
        return " OR ".join([each] * len(versions)), parameters

    def _where(self, asked: dict[str, Any], topics: Collection[str] = ()) -> tuple[str, list[Any]]:
        given = {condition: value for condition, value in asked.items() if value is not None}
        conditions = [f"{condition} {self.placeholder}" for condition in given]
        parameters = list(given.values())
        if topics:
            condition, values = self.among("topic", topics)
            conditions.append(condition)
            parameters.extend(values)
        return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), parameters

    def _limited(self, sql: str, parameters: list[Any], limit: int | None) -> tuple[str, list[Any]]:
        if limit is None:
            return sql, parameters
        return f"{sql} LIMIT {self.placeholder}", [*parameters, limit]


def numbered(ids: Sequence[int], rows: Sequence[EventRow]) -> Iterator[Row]:
    """The rows, each with its id in front."""
    return ((id_, *row) for id_, row in zip(ids, rows, strict=True))


def heads(connection: Connection, logs: Sequence[Log]) -> list[int]:
    """The id of the newest event in each of these logs of one store; 0 in an empty log."""
    newest = ", ".join(f"({each.newest})" for each in logs)
    return [head or 0 for head in logs[0].fetch(connection, f"SELECT {newest}", ())[0]]
