"""An operator's act on many dead letters: each key is handled in its order, as by itself."""

from collections.abc import Iterator
from functools import cached_property, partial
from typing import Final, NamedTuple

from sagaline.admin.bulk import Bulk
from sagaline.admin.bulk_result import BulkResult, Undone
from sagaline.admin.dead_letters import discard, retry
from sagaline.admin.letter_step import HeldStep, held_up_by
from sagaline.admin.saga_lookup import Instance, instances_of_key
from sagaline.errors import LetterBusy, LetterUnknown, describe_error
from sagaline.followers.parking import revealed
from sagaline.saga.declaration import Declaration, saga_declaration
from sagaline.saga.interventions import Interventions
from sagaline.saga.state import Action
from sagaline.storage import Datastore
from sagaline.storage.tables.dead_letters import Letter, letters_after

PAGE: Final = 200
"""Letters that are in memory at once: each has the traceback of its error."""


class Selected(NamedTuple):
    """A letter, its store, and the saga and step that it holds up, or else its follower."""

    store: Datastore
    letter: Letter
    held: HeldStep


class LetterBulk(Bulk[Selected]):
    """One action on the dead letters that a selection has of a system."""

    noun = "dead letter"

    def selected(self) -> Iterator[Selected]:
        """The letters that are selected, in the order of their followers and logs."""
        since = self.selection.since
        for store in self.runner.datastores:
            for letter in self._letters(store):
                held = held_up_by(letter, self._sagas, self.runner.apps)
                held = held or HeldStep(letter.follower, "")
                is_since = since is None or letter.parked_at >= since
                if is_since and self.selection.includes(held.saga, [held.step], letter.error):
                    yield Selected(store, letter, held)

    def store_of(self, one: Selected) -> Datastore:
        """The store that the letter is in."""
        return one.store

    def count_one(self, one: Selected, result: BulkResult) -> None:
        """Counts a letter."""
        result.count(one.held.saga, one.held.step, one.letter.error)

    def act_on(self, one: Selected, result: BulkResult) -> None:
        """Discards a letter, or retries it with those of its key."""
        if self.action is Action.DISCARD_LETTER:
            self._discard(one, result)
        elif one.letter.key is None or (one.letter.follower, one.letter.key) not in self._tried:
            self._tried.add((one.letter.follower, one.letter.key or ""))
            self._retry(one, result)

    def _retry(self, one: Selected, result: BulkResult) -> None:
        try:
            done = retry(self.runner, one.letter)
        except LetterBusy as error:
            result.refused.append(_undone(one, describe_error(error)))
            return
        result.done += done.taken
        if done.error is not None:
            result.refused.append(_undone(one, done.error))
        if done.taken or done.error is not None:
            for each in self._concerned(one.letter):
                self._note(each, one.letter)

    def _discard(self, one: Selected, result: BulkResult) -> None:
        sagas = self._concerned(one.letter)
        same = [each for each in sagas if self.process(each.process.name).datastore is one.store]
        try:
            if same:
                self._note(same[0], one.letter, partial(discard, letter=one.letter))
            else:
                with one.store.write() as connection:
                    discard(connection, one.letter)
        except LetterUnknown:
            return  # another operator, or a runner, was first
        result.done += 1
        for each in sagas:
            if each not in same[:1]:
                self._note(each, one.letter)

    def _note(self, saga: Instance, letter: Letter, also: "partial[None] | None" = None) -> None:
        by = self.by._replace(reason=f"{letter.id} {self.by.reason}".strip())

        def note(interventions: Interventions) -> None:
            interventions.note(self.action, by)

        self.process(saga.process.name).intervene(saga.key, note, also, saga.journal.run)

    def _concerned(self, letter: Letter) -> list[Instance]:
        """The saga that owns the letter; for another follower's, those of its key."""
        if letter.key is None:
            return []
        own = [each for each in self.system.processes if each.name == letter.follower]
        return instances_of_key(own or self.system.processes, self.runner.apps, letter.key)

    @cached_property
    def _tried(self) -> set[tuple[str, str]]:
        """The followers and keys whose letters were retried."""
        return set()

    @cached_property
    def _sagas(self) -> dict[str, Declaration]:
        return {each.name: saga_declaration(each.saga) for each in self.system.processes}

    def _letters(self, store: Datastore) -> Iterator[Letter]:
        last: Letter | None = None
        while page := _page(store, last):
            for each in page:
                app = self.runner.apps.get(each.leader) or self.runner.apps.get(each.follower)
                if each.follower in self.system.leaders_of:
                    yield revealed(each, None if app is None else app.mapper)
            last = page[-1]


def _page(store: Datastore, last: Letter | None) -> list[Letter]:
    with store.read() as connection:
        return letters_after(connection, last, PAGE)


def _undone(one: Selected, reason: str) -> Undone:
    return Undone(one.held.saga, one.letter.id, one.letter.key, reason)
