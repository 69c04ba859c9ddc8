"""One event of a log, as people read it: without its class, so that it may be of any age."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sagaline.codec import TypedMapper
from sagaline.errors import describe_error
from sagaline.messaging.message import position
from sagaline.messaging.topics import current_topic
from sagaline.storage import ApplicationRecorder, LogRow
from sagaline.storage.log.rows import refuse_damaged

_ENVELOPE = ("originator_id", "originator_version", "timestamp")
_NOT_IN_SUMMARY = ("originator_topic", "fingerprint", "role", "command_id")


class ReadableLog(Protocol):
    """A log that can be read: that of an application, or of a store opened without running it."""

    @property
    def recorder(self) -> ApplicationRecorder:
        """Reads its rows."""

    @property
    def mapper(self) -> TypedMapper:
        """Decrypts and decompresses them."""


class Entry(NamedTuple):
    """One event of a log. `state` are its fields as plain JSON values.

    Where the row cannot be read, `state` is empty, and `error` says why.
    """

    application: str
    id: int
    topic: str
    key: str | None
    cause: str | None
    hop: int
    originator_id: UUID
    originator_version: int
    timestamp: datetime | None
    state: dict[str, Any]
    error: str = ""

    @classmethod
    def of(cls, application: str, row: LogRow, mapper: TypedMapper) -> "Entry":
        """Read a row without the event's class, so that events of any age can be read.

        Raises StoreDamaged for a row with a value of another type than its column's.
        """
        refuse_damaged(row, application)
        place = application, row.id, row.topic, row.key, row.cause, row.hop or 0
        stream = row.originator_id, row.originator_version
        try:
            fields = mapper.fields_of(row)
            moment = _moment(fields.get("timestamp"))
        except ValueError as error:
            return cls(*place, *stream, None, {}, describe_error(error))
        state = {name: value for name, value in fields.items() if name not in _ENVELOPE}
        return cls(*place, *stream, moment, state)

    @property
    def name(self) -> str:
        """The event's name for people: ``Order.Placed``."""
        return readable(self.topic)

    @property
    def position(self) -> str:
        """Its position: ``orders:12``."""
        return position(self.application, self.id)

    @property
    def summary(self) -> str:
        """The plain values among its fields, in a few words."""
        return self.error or ", ".join(_words(self.state, self.key))

    def as_json(self) -> dict[str, Any]:
        """Return the entry as plain JSON values."""
        fields = self._asdict()
        fields["originator_id"] = str(self.originator_id)
        fields["timestamp"] = self.timestamp and self.timestamp.isoformat()
        order = ("application", "id", "position", "type", *Entry._fields[2:])
        fields |= {"position": self.position, "type": self.name}
        return {name: fields[name] for name in order if name != "error" or self.error}


def readable(topic: str) -> str:
    """Return the name of the class of a topic, without its module."""
    return current_topic(topic).rpartition(":")[2]


def _words(state: dict[str, Any], key: str | None) -> Iterator[str]:
    if "role" in state and "step" in state:
        yield f"{state['role']} {state['step']}"  # a command in the stream of a saga
        state = {**state, "step": None}
    elif "answer" in state and "step" in (state["answer"] or ()):
        yield f"{state['answer']['step']} {state['answer'].get('outcome', '')}"
    for name, value in state.items():
        is_left_out = name in _NOT_IN_SUMMARY or value in (None, "", key)
        word = "" if is_left_out else _word(value)
        if word and (name, value) not in (("attempt", 1), ("run", 1)):
            yield f"{name.replace('_', ' ')} {word}"


def _word(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"amount", "currency"}:
        return f"{value['amount']} {value['currency']}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, str | int | float) else ""


def _moment(value: Any) -> datetime | None:
    if isinstance(value, dict):
        value = value.get("_data_")  # as upstream's own transcoder writes it
    if not isinstance(value, str):
        return None
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
