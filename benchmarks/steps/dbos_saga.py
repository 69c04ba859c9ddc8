"""The saga as a workflow of DBOS: each step is a step there, with a transaction inside.

That is the cheaper of its two ways. The other one, `SQLAlchemyDatasource.transaction`, makes each
step exactly once; as it is here, a crash between a transaction and the record of its step would run
that transaction again.
"""

from collections.abc import Callable, Sequence
from typing import cast

from dbos import DBOS, SetWorkflowID
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine

from benchmarks.steps import writes
from benchmarks.steps.order import Order
from benchmarks.steps.writes import Write

THREADS = 12
"""Workflows at a time: more than enough to keep the one processor busy that Python uses."""


class DbosEngine:
    """DBOS in this process, of which there can be one."""

    def __init__(self, store: str) -> None:
        connections = {"pool_size": THREADS, "max_overflow": THREADS}
        self._books = create_engine(store, pool_size=THREADS)
        DBOS(
            config={
                "name": "shop",
                "system_database_url": store,
                "db_engine_kwargs": connections,
                "max_executor_threads": THREADS,
                "log_level": "ERROR",
            }
        )
        self._fulfil = _workflow(self._books)
        DBOS.launch()

    def finish(self, orders: Sequence[Order]) -> None:
        """Starts all workflows, each under its order's id, and awaits them."""
        started = []
        for order in orders:
            with SetWorkflowID(order.order_id):
                started.append(DBOS.start_workflow(self._fulfil, order))
        for handle in started:
            handle.get_result()

    def close(self) -> None:
        """Stops DBOS."""
        DBOS.destroy()
        self._books.dispose()


def _workflow(books: Database) -> Callable[[Order], None]:
    """The saga: a function from order to nothing, and its steps."""

    def step(write: Callable[..., list[Write]]) -> Callable[..., None]:
        def run(*arguments: object) -> None:
            with books.begin() as connection:
                for each in write(*arguments):
                    connection.execute(each.statement, each.rows)

        return cast("Callable[..., None]", DBOS.step(name=write.__name__)(run))

    reserve, release = step(writes.reserve), step(writes.release)
    pay, refund = step(writes.pay), step(writes.refund)
    ship, dispatch = step(writes.ship), step(writes.dispatch)
    complete, cancel = step(writes.complete), step(writes.cancel)

    def fulfil(order: Order) -> None:
        reserve(order)
        pay(order)
        if order.refused_payment:
            release(order)
            cancel(order, order.refused_payment)
            return
        ship(order)
        if order.refused_shipment:
            refund(order)
            release(order)
            cancel(order, order.refused_shipment)
            return
        dispatch(order)
        complete(order)

    return cast("Callable[[Order], None]", DBOS.workflow(name="fulfil")(fulfil))
