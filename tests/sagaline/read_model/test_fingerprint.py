"""Fingerprints of read models: which changes of the code change them, and which do not."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.domain import Aggregate
from sqlalchemy import Column, Index, MetaData, Table, Text

from sagaline.read_model.definition import ReadModel
from sagaline.read_model.fingerprint import fingerprint
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
    spec.loader.exec_module(module)
    return fingerprint(module.Accounts)


def test_a_fingerprint_is_still_that_of_version_0_1_0() -> None:
    assert fingerprint(define()) == "e267312952ebc920"


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
