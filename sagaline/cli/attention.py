"""Sagas that an operator should see: late ones, and those that wait behind dead letters."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice

from sagaline.admin.late import Late, late_sagas
from sagaline.admin.saga_lookup import Instance
from sagaline.cli.inspection import InspectedStores
from sagaline.cli.output import duration, moment, show
from sagaline.cli.tables import Listing
from sagaline.runner.clock import StoreClock
from sagaline.runner.held_up import HeldUp, held_up
from sagaline.system.saga_list import saga_list

MAX_SHOWN = 10
"""Instances behind dead letters that are named to people; `dead-letters list` names all."""


def late(stores: InspectedStores, limit: int | None = None) -> Iterator[Late]:
    """Return the sagas and steps that take longer than they should."""
    if not stores.has_view(saga_list):
        return iter(())
    now, written = StoreClock(stores.datastores[0])(), stores.written
    of_each = (late_sagas(each, written, stores.views, now) for each in stores.system.processes)
    return islice(chain.from_iterable(of_each), limit)


def held_by(stores: InspectedStores, found: Instance) -> list[HeldUp]:
    """Return the dead letters that an open instance waits behind."""
    if found.journal.state.ended:
        return []
    letters = held_up(stores.system, stores.datastores, found.key)
    return [each for each in letters if each.saga == found.process.name]


def show_late(found: Sequence[Late], empty: str = "") -> None:
    """Print what is late; without any, the text for it, or nothing."""
    rows = Listing("late", "state", "?saga", "step", "since", ">expected within")
    for each in found:
        expected = duration(each.expected.total_seconds())
        rows.add(each.key, each.state, each.saga, each.step, moment(each.since), expected)
    if found or empty:
        rows.show(empty)
    if found and not empty:
        show("")


def show_held_up(found: Sequence[HeldUp]) -> None:
    """Print what waits behind dead letters, with the commands that retry them."""
    for each in found[:MAX_SHOWN]:
        show(str(each))
    if len(found) > MAX_SHOWN:
        show(f"... and {len(found) - MAX_SHOWN:,} more: see `sagaline dead-letters list`")
