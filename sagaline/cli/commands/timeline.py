"""`sagaline timeline`: prints one business transaction over all logs."""

from collections.abc import Sequence
from typing import Annotated

import typer

from sagaline.admin.entry import Entry
from sagaline.admin.timeline import timeline as read_timeline
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import inspected
from sagaline.cli.output import AsJson, as_json, counted, moment, printable
from sagaline.cli.tables import Listing
from sagaline.errors import KeyUnknown

Key = Annotated[str, typer.Argument(metavar="KEY", help="The business transaction: an order id.")]


def timeline(ctx: typer.Context, key: Key, json: AsJson = False) -> None:
    """Print the events of one key; exit with 1 where one cannot be read. Raises KeyUnknown."""
    with inspected(ctx) as stores:
        entries = read_timeline(stores.written, key)
    if not entries:
        raise KeyUnknown(key=printable(key))
    if json:
        for each in entries:
            print(as_json(each.as_json()))
    else:
        _show(key, entries)
    needs_attention(when=any(each.error for each in entries))


def _show(key: str, entries: Sequence[Entry]) -> None:
    first = next((each.timestamp for each in entries if each.timestamp), None)
    title = f"{printable(key)}, {moment(first)} UTC, {counted(len(entries), 'event')}"
    rows = Listing("#hop", "#after", "?application", "event", ">", title=title)
    for each in entries:
        after = ""
        if first is not None and each.timestamp is not None:
            after = f"{(each.timestamp - first).total_seconds():.3f} s"
        rows.add(each.hop, after, each.application, each.name, each.summary)
    rows.show()
