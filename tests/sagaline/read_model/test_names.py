"""Names in the class of a read model: which the framework reserves, and which are free."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import Aggregate
from sqlalchemy import Column, Integer, MetaData, Table

from sagaline.errors import DefinitionError
from sagaline.read_model.definition import HOOKS, ReadModel, projections_of
from sagaline.read_model.projection import project
from sagaline.storage.sql.columns import Uuid
from sagaline.testing import given

ANN = UUID(int=1)


class Paid(Aggregate.Event):
    amount: int


def table() -> Table:
    columns = (Column("id", Uuid, primary_key=True), Column("paid", Integer, default=0))
    return Table("accounts", MetaData(), *columns)


@project(Paid)
def paid(self: Any, event: Paid) -> None:
    self.rows.setdefault(event.originator_id)["paid"] += event.amount


def define(*bases: type, **names: Any) -> type[ReadModel]:
    return type("Accounts", (*bases, ReadModel), {"table": table(), "paid": paid, **names})


def function(*args: Any) -> None: ...


async def later(self: Any, event: Any, message: Any) -> None: ...


WRONG = {
    "a handler": ({"rows": paid, "paid": None}, "rows: ReadModel has a rows of its own. Rename it"),
    "a method": ({"rows": function}, "rows: ReadModel has a rows of its own"),
    "a property": ({"rows": property(function)}, "rows: ReadModel has"),
    "a cached property": ({"rows": cached_property(function)}, "rows: ReadModel has"),
    "an attribute": ({"rows": {}}, "rows: ReadModel has"),
    "an annotation": ({"__annotations__": {"rows": "dict"}}, "rows: ReadModel has"),
    "a flag of the framework": ({"rebuilding": True}, "rebuilding: ReadModel has a rebuilding of"),
    "a method like a flag": ({"rebuilding": function}, "rebuilding: ReadModel has"),
    "a handler like a flag": ({"rebuilding": paid, "paid": None}, "rebuilding: ReadModel has"),
    "a handler like a hook": (
        {"keys_of": paid, "paid": None},
        "keys_of: it is not a method that takes (self, event, message). Write def keys_of(",
    ),
    "keys as a value": ({"keys_of": ("id",)}, "keys_of: it is not a method"),
    "keys as a property": ({"keys_of": property(function)}, "keys_of: it is not a method"),
    "keys of nothing": ({"keys_of": lambda self: ()}, "keys_of: it is not a method"),
    "keys of an event alone": ({"keys_of": lambda self, event: ()}, "keys_of: it is not a method"),
    "keys that are awaited": ({"keys_of": later}, "keys_of: it is not a method"),
    "a table's name": ({"table": "accounts"}, "table: it is not a SQLAlchemy Table. Write table ="),
    "a table's class": ({"table": Table}, "table: it is not a SQLAlchemy Table"),
    "a table as a method": ({"table": function}, "table: it is not a SQLAlchemy Table"),
    "too few rows": ({"cached_rows": -1}, "cached_rows: it is not a number of rows, from 0 on."),
    "rows as text": ({"cached_rows": "8"}, "cached_rows: it is not a number of rows"),
    "half a row": ({"cached_rows": 0.5}, "cached_rows: it is not a number of rows"),
    "rows or not": ({"cached_rows": True}, "cached_rows: it is not a number of rows"),
    "rows without a limit": ({"cached_rows": None}, "cached_rows: it is not a number of rows"),
    "rows as a method": ({"cached_rows": function}, "cached_rows: it is not a number of rows"),
    "a fingerprint as a number": ({"declared_fingerprint": 1}, "declared_fingerprint: it is not t"),
    "a fingerprint as a method": (
        {"declared_fingerprint": function},
        "declared_fingerprint: it is not text. Write declared_fingerprint = ",
    ),
    "a constructor with arguments": (
        {"__init__": lambda self, rate: None},
        "__init__: the framework calls Accounts(): missing a required argument: 'rate'.",
    ),
    "a constructor with a keyword": (
        {"__init__": lambda self, *, rate: None},
        "__init__: the framework calls Accounts(): missing",
    ),
    "another way to be made": (
        {"__new__": lambda cls, rate: object.__new__(cls)},
        "__init__: the framework calls Accounts(): missing",
    ),
}


@pytest.mark.parametrize(("names", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_class_that_defines_a_reserved_name_or_a_hook_of_another_kind_is_refused(
    names: dict[str, Any], said: str
) -> None:
    with pytest.raises(DefinitionError) as refusal:
        define(**names)
    assert str(refusal.value).startswith(f"Accounts.{said}")


class WithRows:
    @property
    def rows(self) -> int:
        return 1


class WithKeys:
    def keys_of(self, event: Any, message: Any) -> Iterable[Any]:
        return (event.originator_id,)


def test_a_reserved_name_of_a_mixin_is_refused() -> None:
    body = {"table": table(), "paid": paid}
    for bases in ((WithRows, ReadModel), (ReadModel, WithRows)):
        with pytest.raises(DefinitionError, match=r"^Own\.rows \(of WithRows\): ReadModel has"):
            type("Own", bases, dict(body))
    with pytest.raises(DefinitionError, match=r"Write class Own\(WithKeys, ReadModel\)\."):
        type("Own", (ReadModel, WithKeys), dict(body))
    assert define(WithKeys).keys_of is WithKeys.keys_of  # type: ignore[comparison-overlap]


def test_a_reserved_attribute_that_init_assigns_is_refused() -> None:
    def init(self: Any) -> None:
        self.rows = {}

    with pytest.raises(DefinitionError, match=r"^Accounts\.rows: __init__ assigns it"):
        given(define(__init__=init)).when(Paid, amount=1)


def test_a_class_that_was_not_checked_when_it_was_defined_is_refused() -> None:
    class Silent:
        def __init_subclass__(cls) -> None: ...

    with pytest.raises(DefinitionError, match=r"Call super\(\).__init_subclass__"):
        projections_of(define(Silent))


class Own(ReadModel):
    """Uses names that the framework used before, or might use."""

    table = table()
    cached_rows = 8
    declared_fingerprint = "1"
    projections = ("paid",)
    catch_all = "nothing"
    events: int
    _key_of: str
    _definition = None
    name = "own"

    def __init__(self, rate: int = 2) -> None:
        self.rate = rate
        self.events = 0

    @property
    def is_by_key(self) -> bool:
        return False

    def projection_of(self, amount: int) -> int:
        return amount * self.rate

    @project(Paid)
    def handle(self, event: Paid) -> None:
        self.prepare()
        self.write(event.originator_id, self.projection_of(event.amount))

    def prepare(self) -> None:
        self.events += 1

    def write(self, key: UUID, amount: int) -> None:
        self.rows[key] = {"paid": amount + self.events}


def test_every_other_name_is_free() -> None:
    given(Own).when(Paid, originator_id=ANN, amount=7).then_row(ANN, paid=15).then_rows(1)


def test_every_public_name_of_read_model_is_a_hook_or_reserved() -> None:
    declared = {*vars(ReadModel), *ReadModel.__annotations__}
    assert {each for each in declared if not each.startswith("_")} == {*HOOKS, "rows", "rebuilding"}
