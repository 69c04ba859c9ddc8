"""`sagaline run`: runs the followers of a system until it is settled or a signal stops it."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sagaline.cli.attention import show_held_up
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.gc_tuning import tune_garbage_collector
from sagaline.cli.inspection import inspect_stores, system_and_environment
from sagaline.cli.output import (
    AsJson,
    counted,
    duration,
    facts,
    outdated_fact,
    print_json,
    print_note,
    printable,
    show,
    stderr_console,
)
from sagaline.cli.queries import letters_by_follower, out_of_date, sagas_by_state
from sagaline.cli.signals import signals_noted
from sagaline.runner.held_up import held_up
from sagaline.runner.lag import FollowerLag
from sagaline.runner.options import STOP_TIMEOUT
from sagaline.runner.runner import Runner
from sagaline.storage.sql.errors import STORAGE_FAULTS
from sagaline.system.system import System

if TYPE_CHECKING:
    from rich.progress import Progress

SETTLED_CHECK_INTERVAL = 0.03
"""Seconds between two checks whether the system is settled."""

BUSY_CHECK_INTERVAL = 0.25
"""Seconds between two checks while many events are left: each check takes time from the runner."""

BUSY_LAG = 2_000
"""Events that take longer than a busy check interval."""

DEATH_CHECK_INTERVAL = 0.5
"""Seconds between two checks whether the runner is alive, where nothing else is waited for."""

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
    typer.Option(metavar="NAME ...", help="Run these followers only."),
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
    """Run the followers of the system; exit with 1 where something needs attention at the end."""
    if more and not only:
        raise typer.BadParameter(printable(f"Unexpected: {' '.join(more)}"), ctx)
    if horizon is not None and not until_settled:
        raise typer.BadParameter("It needs --until-settled.", ctx, param_hint="--horizon")
    system, env = system_and_environment(ctx)
    started = time.monotonic()
    runner = Runner(system, env, only=[*(only or ()), *(more or ())])
    with signals_noted() as watch:
        stop = watch.asked
        watch.seconds += runner.options.stop_timeout - STOP_TIMEOUT
        _announce(system, runner)
        tune_garbage_collector()
        with _failing(stop), runner, _progress() as progress:
            settled = _wait(runner, stop, progress, until_settled, horizon)
        if until_settled:
            _print_summary(system, env, settled, time.monotonic() - started, json)


def _announce(system: System, runner: Runner) -> None:
    where = ", ".join(each.address for each in runner.datastores)
    names = ", ".join(each.name for each in runner.followers)
    print_note(f"{system.name} on {where}")
    print_note(f"leads {names}")


def _wait(
    runner: Runner, stop: Event, progress: "_Lag", until_settled: bool, horizon: float | None
) -> bool:
    """Wait until the runner has settled, or a signal stops it; return whether it has settled."""
    if not (until_settled or progress.is_shown):
        while runner.is_alive and not stop.wait(DEATH_CHECK_INTERVAL):
            pass
        return False
    pause = SETTLED_CHECK_INTERVAL
    while runner.is_alive and not stop.wait(pause):
        try:
            lag = progress.show(runner.lag())
            if until_settled and lag == 0 and runner.settled(horizon):
                return True
        except STORAGE_FAULTS:
            continue  # the runner logs it, and continues when the store answers again
        is_near = until_settled and lag < BUSY_LAG
        pause = SETTLED_CHECK_INTERVAL if is_near else BUSY_CHECK_INTERVAL
    return False


def _print_summary(
    system: System, env: Mapping[str, str], settled: bool, seconds: float, json: bool
) -> None:
    with inspect_stores(system, env) as found:
        sagas, letters = sagas_by_state(found), sum(letters_by_follower(found).values())
        outdated, held = out_of_date(found), held_up(system, found.datastores)
    if json:
        facts_ = {"settled": settled, "seconds": round(seconds, 3)}
        rest: dict[str, Any] = {"dead_letters": letters, "tables_out_of_date": outdated}
        rest["held_up"] = [each.as_json() for each in held]
        print_json({**facts_, "sagas": sagas, **rest})
    else:
        _show(settled, seconds, sagas, letters, outdated)
        show_held_up(held)
    needs_attention(when=settled and bool(sagas["parked"] or letters or outdated))


def _show(
    settled: bool, seconds: float, sagas: Mapping[str, int], letters: int, outdated: Sequence[str]
) -> None:
    result = f"Settled after {duration(seconds)}." if settled else "Stopped before it was settled."
    states = ", ".join(f"{count:,} {state}" for state, count in sagas.items() if count)
    show(result)
    rest = [outdated_fact(outdated)] if outdated else []
    show(facts([("sagas", states or "none"), ("dead letters", letters), *rest]))


@contextmanager
def _failing(stop: Event) -> Iterator[None]:
    """End the command with the error that kills a thread of the runner; else it would never end."""
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
    """The number of events that are left, shown on a terminal."""

    def __init__(self, progress: "Progress | None") -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task("", total=None)

    @property
    def is_shown(self) -> bool:
        """Whether there is a terminal."""
        return self._progress is not None

    def show(self, places: Sequence[FollowerLag]) -> int:
        """Show the present state; return how many events are left."""
        lag = sum(each.lag for each in places)
        if self._progress is not None and self._task is not None:
            done = sum(each.position for each in places)
            text = f"{counted(lag, 'event')} left" if lag else "nothing to do, Ctrl-C stops"
            self._progress.update(self._task, description=text, completed=done, total=done + lag)
        return lag


@contextmanager
def _progress() -> Iterator[_Lag]:
    console = stderr_console()
    if not console.is_terminal:
        yield _Lag(None)
        return
    from rich import progress as bars

    text = bars.TextColumn("{task.description}", markup=False)
    columns: Any = (bars.SpinnerColumn(), bars.BarColumn(24), text)
    with bars.Progress(*columns, console=console, transient=True) as progress:
        yield _Lag(progress)
