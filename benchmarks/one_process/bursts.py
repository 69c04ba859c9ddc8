"""Orders in bursts: the first burst gives the cold figure, the last one the warm figure.

Every system that is compared runs this loop, so all of them get the same seconds of warm-up.
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Measured = dict[str, float]

STATUS = Path("/proc/self/status")

YOUNG = 2_000_000
"""New objects between two collections of Python's garbage collector."""


def no_events() -> int:
    """Events are not counted."""
    return 0


@dataclass(frozen=True)
class Meter:
    """Measures a piece of work: wall time, processor time, and the events that it wrote."""

    processor: Callable[[], float] = time.process_time
    events: Callable[[], int] = no_events

    def measure(self, work: Callable[[], object]) -> Measured:
        """Does the work, and says what it took."""
        events, processor, started = self.events(), self.processor(), time.perf_counter()
        work()
        seconds = time.perf_counter() - started
        spent = self.processor() - processor
        return {"seconds": seconds, "processor": spent, "events": self.events() - events}


def run_bursts(
    bursts: Iterable[Sequence[T]],
    finish: Callable[[Sequence[T]], object],
    warm_up: float,
    meter: Meter,
) -> dict[str, Any]:
    """Finishes bursts of orders; returns what the first one and a warm one took.

    Bursts follow each other until `warm_up` seconds have passed since the first one began, or one
    is left. The next one is the warm figure.
    """
    coming = iter(bursts)
    done = 0

    def timed(orders: Sequence[T]) -> Measured:
        nonlocal done
        done += len(orders)
        return {"orders": len(orders), **meter.measure(lambda: finish(orders))}

    started = time.perf_counter()
    cold = timed(next(coming))
    counted = next(coming)
    for following in coming:
        if time.perf_counter() - started >= warm_up:
            break
        timed(counted)
        counted = following
    warmed = time.perf_counter() - started
    return {"cold": cold, "warm": timed(counted), "orders": done, "warm_up": warmed}


def read_bursts(file: Path) -> Iterator[list[str]]:
    """The lines of a file, burst by burst; an empty line stands between two bursts."""
    burst: list[str] = []
    with file.open() as lines:
        for line in lines:
            if line.strip():
                burst.append(line)
            elif burst:
                yield burst
                burst = []
    if burst:
        yield burst


def write_bursts(bursts: Iterable[Iterable[str]]) -> str:
    """The text that `read_bursts` reads."""
    return "\n".join("".join(lines) for lines in bursts)


def spare_collector() -> None:
    """Keeps Python's garbage collector away from what stays until the end of the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 50)


def peak_megabytes() -> float:
    """The most resident memory that this process has had, by the system's own mark (Linux).

    Not by getrusage(2), whose mark begins with what the parent had when it started this process.
    """
    (mark,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(mark.split()[1]) / 1024
