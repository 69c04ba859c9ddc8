"""Where orders are handed in."""

import json
import threading
from typing import IO, Any, cast

from benchmarks.process import Process, WentWrong

NO_ORDER = "{}\n"
"""A line that is rejected, and writes nothing."""


class Counter:
    """A `python -m application place -` that waits for lines."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def await_open(self) -> None:
        """Returns when the process has loaded all that it needs, and reads lines."""
        self._write(NO_ORDER)
        answer = self._answer()
        if answer.get("status") != "rejected":
            raise WentWrong(f"A line that is no order was not rejected: {answer}")

    def hand_in(self, orders: str) -> None:
        """Places orders, one in each line; returns when all are on disk. Raises WentWrong."""
        # By a thread, because the answers come while there are still orders to hand in.
        writer = threading.Thread(target=self._write, args=(orders,))
        writer.start()
        for _ in range(orders.count("\n")):
            answer = self._answer()
            if answer.get("status") != "placed":
                raise WentWrong(f"An order was not placed: {answer}")
        writer.join()

    def _answer(self) -> dict[str, Any]:
        line = cast("IO[str]", self.process.stdout).readline()
        answer: dict[str, Any] = json.loads(line or "{}")
        return answer

    def _write(self, lines: str) -> None:
        stream = cast("IO[str]", self.process.stdin)
        stream.write(lines)
        stream.flush()
