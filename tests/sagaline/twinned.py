"""Rebuilds a read table of the bank with a second process, in small pages.

    python -m tests.sagaline.twinned STORE VIEW [lose | die]

Prints one JSON object. In the midst of it the second process is killed (`lose`), or the first
(`die`). A program, as a process is forked only before it has threads.
"""

import json
import os
import signal
import sys
from contextlib import closing
from importlib import import_module
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table
from typing_extensions import override

from sagaline import ReadModel, RebuildFailed, System, project, rebuild
from sagaline.columns import Uuid
from sagaline.folding import Folded
from sagaline.twin import Twin
from tests.sagaline.bank import Account, Bank, account

POISON = 13
VIEWS = ("sums", "totals")

metadata = MetaData()
sums, totals = (
    Table(
        name,
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("paid", Integer, nullable=False),
        Column("times", Integer, nullable=False),
    )
    for name in VIEWS
)


class Sums(ReadModel):
    """A row for each account, which only its own events touch."""

    table = sums
    fails = False

    @project(Account.Opened)
    def opened(self, event: Account.Opened) -> None:
        self.rows[event.originator_id] = {"paid": 0, "times": 0}

    @project(Account.Paid)
    def paid(self, event: Account.Paid) -> None:
        if event.amount == POISON and self.fails:
            raise ValueError("what is this?")
        row = self.rows[event.originator_id]
        row["paid"] += event.amount
        row["times"] += 1

    @project(Account.Closed)
    def closed(self, event: Account.Closed) -> None:
        del self.rows[event.originator_id]


class Totals(ReadModel):
    """One row for all accounts, of which the model does not say that it needs it."""

    table = totals

    @project(Account.Paid)
    def paid(self, event: Account.Paid) -> None:
        row = self.rows.setdefault(account(0), {"paid": 0, "times": 0})
        row["paid"] += event.amount
        row["times"] += 1


system = System("bank", applications=[Bank], read_models=[Sums, Totals])


class Watched(Twin):
    """A second process of which it is known how many rows it has changed."""

    rows = 0

    @override
    def folded(self) -> Folded:
        found = super().folded()
        self.rows += sum(len(each.columns[0]) for each in found.changes)
        return found


def main(store: str, view: str, trouble: str = "") -> None:
    """Rebuilds, and says how it went."""
    vars(import_module("sagaline.shadow"))["SHARED"] = 1
    vars(import_module("sagaline.folding"))["PAGE"] = 10
    Sums.fails = trouble == "fail"
    with closing(Watched(system, {"SQLALCHEMY_URL": store})) as twin:

        def progress(_: str, passed: int, __: int) -> None:
            if passed >= 60 and trouble == "lose":
                twin._process.kill()
            elif passed >= 60 and trouble == "die":
                os.kill(os.getpid(), signal.SIGKILL)

        env = {"SQLALCHEMY_URL": store}
        said: dict[str, Any] = {}
        try:
            (done,) = rebuild(system, env, [view], progress=progress, beside=twin)
            said.update(events=done.events, rows=done.rows)
        except RebuildFailed as error:
            said.update(failed=error.position)
        print(json.dumps(said | {"twin_rows": twin.rows, "twin_lives": twin.is_alive}))


if __name__ == "__main__":
    main(*sys.argv[1:])
