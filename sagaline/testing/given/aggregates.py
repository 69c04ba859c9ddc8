"""Tests of aggregates: given a history, when a method is called, then new events or an error."""

from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from inspect import signature
from typing import Any, Self
from uuid import UUID

from eventsourcing.application import project_aggregate
from eventsourcing.domain import Aggregate, BaseAggregate, CanMutateAggregate

from sagaline.codec import unshared
from sagaline.messaging.declaring import refuse_given
from sagaline.testing.failure import unexpected
from sagaline.testing.given.happened import ENVELOPE, SOMEONE, Happened, as_call, happened


class GivenAggregate:
    """An aggregate with its history."""

    def __init__(self, aggregate_class: type[Any], history: Iterable[Any]) -> None:
        self._class = aggregate_class
        self._aggregate: Any = None
        self._events: list[Any] = []
        for item in history:
            self._append(item)

    def when(self, act: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Outcome":
        """Calls ``act(aggregate, ...)``, or ``act(...)`` where the history is empty.

        `act` is a method (``Order.cancel``) or any function of the aggregate; with an empty
        history it is the class itself or one of its class methods.
        """
        aggregate: Any = project_aggregate(None, map(unshared, self._events))
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

    def _append(self, item: Any) -> None:
        if isinstance(item, Happened):
            item = item.to_event(self._class, self._id_for(item.fields), len(self._events) + 1)
        if isinstance(item, CanMutateAggregate):
            self._events.append(unshared(item))
            self._aggregate = unshared(item).mutate(self._aggregate)
        elif callable(item) and not is_dataclass(item):
            made = item() if self._aggregate is None else item(self._aggregate)
            self._aggregate = made if self._aggregate is None else self._aggregate
            if not isinstance(self._aggregate, BaseAggregate):
                refuse_given(made, "a function in the history", "Return a new aggregate.")
            self._events += map(unshared, self._aggregate.collect_events())
        else:
            refuse_given(item, "history", "Pass events, happened(...) or functions.")

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
    """The new events of an aggregate, or the error that it raised."""

    def __init__(
        self, aggregate: Any, before: list[Any], events: list[Any], error: Exception | None
    ) -> None:
        self.aggregate = aggregate
        self.events = events
        self.error = error
        self._before = before

    def then(self, *expected: type[Any] | Happened, **fields: Any) -> Self:
        """Expects exactly these new events, in this order, with at least these fields.

        Write one event as ``then(Order.Cancelled, reason="no stock")``, several with `happened`.
        """
        wanted = [e if isinstance(e, Happened) else happened(e) for e in expected]
        if fields:
            if len(wanted) != 1 or wanted[0].fields:
                raise TypeError("fields belong to one event class; use happened(...) for several")
            wanted = [Happened(wanted[0].event_class, fields)]
        for each in wanted:
            _must_have_fields(each)
        if self.error is not None or not _match(wanted, self.events):
            raise self._failure(wanted) from self.error
        self._must_follow_from_events()
        return self

    def then_nothing(self) -> Self:
        """Expects no new event and no error."""
        return self.then()

    def then_raises(self, error: type[Exception], /, **facts: Any) -> Self:
        """Expects an error of this type, with at least these attributes, and no new event."""
        found = {name: getattr(self.error, name, "(no such attribute)") for name in facts}
        if not isinstance(self.error, error) or self.events or found != facts:
            raise self._failure([f"raises {as_call(error, facts)}"]) from self.error
        self._must_follow_from_events()
        return self

    def with_state(self, **attributes: Any) -> Self:
        """Expects these attributes of the aggregate."""
        found = {name: getattr(self.aggregate, name) for name in attributes}
        if found != attributes:
            kind = type(self.aggregate)
            raise unexpected("state", [as_call(kind, attributes)], [as_call(kind, found)])
        return self

    def _must_follow_from_events(self) -> None:
        replayed: Any = project_aggregate(None, map(unshared, [*self._before, *self.events]))
        must_be_replayed(self.aggregate, replayed)

    def _failure(self, wanted: Iterable[object]) -> AssertionError:
        found = [as_call(type(e), _own_fields(e)) for e in self.events]
        if self.error is not None:
            found.append(f"raises {type(self.error).__name__}: {self.error}")
        return unexpected("events", wanted, found)


def must_be_replayed(changed: Any, replayed: Any) -> None:
    """Raises AssertionError where an aggregate differs from what its events replay to."""
    if changed != replayed:
        raise AssertionError(
            "The state does not follow from the events: it was changed without an event.\n"
            f"  changed  {changed!r}\n  replayed {replayed!r}"
        )


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
