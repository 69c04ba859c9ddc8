"""Read models, as they are declared: which events change which rows of one table.

A declaration is pure: a handler changes rows in memory. It knows no storage and no transaction, so
a read model is tested by giving it events.
"""

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import CodeType, FunctionType
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from sqlalchemy import Column, Table

from sagaline.columns import kind_of, uuid_of_text
from sagaline.errors import DefinitionError
from sagaline.message import Message
from sagaline.rows import KEPT, Rows
from sagaline.topics import former_topic

F = TypeVar("F", bound=Callable[..., None])

_CONSTANTS = (str, bytes, int, float, bool, type(None), tuple, frozenset)


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
    cached_rows: ClassVar[int] = KEPT
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


def fingerprint(model: type[ReadModel]) -> str:
    """Names what a read model's rows follow from: its code and its table.

    It is the same in every process, and does not mind comments, docstrings or layout. Code is
    followed into functions of the same package that the handlers name; a change of the domain's
    code, or of the framework's, is not seen.
    """
    if model.declared_fingerprint is not None:
        return model.declared_fingerprint
    lines = [*_schema_lines(model.table)]
    for event, projection in model.projections.items():
        lines.append(f"{former_topic(event)} -> {projection.name}")
    seen: set[object] = set()
    for base in model.__mro__[: model.__mro__.index(ReadModel)]:
        for name, value in sorted(vars(base).items()):
            lines += [f"{name}:", *_code_lines(value, seen, _package(model.__module__))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


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


def _schema_lines(table: Table) -> Iterator[str]:
    yield table.name
    for each in table.columns:
        default = getattr(each.default, "arg", None)
        yield f"{each.name} {each.type!r} {each.nullable} {each.primary_key} {default!r}"
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        yield f"{index.name} {index.unique} {[str(each) for each in index.expressions]}"


def _code_lines(value: Any, seen: set[object], package: str) -> Iterator[str]:
    """The code of a function, and of the functions and constants of its package that it names."""
    value = getattr(value, "__func__", getattr(value, "fget", value))
    registry = getattr(value, "registry", {})
    for kind, function in sorted(registry.items(), key=lambda each: former_topic(each[0])):
        yield former_topic(kind)
        yield from _code_lines(function, seen, package)
    function = inspect.unwrap(value) if callable(value) else value
    if not isinstance(function, FunctionType) or function in seen:
        return
    if _package(function.__module__ or package) != package:
        return
    seen.add(function)
    yield _written(function)
    for name in sorted(_names(function.__code__)):
        named = function.__globals__.get(name)
        if isinstance(named, _CONSTANTS):
            yield f"{name} = {_constant(named)}"
        elif callable(named):
            yield from _code_lines(named, seen, package)


def _written(function: FunctionType) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return _compiled(function.__code__)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _compiled(code: CodeType) -> str:
    constants = [
        _compiled(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _constant(value: object) -> str:
    # The order of a set differs from process to process.
    return str(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _names(code: CodeType) -> set[str]:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _package(module: str) -> str:
    return module.partition(".")[0]
