"""Where orders are handed in."""

import json
import threading
from typing import IO, cast

from benchmarks.process import Process, WentWrong


class Counter:
    """A `python -m application place -` that waits for lines."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def hand_in(self, orders: str) -> None:
        """Places orders, one in each line; returns when all are on disk. Raises WentWrong."""
        # By a thread, because the answers come while there are still orders to hand in.
        writer = threading.Thread(target=self._write, args=(orders,))
        writer.start()
        for _ in range(orders.count("\n")):
            answer = json.loads(cast("IO[str]", self._process.stdout).readline() or "{}")
            if answer.get("status") != "placed":
                raise WentWrong(f"An order was not placed: {answer}")
        writer.join()

    def _write(self, orders: str) -> None:
        stream = cast("IO[str]", self._process.stdin)
        stream.write(orders)
        stream.flush()
