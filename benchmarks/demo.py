"""The demo: real baskets through the whole system, on SQLite, in a folder to look into afterwards.

python -m benchmarks.demo [BASKETS]

What it says fits 80 columns, so that no terminal breaks a line.
"""

import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from io import BytesIO
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import func, select

from application.cli.json_lines import Accepted, read_orders
from application.commands import ReceiveStock
from application.inventory import Inventory
from application.orders import Orders
from application.system import system
from benchmarks.basket import json_lines
from benchmarks.baskets import Baskets, load
from projections.tables import order_list, payment_ledger, stock_level
from sagaline import Command, Rebuilt, Runner, rebuild, timeline
from sagaline.cli.gc_tuning import tune_garbage_collector
from sagaline.cli.output import counted

FOLDER = Path(".demo")
COUNT = 3_000
BATCH = 500
LIMIT = 300.0
"""Seconds that the demo may take before it says that something is wrong."""


@dataclass(frozen=True)
class Ran:
    """What one run of the system came to."""

    orders: int
    events: int
    seconds: float


def main(count: int = COUNT) -> int:
    """Runs the demo and returns the exit status."""
    console = Console()
    logging.basicConfig(level=logging.ERROR)
    baskets = load(count)
    url = _fresh_store()
    _introduce(console, baskets)
    tune_garbage_collector()
    with Runner(system, {"SQLALCHEMY_URL": url}) as runner:
        ran = _run(runner, baskets)
        _show_ends(console, runner)
        _show_money_and_stock(console, runner)
        _show_compensated(console, runner)
        same = _show_rebuild(console, url)
    console.print(
        f"\n[bold]{ran.orders:,} orders[/] and {ran.events:,} events in {ran.seconds:.1f} s: "
        f"[bold]{ran.orders / ran.seconds:,.0f} orders/s, {ran.events / ran.seconds:,.0f} events/s"
    )
    _invite(console, url)
    return 0 if same else 1


def _fresh_store() -> str:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    return f"sqlite:///{FOLDER / 'shop.db'}"


def _introduce(console: Console, baskets: Baskets) -> None:
    lines = sum(len(each.lines) for each in baskets.baskets)
    paid = [each for each in baskets.baskets if each.payment_method == "pm_card_visa"]
    declined = len(baskets.baskets) - len(paid)
    # The card is asked first: an address that nobody can reach is only seen behind a good one.
    undeliverable = sum(each.country == "ZZ" for each in paid)
    console.print(
        f"[bold]{len(baskets.baskets):,} real baskets[/] with {lines:,} lines of "
        f"{len(baskets.stock()):,} products\n"
        f"(left out: {counted(baskets.dropped, 'line')} without a quantity or a price).\n"
        f"{counted(declined, 'card')} will be declined; of the other orders, {undeliverable:,} "
        "cannot be delivered."
    )


def _run(runner: Runner, baskets: Baskets) -> Ran:
    stock, orders = stock_of(baskets), list(orders_of(baskets))
    with _bars() as progress:
        receive = progress.add_task("stock received", total=len(stock))
        place = progress.add_task("orders placed", total=len(orders))
        finish = progress.add_task("orders finished", total=len(orders))
        execute(runner.get(Inventory).execute, stock, BATCH, partial(progress.advance, receive))
        runner.settle(LIMIT)
        events, started = _events(runner), time.monotonic()
        execute(runner.get(Orders).execute, orders, BATCH, partial(progress.advance, place))
        _await_ends(runner, len(orders), lambda count: progress.update(finish, completed=count))
        runner.settle(LIMIT)
    return Ran(len(orders), _events(runner) - events, time.monotonic() - started)


def stock_of(baskets: Baskets) -> list[Command]:
    """What must be on the shelves so that every basket can be had."""
    return [ReceiveStock(sku=sku, quantity=count) for sku, count in baskets.stock().items()]


def orders_of(baskets: Baskets) -> Iterator[Command]:
    """The baskets by the way that any order takes: as lines of JSON."""
    lines = BytesIO("".join(json_lines(each.order() for each in baskets.baskets)).encode())
    for taken in read_orders(lines):
        if not isinstance(taken, Accepted):
            raise SystemExit(str(taken))
        yield taken.command


def execute(
    command_batch: Callable[[Sequence[Command]], object],
    commands: Sequence[Command],
    size: int,
    done: Callable[[int], object] = bool,
) -> None:
    """Gives an application its commands in batches, as the command line does."""
    for start in range(0, len(commands), size):
        batch = commands[start : start + size]
        command_batch(batch)
        done(len(batch))


def _await_ends(runner: Runner, count: int, show: Callable[[int], None]) -> None:
    query = select(func.count()).where(order_list.c.status != "placed")
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        with runner.views.read() as connection:
            finished = connection.execute(query).scalar_one()
        show(finished)
        if finished >= count:
            return
        time.sleep(0.1)


def _events(runner: Runner) -> int:
    return sum(each.recorder.head() for each in runner.apps.values())


def _show_ends(console: Console, runner: Runner) -> None:
    table = Table("how the orders ended", "orders", title_justify="left")
    table.columns[1].justify = "right"
    query = (
        select(order_list.c.status, order_list.c.reason, func.count())
        .group_by(order_list.c.status, order_list.c.reason)
        .order_by(func.count().desc())
    )
    with runner.views.read() as connection:
        for status, reason, count in connection.execute(query):
            table.add_row(f"{status}: {reason}" if reason else status, f"{count:,}")
    console.print(table)


def _show_money_and_stock(console: Console, runner: Runner) -> None:
    with runner.views.read() as connection:
        captured, refunded = (
            sum(
                connection.execute(
                    select(payment_ledger.c.amount).where(payment_ledger.c.kind == kind)
                ).scalars(),
                Decimal(0),
            )
            for kind in ("captured", "refunded")
        )
        on_hand, reserved = connection.execute(
            select(func.sum(stock_level.c.on_hand), func.sum(stock_level.c.reserved))
        ).one()
    console.print(
        f"money: {captured:,} USD captured, {refunded:,} refunded, {captured - refunded:,} earned\n"
        f"stock: {on_hand:,} pieces on hand, {reserved:,} reserved"
    )


def _show_compensated(console: Console, runner: Runner) -> None:
    query = select(order_list.c.order_id).where(order_list.c.reason == "undeliverable address")
    with runner.views.read() as connection:
        order_id = connection.execute(query.limit(1)).scalar()
    if order_id is None:
        return
    console.print(f"one compensated order: {order_id}")
    table = Table("hop", "application", "event")
    for each in timeline(runner.apps, str(order_id)):
        table.add_row(str(each.hop), each.application, each.name)
    console.print(table)


def _bars(*, transient: bool = False) -> Progress:
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=transient)


def _show_rebuild(console: Console, url: str) -> bool:
    console.print("rebuild of every read table from the logs, compared with the live one:")
    done: list[Rebuilt] = []
    with _bars(transient=True) as bars:
        bar = bars.add_task("rebuilt", total=None)

        def progress(view: str, passed: int, total: int) -> None:
            bars.update(bar, description=view, completed=passed, total=total)

        done += rebuild(system, {"SQLALCHEMY_URL": url}, verify=True, progress=progress)
    for each in done:
        verdict = "[green]the same[/]" if not each.differences else "[red]different[/]"
        rows = f"{each.rows:>8,} {'row' if each.rows == 1 else 'rows'}"
        console.print(f"  {each.view:<16} {rows:<13}  {verdict}")
    return not any(each.differences for each in done)


def _invite(console: Console, url: str) -> None:
    console.print(
        "\nLook into it:\n"
        "  [cyan]. .venv/bin/activate[/]\n"
        f"  [cyan]sagaline --store {url} status[/]\n"
        f"  [cyan]python -m application --store {url} orders --limit 5[/]"
    )


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:])))
