"""What is asked of an engine for durable steps."""

from collections.abc import Sequence
from typing import Protocol

from benchmarks.steps.order import Order


class Engine(Protocol):
    """Brings orders to their ends, on a PostgreSQL store that is its own."""

    def finish(self, orders: Sequence[Order]) -> None:
        """Starts a saga for each order, many at a time, and returns when all have ended."""
        ...

    def close(self) -> None:
        """Lets the store go."""
        ...
