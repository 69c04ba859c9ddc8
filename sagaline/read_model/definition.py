"""Read models, as they are declared: which events change which rows of one table.

A declaration is pure: a handler changes rows in memory. It knows no storage and no transaction, so
a read model is tested by giving it events.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from sqlalchemy import Column, Table

from sagaline.errors import DefinitionError
from sagaline.messaging.message import Message
from sagaline.read_model.rows import MAX_KEPT_ROWS, Rows
from sagaline.storage.sql.columns import kind_of, uuid_of_text

F = TypeVar("F", bound=Callable[..., None])


@dataclass(frozen=True)
class Projection:
    """A handler of a read model, and the events that it folds; none stands for all."""

    name: str
    events: tuple[type, ...]
    takes_message: bool


def project(*events: type) -> Callable[[F], F]:
    """Declares which events a method of a read model folds into its rows.

    Subclasses of these events are folded too. Without any, the method takes every event that has a
    key, of every log of the system. A second parameter gets the `Message`: key, cause, hop and
    position. The method runs in memory, and may run again when a batch is rolled back, so all that
    it may change is rows.

    Raises `DefinitionError` where what is given is not an event class, or the method's parameters
    do not fit.
    """
    for each in events:
        if not isinstance(each, type):
            raise DefinitionError(
                where="@project",
                problem=f"{getattr(each, '__qualname__', each)} is not an event class",
                cure="Write @project(Order.Placed), or @project() for every event.",
            )

    def declare(function: F) -> F:
        if hasattr(function, "_projection"):
            raise DefinitionError(
                where=function.__qualname__,
                problem="it is marked twice",
                cure="Name all its events in one @project(...).",
            )
        parameters = len(inspect.signature(function).parameters)
        if parameters not in (2, 3):
            raise DefinitionError(
                where=function.__qualname__,
                problem="it does not take an event",
                cure="Write (self, event), or (self, event, message).",
            )
        function._projection = Projection(function.__name__, events, parameters == 3)  # type: ignore[attr-defined]
        return function

    return declare


class ReadModel:
    """A table that is folded from events, and can be built again from them at any time.

    Subclass it with a `table` and handlers marked `@project`. In a handler, `self.rows` is the
    table as a mapping from key to row: assign a row, or set a row's values. The same events must
    give the same rows, so a handler asks nothing but its event, its message and its rows.

    A batch's rows are read at once: override `keys_of` where the row is not that of the message's
    key. Set `cached_rows` to the number of rows to keep in memory between batches, and to 0 where
    rows are only ever added.

    Raises `DefinitionError` when the class is defined, with the cure, where it could not work.
    """

    table: ClassVar[Table]
    cached_rows: ClassVar[int] = MAX_KEPT_ROWS
    projections: ClassVar[Mapping[type, Projection]]
    """Event class -> its handler."""
    catch_all: ClassVar[Projection | None]
    """The handler of every event that has none of its own."""

    declared_fingerprint: ClassVar[str | None] = None
    """A fingerprint that is declared, instead of one that follows from the code."""

    _key_of: ClassVar[Callable[[str], Any] | None]

    rows: Rows
    rebuilding: bool = False
    """Whether this is a repetition of what has happened. Ask before an effect on the outside."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _check_table(cls)
        cls._key_of = _key_of(cls.table)
        declared = list(_declared(cls))
        cls.projections = _by_event(cls, declared)
        cls.catch_all = _catch_all(cls, declared)

    def keys_of(self, event: Any, message: Message) -> Iterable[Any]:
        """The rows that the event will need: a hint, so that a batch's rows are read at once.

        By default the row of the message's key, where the primary key is one column of text,
        integers or UUIDs. A row that is not foreseen is read singly, when it is asked for.
        """
        key_of = type(self)._key_of
        if message.key is None or key_of is None:
            return ()
        try:
            return (key_of(message.key),)
        except ValueError:
            return ()

    @classmethod
    def is_by_key(cls) -> bool:
        """Whether it says that each event is for the row of its message's key, and no other."""
        by_default = cls.keys_of is ReadModel.keys_of and cls._key_of is not None
        return by_default and cls.cached_rows > 0

    @classmethod
    def events(cls) -> tuple[type, ...]:
        """The event classes that it folds; empty where it takes every event."""
        return () if cls.catch_all else tuple(cls.projections)

    @classmethod
    def projection_of(cls, event: type) -> Projection | None:
        """The handler of an event class, or of the nearest class that it derives from."""
        found = (cls.projections[each] for each in event.__mro__ if each in cls.projections)
        return next(found, cls.catch_all)


def _key_of(table: Table) -> Callable[[str], Any] | None:
    """What turns a message's key into the key of a row, where that can be."""
    kinds = [kind_of(each) for each in table.primary_key.columns]
    known: dict[type, Callable[[str], Any]] = {UUID: uuid_of_text, str: str, int: int}
    return known.get(kinds[0]) if len(kinds) == 1 else None


def _declared(cls: type[ReadModel]) -> Iterator[Projection]:
    methods: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        methods |= vars(base)
    for name, method in methods.items():
        found = getattr(method, "_projection", None)
        if isinstance(found, Projection):
            yield replace(found, name=name)


def _by_event(cls: type[ReadModel], declared: list[Projection]) -> dict[type, Projection]:
    found: dict[type, Projection] = {}
    for projection in declared:
        for event in projection.events:
            if event in found:
                raise DefinitionError(
                    where=f"{cls.__name__}.{projection.name}",
                    problem=f"{event.__qualname__} is handled by {found[event].name} too",
                    cure="Handle each event once.",
                )
            found[event] = projection
    return found


def _catch_all(cls: type[ReadModel], declared: list[Projection]) -> Projection | None:
    found = [each for each in declared if not each.events]
    if len(found) > 1:
        raise DefinitionError(
            where=f"{cls.__name__}.{found[1].name}",
            problem=f"{found[0].name} takes every event already",
            cure="Keep one @project() without events.",
        )
    if not declared:
        raise DefinitionError(
            where=cls.__name__,
            problem="it has no handlers",
            cure="Mark a method with @project(Order.Placed).",
        )
    return found[0] if found else None


def _check_table(cls: type[ReadModel]) -> None:
    table = getattr(cls, "table", None)
    if not isinstance(table, Table):
        problem = "it has no table"
        cure = "Give it one: table = Table('order_list', metadata, ...)."
    elif not table.primary_key.columns:
        problem = f"the table {table.name} has no primary key"
        cure = "Mark the columns that name a row with primary_key=True."
    elif varying := [each.name for each in table.columns if _varies(each)]:
        problem = f"the database would give {', '.join(varying)} another value in a rebuild"
        cure = "Set the value in the handler, or give the column a constant default."
    else:
        return
    raise DefinitionError(where=cls.__name__, problem=problem, cure=cure)


def _varies(column: Column[Any]) -> bool:
    return bool(
        (column.default is not None and not column.default.is_scalar)
        or column.server_default is not None
        or column.onupdate is not None
    )
