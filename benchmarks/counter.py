"""Where orders are handed in."""

import json
import threading
from collections.abc import Sequence
from typing import IO, cast

from benchmarks.basket import Basket
from benchmarks.process import Process, WentWrong
from benchmarks.workload import lines_of


class Counter:
    """A `python -m application place -` that waits for lines."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def hand_in(self, baskets: Sequence[Basket]) -> None:
        """Places orders; returns when each of them is on disk. Raises WentWrong."""
        # By a thread, because the answers come while there are still orders to hand in.
        writer = threading.Thread(target=self._write, args=(lines_of(baskets),))
        writer.start()
        for _ in baskets:
            answer = json.loads(cast("IO[str]", self._process.stdout).readline() or "{}")
            if answer.get("status") != "placed":
                raise WentWrong(f"An order was not placed: {answer}")
        writer.join()

    def _write(self, lines: str) -> None:
        stream = cast("IO[str]", self._process.stdin)
        stream.write(lines)
        stream.flush()
