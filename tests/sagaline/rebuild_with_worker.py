"""Rebuilds read tables of the bank with a second process, in small pages.

    python -m tests.sagaline.rebuild_with_worker STORE VIEW[,VIEW] [TROUBLE]

Prints one JSON object. TROUBLE happens during the rebuild: the worker is killed (`lose`) or stopped
(`hang`) or starts at another position (`stray`), or the first process is killed (`die`), or the
handler of `sums` raises (`fail`). It is a program because a process is forked only before it has
threads.
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
from sagaline.rebuilding.worker import RebuildWorker, ReplayTask
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
    """A row for each account, which only its own events change."""

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
    """One row for all accounts, which `keys_of` does not name."""

    table = totals

    @project(Account.Paid)
    def paid(self, event: Account.Paid) -> None:
        row = self.rows.setdefault(account(0), {"paid": 0, "times": 0})
        row["paid"] += event.amount
        row["times"] += 1


system = System("bank", applications=[Bank], read_models=[Sums, Counts, Totals])


class Watched(RebuildWorker):
    """A worker that counts the rows it has changed."""

    rows = 0
    strays = False

    @override
    def start(self, task: ReplayTask) -> None:
        super().start(task._replace(after=task.after + 3) if self.strays else task)

    @override
    def receive(self, head: int) -> ReplayedPage:
        found = super().receive(head)
        self.rows += sum(len(each.columns[0]) for each in found.changes)
        return found


def main(store: str, views: str, trouble: str = "") -> None:
    """Rebuild, and print the result."""
    vars(import_module("sagaline.rebuilding.shadow_table"))["MIN_EVENTS_FOR_WORKER"] = 1
    vars(import_module("sagaline.rebuilding.replay"))["REPLAY_PAGE_SIZE"] = 10
    Sums.fails = trouble == "fail"
    said: dict[str, Any] = {}
    with closing(Watched(system)) as worker:
        worker.strays = trouble == "stray"
        process = worker._process.pid
        assert process is not None

        def progress(_: str, passed: int, __: int) -> None:
            said["lives"] = worker.is_alive
            if passed >= 60 and worker.is_alive and trouble in SIGNALS:
                vars(import_module("sagaline.rebuilding.worker"))["PAGE_TIMEOUT"] = 1.0
                os.kill(os.getpid() if trouble == "die" else process, SIGNALS[trouble])

        env = {"SQLALCHEMY_URL": store}
        try:
            done = list(rebuild(system, env, views.split(","), progress=progress, worker=worker))
            said.update(events=[each.events for each in done], rows=[each.rows for each in done])
        except RebuildFailed as error:
            said.update(failed=error.position)
        print(json.dumps(said | {"worker_rows": worker.rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
