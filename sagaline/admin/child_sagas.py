"""The child sagas of a business transaction, found in the logs without any class."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sagaline.admin.entry import Entry, ReadableLog
from sagaline.saga.instance import journal_id
from sagaline.saga.topics import EVENT_TOPICS

_CALLED = EVENT_TOPICS["Called"]


def keys_of_children(
    logs: Mapping[str, ReadableLog], key: str, entries: Sequence[Entry]
) -> Iterator[str]:
    """The keys of the sagas that those of `key` have as steps.

    A child's key is a value in the command that starts it; its journal says who has called it.
    """
    given = {value for each in entries for value in _values(each.state)}
    for name, log in logs.items():
        streams = {journal_id(name, each): each for each in given}
        for stream, rows in log.recorder.streams(list(streams)).items():
            called = [Entry.of(name, row, log.mapper) for row in rows if row.topic == _CALLED]
            if any(each.state.get("key") == key for each in called):
                yield streams[stream]


def _values(state: Mapping[str, Any]) -> Iterator[str]:
    command = state.get("command")
    if state.get("role") == "do" and isinstance(command, dict):
        for name, value in command.items():
            if name != "id" and isinstance(value, str | int) and str(value):
                yield str(value)
