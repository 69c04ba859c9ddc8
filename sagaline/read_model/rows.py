"""A table seen as a mutable mapping from key to row, read and written in batches."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Set
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, Final, NoReturn

from sqlalchemy import Connection, Table
from typing_extensions import override

from sagaline.errors import RowColumnsFixed, RowMissing, RowsNotListed, RowUnfit, UnknownColumn
from sagaline.storage.sql.bulk import Bulk, Change
from sagaline.storage.sql.bulk_registry import bulk_of
from sagaline.storage.sql.columns import default_of, kind_of

KEPT: Final = 50_000
"""Rows kept in memory between batches; about 1 KB each."""

Connect = Callable[[], AbstractContextManager[Connection]]

_CLEAN: Final[Any] = frozenset()
_WHOLE: Final[Any] = frozenset({"*"})
_UNKNOWN: Final[Any] = object()

_put = dict.__setitem__
_put_all = dict.update
_values_of = dict.values


class Row(dict[str, Any]):
    """One row, by column name. Setting a value is all it takes to have it written.

    It is good for the event that it was asked for: ask again for the next one. A value that is
    changed inside itself (a list in a JSON column) is not seen: set it anew.
    """

    __slots__ = ("_key", "_rows", "_set")

    _rows: "Rows"
    _key: Any
    _set: set[str]
    """The columns set since the row was read or written; or `_CLEAN`, or `_WHOLE`."""

    @override
    def __setitem__(self, column: str, value: Any) -> None:
        if column not in self._rows.settable:
            self._rows.refuse(column)
        _put(self, column, value)
        if self._set is _CLEAN:
            self._set = {column}
            self._rows.changed[self._key] = self
        elif self._set is not _WHOLE:
            self._set.add(column)

    @override
    def update(self, *values: Any, **more: Any) -> None:
        """Sets several columns."""
        for column, value in dict(*values, **more).items():
            self[column] = value

    def __ior__(self, values: Any) -> "Row":  # type: ignore[misc, override]
        self.update(values)
        return self

    def _refuse(self, *_: Any) -> NoReturn:
        raise RowColumnsFixed(table=self._rows.table.name)

    __delitem__ = pop = popitem = clear = setdefault = _refuse


class Rows(MutableMapping[Any, Row]):
    """The rows of a table by their key: a value, or a tuple where the primary key has several.

    A batch's rows are read at once by `prefetch`; one that was not foreseen is read singly, through
    `connect`. Changes stay in memory until `write`, which writes each changed row once. Rows stay
    in memory between batches, up to `kept` of them, those used last; give 0 for a table whose rows
    are never asked for again. After a failed transaction, `discard` forgets everything.
    """

    def __init__(self, table: Table, connect: Connect, kept: int = KEPT) -> None:
        self.table = table
        self.settable = {each.name for each in table.columns if not each.primary_key}
        self.changed: dict[Any, Row | None] = {}
        """The rows to be written; None where one is to be deleted."""
        self._connect = connect
        self._limit = kept
        self._key = [each.name for each in table.primary_key.columns]
        self._parts_of_key = frozenset(self._key)
        self._kinds = [kind_of(each) for each in table.primary_key.columns]
        self._kind = self._kinds[0] if len(self._kinds) == 1 else None
        self._blank = {each.name: default_of(each) for each in table.columns}
        self._batch: dict[Any, Row | None] = {}
        """What this batch has asked for; None where there is no such row."""
        self._kept: dict[Any, Row] = {}
        self._complete: bool | None = None
        """Whether the table has no rows but those in memory; None where nobody has looked."""
        self._bulk: Bulk | None = None

    @override
    def __getitem__(self, key: Any) -> Row:
        row: Row | None = self.get(key)
        if row is None:
            raise RowMissing(table=self.table.name, key=key)
        return row

    @override
    def get(self, key: Any, default: Any = None) -> Any:
        """The row, or `default` where there is none."""
        row = self._batch.get(key, _UNKNOWN)
        if row is _UNKNOWN:
            row = self._batch[key] = self._found(key)
        return default if row is None else row

    @override
    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None

    @override
    def __setitem__(self, key: Any, values: Mapping[str, Any]) -> None:
        parts = self._parts(key)
        row = Row(self._blank)
        _put_all(row, values)
        if len(row) != len(self._blank):
            self.refuse(*(values.keys() - self._blank.keys()))
        if not self._parts_of_key.isdisjoint(values):
            self._check_key(key, parts, values)
        _put_all(row, zip(self._key, parts, strict=True))
        row._rows = self
        row._key = key
        row._set = _WHOLE
        self._kept.pop(key, None)  # else it would come back if this one is deleted
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
    def complete(self) -> bool:
        """Whether every row of the table is in memory, so that nothing needs to be read.

        So it is from the beginning of a table for as long as its rows have room.
        """
        return self._complete is True

    @property
    def asked(self) -> Set[Any]:
        """The keys that this batch has asked for, whether there is a row or not."""
        return self._batch.keys()

    def prefetch(self, connection: Connection, keys: Iterable[Any]) -> None:
        """Reads the rows of these keys that are not in memory; remembers which there are not."""
        wanted = [k for k in dict.fromkeys(keys) if k not in self._batch and k not in self._kept]
        if not wanted or self._is_complete(connection):
            return
        columns = list(zip(*map(self._parts, wanted), strict=True))
        found: dict[Any, Row | None] = dict.fromkeys(wanted)
        for values in self._bulk_on(connection).select(connection, columns):
            row = Row(zip(self._blank, values, strict=True))
            key = tuple(row[each] for each in self._key)
            key = key if len(key) > 1 else key[0]
            row._rows = self
            row._key = key
            row._set = _CLEAN
            found[key] = row
        self._batch.update(found)

    def write(self, connection: Connection) -> None:
        """Writes each changed row once. Raises `RowUnfit` for a value that does not fit."""
        self.apply(connection, self.changes(connection))

    def changes(self, connection: Connection) -> list[Change]:
        """What is to be written, for this database. Raises `RowUnfit`."""
        whole: list[Row] = []
        parts: dict[frozenset[str], list[Row]] = defaultdict(list)
        for row in self.changed.values():
            if row is not None:
                (whole if row._set is _WHOLE else parts[frozenset(row._set)]).append(row)
        gone = [self._parts(key) for key, row in self.changed.items() if row is None]
        bulk = self._bulk_on(connection)
        found = []
        if gone:
            found.append(bulk.deleted(list(zip(*gone, strict=True))))
        if whole:
            found.append(bulk.upserted(list(zip(*map(_values_of, whole), strict=True))))
        for names, rows in parts.items():
            found.append(bulk.updated([each for each in self._blank if each in names], rows))
        return found

    def apply(self, connection: Connection, changes: Iterable[Change]) -> None:
        """Writes what was changed, here or in another process."""
        bulk = self._bulk_on(connection)
        for each in changes:
            bulk.write(connection, each)

    def handed_over(self) -> None:
        """Somebody else writes what was changed; until then the rows stay in memory."""
        for row in self.changed.values():
            if row is not None:
                row._set = _CLEAN
        self.changed.clear()

    def after_commit(self) -> None:
        """What was written is on disk."""
        self.handed_over()
        if self._limit:
            self._kept.update((key, row) for key, row in self._batch.items() if row is not None)
            for key in list(islice(self._kept, max(0, len(self._kept) - self._limit))):
                del self._kept[key]
                self._complete = False
        else:
            self._complete = False
        self._batch.clear()

    def roll_back(self) -> None:
        """Forgets every row: what was changed is not on disk, and what was read may be stale."""
        self.changed.clear()
        self._batch.clear()
        self._kept.clear()
        self._complete = None

    def refuse(self, *columns: str) -> NoReturn:
        """Raises the error for columns that a handler cannot set."""
        raise UnknownColumn(
            table=self.table.name,
            column=", ".join(sorted(columns)),
            columns=", ".join(each for each in self._blank if each in self.settable),
        )

    def _check_key(self, key: Any, parts: tuple[Any, ...], values: Mapping[str, Any]) -> None:
        for name, part in zip(self._key, parts, strict=True):
            if values.get(name, part) != part:
                raise RowUnfit(table=self.table.name, key=key, column=name, reason="not the key")

    def _found(self, key: Any) -> Row | None:
        row = self._kept.pop(key, None)
        if row is None:
            self._parts(key)
            if not self.complete:
                with self._connect() as connection:
                    self.prefetch(connection, [key])
                row = self._batch.get(key)
        return row

    def _is_complete(self, connection: Connection) -> bool:
        if self._complete is None:
            in_memory = bool(self._batch or self._kept)
            self._complete = not in_memory and self._bulk_on(connection).is_empty(connection)
        return self._complete

    def _parts(self, key: Any) -> tuple[Any, ...]:
        """A key's values, one for each column of the primary key."""
        if type(key) is self._kind:
            return (key,)
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) == len(self._kinds) and all(map(isinstance, parts, self._kinds)):
            return parts
        kinds = ", ".join(
            f"{name}: {kind.__name__}" for name, kind in zip(self._key, self._kinds, strict=True)
        )
        raise RowUnfit(
            table=self.table.name, key=repr(key), column="the key", reason=f"it is ({kinds})"
        )

    def _bulk_on(self, connection: Connection) -> Bulk:
        if self._bulk is None:
            self._bulk = bulk_of(self.table, connection)
        return self._bulk
