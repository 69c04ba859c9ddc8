"""`sagaline rebuild`: builds read tables again from the logs, beside the live ones."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Annotated

import typer

from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.gc_tuning import tune_garbage_collector
from sagaline.cli.inspection import inspect_stores, inspected, system_and_environment
from sagaline.cli.output import (
    AsJson,
    duration,
    print_json,
    print_note,
    show,
    stderr_console,
)
from sagaline.cli.queries import out_of_date
from sagaline.cli.tables import Listing
from sagaline.errors import RebuildBusy, RebuildFailed
from sagaline.rebuilding.progress import Progress, Rebuilt
from sagaline.rebuilding.rebuild import rebuild as rebuild_tables
from sagaline.rebuilding.rebuild import roll_back
from sagaline.rebuilding.worker import rebuild_worker
from sagaline.system.system import System

Views = Annotated[list[str] | None, typer.Argument(metavar="VIEW", help="Read tables. [all]")]
Outdated = Annotated[
    bool, typer.Option("--outdated", help="Choose the read tables that are out of date.")
]
Verify = Annotated[
    bool,
    typer.Option("--verify", help="Compare with the live tables; change nothing."),
]
Rollback = Annotated[
    bool,
    typer.Option(
        "--rollback", help="Restore the tables of before the last rebuild; again, undo that."
    ),
]


DropOld = Annotated[
    bool,
    typer.Option(
        "--drop-old", help="Drop the tables that are replaced, so no rollback is possible."
    ),
]


def rebuild(
    ctx: typer.Context,
    views: Views = None,
    outdated: Outdated = False,
    verify: Verify = False,
    rollback: Rollback = False,
    drop_old: DropOld = False,
    json: AsJson = False,
) -> None:
    """Rebuild, compare or roll back read tables; exit with 1 where one differs or fails."""
    if verify and rollback:
        raise typer.BadParameter("It excludes --verify.", ctx, param_hint="--rollback")
    if outdated and (views or rollback):
        raise typer.BadParameter("It excludes VIEW and --rollback.", ctx, param_hint="--outdated")
    if drop_old and (verify or rollback):
        raise typer.BadParameter(
            "It excludes --verify and --rollback.", ctx, param_hint="--drop-old"
        )
    if rollback:
        system, env = _checked(ctx)
        _print_rolled_back(roll_back(system, env, views or ()), json)
        return
    if outdated:
        with inspected(ctx) as stores:
            views = out_of_date(stores)
        if not views:
            _print_none_outdated(json)
            return
    with _noting_a_stop(verify):
        system, env = _checked(ctx)
        tune_garbage_collector()
        with closing(rebuild_worker(system)) as worker, _progress() as progress:
            how: dict[str, bool] = {"verify": verify, "drop_old": drop_old}
            done, failed = _done(
                rebuild_tables(system, env, views or (), **how, progress=progress, worker=worker)
            )
    _print_results(done, verify, json)
    if failed is not None:
        print_note(f"sagaline: {failed}", level="ERROR")
    needs_attention(when=failed is not None or any(each.differences for each in done))


def _checked(ctx: typer.Context) -> tuple[System, dict[str, str]]:
    """Return the system and its environment, where its stores exist and are its own."""
    system, env = system_and_environment(ctx)
    with inspect_stores(system, env):
        return system, env


@contextmanager
def _noting_a_stop(verify: bool) -> Iterator[None]:
    """Print a note where a signal ends the rebuild, because the exit status is 0 then."""
    try:
        yield
    except SystemExit:
        print_note(
            f"sagaline: stopped; {'nothing is known' if verify else 'the next one continues it'}"
        )
        raise


def _done(rebuilt: Iterator[Rebuilt]) -> tuple[list[Rebuilt], Exception | None]:
    """Return the tables that were built before one failed, and its error."""
    done: list[Rebuilt] = []
    try:
        done.extend(rebuilt)
    except (RebuildFailed, RebuildBusy) as error:
        return done, error
    return done, None


def _print_results(done: Sequence[Rebuilt], verify: bool, json: bool) -> None:
    if json:
        print_json([asdict(each) for each in done])
        return
    rows = Listing("table", "#events", "#rows", "#time", ">result")
    for each in done:
        result = "rebuilt"
        if verify:
            result = f"differs: {'; '.join(each.differences)}" if each.differences else "same"
        style = "red" if each.differences else ""
        rows.add(each.view, each.events, each.rows, duration(each.seconds), result, style=style)
    rows.show("")


def _print_none_outdated(json: bool) -> None:
    if json:
        print_json([])
    else:
        show("No table is out of date.")


def _print_rolled_back(views: Sequence[str], json: bool) -> None:
    if json:
        print_json({"rolled_back": list(views)})
    else:
        show(f"Rolled back: {', '.join(views)}")


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """Show on a terminal how far each table is, and how long it will take."""
    console = stderr_console()
    if not console.is_terminal:
        yield None
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description:<16}", markup=False),
        bars.BarColumn(20),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=console, transient=True) as shown:
        tasks = {}

        def show_progress(view: str, passed: int, total: int) -> None:
            if view not in tasks:
                tasks[view] = shown.add_task(view)
            shown.update(tasks[view], completed=passed, total=total)

        yield show_progress
