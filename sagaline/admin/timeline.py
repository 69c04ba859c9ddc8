"""The timeline of one business transaction: its events in all logs, in causal order."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from sagaline.admin.child_sagas import keys_of_children
from sagaline.admin.entry import Entry, ReadableLog
from sagaline.errors import WrongCall
from sagaline.messaging.keys import required_key
from sagaline.storage import LogRow


def timeline(logs: Mapping[str, ReadableLog], key: str) -> list[Entry]:
    """Read every event of one business transaction: by hop, time, application and id.

    The events of the sagas that are steps of its saga are among them, and so on down. The hop comes
    first because clocks differ: an effect never stands before its cause.
    """
    given: Any = logs
    if not isinstance(given, Mapping):
        problem = f"a {type(given).__name__} is no mapping of logs by name"
        cure = "Give the applications of a runner: timeline(runner.apps, key)."
        raise WrongCall(where="timeline", problem=problem, cure=cure)
    key = required_key(key, "the key of a timeline")
    found: dict[str, list[Entry]] = {}
    waiting = [key]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found[each] = [
                entry for name, log in logs.items() for entry in _of_key(name, log, each)
            ]
            waiting += keys_of_children(logs, each, found[each])
    return sorted((entry for each in found.values() for entry in each), key=_causal_order)


def _of_key(application: str, log: ReadableLog, key: str) -> list[Entry]:
    table = log.recorder.log.table
    query = select(*log.recorder.log.log_columns.selected).where(table.c.key == key)
    with log.recorder.datastore.read() as connection:
        rows = [LogRow(*row) for row in connection.execute(query)]
    return [Entry.of(application, row, log.mapper) for row in rows]


def _causal_order(entry: Entry) -> tuple[int, datetime, str, int]:
    moment = entry.timestamp or datetime.min.replace(tzinfo=UTC)
    return entry.hop, moment, entry.application, entry.id
