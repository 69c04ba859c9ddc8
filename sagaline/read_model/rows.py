"""A table seen as a mutable mapping from key to row, read and written in batches."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Set
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, Final, NoReturn

from sqlalchemy import Connection, Dialect, Table
from typing_extensions import override

from sagaline.errors import RowMissing, RowsNotListed, RowUnfit
from sagaline.read_model.row import REPLACED, UNCHANGED, Row
from sagaline.read_model.stored_values import StoredValues
from sagaline.storage.sql.bulk import Bulk, Change
from sagaline.storage.sql.bulk_registry import bulk_of
from sagaline.storage.sql.columns import Convert

MAX_KEPT_ROWS: Final = 50_000
"""Rows of one table kept in memory between batches; about 1 KB each."""

Connect = Callable[[], AbstractContextManager[Connection]]

_NOT_READ: Final[Any] = object()

_put = dict.__setitem__
_put_all = dict.update
_values_of = dict.values


class Rows(MutableMapping[Any, Row]):
    """The rows of a table by their key: a value, or a tuple where the primary key has several.

    `prefetch` reads the rows of a batch at once; any other row is read alone, through `connect`.
    Changes stay in memory until `write`, which writes each changed row once. Between batches up to
    `max_kept` rows stay in memory, those used last; give 0 for a table whose rows are never read
    again. After a failed transaction call `roll_back`, which forgets all rows.
    """

    def __init__(
        self, table: Table, connect: Connect, dialect: Dialect, max_kept: int = MAX_KEPT_ROWS
    ) -> None:
        self.table = table
        self._values = StoredValues(table, dialect)
        self.plain = self._values.plain
        self.stored = self._values.stored
        """What a row that sets a value needs of its table."""
        self.changed: dict[Any, Row | None] = {}
        """The rows to write; None where a row is to be deleted."""
        self._connect = connect
        self._max_kept = max_kept
        self._key_columns = self._values.key_columns
        self._key_names = frozenset(self._key_columns)
        self._key_type = self._values.key_type
        self._defaults = self._values.defaults
        self._images = self._values.images
        self._before: dict[Any, list[Any]] = {}
        """What such values of the rows that this batch has read are compared with."""
        self._batch: dict[Any, Row | None] = {}
        """The rows that this batch has read; None where there is no such row."""
        self._kept: dict[Any, Row] = {}
        self._all_in_memory: bool | None = None
        """Whether the table has no rows but those in memory; None while that is not known."""
        self._bulk: Bulk | None = None
        self._converts: dict[tuple[Any, ...], list[tuple[str, Convert]]] = {}

    @override
    def __getitem__(self, key: Any) -> Row:
        row: Row | None = self.get(key)
        if row is None:
            raise RowMissing(table=self.table.name, key=key)
        return row

    @override
    def get(self, key: Any, default: Any = None) -> Any:
        """The row, or `default` where there is none."""
        row = self._batch.get(key, _NOT_READ)
        if row is _NOT_READ:
            key = self._key(key)
            row = self._batch.get(key, _NOT_READ)
            if row is _NOT_READ:
                row = self._batch[key] = self._read(key)
        if row is None:
            return default
        if self._images and row._columns is UNCHANGED and row._key not in self._before:
            self._before[row._key] = self._values.images_of(row)
        return row

    @override
    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None

    @override
    def __setitem__(self, key: Any, values: Mapping[str, Any]) -> None:
        if type(key) is self._key_type:
            parts: tuple[Any, ...] = (key,)
        else:
            parts = self._values.key_values(key)
            key = parts if len(parts) > 1 else parts[0]
        row = Row(self._defaults)
        kind: type[Any] = type(values)
        if kind is not dict and not issubclass(kind, Mapping):
            reason = "it is no mapping from columns to values"
            raise RowUnfit(table=self.table.name, key=key, column=repr(values), reason=reason)
        _put_all(row, values)
        if len(row) != len(self._defaults):
            raise self._values.unknown(*(values.keys() - self._defaults.keys()))
        if not self._key_names.isdisjoint(values):
            self._check_key(key, parts, values)
        _put_all(row, zip(self._key_columns, parts, strict=True))
        given = row if self._images else values
        # Values of these types, in these columns, always need the same conversions.
        kinds = (*given, *map(type, given.values()))
        converts = self._converts.get(kinds)
        if converts is None:
            converts = self._converts[kinds] = self._values.converts_of(given)
        try:
            for column, convert in converts:
                _put(row, column, convert(given[column]))
        except Exception as error:
            raise self._values.unfit(key, column, error) from error
        row._rows = self
        row._key = key
        row._columns = REPLACED
        self._kept.pop(key, None)  # or it would come back after this one is deleted
        self._batch[key] = self.changed[key] = row

    @override
    def setdefault(self, key: Any, default: Any = None) -> Row:
        """The row; where there is none, one with these values, and the columns' defaults."""
        row: Row | None = self.get(key)
        if row is None:
            self[key] = default or {}
            row = self[key]
        return row

    @override
    def __delitem__(self, key: Any) -> None:
        key = self._key(key)
        if self.get(key) is None:
            raise RowMissing(table=self.table.name, key=key)
        self._batch[key] = self.changed[key] = None

    @override
    def __iter__(self) -> NoReturn:
        raise RowsNotListed(table=self.table.name)

    @override
    def __len__(self) -> NoReturn:
        raise RowsNotListed(table=self.table.name)

    def __bool__(self) -> bool:
        return True

    @property
    def all_in_memory(self) -> bool:
        """Whether every row of the table is in memory, so that nothing needs to be read.

        This is so from an empty table on, until it has more rows than are kept.
        """
        return self._all_in_memory is True

    @property
    def batch_keys(self) -> Set[Any]:
        """The keys that this batch has read, whether there is a row or not."""
        return self._batch.keys()

    def prefetch(self, connection: Connection, keys: Iterable[Any]) -> None:
        """Reads the rows of these keys that are not in memory; records where there is no row."""
        kind = self._key_type
        asked = dict.fromkeys(k if type(k) is kind else self._values.key(k) for k in keys)
        wanted = [k for k in asked if k not in self._batch and k not in self._kept]
        if not wanted or self._has_all(connection):
            return
        columns = list(zip(*map(self._values.key_values, wanted), strict=True))
        found: dict[Any, Row | None] = dict.fromkeys(wanted)
        for values in self._bulk_on(connection).select(connection, columns):
            row = Row(zip(self._defaults, values, strict=True))
            key = tuple(row[each] for each in self._key_columns)
            key = key if len(key) > 1 else key[0]
            row._rows = self
            row._key = key
            row._columns = UNCHANGED
            found[key] = row
        self._batch.update(found)

    def write(self, connection: Connection) -> None:
        """Writes each changed row once. Raises `RowUnfit` for a value that does not fit."""
        self.write_changes(connection, self.changes(connection))

    def changes(self, connection: Connection) -> list[Change]:
        """The changes to write to this database. Raises `RowUnfit`."""
        self._notice_changes_in_place()
        whole: list[Row] = []
        parts: dict[frozenset[str], list[Row]] = defaultdict(list)
        for row in self.changed.values():
            if row is not None:
                (whole if row._columns is REPLACED else parts[frozenset(row._columns)]).append(row)
        gone = [self._values.key_values(key) for key, row in self.changed.items() if row is None]
        bulk = self._bulk_on(connection)
        found = []
        if gone:
            found.append(bulk.deleted(list(zip(*gone, strict=True))))
        if whole:
            found.append(bulk.upserted(list(zip(*map(_values_of, whole), strict=True))))
        for names, rows in parts.items():
            found.append(bulk.updated([each for each in self._defaults if each in names], rows))
        return found

    def write_changes(self, connection: Connection, changes: Iterable[Change]) -> None:
        """Writes changes that were made here or in another process."""
        bulk = self._bulk_on(connection)
        for each in changes:
            bulk.write(connection, each)

    def mark_written(self) -> None:
        """Forgets the changes, not the rows: they are written, or another process writes them."""
        for row in self.changed.values():
            if row is not None:
                row._columns = UNCHANGED
        self.changed.clear()
        self._before.clear()

    def after_commit(self) -> None:
        """Keeps the rows of the batch, of which the changes are now on disk, for the next one."""
        self.mark_written()
        if self._max_kept:
            self._kept.update((key, row) for key, row in self._batch.items() if row is not None)
            for key in list(islice(self._kept, max(0, len(self._kept) - self._max_kept))):
                del self._kept[key]
                self._all_in_memory = False
        else:
            self._all_in_memory = False
        self._batch.clear()

    def roll_back(self) -> None:
        """Forgets every row: no change is on disk, and what was read may be stale."""
        self.changed.clear()
        self._before.clear()
        self._batch.clear()
        self._kept.clear()
        self._all_in_memory = None

    def _notice_changes_in_place(self) -> None:
        """Sets values anew that were changed in place, a list in a document for example."""
        for row in self._batch.values() if self._images else ():
            if row is None:
                continue
            before = self._before.get(row._key)
            changed = before is not None and before != self._values.images_of(row)
            if changed or row._columns is REPLACED:
                for column in self._images:
                    row[column] = row[column]

    def _check_key(self, key: Any, parts: tuple[Any, ...], values: Mapping[str, Any]) -> None:
        for name, part in zip(self._key_columns, parts, strict=True):
            if values.get(name, part) != part:
                raise RowUnfit(table=self.table.name, key=key, column=name, reason="not the key")

    def _read(self, key: Any) -> Row | None:
        row = self._kept.pop(key, None)
        if row is None:
            self._values.key_values(key)
            if not self.all_in_memory:
                with self._connect() as connection:
                    self.prefetch(connection, [key])
                row = self._batch.get(key)
        return row

    def _has_all(self, connection: Connection) -> bool:
        if self._all_in_memory is None:
            in_memory = bool(self._batch or self._kept)
            self._all_in_memory = not in_memory and self._bulk_on(connection).is_empty(connection)
        return self._all_in_memory

    def _key(self, key: Any) -> Any:
        return key if type(key) is self._key_type else self._values.key(key)

    def _bulk_on(self, connection: Connection) -> Bulk:
        if self._bulk is None:
            self._bulk = bulk_of(self.table, connection)
        return self._bulk
