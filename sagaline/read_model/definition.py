"""Read models, as they are declared: which events change which rows of one table.

A declaration is pure: its handlers change rows in memory and know no store and no transaction, so
a read model is tested by giving it events.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import Table

from sagaline.errors import DefinitionError, NoRows
from sagaline.messaging.declaring import refuse_unknown_arguments
from sagaline.messaging.message import Message
from sagaline.messaging.namespace import (
    Hook,
    method,
    refuse_assigned,
    refuse_constructor,
    refuse_reserved,
)
from sagaline.messaging.script import name_as_imported
from sagaline.read_model.projection import Projections, collect_projections
from sagaline.read_model.rows import MAX_KEPT_ROWS, Rows
from sagaline.read_model.table import KeyParser, check_table, key_parser

HOOKS: Final = {
    "table": Hook(
        "a SQLAlchemy Table",
        lambda value: isinstance(value, Table),
        "table = Table('order_list', metadata, ...)",
    ),
    "cached_rows": Hook(
        "a number of rows, from 0 on",
        lambda value: type(value) is int and value >= 0,
        "cached_rows = 0, or more",
    ),
    "keys_of": method(
        "event", "message", example="def keys_of(self, event, message)", may_yield=True
    ),
    "declared_fingerprint": Hook(
        "text", lambda value: value is None or isinstance(value, str), "declared_fingerprint = '1'"
    ),
}
"""The names of `ReadModel` that a subclass may define; it may use `rows` and `rebuilding`."""


@dataclass(frozen=True)
class Declaration:
    """What the framework knows of a read model's class, apart from the names of its user."""

    projections: Projections
    parse_key: KeyParser | None
    """None where a row's key cannot follow from the key of a message alone."""


class ReadModel:
    """A table that is derived from events, and can be rebuilt from them at any time.

    Subclass it with a `table` and handlers marked `@project`. In a handler, `self.rows` is the
    table as a mapping from key to row: assign a row, or set a row's values. The same events must
    give the same rows, so a handler reads nothing but its event, its message and its rows.

    The rows of a batch are read with one SELECT: override `keys_of` where an event changes another
    row than that of its message's key. `cached_rows` is the number of rows to keep in memory
    between batches; set it to 0 where rows are only ever added.

    Raises `DefinitionError` when the class is defined, with the cure, where it could not work.
    """

    table: ClassVar[Table]
    cached_rows: ClassVar[int] = MAX_KEPT_ROWS
    declared_fingerprint: ClassVar[str | None] = None
    """A fingerprint to use instead of the one that is computed from the code.

    Change it when the same events give other rows: the table is out of date then.
    """

    rows: Rows
    rebuilding: bool = False
    """Whether the events were handled before. Test it before an effect on the outside."""

    _sagaline_declaration: ClassVar[Declaration]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        refuse_unknown_arguments(cls, kwargs, "no arguments: it is known by the name of its table")
        super().__init_subclass__()
        name_as_imported(cls.__module__, cls)
        refuse_reserved(cls, ReadModel, HOOKS)
        refuse_constructor(cls)
        check_table(cls.__name__, getattr(cls, "table", None))
        cls._sagaline_declaration = Declaration(collect_projections(cls), key_parser(cls.table))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Raises NoRows, an AttributeError, for the rows of a model that was made by hand."""
            if name == "rows":
                raise NoRows(model=type(self).__name__)
            return super().__getattribute__(name)

    def keys_of(self, event: Any, message: Message) -> Iterable[Any]:
        """The keys of the rows that the event will need, so that a batch's rows are read at once.

        By default the row of the message's key, where the primary key is one column of text,
        integers or UUIDs. A row that is not named here is read when a handler uses it.
        """
        parse_key = self._sagaline_declaration.parse_key
        if message.key is None or parse_key is None:
            return ()
        try:
            return (parse_key(message.key),)
        except ValueError:
            return ()


def projections_of(model: type[ReadModel]) -> Projections:
    """The handlers of a read model.

    Raises `DefinitionError` where the class was not checked when it was defined, because an
    `__init_subclass__` that it inherits does not call that of `ReadModel`.
    """
    found: Declaration | None = vars(model).get("_sagaline_declaration")
    if found is None:
        raise DefinitionError(
            where=model.__name__,
            problem="an __init_subclass__ that it inherits hides that of ReadModel",
            cure="Call super().__init_subclass__(**kwargs) there.",
        )
    return found.projections


def has_effects(model: type[ReadModel]) -> bool:
    """Whether a handler or another method reads `rebuilding`, as those with effects do."""
    parts = [
        part for owner in model.__mro__ if owner is not ReadModel for part in vars(owner).values()
    ]
    codes = [getattr(each, "__code__", None) for each in parts]
    return any("rebuilding" in each.co_names for each in codes if each is not None)


def is_by_key(model: type[ReadModel]) -> bool:
    """Whether a model declares that each event changes the row of its message's key alone."""
    by_default = model.keys_of is ReadModel.keys_of
    has_parser = model._sagaline_declaration.parse_key is not None
    return by_default and has_parser and model.cached_rows > 0


def create(model: type[ReadModel], rows: Rows, *, rebuilding: bool = False) -> ReadModel:
    """Creates an instance that changes these rows. Raises `DefinitionError`."""
    created = model()
    refuse_assigned(created, ReadModel)
    created.rows = rows
    created.rebuilding = rebuilding
    return created


__all__ = ["ReadModel", "create", "has_effects", "is_by_key", "projections_of"]
