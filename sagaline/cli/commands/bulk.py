"""Acts on many sagas or dead letters: what is selected, the progress, and what was done."""

import time
from typing import Final

import typer

from sagaline.admin.admin import Admin
from sagaline.admin.bulk_result import BulkResult
from sagaline.cli.commands.timers import moment_of
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import inspected, system_and_environment
from sagaline.cli.output import print_json, print_note, show
from sagaline.cli.selecting import Chosen
from sagaline.cli.tables import Listing
from sagaline.runner.clock import StoreClock
from sagaline.saga.interventions import Operator
from sagaline.saga.state import Action

PROGRESS_INTERVAL: Final = 1.0
"""Seconds between two notes of how many are handled."""


def act_on_many(
    ctx: typer.Context, action: Action, chosen: Chosen, by: Operator, json: bool
) -> None:
    """Act on all that is selected; exit with 1 where it could not be done to one of them."""
    with inspected(ctx) as stores:
        now = StoreClock(stores.datastores[0])()
        selection = chosen.selection(lambda text: moment_of(text, now, "-"))
        selection.check(stores.system)
    system, env = system_and_environment(ctx)
    with Admin(system, env, by=by.name, progress=_Notes(action).tell) as admin:
        done = admin.act(action, selection, by.reason, dry_run=chosen.dry_run)
    if json:
        print_json(done.as_json())
    else:
        _show(done)
    needs_attention(when=bool(done.refused))


class _Notes:
    """Notes on stderr of how far an act is, at most one a second."""

    def __init__(self, action: Action) -> None:
        self._action = action
        self._last = time.monotonic()

    def tell(self, handled: int, selected: int) -> None:
        """Print a note, if it is time."""
        if time.monotonic() - self._last >= PROGRESS_INTERVAL:
            self._last = time.monotonic()
            print_note(f"{self._action.value}: {handled:,} of {selected:,}")


def _show(done: BulkResult) -> None:
    groups = Listing("#count", "saga", "step", ">reason")
    for group in done.groups:
        groups.add(group.count, group.saga, group.step, group.reason)
    groups.show("Nothing is selected.")
    if done.refused:
        show("")
        refused = Listing("cannot be done to", "key", ">because")
        for each in done.refused:
            refused.add(each.id, each.key, each.reason)
        refused.show()
    what = "would be done to" if done.dry_run else "done to"
    print_note(f"{done.action}: {what} {done.done:,}, refused for {len(done.refused):,}.")
