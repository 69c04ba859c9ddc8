"""Whether the machine was quiet: what others took of it before, during and after the measurements.

Others are all processes that are not of this run. Their share is what the system says that all
processors did, less what this run's own processes did; beside it stands what a hypervisor took
(steal). The load average is looked at only before anything is run, because later it is our own.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any, NamedTuple

from benchmarks.pairs import say

STAT = Path("/proc/stat")
TICKS = os.sysconf("SC_CLK_TCK")

MOST_LOAD = 0.5
"""The load average before the run: half a process that wants to run."""

MOST_OTHERS = 5.0
"""Percent of all processors that others may take."""

MOST_STEAL = 2.0
"""Percent of all processors that a hypervisor may take."""

Spent = Callable[[], float]


class Use(NamedTuple):
    """What was taken of the machine for a while, in percent of all its processors."""

    load: float
    others: float | None
    steal: float | None

    def disturbances(self, when: str) -> list[str]:
        """What says that it was not quiet then."""
        if self.others is None or self.steal is None:
            return [f"{when}: the system does not say what others take"]
        found = []
        if self.others > MOST_OTHERS:
            found.append(f"{when}: other processes took {self.others:.0f}% of the processors")
        if self.steal > MOST_STEAL:
            found.append(f"{when}: the hypervisor took {self.steal:.0f}% of the processors")
        return found


def of_run(before: Use, during: Mapping[str, Use], after: Use | None) -> list[str]:
    """What disturbed a run, in the order in which it did."""
    found = before.disturbances("before")
    if before.load > MOST_LOAD:
        found.insert(0, f"before: the load was {before.load:.2f}")
    for name, use in during.items():
        found += use.disturbances(name)
    return found + (after.disturbances("after") if after else [])


class Quiet:
    """Watches the machine from before a run until after it.

    `server` says the processor seconds of a server that is part of the run, though no child of it.
    """

    def __init__(self, server: Spent, watched: float) -> None:
        self._server = server
        self._watched = watched
        self._during: dict[str, Use] = {}
        self._before = self._idle()
        self._after: Use | None = None
        self._mark = self._now()

    def passed(self, name: str) -> None:
        """A benchmark has ended: its processes too, so that what they took is known."""
        self._during[name] = self._since(self._mark)
        self._mark = self._now()

    def ended(self) -> None:
        """Nothing is measured any more."""
        self._after = self._idle()

    @property
    def disturbances(self) -> list[str]:
        """Why the run was not quiet; empty where it was."""
        return of_run(self._before, self._during, self._after)

    def document(self) -> dict[str, Any]:
        """What the machine part of the document says of it."""
        during = list(self._during.values())
        return {
            "quiet": not self.disturbances,
            "disturbances": self.disturbances,
            "use": {
                "before": self._before._asdict(),
                "during": _worst(during)._asdict() if during else None,
                "after": self._after and self._after._asdict(),
            },
        }

    def tell(self) -> None:
        """Says on stderr what has disturbed it so far."""
        for each in self.disturbances:
            say(f"The machine is not quiet: {each}.")

    def _idle(self) -> Use:
        """While nothing of this run does anything."""
        mark = self._now()
        time.sleep(self._watched)
        return self._since(mark)

    def _now(self) -> "_Mark":
        ours = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
        spent = sum(each.ru_utime + each.ru_stime for each in ours) + self._server()
        return _Mark(_processors(), spent)

    def _since(self, mark: "_Mark") -> Use:
        now = self._now()
        load = round(os.getloadavg()[0], 2)
        if now.processors is None or mark.processors is None:
            return Use(load, None, None)
        passed = [
            after - before for before, after in zip(mark.processors, now.processors, strict=True)
        ]
        total, busy, steal = passed
        others = max(0.0, busy - (now.ours - mark.ours))
        return Use(load, _percent(others, total), _percent(steal, total))


class _Mark(NamedTuple):
    """How much was done by then: by all processors, and by this run."""

    processors: Sequence[float] | None
    ours: float


def _processors() -> Sequence[float] | None:
    """Seconds of all processors: in all, busy, and stolen. None where the system does not say."""
    if not STAT.exists():
        return None
    fields = [int(each) / TICKS for each in STAT.read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, idle, waiting, interrupts, soft, steal = fields
    busy = user + nice + system + interrupts + soft
    return busy + idle + waiting + steal, busy, steal


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _worst(uses: Sequence[Use]) -> Use:
    """The highest of each."""
    return Use(
        max(each.load for each in uses),
        max((each.others for each in uses if each.others is not None), default=None),
        max((each.steal for each in uses if each.steal is not None), default=None),
    )
