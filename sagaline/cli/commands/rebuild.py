"""`sagaline rebuild`: builds read tables again from the logs, beside the live ones."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.gc_tuning import leave_in_peace
from sagaline.cli.inspection import inspect_stores
from sagaline.cli.options import system_and_environment
from sagaline.cli.output import AsJson, duration, print_json, print_note, show, side
from sagaline.cli.tables import Listing
from sagaline.errors import RebuildBusy, RebuildFailed
from sagaline.rebuilding.rebuild import rebuild as rebuilding
from sagaline.rebuilding.rebuild import roll_back
from sagaline.rebuilding.shadow_table import Progress as Told
from sagaline.rebuilding.shadow_table import Rebuilt
from sagaline.rebuilding.worker import rebuild_worker
from sagaline.system.system import System

Views = Annotated[list[str] | None, typer.Argument(metavar="VIEW", help="Read tables. [all]")]
Verify = Annotated[
    bool,
    typer.Option("--verify", help="Compare with the live tables, and leave them as they are."),
]
Rollback = Annotated[
    bool,
    typer.Option(
        "--rollback", help="Put the tables of before the last rebuild back; or undo that."
    ),
]


def rebuild(
    ctx: typer.Context,
    views: Views = None,
    verify: Verify = False,
    rollback: Rollback = False,
    json: AsJson = False,
) -> None:
    """Build read tables again from the logs, while the system runs.

    A rebuild that was stopped goes on where it was. With --verify the status is 1 where a table
    differs.
    """
    if verify and rollback:
        raise typer.BadParameter("It excludes --verify.", ctx, param_hint="--rollback")
    if rollback:
        system, env = _checked(ctx)
        _tell_rolled_back(roll_back(system, env, views or ()), json)
        return
    with _stopping(verify):
        system, env = _checked(ctx)
        leave_in_peace()
        with closing(rebuild_worker(system)) as twin, _progress() as progress:
            chosen = views or ()
            done, failed = _done(
                rebuilding(system, env, chosen, verify=verify, progress=progress, beside=twin)
            )
    _tell(done, verify, json)
    if failed is not None:
        print_note(f"sagaline: {failed}")
    needs_attention(when=failed is not None or any(each.differences for each in done))


def _checked(ctx: typer.Context) -> tuple[System, dict[str, str]]:
    """Of a store that is there, and this system's: nothing is made, or touched, of any other."""
    system, env = system_and_environment(ctx)
    with inspect_stores(system, env):
        return system, env


@contextmanager
def _stopping(verify: bool) -> Iterator[None]:
    """Says so where a signal ends it: the status is that of a rebuild that was done."""
    try:
        yield
    except SystemExit:
        print_note(
            f"sagaline: stopped; {'nothing is known' if verify else 'it goes on where it was'}"
        )
        raise


def _done(rebuilt: Iterator[Rebuilt]) -> tuple[list[Rebuilt], Exception | None]:
    """The tables that were built before one failed, and its error."""
    done: list[Rebuilt] = []
    try:
        done.extend(rebuilt)
    except (RebuildFailed, RebuildBusy) as error:
        return done, error
    return done, None


def _tell(done: Sequence[Rebuilt], verify: bool, json: bool) -> None:
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


def _tell_rolled_back(views: Sequence[str], json: bool) -> None:
    if json:
        print_json({"rolled_back": list(views)})
    else:
        show(f"Rolled back: {', '.join(views)}")


@contextmanager
def _progress() -> Iterator[Told | None]:
    """How far each table is, and how long it will take, on a terminal."""
    console = side()
    if not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as shown:
        tasks = {}

        def tell(view: str, passed: int, total: int) -> None:
            if view not in tasks:
                tasks[view] = shown.add_task(view)
            shown.update(tasks[view], completed=passed, total=total)

        yield tell
