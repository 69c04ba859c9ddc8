"""Definitions of read models: which are refused, and which events they handle."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.domain import Aggregate
from eventsourcing.utils import get_topic
from sqlalchemy import Column, Integer, MetaData, Table, Text, func

from sagaline.errors import DefinitionError
from sagaline.messaging.message import Message
from sagaline.read_model.definition import ReadModel, projections_of
from sagaline.read_model.projection import project
from sagaline.read_model.projector import topics_of_model
from sagaline.storage.sql.columns import Uuid


class Account(Aggregate):
    class Opened(Aggregate.Created):
        owner: str

    class Paid(Aggregate.Event):
        amount: int

    class PaidByCard(Paid):
        card: str

    class Closed(Aggregate.Event):
        pass


def table_of(*columns: Any, name: str = "accounts") -> Table:
    return Table(name, MetaData(), Column("id", Uuid, primary_key=True), *columns)


def define(**names: Any) -> type[ReadModel]:
    return type("Accounts", (ReadModel,), {"table": table_of(), "opened": opened(), **names})


def opened() -> Callable[..., None]:
    @project(Account.Opened)
    def opened(self: Any, event: Account.Opened) -> None:
        self.rows[event.originator_id] = {}

    return opened


def test_a_handler_handles_its_events_and_their_subclasses() -> None:
    @project(Account.Paid, Account.Closed)
    def changed(self: Any, event: Any, message: Message) -> None: ...

    model = define(changed=changed)
    projections = projections_of(model)
    assert projections.events == (Account.Opened, Account.Paid, Account.Closed)
    found = projections.of(Account.PaidByCard)
    assert found is not None
    assert (found.name, found.takes_message) == ("changed", True)
    assert projections.of(Aggregate.Event) is None
    topics = topics_of_model(model)
    assert topics is not None
    folded = (Account.Opened, Account.Paid, Account.PaidByCard, Account.Closed)
    assert all(topics[get_topic(each)] for each in folded)


def test_a_handler_of_every_event_leaves_out_events_with_their_own_handler() -> None:
    @project()
    def anything(self: Any, event: Any) -> None: ...

    model = define(anything=anything)
    projections = projections_of(model)
    assert projections.events == ()
    assert topics_of_model(model) is None
    names = [projections.of(each) for each in (Account.Opened, Account.Closed)]
    assert [each and each.name for each in names] == ["opened", "anything"]


def test_handlers_are_inherited_and_may_be_replaced() -> None:
    @project(Account.Paid)
    def paid(self: Any, event: Any) -> None: ...

    base = define(paid=paid)

    class More(base):  # type: ignore[misc, valid-type]
        paid = None

        @project(Account.Closed)
        def closed(self, event: Account.Closed) -> None: ...

    assert projections_of(More).events == (Account.Opened, Account.Closed)


def handler(*events: type) -> Callable[..., None]:
    @project(*events)
    def handler(self: Any, event: Any) -> None: ...

    return handler


BAD = {
    "no table": (
        {"table": None},
        "Accounts.table: it is not a SQLAlchemy Table. Write table = Table(",
    ),
    "no primary key": (
        {"table": Table("accounts", MetaData(), Column("id", Uuid))},
        "Accounts: the table accounts has no primary key. Mark the columns",
    ),
    "a default that varies": (
        {"table": table_of(Column("made", Uuid, default=uuid4), Column("no", Integer, default=0))},
        "Accounts: the database would give made another value in a rebuild. Set the value",
    ),
    "a default of the database": (
        {"table": table_of(Column("made", Text, server_default=func.now()))},
        "Accounts: the database would give made another value",
    ),
    "no handlers": ({"opened": None}, "Accounts: it has no handlers. Mark a method"),
    "an event handled twice": (
        {"again": handler(Account.Opened)},
        "Accounts.again: Account.Opened is handled by opened too. Handle each event once.",
    ),
    "an event named twice": (
        {"again": handler(Account.Closed, Account.Closed)},
        "Accounts.again: Account.Closed is handled by again too.",
    ),
    "every event twice": (
        {"one": handler(), "two": handler()},
        "Accounts.two: one handles every event already. Keep one",
    ),
}


@pytest.mark.parametrize(("names", "said"), BAD.values(), ids=BAD.keys())
def test_a_definition_that_cannot_work_is_refused_with_the_cure(
    names: dict[str, Any], said: str
) -> None:
    with pytest.raises(DefinitionError) as refusal:
        define(**names)
    assert str(refusal.value).startswith(
        said.replace("Account.Opened", Account.Opened.__qualname__)
    )


def test_a_read_model_has_a_table() -> None:
    with pytest.raises(DefinitionError, match=r"^Bare: it has no table\. Give it one"):
        type("Bare", (ReadModel,), {"opened": opened()})


def test_a_handler_takes_an_event_and_perhaps_the_message() -> None:
    with pytest.raises(DefinitionError, match=r"<lambda>: it does not take an event. Write"):
        project(Account.Opened)(lambda self: None)
    with pytest.raises(DefinitionError, match="does not take an event"):
        project(Account.Opened)(lambda self, event, message, more: None)


async def awaited(self: Any, event: Any) -> None: ...


def generated(self: Any, event: Any) -> Iterator[None]:
    yield


async def generated_later(self: Any, event: Any) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize("function", [awaited, generated, generated_later])
def test_a_handler_runs_when_it_is_called(function: Callable[..., Any]) -> None:
    with pytest.raises(DefinitionError, match=r"it does not run when it is called\. Write a plain"):
        project(Account.Opened)(function)


@pytest.mark.parametrize("kind", [staticmethod, classmethod, property])
def test_a_handler_is_a_plain_method(kind: Callable[..., Any]) -> None:
    with pytest.raises(
        DefinitionError, match=rf"^Accounts\.paid: @project marks a {kind.__name__}"
    ):
        define(paid=kind(handler(Account.Paid)))


def test_project_without_parentheses_is_refused() -> None:
    with pytest.raises(DefinitionError, match="handler is not an event class"):
        project(handler)  # type: ignore[arg-type]


def test_a_method_that_is_marked_twice_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"it is marked twice. Name all its events in one"):
        project(Account.Closed)(handler(Account.Opened))


def message(key: str | None) -> Message:
    return Message("Accounts", 1, "topic", key=key)


def test_by_default_an_event_needs_the_row_of_its_key() -> None:
    key = uuid4()
    model = define()()
    assert tuple(model.keys_of(None, message(str(key)))) == (key,)
    assert tuple(model.keys_of(None, message("not an id"))) == ()
    assert tuple(model.keys_of(None, message(None))) == ()
    by_text = define(table=Table("t", MetaData(), Column("name", Text, primary_key=True)))()
    assert tuple(by_text.keys_of(None, message("ann"))) == ("ann",)
    by_number = define(table=Table("t", MetaData(), Column("no", Integer, primary_key=True)))()
    assert tuple(by_number.keys_of(None, message("7"))) == (7,)
    by_two = define(table=table_of(Column("no", Integer, primary_key=True)))()
    assert tuple(by_two.keys_of(None, message(str(key)))) == ()
