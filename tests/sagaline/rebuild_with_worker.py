"""Rebuilds read tables of the bank with a second process, in small pages.

    python -m tests.sagaline.twinned STORE VIEW[,VIEW] [lose | hang | stray | die | fail]

Prints one JSON object. In the midst of it the second process is killed (`lose`) or stopped
(`hang`) or begins at another place (`stray`), or the first is killed (`die`), or the handler of
`sums` raises (`fail`). A program, as a process is forked only before it has threads.
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
from sagaline.rebuilding.replay import ReplayedPage
from sagaline.rebuilding.worker import RebuildWorker, Task
from sagaline.storage.sql.columns import Uuid
from tests.sagaline.bank import Account, Bank, account

POISON = 13
SIGNALS = {"lose": signal.SIGKILL, "hang": signal.SIGSTOP, "die": signal.SIGKILL}
VIEWS = ("sums", "counts", "totals")

metadata = MetaData()
sums, counts, totals = (
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


class Counts(Sums):
    """Another table of the same kind."""

    table = counts


class Totals(ReadModel):
    """One row for all accounts, of which the model does not say that it needs it."""

    table = totals

    @project(Account.Paid)
    def paid(self, event: Account.Paid) -> None:
        row = self.rows.setdefault(account(0), {"paid": 0, "times": 0})
        row["paid"] += event.amount
        row["times"] += 1


system = System("bank", applications=[Bank], read_models=[Sums, Counts, Totals])


class Watched(RebuildWorker):
    """A second process of which it is known how many rows it has changed."""

    rows = 0
    strays = False

    @override
    def begin(self, task: Task) -> None:
        super().begin(task._replace(after=task.after + 3) if self.strays else task)

    @override
    def folded(self, head: int) -> ReplayedPage:
        found = super().folded(head)
        self.rows += sum(len(each.columns[0]) for each in found.changes)
        return found


def main(store: str, views: str, trouble: str = "") -> None:
    """Rebuilds, and says how it went."""
    vars(import_module("sagaline.rebuilding.shadow_table"))["SHARED"] = 1
    vars(import_module("sagaline.rebuilding.replay"))["PAGE"] = 10
    vars(import_module("sagaline.rebuilding.worker"))["PATIENCE"] = 1.0
    Sums.fails = trouble == "fail"
    said: dict[str, Any] = {}
    with closing(Watched(system)) as twin:
        twin.strays = trouble == "stray"
        process = twin._process.pid
        assert process is not None

        def progress(_: str, passed: int, __: int) -> None:
            said["lives"] = twin.is_alive
            if passed >= 60 and twin.is_alive and trouble in SIGNALS:
                os.kill(os.getpid() if trouble == "die" else process, SIGNALS[trouble])

        env = {"SQLALCHEMY_URL": store}
        try:
            done = list(rebuild(system, env, views.split(","), progress=progress, beside=twin))
            said.update(events=[each.events for each in done], rows=[each.rows for each in done])
        except RebuildFailed as error:
            said.update(failed=error.position)
        print(json.dumps(said | {"twin_rows": twin.rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
