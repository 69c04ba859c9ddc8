"""Stories of a system of sagas: what starts, what goes wrong, and where everything crashes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from typing_extensions import override

from sagaline.messaging.commands import Command
from sagaline.testing.simulation.commits import Commits
from sagaline.testing.simulation.faults import Fault
from sagaline.testing.simulation.script import Script
from sagaline.testing.simulation.scripted_attempt import FaultPoint


class Place(NamedTuple):
    """One command of one saga instance."""

    saga: str
    key: str
    point: FaultPoint

    @override
    def __str__(self) -> str:
        return f"{self.saga} {self.key}: {self.point}"


class Crash(NamedTuple):
    """Where everything crashes: before, or after, so manyth commit."""

    commit: int
    before: bool

    @override
    def __str__(self) -> str:
        return f"everything crashes {'before' if self.before else 'after'} commit {self.commit}"


@dataclass(frozen=True)
class Story:
    """What starts, what goes wrong in each attempt at a command, and where everything crashes."""

    starts: Sequence[Any]
    faults: Mapping[Place, tuple[Fault, ...]] = field(default_factory=dict)
    crash: Crash | None = None

    def lines(self) -> list[str]:
        """The story as a script, line by line."""
        starts = [_start(each) for each in self.starts]
        faults = [
            f"{place} {fault.description}" for place, each in self.faults.items() for fault in each
        ]
        return [*starts, *faults, *([] if self.crash is None else [str(self.crash)])]

    def commits(self) -> Commits:
        """Counts the commits of a run, and crashes it where the story says."""
        return (
            Commits()
            if self.crash is None
            else Commits(self.crash.commit, before=self.crash.before)
        )

    def script_of(self, saga: str, key: str) -> Script:
        """The faults of one instance."""
        return {
            place.point: faults
            for place, faults in self.faults.items()
            if (place.saga, place.key) == (saga, key)
        }

    def simpler(self) -> Iterator["Story"]:
        """The same story with one thing less."""
        if self.crash is not None:
            yield replace(self, crash=None)
        for place, faults in self.faults.items():
            others = {each: known for each, known in self.faults.items() if each != place}
            yield replace(self, faults=others | ({place: faults[:-1]} if faults[1:] else {}))
        if len(self.starts) > 1:
            for left_out in self.starts:
                kept = [each for each in self.starts if each is not left_out]
                yield replace(self, starts=kept)


def shrunk(story: Story, fails: Callable[[Story], bool]) -> Story:
    """The least story that still fails: without any one thing more it would pass."""
    simpler = next(filter(fails, story.simpler()), None)
    return story if simpler is None else shrunk(simpler, fails)


def _start(start: Any) -> str:
    given = "is given" if isinstance(start, Command) else "happens"
    return f"{type(start).__qualname__} {given}"
