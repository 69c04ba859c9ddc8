"""Tests of aggregates: what has happened, what is asked, what comes of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from inspect import signature
from typing import Any, Self
from uuid import UUID

from eventsourcing.domain import Aggregate, BaseAggregate, CanInitAggregate, CanMutateAggregate
from eventsourcing.utils import get_topic
from typing_extensions import override

SOMEONE = UUID("00000000-0000-4000-8000-000000000001")
"""The id of an aggregate whose id the test does not care about."""

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
"""When the history of a test begins; each event comes a second after the one before."""

ENVELOPE = {"originator_id", "originator_version", "timestamp", "originator_topic"}


@dataclass(frozen=True)
class Happened:
    """An event as a test tells it: its class and the fields that matter."""

    event_class: type[Any]
    fields: dict[str, Any]

    def sealed(self, aggregate_class: type[Any], id: UUID | str, version: int) -> Any:
        """The event itself, with the envelope that the test left out."""
        envelope: dict[str, Any] = {
            "originator_id": id,
            "originator_version": version,
            "timestamp": LONG_AGO + timedelta(seconds=version - 1),
        }
        if issubclass(self.event_class, CanInitAggregate):
            envelope["originator_topic"] = get_topic(aggregate_class)
        return self.event_class(**(envelope | self.fields))

    @override
    def __str__(self) -> str:
        return _written(self.event_class, self.fields)


def happened(event_class: type[Any], /, **fields: Any) -> Happened:
    """Tells of an event by its fields alone: the kit fills in id, version and time.

    As history it needs all fields of the event; as an expectation those that matter.
    """
    return Happened(event_class, fields)


class GivenAggregate:
    """An aggregate, and what has happened to it."""

    def __init__(self, aggregate_class: type[Any], history: Iterable[Any]) -> None:
        self._class = aggregate_class
        self._aggregate: Any = None
        self._events: list[Any] = []
        for item in history:
            self._happen(item)

    def when(self, act: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Outcome":
        """Does something: calls ``act(aggregate, ...)``, or ``act(...)`` where there is none yet.

        So `act` is a method (``Order.cancel``), any function of the aggregate, or for a beginning
        the class itself or one of its class methods.
        """
        aggregate = _replayed(self._events)
        result: Any = None
        error: Exception | None = None
        try:
            result = act(*args, **kwargs) if aggregate is None else act(aggregate, *args, **kwargs)
        except Exception as raised:
            error = raised
        if aggregate is None and isinstance(result, BaseAggregate):
            aggregate = result
        new = [] if aggregate is None else list(aggregate.collect_events())
        return Outcome(aggregate, self._events, new, error)

    def _happen(self, item: Any) -> None:
        if isinstance(item, Happened):
            item = item.sealed(self._class, self._id_for(item.fields), len(self._events) + 1)
        if isinstance(item, CanMutateAggregate):
            self._aggregate = item.mutate(self._aggregate)
            self._events.append(item)
        elif callable(item):
            if self._aggregate is None:
                self._aggregate = item()
            else:
                item(self._aggregate)
            self._events += self._aggregate.collect_events()
        else:
            raise TypeError(f"{item!r} is no history: give events, happened(...) or functions")

    def _id_for(self, fields: dict[str, Any]) -> UUID | str:
        if self._aggregate is not None:
            known: UUID | str = self._aggregate.id
            return known
        if self._class.create_id is Aggregate.create_id:
            return SOMEONE
        wanted = signature(self._class.create_id).parameters
        made: UUID | str = self._class.create_id(**{k: v for k, v in fields.items() if k in wanted})
        return made


class Outcome:
    """What came of it: new events, or an error."""

    def __init__(
        self, aggregate: Any, before: list[Any], events: list[Any], error: Exception | None
    ) -> None:
        self.aggregate = aggregate
        self.events = events
        self.error = error
        self._before = before

    def then(self, *expected: type[Any] | Happened, **fields: Any) -> Self:
        """Expects exactly these new events, in this order, with at least these fields.

        One event may be told as ``then(Order.Cancelled, reason="no stock")``, several with
        `happened`.
        """
        wanted = [e if isinstance(e, Happened) else Happened(e, {}) for e in expected]
        if fields:
            if len(wanted) != 1 or wanted[0].fields:
                raise TypeError("fields belong to one event class; tell several with happened(...)")
            wanted = [Happened(wanted[0].event_class, fields)]
        for each in wanted:
            _must_have_fields(each)
        if self.error is not None or not _match(wanted, self.events):
            raise AssertionError(self._told(wanted)) from self.error
        self._must_follow_from_events()
        return self

    def then_nothing(self) -> Self:
        """Expects no new event and no error."""
        return self.then()

    def then_raises(self, error: type[Exception], /, **facts: Any) -> Self:
        """Expects a refusal of this type, with at least these facts, and no new event."""
        wanted = _written(error, facts)
        found = {name: getattr(self.error, name, "(no such fact)") for name in facts}
        if not isinstance(self.error, error) or self.events or found != facts:
            raise AssertionError(self._told([f"raises {wanted}"])) from self.error
        self._must_follow_from_events()
        return self

    def with_state(self, **attributes: Any) -> Self:
        """Expects these attributes of the aggregate."""
        found = {name: getattr(self.aggregate, name) for name in attributes}
        if found != attributes:
            kind = type(self.aggregate)
            raise AssertionError(
                _two_lists([_written(kind, attributes)], [_written(kind, found)], "state")
            )
        return self

    def _must_follow_from_events(self) -> None:
        again = _replayed([*self._before, *self.events])
        if again != self.aggregate:
            raise AssertionError(
                "The state does not follow from the events: something was changed without one.\n"
                f"  changed  {self.aggregate!r}\n  replayed {again!r}"
            )

    def _told(self, wanted: Iterable[object]) -> str:
        found = [_written(type(e), _own_fields(e)) for e in self.events]
        if self.error is not None:
            found.append(f"raises {type(self.error).__name__}: {self.error}")
        return _two_lists([str(each) for each in wanted], found, "events")


def _replayed(events: Iterable[Any]) -> Any:
    aggregate = None
    for event in events:
        aggregate = event.mutate(aggregate)
    return aggregate


def _match(wanted: list[Happened], events: list[Any]) -> bool:
    return len(wanted) == len(events) and all(
        type(event) is each.event_class
        and all(getattr(event, name) == value for name, value in each.fields.items())
        for each, event in zip(wanted, events, strict=True)
    )


def _must_have_fields(expected: Happened) -> None:
    known = signature(expected.event_class).parameters
    for name in expected.fields:
        if name not in known:
            its = ", ".join(sorted(set(known) - ENVELOPE)) or "none of its own"
            raise TypeError(f"{expected.event_class.__qualname__} has no field {name!r}: {its}")


def _own_fields(event: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(event).items() if name not in ENVELOPE}


def _written(kind: type[Any], fields: dict[str, Any]) -> str:
    return f"{kind.__qualname__}({', '.join(f'{k}={v!r}' for k, v in fields.items())})"


def _two_lists(wanted: list[str], found: list[str], what: str) -> str:
    return "\n".join(
        [
            f"Other {what} than expected.",
            "expected:",
            *(f"  {line}" for line in wanted or ["nothing"]),
            "came:",
            *(f"  {line}" for line in found or ["nothing"]),
        ]
    )
