"""Finds the run of a saga's key that a message is for: a saga with `again` runs once more."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from sagaline.messaging.faults import CommandFaulted
from sagaline.saga.instance import Journal, journal_id
from sagaline.saga.runs import run_of
from sagaline.saga.timers import ReminderDue, StepDue, StepTimedOut


class SagaRuns:
    """Reads the runs of one saga class; `find` reads the journal of an id.

    The first run of a key records which run is the last. So one read finds the run of a key that
    has had no other, and a second read the last run of all other keys of a batch.
    """

    def __init__(self, saga: str, find: Callable[[UUID], Journal | None]) -> None:
        self._saga = saga
        self._find = find

    def run(self, key: str, run: int) -> Journal | None:
        """The journal of one run; None where there is none."""
        return self._find(journal_id(self._saga, key, run))

    def last(self, key: str) -> Journal | None:
        """The journal of the last run of a key; None where there is none."""
        first = self.run(key, 1)
        return first if first is None or first.last_run == 1 else self.run(key, first.last_run)

    def addressed(self, key: str, event: Any, request: UUID | None) -> Journal | None:
        """The journal of the run that a message is for.

        A timer names its run, and an answer a command, `request`, that one of the runs has issued.
        All else is for the last run.
        """
        first = self.run(key, 1)
        if first is None or first.last_run == 1:
            return first
        if isinstance(event, StepTimedOut | StepDue | ReminderDue):
            return self.run(key, event.run)
        last = self.run(key, first.last_run)
        if isinstance(event, CommandFaulted):
            request = request or event.command_id
        elif isinstance(event, Journal.Replied):
            request = event.request
        return last if request is None else self._issuer(request, first) or last

    def start_next(
        self, last: Journal, event: Any, fingerprint: str, plan: Iterable[str]
    ) -> Journal:
        """Starts the next run of a key, and records in the first one that there is another."""
        first, run = self.run(last.key, 1), last.run + 1
        assert first is not None
        first.trigger_event(Journal.RunBegun, run=run)
        return Journal.start(self._saga, last.key, event, fingerprint, plan, run)

    def _issuer(self, command: UUID, first: Journal) -> Journal | None:
        """The run that has issued a command; None where none has."""
        if command in first.requests:
            return first
        number = run_of(command)
        if not 1 < number <= first.last_run:
            return None
        found = self.run(first.key, number)
        return found if found is not None and command in found.requests else None


def last_run_ids(firsts: Iterable[Journal | None]) -> list[UUID]:
    """The ids of the last runs, where these are the first ones and there are others."""
    return [
        journal_id(each.saga, each.key, each.last_run)
        for each in firsts
        if each is not None and each.last_run > 1
    ]
