"""`sagaline events`: prints the logs as JSON lines."""

import heapq
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import typer
from eventsourcing.utils import construct_topic

from sagaline.admin.entry import Entry, readable
from sagaline.cli.entrypoint import needs_attention
from sagaline.cli.inspection import InspectedLog, inspected
from sagaline.cli.output import AsJson, as_json, cell, fitting, print_note
from sagaline.cli.tables import clamp_limit
from sagaline.codec import loaded_class
from sagaline.errors import UnknownTopic

LOG_PAGE_SIZE = 1_000
"""Rows read at once."""

FOLLOW_POLL_INTERVAL = 0.05
"""Seconds between two reads for new events."""

Application = Annotated[str | None, typer.Option(metavar="A", help="Only the log of A.")]
After = Annotated[
    int, typer.Option(min=0, metavar="N", callback=clamp_limit, help="Begin after id N.")
]
Type = Annotated[
    str | None,
    typer.Option(metavar="T", help="Only events of type T: Order.Placed, ReserveStock."),
]
Follow = Annotated[
    bool, typer.Option("--follow", help="Continue with new events as they are appended.")
]


def events(
    ctx: typer.Context,
    application: Application = None,
    after: After = 0,
    type: Type = None,
    follow: Follow = False,
    json: AsJson = False,
) -> None:
    """Print the events of the logs; exit with 1 where one of them cannot be read."""
    form = _text if sys.stdout.isatty() and not json else _json
    with inspected(ctx) as stores:
        logs = stores.logs if application is None else stores.log(application)
        reader = _LogReader(logs, after, type)
        printed, unreadable = _print(reader.new(), form)
        if not printed and type is not None:
            print_note(
                f"sagaline: There is no event of type {type}{f' after {after}' if after else ''}."
            )
        while follow:
            time.sleep(FOLLOW_POLL_INTERVAL)
            _print(reader.new(), form)
    needs_attention(when=unreadable)


class _LogReader:
    """Reads some logs, each from where the last call stopped."""

    def __init__(self, logs: Mapping[str, InspectedLog], after: int, type: str | None) -> None:
        self._logs = logs
        self._type = type
        self._names: dict[str, set[str]] = {}
        self._reached = dict.fromkeys(logs, after)

    def new(self) -> Iterator[Entry]:
        """Read the events since the last call: each log in its own order, merged by time."""
        return heapq.merge(*map(self._new_in, self._logs), key=_moment)

    def _new_in(self, name: str) -> Iterator[Entry]:
        log = self._logs[name]
        head = log.recorder.head() if log.exists() else 0
        while self._reached[name] < head:
            page = log.recorder.page(self._reached[name], LOG_PAGE_SIZE, upto=head)
            for row in page.rows:
                if self._type is None or self._type in self._names_of(row.topic):
                    yield Entry.of(name, row, log.mapper)
            self._reached[name] = page.head

    def _names_of(self, topic: str) -> set[str]:
        """The names of a type of events: those in the rows, and the present ones of its class."""
        if topic not in self._names:
            self._names[topic] = {
                each for name in _topics(topic) for each in (name, readable(name))
            }
        return self._names[topic]


def _topics(topic: str) -> Iterator[str]:
    yield topic
    with suppress(UnknownTopic):
        yield construct_topic(loaded_class(topic))


def _moment(entry: Entry) -> datetime:
    return entry.timestamp or datetime.min.replace(tzinfo=UTC)


def _print(entries: Iterator[Entry], form: Callable[[Entry], str]) -> tuple[int, bool]:
    """Print entries; return how many there were, and whether one could not be read."""
    count, unreadable = 0, False
    for each in entries:
        sys.stdout.write(f"{form(each)}\n")
        count += 1
        unreadable |= bool(each.error)
    sys.stdout.flush()
    return count, unreadable


def _json(entry: Entry) -> str:
    return as_json(entry.as_json())


def _text(entry: Entry) -> str:
    moment = "" if entry.timestamp is None else f"{entry.timestamp:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    text = f"{entry.position:<22} {entry.name:<22} {entry.summary}"
    return fitting(f"{moment:<23} {cell(text)}")
