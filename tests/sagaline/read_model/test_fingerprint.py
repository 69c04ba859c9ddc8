"""Fingerprints of read models: which changes of the code change them, and which do not."""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.domain import Aggregate
from sqlalchemy import Column, Index, MetaData, Table, Text

from sagaline.read_model.definition import ReadModel
from sagaline.read_model.fingerprint import fingerprint, is_fingerprint_of, uncovered
from sagaline.read_model.former_fingerprint import former_fingerprint
from sagaline.read_model.projection import project
from sagaline.storage.sql.columns import Uuid


class Account(Aggregate):
    class Opened(Aggregate.Created):
        owner: str


def table_of(*columns: Any) -> Table:
    return Table("accounts", MetaData(), Column("id", Uuid, primary_key=True), *columns)


def define(**names: Any) -> type[ReadModel]:
    return type("Accounts", (ReadModel,), {"table": table_of(), "opened": opened(), **names})


def opened() -> Callable[..., None]:
    @project(Account.Opened)
    def opened(self: Any, event: Account.Opened) -> None:
        self.rows[event.originator_id] = {}

    return opened


MODULE = '''
from functools import singledispatch
from eventsourcing.domain import Aggregate
from sqlalchemy import Column, Index, Integer, MetaData, Numeric, Table
from sagaline.storage.sql.columns import Uuid
from sagaline.read_model.definition import ReadModel
from sagaline.read_model.projection import project

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
    # Under one name, as a module keeps its name when its code is edited.
    spec = spec_from_file_location("shop", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "shop", module)
        spec.loader.exec_module(module)
        assert uncovered(module.Accounts) == ()
        return fingerprint(module.Accounts)


def test_a_fingerprint_is_still_that_of_version_0_1_0() -> None:
    assert former_fingerprint(define()) == "e267312952ebc920"
    assert is_fingerprint_of(define(), "e267312952ebc920")


def test_a_fingerprint_is_the_same_in_every_process(tmp_path: Path) -> None:
    assert printed_in_a_process(tmp_path, MODULE, "1") == fingerprint_of(tmp_path, MODULE)


def printed_in_a_process(folder: Path, text: str, seed: str) -> str:
    (folder / "shop.py").write_text(text, encoding="utf-8")
    program = (
        "import shop\n"
        "from sagaline.read_model.fingerprint import fingerprint\n"
        "print(fingerprint(shop.Accounts))"
    )
    path = f"{folder}:{Path(__file__).parents[3]}"
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": path, "PYTHONHASHSEED": seed},
    )
    return result.stdout.strip()


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
def test_a_fingerprint_does_not_change_with_comments_docstrings_or_layout(
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
        ("Integer, nullable", "Numeric, nullable"),
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
def test_a_fingerprint_changes_with_code_that_may_give_other_rows(
    tmp_path: Path, old: str, new: str
) -> None:
    assert old in MODULE
    assert fingerprint_of(tmp_path, MODULE) != fingerprint_of(tmp_path, MODULE.replace(old, new))


PINNED = "2.d0758d24aad25897"

READING = """
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from logging import getLogger
from eventsourcing.domain import Aggregate
from sqlalchemy import Column, Integer, MetaData, Table, Text
from sagaline.storage.sql.columns import Uuid
from sagaline.read_model.definition import ReadModel
from sagaline.read_model.projection import project

log = getLogger(__name__)
RATES = {"EUR": Decimal("1.10"), "USD": 1}
ORDER = ["placed", "paid"]
COLOURS = {"red", "green"}
FROM_A_SET = list({"one", "two", "three"})
CODE = re.compile("[a-z]+")
WORDS = {"paid": lambda event: f"paid {event.amount!r:>{2 + 1}} \\N{BULLET} {'x'}" "!"}


@dataclass
class Fee:
    amount: int
    def of(self, total):
        return total - self.amount

class Kind(Enum):
    LARGE = 10

class Base:
    limit = 5
    def _capped(self, amount):
        return min(amount, self.limit)

class Paid(Aggregate.Event):
    amount: int

FEE = Fee(3)
halved = partial(pow, 2)

def scaled(by):
    def scale(amount, times=2):
        return amount * by * times
    return scale

doubled = scaled(7)

@cache
def worded(text):
    return [text for text in text.split() if CODE.match(text)]

class Accounts(Base, ReadModel):
    table = Table("accounts", MetaData(), Column("id", Uuid, primary_key=True),
                  Column("paid", Integer, default=4), Column("word", Text))
    share = 8
    _names = ["first"]

    @project(Paid)
    def paid(self, event, *, bonus=6):
        amount = RATES["EUR"] * FEE.of(event.amount) + Kind.LARGE.value + halved(1) + bonus
        text = ORDER[0] + WORDS["paid"](event) + str(COLOURS) + str(FROM_A_SET) + self._names[0]
        log.debug("%s", text)
        self.rows[event.originator_id] = {
            "paid": self._capped(doubled(amount) * self.share), "word": worded(text)
        }
"""
"""Code that reads about all that code can read."""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"1.10"', '"1.20"'),
        ('["placed", "paid"]', '["paid", "placed"]'),
        ('{"red", "green"}', '{"red", "blue"}'),
        ('"three"', '"four"'),
        ('"[a-z]+"', '"[a-c]+"'),
        ('"paid": lambda event', '"paid": lambda event, x=0'),
        ("!r:>", "!s:>"),
        ("self.amount", "self.amount * 2"),
        ("LARGE = 10", "LARGE = 11"),
        ("limit = 5", "limit = 6"),
        ("min(amount", "max(amount"),
        ("Fee(3)", "Fee(4)"),
        ("partial(pow, 2)", "partial(pow, 3)"),
        ("scaled(7)", "scaled(9)"),
        ("times=2", "times=3"),
        ("in text.split()", "in text.split(',')"),
        ("share = 8", "share = 9"),
        ('["first"]', '["second"]'),
        ("bonus=6", "bonus=7"),
        ("default=4", "default=3"),
    ],
)
def test_a_fingerprint_covers_what_handlers_read(tmp_path: Path, old: str, new: str) -> None:
    assert READING.count(old) == 1
    changed = READING.replace(old, new)
    assert fingerprint_of(tmp_path, READING) != fingerprint_of(tmp_path, changed)


# Computed on Python 3.11, 3.12 and 3.13, and with several hash seeds.
def test_a_fingerprint_is_the_same_on_every_python(tmp_path: Path) -> None:
    assert fingerprint_of(tmp_path, READING) == PINNED


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_fingerprint_does_not_depend_on_the_order_of_sets(tmp_path: Path, seed: str) -> None:
    assert printed_in_a_process(tmp_path, READING, seed) == fingerprint_of(tmp_path, READING)


def test_a_fingerprint_follows_imports_within_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    found = [in_a_package(tmp_path, number, rate) for number, rate in enumerate("1123")]
    assert found[0] == found[1]
    assert len(set(found)) == 3


def in_a_package(folder: Path, number: int, rate: str) -> str:
    """The fingerprint of code that reads a rate in four ways from other modules."""
    package = f"shop{number}"
    path = folder / package
    path.mkdir()
    (path / "__init__.py").write_text("")
    (path / "rates.py").write_text(
        f"RATE = {{'EUR': {rate}}}\ndef rated(a): return a * RATE['EUR']"
    )
    (path / "names.py").write_text("from .rates import *\nfrom .rates import RATE as OTHER")
    (path / "views.py").write_text(IMPORTING)
    module = import_module(f"{package}.views")
    assert uncovered(module.Accounts) == ()
    return fingerprint(module.Accounts)


IMPORTING = """
from eventsourcing.domain import Aggregate
from sqlalchemy import Column, Integer, MetaData, Table
from sagaline.storage.sql.columns import Uuid
from sagaline.read_model.definition import ReadModel
from sagaline.read_model.projection import project
from . import names
from .names import OTHER

class Accounts(ReadModel):
    table = Table("accounts", MetaData(), Column("id", Uuid, primary_key=True),
                  Column("paid", Integer))

    @project()
    def paid(self, event):
        from .rates import rated
        self.rows[event.originator_id] = {"paid": rated(1) + names.RATE["EUR"] + OTHER["EUR"]}
"""


def test_a_running_process_keeps_its_fingerprint_when_its_files_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "replaced.py").write_text(MODULE)
    module = import_module("replaced")
    before = fingerprint(module.Accounts)
    (tmp_path / "replaced.py").write_text(MODULE.replace("amount - FEE", "amount + FEE"))
    assert fingerprint(module.Accounts) == before
    module.Accounts.paid = module.less_fee
    assert fingerprint(module.Accounts) != before, "the class itself has changed"


def test_what_a_fingerprint_cannot_cover_is_named() -> None:
    names = {"__name__": __name__, "project": project, "Opened": Account.Opened}
    exec("@project(Opened)\ndef opened(self, event):\n    pass", names)
    assert uncovered(define(opened=names["opened"])) == (
        f"{__name__}.Accounts.opened: a function without source",
    )
    assert uncovered(define(lock=object())) == (f"{__name__}.Accounts.lock: an object of object",)
    assert uncovered(define(lock=object(), declared_fingerprint="1")) == ()
    assert uncovered(define(rates={"EUR": 2}, add=lambda self, a, b: a + b)) == ()


def test_values_that_a_function_has_around_it_are_covered() -> None:
    def around(rate: Any) -> type[ReadModel]:
        @project(Account.Opened)
        def opened(self: Any, event: Account.Opened) -> None:
            self.rows[event.originator_id] = {"paid": rate}

        return define(opened=opened)

    assert fingerprint(around({"EUR": [1]})) == fingerprint(around({"EUR": [1]}))
    assert fingerprint(around({"EUR": [1]})) != fingerprint(around({"EUR": [2]}))
    assert uncovered(around(object())) == (f"{__name__}.rate: an object of object",)


def test_a_fingerprint_of_code_without_source_is_that_of_its_bytecode() -> None:
    names = {"__name__": __name__, "project": project, "Opened": Account.Opened}
    exec("@project(Opened)\ndef opened(self, event):\n    pass", names)
    exec("@project(Opened)\ndef other(self, event):\n    self.rows.clear()", names)
    prints = [fingerprint(define(opened=names[each])) for each in ("opened", "opened", "other")]
    assert prints[0] == prints[1] != prints[2]


def test_a_fingerprint_changes_with_an_index() -> None:
    bare, indexed = table_of(Column("owner", Text)), table_of(Column("owner", Text))
    Index("accounts_owner", indexed.c.owner)
    assert fingerprint(define(table=bare)) != fingerprint(define(table=indexed))
