"""`sagaline check`: compares what is stored with the code that is loaded."""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import typer

from sagaline.application.application import Application
from sagaline.cli.commands.against import Ended, check_against
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import InspectedStores, inspected
from sagaline.cli.output import AsJson, facts, outdated_fact, print_json, show
from sagaline.cli.queries import out_of_date
from sagaline.cli.tables import Listing
from sagaline.read_model.fingerprint import uncovered
from sagaline.runner.parts import changed_parts
from sagaline.runner.saga_versions import (
    FormerDefinition,
    Verdict,
    former_definitions,
    verdicts,
)
from sagaline.runner.stored_events import Misfit, StoredEvents

MAX_LISTED_INSTANCES = 20
"""Instances that cannot go on, as printed for people."""


class Findings(NamedTuple):
    """What the loaded code cannot continue with, beside the live sagas.

    `parts` are the reasons why the stores refuse the applications and sagas of the system.
    """

    parts: list[str]
    sagas: list[Verdict]
    events: dict[str, list[str]]
    misfits: list[Misfit]
    tables: list[str]
    uncovered: list[str]
    """What the handlers of read models use and their fingerprints do not cover."""
    former: list[FormerDefinition]

    @property
    def stuck(self) -> list[Verdict]:
        """The live instances that cannot go on."""
        return [each for each in self.sagas if not each.can_go_on]

    @property
    def is_compatible(self) -> bool:
        """Whether the code can continue with all that is stored."""
        return not (self.parts or self.stuck or self.events or self.misfits or self.tables)

    def as_json(self) -> dict[str, Any]:
        """Return the findings as plain JSON values."""
        sagas = [each._asdict() | {"can_go_on": each.can_go_on} for each in self.sagas]
        misfits = [each._asdict() for each in self.misfits]
        tables = {"tables_out_of_date": self.tables, "not_in_a_fingerprint": self.uncovered}
        events = {"unknown_events": self.events, "unreadable_events": misfits}
        former = [each._asdict() for each in self.former]
        of_sagas = {"sagas": sagas, "former_definitions": former}
        return {"parts": self.parts, **of_sagas, **events, **tables}


Against = Annotated[
    str | None,
    typer.Option(
        "--against", metavar="URL|FILE", help="Play the journals of a store, or of a file, instead."
    ),
]


def check(
    ctx: typer.Context, against: Against = None, ended: Ended = 0, json: AsJson = False
) -> None:
    """Print the findings; exit with 1 where the code cannot continue with one of them."""
    if against is not None:
        check_against(ctx, against, ended, json)
        return
    if ended:
        raise typer.BadParameter("It needs --against.", ctx, param_hint="--ended")
    with inspected(ctx) as stores:
        parts = [each.reason for each in changed_parts(stores.system, stores.env)]
        tables = out_of_date(stores), list(_uncovered(stores))
        sagas = list(_sagas(stores))
        former = [f for each in stores.system.processes for f in former_definitions(each, sagas)]
        found = Findings(parts, sagas, *_events(stores), *tables, former)
    if json:
        print_json(found.as_json())
    else:
        _show(found)
    needs_attention(when=not found.is_compatible)


def _sagas(stores: InspectedStores) -> Iterator[Verdict]:
    for process in stores.system.processes:
        log = stores.written.get(process.name)
        if log is not None:
            yield from verdicts(process, log.recorder, log.mapper)


def _events(stores: InspectedStores) -> tuple[dict[str, list[str]], list[Misfit]]:
    """Return the event types that the code does not know by application, and those it misreads."""
    unknown: dict[str, list[str]] = {}
    misfits: list[Misfit] = []
    for name, log in stores.written.items():
        if stores.system.get_app_cls(name).construct_mapper is not Application.construct_mapper:
            continue  # it reads its events in its own way
        found = StoredEvents(name, log.recorder, log.mapper).read()
        if found.unknown:
            unknown[name] = found.unknown
        misfits += [each for each in found.misfits if each.topic not in found.unknown]
    return unknown, misfits


def _uncovered(stores: InspectedStores) -> Iterator[str]:
    for model in stores.system.read_models:
        yield from (f"{each} ({model.table.name})" for each in uncovered(model))


def _show(found: Findings) -> None:
    stuck = found.stuck
    if stuck:
        rows = Listing("saga", "key", "state", ">why it cannot go on")
        for each in stuck[:MAX_LISTED_INSTANCES]:
            rows.add(each.saga, each.key, each.state, each.reason, style="red")
        rows.show()
        show("")
    unknown = [f"{topic} in {name}" for name, topics in found.events.items() for topic in topics]
    live = f"{len(found.sagas) - len(stuck):,} can go on, {len(stuck):,} cannot"
    rest = {
        "parts refused": found.parts,
        "unknown events": unknown,
        "unreadable events": [each.text for each in found.misfits],
    }
    lists = [(name, ", ".join(each) or "none") for name, each in rest.items()]
    unseen = [("not in a fingerprint", ", ".join(found.uncovered))] if found.uncovered else []
    former = [("former definition", each.text) for each in found.former]
    sagas = [("live sagas", live), *former]
    show(facts([*sagas, *lists, outdated_fact(found.tables), *unseen]))
