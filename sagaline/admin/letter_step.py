"""The saga and the step that a dead letter holds up."""

from collections.abc import Mapping
from typing import NamedTuple

from sagaline.admin.entry import Entry, ReadableLog
from sagaline.codec import loaded_class
from sagaline.errors import UnknownTopic
from sagaline.saga.declaration import Declaration
from sagaline.saga.versions import definitions_of
from sagaline.storage.tables.dead_letters import Letter


class HeldStep(NamedTuple):
    """The step of a saga that a letter holds up; empty where the letter does not say which."""

    saga: str
    step: str


def held_up_by(
    letter: Letter, sagas: Mapping[str, Declaration], logs: Mapping[str, ReadableLog]
) -> HeldStep | None:
    """Return what a letter holds up: the saga that heard it, or that issued it as a command."""
    if letter.follower in sagas:
        return HeldStep(letter.follower, _step_heard(letter, sagas[letter.follower]))
    if letter.leader in sagas and letter.position:
        return HeldStep(letter.leader, _step_requested(letter, logs))
    return None


def _step_heard(letter: Letter, saga: Declaration) -> str:
    """The step that an event answers, or whose timer is parked."""
    if not letter.position:
        return f"::{letter.leader}".rsplit(":", 2)[-2]  # timer:KEY:STEP:timeout
    try:
        heard = loaded_class(letter.topic)
    except UnknownTopic:
        return ""
    for each in definitions_of(saga):
        meaning = each.meanings[heard]
        if meaning is not None and meaning in each.answers:
            return each.answers[meaning][0].step
    return ""


def _step_requested(letter: Letter, logs: Mapping[str, ReadableLog]) -> str:
    log = logs.get(letter.leader)
    rows = [] if log is None else log.recorder.page(letter.position - 1, 1).rows
    if log is None or not rows or rows[0].id != letter.position:
        return ""
    return str(Entry.of(letter.leader, rows[0], log.mapper).state.get("step", ""))
