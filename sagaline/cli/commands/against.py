"""`sagaline check --against` and `sagas record`: recorded journals, and the loaded code."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from sagaline.admin.journal_file import read_journals, write_journals
from sagaline.admin.recorded_journals import (
    OtherTurn,
    RecordedJournal,
    other_turns,
    recorded_in,
)
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import InspectedStores, inspect_stores, inspected
from sagaline.cli.output import AsJson, facts, print_json, print_note, show
from sagaline.cli.settings import settings_of
from sagaline.cli.tables import Listing
from sagaline.system.system import System

MAX_KEPT: Final = 1_000
"""Instances that would take another turn, as printed with --json; all are counted."""

MAX_LISTED: Final = 20
"""Instances that would take another turn, as printed for people."""

Ended = Annotated[
    int,
    typer.Option(
        "--ended", min=0, metavar="N", help="The last N ended instances of each saga too."
    ),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")]


@dataclass
class Played:
    """What became of the journals that were played."""

    sagas: Counter[str]
    """How many were played, by saga."""
    others: int = 0
    kept: list[OtherTurn] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        turns = [each._asdict() for each in self.kept]
        return {"played": self.sagas, "other_turns": self.others, "turns": turns}


def check_against(ctx: typer.Context, against: str, ended: int, json: bool) -> None:
    """Play the journals of a store or a file; exit with 1 where the code takes another turn."""
    with _source(ctx, against, ended) as (system, journals):
        played = Played(Counter({each.name: 0 for each in system.processes}))
        for journal, turn in other_turns(system, journals):
            played.sagas[journal.saga] += 1
            if turn is not None:
                played.others += 1
                played.kept += [turn] if len(played.kept) < MAX_KEPT else []
    if json:
        print_json(played.as_json())
    else:
        _show(played)
    needs_attention(when=bool(played.others))


def record(ctx: typer.Context, file: File, ended: Ended = 0, json: AsJson = False) -> None:
    """Write the journals of the open instances to a file. Raises RecordingUnusable."""
    with inspected(ctx) as stores:
        count = write_journals(file, stores.system.name, _recorded(stores, ended))
    if json:
        print_json({"file": str(file), "journals": count})
    else:
        print_note(f"{file} has {count:,} journals, in plain text.")


@contextmanager
def _source(
    ctx: typer.Context, against: str, ended: int
) -> Iterator[tuple[System, Iterator[RecordedJournal]]]:
    """Open what is recorded: a store where it is a URL, or else a file."""
    settings = settings_of(ctx)
    system = settings.system()
    if "://" not in against:
        if ended:
            reason = "It is for a store: a file has what was recorded."
            raise typer.BadParameter(reason, ctx, param_hint="--ended")
        yield system, read_journals(Path(against), system.name)
        return
    env = settings.model_copy(update={"store": against, "views": None}).environment()
    with inspect_stores(system, env) as stores:
        yield system, _recorded(stores, ended)


def _recorded(stores: InspectedStores, ended: int) -> Iterator[RecordedJournal]:
    logs = stores.written
    written = [each for each in stores.system.processes if each.name in logs]
    return chain.from_iterable(recorded_in(each, logs[each.name], ended) for each in written)


def _show(played: Played) -> None:
    rows = Listing("saga", "key", "#event", "recorded", ">the code now")
    for each in played.kept[:MAX_LISTED]:
        recorded = f"{each.input}: {each.recorded}" if each.input else each.recorded
        rows.add(each.saga, each.key, each.place, recorded, each.now, style="red")
    if played.kept:
        rows.show()
        show("")
    counts = [(name, f"{count:,} played") for name, count in played.sagas.items() if count]
    none = [name for name, count in played.sagas.items() if not count]
    missing = [("without a journal", ", ".join(none))] if none else []
    show(facts([*counts, *missing, ("other turns", f"{played.others:,}")]))
