"""Read models, as they are declared: what a definition must be, and what it says of itself."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.domain import Aggregate
from eventsourcing.utils import get_topic
from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, func

from sagaline.errors import DefinitionError
from sagaline.messaging.message import Message
from sagaline.read_model.definition import ReadModel, project
from sagaline.read_model.fingerprint import fingerprint
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


def test_a_handler_folds_its_events_and_their_subclasses() -> None:
    @project(Account.Paid, Account.Closed)
    def changed(self: Any, event: Any, message: Message) -> None: ...

    model = define(changed=changed)
    assert model.events() == (Account.Opened, Account.Paid, Account.Closed)
    found = model.projection_of(Account.PaidByCard)
    assert found is not None
    assert (found.name, found.takes_message) == ("changed", True)
    assert model.projection_of(Aggregate.Event) is None
    folded = (Account.Opened, Account.Paid, Account.PaidByCard, Account.Closed)
    assert topics_of_model(model) == frozenset(map(get_topic, folded))


def test_a_handler_of_every_event_leaves_those_with_a_handler_of_their_own() -> None:
    @project()
    def anything(self: Any, event: Any) -> None: ...

    model = define(anything=anything)
    assert model.events() == ()
    assert topics_of_model(model) is None
    names = [model.projection_of(each) for each in (Account.Opened, Account.Closed)]
    assert [each and each.name for each in names] == ["opened", "anything"]


def test_handlers_are_inherited_and_may_be_replaced() -> None:
    @project(Account.Paid)
    def paid(self: Any, event: Any) -> None: ...

    base = define(paid=paid)

    class More(base):  # type: ignore[misc, valid-type]
        paid = None

        @project(Account.Closed)
        def closed(self, event: Account.Closed) -> None: ...

    assert More.events() == (Account.Opened, Account.Closed)


def handler(*events: type) -> Callable[..., None]:
    @project(*events)
    def handler(self: Any, event: Any) -> None: ...

    return handler


BAD = {
    "no table": ({"table": None}, "Accounts: it has no table. Give it one"),
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
        "Accounts.two: one takes every event already. Keep one",
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


def test_a_handler_takes_an_event_and_perhaps_the_message() -> None:
    with pytest.raises(DefinitionError, match=r"<lambda>: it does not take an event. Write"):
        project(Account.Opened)(lambda self: None)
    with pytest.raises(DefinitionError, match="does not take an event"):
        project(Account.Opened)(lambda self, event, message, more: None)


def test_the_parentheses_of_project_are_not_forgotten() -> None:
    with pytest.raises(DefinitionError, match="handler is not an event class"):
        project(handler)  # type: ignore[arg-type]


def test_a_method_is_marked_once() -> None:
    with pytest.raises(DefinitionError, match=r"it is marked twice. Name all its events in one"):
        project(Account.Closed)(handler(Account.Opened))


def message(key: str | None) -> Message:
    return Message("Accounts", 1, "topic", key=key)


def test_the_row_of_an_event_is_by_default_that_of_its_key() -> None:
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


MODULE = '''
from functools import singledispatch
from eventsourcing.domain import Aggregate
from sqlalchemy import Column, Index, Integer, MetaData, Table, Text
from sagaline.storage.sql.columns import Uuid
from sagaline.read_model.definition import ReadModel, project

FEE = 1
KINDS = frozenset({"red", "green", "blue"})

class Paid(Aggregate.Event):
    amount: int

accounts = Table(
    "accounts", MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("paid", Integer, nullable=False, default=0),
    Index("accounts_paid", "paid"),
)

def less_fee(amount):
    return amount - FEE if KINDS else 0

@singledispatch
def said(event):
    return "something"

@said.register
def _(event: Paid):
    return "paid"

class Accounts(ReadModel):
    """All accounts."""

    table = accounts

    @project(Paid)
    def paid(self, event):
        """Counts."""
        self._add(event.originator_id, less_fee(event.amount), said(event))

    def _add(self, key, amount, what):
        self.rows.setdefault(key)["paid"] += amount
'''


def fingerprint_of(folder: Path, text: str) -> str:
    path = folder / f"shop{uuid4().hex}.py"
    path.write_text(text, encoding="utf-8")
    # Under one name, as code that is edited keeps its module.
    spec = spec_from_file_location("shop", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return fingerprint(module.Accounts)


def test_a_fingerprint_is_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(MODULE, encoding="utf-8")
    program = (
        "import shop\n"
        "from sagaline.read_model.fingerprint import fingerprint\n"
        "print(fingerprint(shop.Accounts))"
    )
    for seed in ("1", "2"):
        path = f"{tmp_path}:{Path(__file__).parents[3]}"
        result = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": path, "PYTHONHASHSEED": seed},
        )
        assert result.stdout.strip() == fingerprint_of(tmp_path, MODULE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""All accounts."""', '"""All accounts, by id."""'),
        ('"""Counts."""', ""),
        ("def paid(self, event):", "def paid(self, event):  # a comment"),
        ("accounts = Table(", "unrelated = 1\n\naccounts = Table("),
    ],
    ids=["class docstring", "docstring", "comment", "another name"],
)
def test_a_fingerprint_does_not_mind_words_about_the_code(
    tmp_path: Path, old: str, new: str
) -> None:
    assert old in MODULE
    assert fingerprint_of(tmp_path, MODULE) == fingerprint_of(tmp_path, MODULE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("less_fee(event.amount)", "event.amount"),
        ('["paid"] += amount', '["paid"] -= amount'),
        ("amount - FEE", "amount + FEE"),
        ("FEE = 1", "FEE = 2"),
        ('"blue"', '"black"'),
        ('return "paid"', 'return "was paid"'),
        ("default=0", "default=1"),
        ("nullable=False, ", ""),
        ("Integer, nullable", "Text, nullable"),
        ('Index("accounts_paid", "paid")', 'Index("accounts_paid", "paid", unique=True)'),
        ("@project(Paid)", "@project(Aggregate.Event)"),
    ],
    ids=[
        "handler",
        "method",
        "function",
        "constant",
        "set",
        "dispatched function",
        "default",
        "nullable",
        "type",
        "index",
        "event",
    ],
)
def test_a_fingerprint_tells_when_rows_might_differ(tmp_path: Path, old: str, new: str) -> None:
    assert old in MODULE
    assert fingerprint_of(tmp_path, MODULE) != fingerprint_of(tmp_path, MODULE.replace(old, new))


def test_a_fingerprint_needs_no_source() -> None:
    names = {"__name__": __name__, "project": project, "Opened": Account.Opened}
    exec("@project(Opened)\ndef opened(self, event):\n    pass", names)
    exec("@project(Opened)\ndef other(self, event):\n    self.rows.clear()", names)
    prints = [fingerprint(define(opened=names[each])) for each in ("opened", "opened", "other")]
    assert prints[0] == prints[1] != prints[2]


def test_an_index_is_part_of_a_table() -> None:
    bare, indexed = table_of(Column("owner", Text)), table_of(Column("owner", Text))
    Index("accounts_owner", indexed.c.owner)
    assert fingerprint(define(table=bare)) != fingerprint(define(table=indexed))
