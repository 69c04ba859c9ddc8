"""A saga as a process application: it hears events, and its own log carries its commands."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, ClassVar

from sagaline.application import Application
from sagaline.course import Course, Timing
from sagaline.faults import CommandFaulted
from sagaline.journal import Journal, journal_id, requested
from sagaline.message import Message
from sagaline.saga import Saga
from sagaline.timers import SetTimer, StepDue, StepTimedOut


class SagaProcess(Application):
    """Runs all instances of one saga class; each has a stream of its own in the process's log."""

    saga: ClassVar[type[Saga]]
    timings: ClassVar[Mapping[str, Timing]] = {}

    def key_of(self, message: Message) -> str | None:
        """The key of the instance that a message is for; None where it is for none."""
        if isinstance(message.event, self.saga.starts_on):
            return str(self.saga.key_of(message.event))
        return message.key

    def prefetch(self, messages: Iterable[Message]) -> list[Any]:
        """The journals of the instances that these messages are for."""
        keys = {self.key_of(each) for each in messages}
        return [journal_id(self.name, key) for key in keys if key is not None]

    def ask(self, messages: Iterable[Message]) -> dict[int, Any]:
        """A saga asks nobody: it gives commands."""
        return {}

    def handle(self, message: Message, answers: Mapping[int, Any]) -> Iterable[Any]:
        """Takes one input of one instance: what is to be saved is its journal."""
        key = self.key_of(message)
        if key is None:
            return ()
        (journal,) = self.repository.find(Journal, [journal_id(self.name, key)])
        event = message.event
        if isinstance(event, self.saga.starts_on):
            if journal is not None:
                return ()
            journal = Journal.start(self.name, key, event, self.saga.fingerprint(), self.saga.steps)
            course = Course(self.saga, journal, self.timings)
            course.start()
        elif journal is None or not self._is_ours(journal, event):
            return ()
        else:
            course = Course(self.saga, journal, self.timings)
            _take(course, event)
        self._set_timers(course)
        return (journal,)

    def _set_timers(self, course: Course) -> None:
        for change in course.timers:
            if isinstance(change, SetTimer):
                self.set_timer(change)
            else:
                self.cancel_timer(change.id)

    def _is_ours(self, journal: Journal, event: Any) -> bool:
        """A fault names its command, which another saga for the same key may have given."""
        return not isinstance(event, CommandFaulted) or event.command_id in journal.asked


def _take(course: Course, event: Any) -> None:
    if isinstance(event, StepTimedOut):
        course.time_out(event.step)
    elif isinstance(event, StepDue):
        course.ask_again(event.step)
    else:
        course.hear(event)


def process_of(saga: type[Saga], timings: Mapping[str, Timing]) -> type[SagaProcess]:
    """The process application of a saga class, found by topic as ``module:Saga.Process``.

    The same for the same timings, so that a saga can be part of several systems.
    """
    return _process_of(saga, frozenset(timings.items()))  # type: ignore[arg-type]  # has a hash


@cache
def _process_of(saga: type[Saga], timings: frozenset[tuple[str, Timing]]) -> type[SagaProcess]:
    for command in set(saga.commands().values()):
        requested(command)
    # Upstream takes a topic for one class only, so those with other timings are numbered.
    number = sum(name.startswith("Process") for name in vars(saga))
    name = f"Process{number or ''}"
    process = type(
        saga.__name__,
        (SagaProcess,),
        {
            "__module__": saga.__module__,
            "__qualname__": f"{saga.__qualname__}.{name}",
            "__doc__": saga.__doc__,
            "saga": saga,
            "timings": dict(timings),
        },
    )
    setattr(saga, name, process)  # found there by its topic
    return process
