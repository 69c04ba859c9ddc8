"""`sagaline check`: compares what is stored with the code that is loaded."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import typer

from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import InspectedStores, inspected
from sagaline.cli.output import AsJson, facts, outdated_fact, print_json, show
from sagaline.cli.queries import out_of_date
from sagaline.cli.tables import Listing
from sagaline.codec import unknown_topics
from sagaline.read_model.fingerprint import uncovered
from sagaline.runner.saga_versions import Verdict, verdicts

MAX_LISTED_INSTANCES = 20
"""Instances that cannot go on, as printed for people."""


class Findings(NamedTuple):
    """The live sagas, and the events and read tables that the loaded code cannot continue with."""

    sagas: list[Verdict]
    events: dict[str, list[str]]
    tables: list[str]
    uncovered: list[str]
    """What the handlers of read models use and their fingerprints do not cover."""

    @property
    def stuck(self) -> list[Verdict]:
        """The live instances that cannot go on."""
        return [each for each in self.sagas if not each.can_go_on]

    @property
    def is_compatible(self) -> bool:
        """Whether the code can continue with all that is stored."""
        return not (self.stuck or self.events or self.tables)

    def as_json(self) -> dict[str, Any]:
        """Return the findings as plain JSON values."""
        sagas = [each._asdict() | {"can_go_on": each.can_go_on} for each in self.sagas]
        tables = {"tables_out_of_date": self.tables, "not_in_a_fingerprint": self.uncovered}
        return {"sagas": sagas, "unknown_events": self.events, **tables}


def check(ctx: typer.Context, json: AsJson = False) -> None:
    """Print the findings; exit with 1 where the code cannot continue with one of them."""
    with inspected(ctx) as stores:
        sagas, events = list(_sagas(stores)), dict(_unknown(stores))
        found = Findings(sagas, events, out_of_date(stores), list(_uncovered(stores)))
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


def _unknown(stores: InspectedStores) -> Iterator[tuple[str, list[str]]]:
    """Return the event types that the code does not know, by application."""
    for name, log in stores.written.items():
        unknown = unknown_topics(log.recorder.topics_since(0))
        if unknown:
            yield name, unknown


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
    events = "unknown events", ", ".join(unknown) or "none"
    unseen = [("not in a fingerprint", ", ".join(found.uncovered))] if found.uncovered else []
    show(facts([("live sagas", live), events, outdated_fact(found.tables), *unseen]))
