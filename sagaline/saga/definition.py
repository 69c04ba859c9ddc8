"""The base class of sagas: steps in the order of their execution, each with its undo.

A definition is pure: it makes commands from the events of an instance. It uses no storage, no
clock and no transport, so a test of a saga calls it directly.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeVar

from sagaline.codec import unshared
from sagaline.errors import NotHeard
from sagaline.messaging.class_body import Declaring
from sagaline.messaging.declaring import named, refuse_given, refuse_unknown_arguments, refuse_wrong
from sagaline.messaging.identity import Begin, check_identity
from sagaline.messaging.lazy import refuse_unrun
from sagaline.messaging.namespace import refuse_constructor, refuse_reserved
from sagaline.messaging.script import name_as_imported
from sagaline.saga.children import WhenAbandoned, check_when_abandoned
from sagaline.saga.closings import Closing, on_compensated, on_completed
from sagaline.saga.declaration import Declaration
from sagaline.saga.fan_out import ALL, ANY, Need, at_least, first
from sagaline.saga.folds import hears
from sagaline.saga.head import Head, started_by
from sagaline.saga.instance import Journal
from sagaline.saga.kinds import COMPENSATABLE, NO_EFFECT, PIVOT, RETRIABLE, Kind
from sagaline.saga.locking import locks
from sagaline.saga.queries import Query, query
from sagaline.saga.schedule import Schedule
from sagaline.saga.step_for_each import step_for_each
from sagaline.saga.steps import Step, Undo, step
from sagaline.saga.validation import check_body, validate
from sagaline.saga.wait_for import wait_for

E = TypeVar("E")


_HEAD: Final = "starts_on=, key=, name=, begin=, expected=, when_abandoned= and again="


class Saga(Declaring):
    """A business transaction over several services, which ends either completed or compensated.

    Subclass it with the event that starts it and a function from that event to the key of the
    business transaction, or with a `schedule`. Inside a step, `self[Event]` is an event that the
    saga has received, `self.key` its key, and `self.reason` why it compensates.

    Stores know a saga by its `name`, which is that of the class unless one is given: give a renamed
    class its former name. `begin` says where a saga starts that is added to a system with history:
    at the "beginning" of the logs, or "now". Without it, such a system does not run. `expected` is
    how long an instance should take: `sagaline status` names those that take longer. The steps that
    are sagas of their own go on where a person abandons this one, or are taken back with
    ``when_abandoned="take back"``.

    With `again`, an event that starts the saga for a key whose instance has ended begins the next
    run of that key: an instance with commands, timers and a history of its own.

    Raises `DefinitionError` when the class is defined, with the step and the cure, where the
    declaration could not end well: a missing undo, two pivots, a step after the pivot that could
    be refused.
    """

    steps: ClassVar[Mapping[str, Step]]
    """Its steps by name, in the order of the declaration."""

    _sagaline_declaration: ClassVar[Declaration]
    _sagaline_is_saga: ClassVar[bool] = True
    _sagaline_version_of: ClassVar["type[Saga] | None"] = None
    _sagaline_in_system: ClassVar[bool] = False

    def __init_subclass__(
        cls,
        *,
        starts_on: type | Schedule,
        key: Callable[[Any], Any] | None = None,
        name: str | None = None,
        begin: Begin | None = None,
        expected: timedelta | None = None,
        when_abandoned: WhenAbandoned = "leave",
        again: bool = False,
        **kwargs: Any,
    ) -> None:
        refuse_unknown_arguments(cls, kwargs, _HEAD)
        super().__init_subclass__()
        name_as_imported(cls.__module__, cls)
        refuse_reserved(cls, Saga)
        refuse_constructor(cls, "instance")
        check_body(cls)
        check_identity(cls.__name__, name, begin)
        check_when_abandoned(cls.__name__, when_abandoned)
        refuse_wrong(again, bool, f"{cls.__name__}: again=", "Write again=True.")
        start, key_of, schedule = started_by(starts_on, key)
        times = expected, when_abandoned, again, schedule
        head = Head(start, key_of, name or cls.__name__, begin, *times)
        declaration = Declaration.of(cls, head)
        validate(declaration)
        cls.steps = declaration.steps
        cls._sagaline_declaration = declaration

    def __init__(self, instance: Journal | None = None) -> None:
        if not isinstance(instance, Journal):
            name = type(self).__name__
            cure = f"Test it with given({name}, ...).when(...): a saga is made from its events."
            refuse_given(instance, f"{name}()", cure)
        self._sagaline_instance = instance
        folds = self._sagaline_declaration.folds_by_class
        if folds:
            for event in instance.history:
                for fold in folds[type(event)] or ():
                    returned = fold.apply(self, unshared(event))
                    if returned is not None:
                        refuse_unrun(f"{type(self).__name__}.{fold.name}", returned)

    @property
    def key(self) -> Any:
        """The key of the business transaction, as the key function returned it."""
        declaration = self._sagaline_declaration
        start = self._sagaline_instance.received[declaration.starts_on]
        return declaration.head.key_of(unshared(start))

    @property
    def reason(self) -> str:
        """Why the saga compensates; empty while it goes forward."""
        return self._sagaline_instance.reason

    def __getitem__(self, event: type[E]) -> E:
        """The last event of that class, or of a subclass, that the saga has received.

        It is a copy where it can change, because the saga has recorded it. Raises NotHeard, a
        KeyError, where there is none: a step can read only what comes before it.
        """
        found: E | None = self._sagaline_instance.received.get(event)
        if found is None:
            saga, key = type(self).__name__, self._sagaline_instance.key
            raise NotHeard(saga=saga, key=key, event=named(event))
        return unshared(found)

    def __contains__(self, event: type) -> bool:
        return event in self._sagaline_instance.received


def refuse_no_saga(given: Any, where: str, cure: str) -> None:
    """Refuses what is no class of sagas. Raises WrongCall."""
    if not (isinstance(given, type) and issubclass(given, Saga) and given is not Saga):
        refuse_given(given, where, cure)


__all__ = [
    "ALL",
    "ANY",
    "COMPENSATABLE",
    "NO_EFFECT",
    "PIVOT",
    "RETRIABLE",
    "Closing",
    "Kind",
    "Need",
    "Query",
    "Saga",
    "Step",
    "Undo",
    "at_least",
    "first",
    "hears",
    "locks",
    "on_compensated",
    "on_completed",
    "query",
    "refuse_no_saga",
    "step",
    "step_for_each",
    "wait_for",
]
