"""The saga with python-cqrs: steps with `act` and `compensate`, and its storage on SQLAlchemy."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from cqrs.handlers.saga import SagaStepHandler, SagaStepResult
from cqrs.saga.models import SagaContext
from cqrs.saga.saga import Saga
from cqrs.saga.storage.sqlalchemy import Base, SqlAlchemySagaStorage
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from typing_extensions import override

from benchmarks.steps import writes
from benchmarks.steps.order import Order
from benchmarks.steps.writes import Write

TASKS = 12
"""Sagas at a time: more than enough to keep the one processor busy that Python uses."""


@dataclass
class Context(Order, SagaContext):
    """The order, as the library stores it."""


class Refused(Exception):
    """A participant says no: the library compensates what was done."""


class Step(SagaStepHandler[Context, None]):
    """A step that is a transaction; undone by another."""

    def __init__(self, books: AsyncEngine) -> None:
        self._books = books

    @override
    async def act(self, context: Context) -> SagaStepResult[Context, None]:
        """Does it. Raises Refused."""
        await _write(self._books, self.do(context))
        refusal = self.refusal(context)
        if refusal:
            raise Refused(refusal)
        return self._generate_step_result(None)

    @override
    async def compensate(self, context: Context) -> None:
        """Takes it back."""
        await _write(self._books, self.undo(context))

    @abstractmethod
    def do(self, order: Order) -> list[Write]:
        """What the step writes."""

    def undo(self, order: Order) -> list[Write]:
        """What takes it back: nothing, for steps behind which there is no way back."""
        return []

    def refusal(self, order: Order) -> str | None:
        """Why it cannot be done, if it cannot."""
        return None


class Reserve(Step):
    """Sets the pieces aside."""

    @override
    def do(self, order: Order) -> list[Write]:
        return writes.reserve(order)

    @override
    def undo(self, order: Order) -> list[Write]:
        return writes.release(order)


class Pay(Step):
    """Takes the money."""

    @override
    def do(self, order: Order) -> list[Write]:
        return writes.pay(order)

    @override
    def undo(self, order: Order) -> list[Write]:
        return writes.refund(order)

    @override
    def refusal(self, order: Order) -> str | None:
        return order.refused_payment


class Ship(Step):
    """Books the parcel."""

    @override
    def do(self, order: Order) -> list[Write]:
        return writes.ship(order)

    @override
    def refusal(self, order: Order) -> str | None:
        return order.refused_shipment


class Dispatch(Step):
    """Sends the pieces off."""

    @override
    def do(self, order: Order) -> list[Write]:
        return writes.dispatch(order)


class Complete(Step):
    """Ends the order well."""

    @override
    def do(self, order: Order) -> list[Write]:
        return writes.complete(order)


class Fulfil(Saga[Context]):
    """One order, from placed to shipped, or back."""

    steps: ClassVar = [Reserve, Pay, Ship, Dispatch, Complete]


class _Container:
    """Makes steps. The library wants one; a larger one would only take time."""

    external_container = None

    def __init__(self, books: AsyncEngine) -> None:
        self._books = books

    async def resolve(self, step: type[Step]) -> Step:
        return step(self._books)


class CqrsEngine:
    """Sagas of python-cqrs, in an event loop of this process."""

    def __init__(self, store: str) -> None:
        # It tells of each refusal with a traceback.
        logging.getLogger("cqrs").setLevel(logging.CRITICAL)
        tables = create_engine(store)
        Base.metadata.create_all(tables)
        tables.dispose()
        self._loop = asyncio.new_event_loop()
        self._books = create_async_engine(store, pool_size=2 * TASKS)
        self._storage = SqlAlchemySagaStorage(async_sessionmaker(self._books))
        self._saga = Fulfil()

    def finish(self, orders: Sequence[Order]) -> None:
        """Runs some sagas at a time until all have ended."""
        self._loop.run_until_complete(self._finish(orders))

    def close(self) -> None:
        """Closes the connections and the loop."""
        self._loop.run_until_complete(self._books.dispose())
        self._loop.close()

    async def _finish(self, orders: Sequence[Order]) -> None:
        waiting = iter(orders)

        async def work() -> None:
            for order in waiting:
                await self._fulfil(order)

        await asyncio.gather(*(work() for _ in range(TASKS)))

    async def _fulfil(self, order: Order) -> None:
        transaction = self._saga.transaction(
            context=Context(**vars(order)),
            container=_Container(self._books),
            storage=self._storage,
        )
        try:
            async with transaction:
                async for _ in transaction:
                    pass
        except Refused as refusal:
            await _write(self._books, writes.cancel(order, str(refusal)))


async def _write(books: AsyncEngine, statements: Sequence[Write]) -> None:
    async with books.begin() as connection:
        for each in statements:
            await connection.execute(each.statement, each.rows)
