"""`sagaline run`: leads the followers of a system, until it is settled or told to stop."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.gc_tuning import leave_in_peace
from sagaline.cli.inspection import inspect_stores
from sagaline.cli.options import system_and_environment
from sagaline.cli.output import AsJson, counted, duration, facts, print_json, print_note, show, side
from sagaline.cli.queries import letters_by_follower, sagas_by_state
from sagaline.cli.signals import noticing
from sagaline.runner.lag import FollowerLag
from sagaline.runner.runner import Runner
from sagaline.storage.sql.errors import STORAGE_FAULTS
from sagaline.system.system import System

LOOK = 0.03
"""Seconds between two looks whether the system is settled."""

LONG_LOOK = 0.25
"""Seconds between two looks while it cannot be: each look takes time from the runner."""

MUCH = 2_000
"""Events that take longer than a long look."""

UntilSettled = Annotated[
    bool,
    typer.Option("--until-settled", help="Return when there is nothing left to do."),
]
Horizon = Annotated[
    float | None,
    typer.Option(min=0, metavar="S", help="Do not wait for timers due in more than S seconds."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME ...", help="Lead these followers only."),
]
More = Annotated[list[str] | None, typer.Argument(hidden=True, metavar="NAME")]


def run(
    ctx: typer.Context,
    until_settled: UntilSettled = False,
    horizon: Horizon = None,
    only: Only = None,
    more: More = None,
    json: AsJson = False,
) -> None:
    """Run the system: lead its followers along the logs.

    Several runs on one store share the followers between them. With --until-settled the command
    returns when every follower is caught up, whoever leads it, and no timer is pending.
    """
    if more and not only:
        raise typer.BadParameter(f"Unexpected: {' '.join(more)}", ctx)
    if horizon is not None and not until_settled:
        raise typer.BadParameter("It needs --until-settled.", ctx, param_hint="--horizon")
    system, env = system_and_environment(ctx)
    with noticing() as stop:
        started = time.monotonic()
        runner = Runner(system, env, only=[*(only or ()), *(more or ())])
        _announce(system, runner)
        leave_in_peace()
        with _failing(stop), runner, _progress(runner.options.log_level) as progress:
            settled = _lead(runner, stop, progress, until_settled, horizon)
        if until_settled:
            _sum_up(system, env, settled, time.monotonic() - started, json)


def _announce(system: System, runner: Runner) -> None:
    where = ", ".join(each.address for each in runner.datastores)
    names = ", ".join(each.name for each in runner.followers)
    print_note(f"{system.name} on {where}")
    print_note(f"leads {names}")


def _lead(
    runner: Runner, stop: Event, progress: "_Lag", until_settled: bool, horizon: float | None
) -> bool:
    """Lets the runner run; says whether it has settled."""
    if not (until_settled or progress.is_seen):
        stop.wait()
        return False
    pause = LOOK
    while not stop.wait(pause):
        try:
            lag = progress.show(runner.lag())
            if until_settled and lag == 0 and runner.settled(horizon):
                return True
        except STORAGE_FAULTS:
            continue  # the runner says so, and goes on when the store answers again
        pause = LOOK if until_settled and lag < MUCH else LONG_LOOK
    return False


def _sum_up(
    system: System, env: Mapping[str, str], settled: bool, seconds: float, json: bool
) -> None:
    with inspect_stores(system, env) as found:
        sagas, letters = sagas_by_state(found), sum(letters_by_follower(found).values())
    if json:
        facts_ = {"settled": settled, "seconds": round(seconds, 3)}
        print_json({**facts_, "sagas": sagas, "dead_letters": letters})
    else:
        _show(settled, seconds, sagas, letters)
    needs_attention(when=settled and bool(sagas["parked"] or letters))


def _show(settled: bool, seconds: float, sagas: Mapping[str, int], letters: int) -> None:
    said = f"Settled after {duration(seconds)}." if settled else "Stopped before it was settled."
    states = ", ".join(f"{count:,} {state}" for state, count in sagas.items() if count)
    show(said)
    show(facts([("sagas", states or "none"), ("dead letters", letters)]))


@contextmanager
def _failing(stop: Event) -> Iterator[None]:
    """What a thread of the runner dies of ends the command, which would else wait for ever."""
    failures: list[BaseException] = []

    def fail(died: threading.ExceptHookArgs) -> None:
        failures.append(died.exc_value or RuntimeError("a thread of the runner died"))
        stop.set()

    before, threading.excepthook = threading.excepthook, fail
    try:
        yield
    finally:
        threading.excepthook = before
    if failures:
        raise failures[0]


class _Lag:
    """How far the followers still have to go, shown on a terminal."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task("", total=None)

    @property
    def is_seen(self) -> bool:
        """Whether there is a terminal, and so perhaps somebody who looks."""
        return self._progress is not None

    def show(self, places: Sequence[FollowerLag]) -> int:
        """Shows the present state; returns how many events are left."""
        lag = sum(each.lag for each in places)
        if self._progress is not None and self._task is not None:
            done = sum(each.position for each in places)
            said = f"{counted(lag, 'event')} behind" if lag else "nothing to do, Ctrl-C stops"
            self._progress.update(self._task, description=said, completed=done, total=done + lag)
        return lag


@contextmanager
def _progress(log_level: str) -> Iterator[_Lag]:
    console = side()
    with _logging(console, log_level):
        if not console.is_terminal:
            yield _Lag(None)
            return
        columns: Any = (SpinnerColumn(), BarColumn(24), TextColumn("{task.description}"))
        with Progress(*columns, console=console, transient=True) as progress:
            yield _Lag(progress)


@contextmanager
def _logging(console: Console, level: str) -> Iterator[None]:
    """Shows log messages of this level and above, on lines of their own above the progress."""
    handler: logging.Handler = logging.StreamHandler()
    if console.is_terminal:
        handler = RichHandler(console=console, show_path=False, log_time_format="%X")
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("sagaline")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
