"""Reminders of a step: commands that are issued while its answer is outstanding."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, overload

from typing_extensions import override

from sagaline.errors import DefinitionError
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import refuse_late, refuse_no_duration
from sagaline.messaging.retry import Retry, in_words, seconds
from sagaline.saga.command_part import (
    CommandByKey,
    CommandMethod,
    CommandPart,
    refuse_no_maker,
)
from sagaline.saga.fan_out import FanOut
from sagaline.saga.items import step_name

REMINDER_RETRY: Final = Retry(attempts=5, first=seconds(10))
"""The attempts at a reminder whose port faults: five, in two and a half minutes."""


@dataclass(frozen=True)
class Reminder(CommandPart):
    """A command that is issued while a step is unanswered, once or several times."""

    make_command: CommandMethod
    step: "Reminded"
    after: timedelta
    every: timedelta | None
    times: int

    def pause(self, number: int) -> timedelta | None:
        """The time before it is issued for the so manyth time; None where that was too often."""
        if number == 1:
            return self.after
        return self.every if number <= self.times else None

    def about(self, step: str) -> str:
        """Its name where it reminds of this step, or of this item: ``remind_guest[3]``."""
        return self.name + step.removeprefix(step_name(step))

    def __str__(self) -> str:
        first = f"after {in_words(self.after)}"
        if self.every is None:
            return first
        return f"{first}, every {in_words(self.every)}, {self.times} times"


class Reminded(CommandPart):
    """A step with reminders."""

    fan_out: FanOut | None
    reminders: list[Reminder]
    is_placed = False
    """Whether the class of its saga is defined."""

    @override
    def __set_name__(self, owner: type, name: str) -> None:
        super().__set_name__(owner, name)
        self.is_placed = True

    @overload
    def reminder(
        self,
        command: type[Command],
        *,
        after: timedelta,
        every: timedelta | None = None,
        times: int = 1,
    ) -> Reminder: ...
    @overload
    def reminder(
        self, *, after: timedelta, every: timedelta | None = None, times: int = 1
    ) -> Callable[[CommandMethod], Reminder]: ...
    def reminder(
        self,
        command: type[Command] | None = None,
        *,
        after: timedelta,
        every: timedelta | None = None,
        times: int = 1,
    ) -> Reminder | Callable[[CommandMethod], Reminder]:
        """Declares a command that is issued while the step is unanswered, such as a mail.

        It is issued `after` so long, and then `every` so long, so many `times` in all; no more once
        the step is answered or given up, or the saga compensates. An escalation is a second
        reminder with a command of its own. Nothing waits for an answer: where its port faults, it
        is tried five times and then dropped, and the saga goes on.
        """

        def declare(make_command: CommandMethod) -> Reminder:
            refuse_late(self.is_placed, f"@reminder of {self.name}", f"@{self.name}.reminder")
            refuse_no_maker(make_command, for_item=self.fan_out is not None)
            where = f"@reminder of {make_command.__name__}"
            _check(where, after, every, times)
            made = Reminder(make_command, self, after, every, times)
            self.reminders.append(made)
            return made

        return declare if command is None else declare(CommandByKey(command, "reminder"))


def numbered(name: str, number: int) -> str:
    """The name of one of the times that a reminder is issued: ``remind_boss#2``."""
    return f"{name}#{number}"


def unnumbered(name: str) -> tuple[str, int]:
    """The name of a reminder, with its item, and which of its times it is."""
    name, _, number = name.rpartition("#")
    return name, int(number)


def reminder_name(name: str) -> str:
    """The name of the reminder that was declared, without its item and its number."""
    return step_name(name).partition("#")[0]


def _check(where: str, after: Any, every: Any, times: Any) -> None:
    example = "after=hours(24), every=hours(12), times=3"
    for each in (after, every):
        refuse_no_duration(each, where, example)
    if after is None:
        problem = "it does not say when it is due"
        raise DefinitionError(where=where, problem=problem, cure=f"Write {example}.")
    if type(times) is not int or times < 1:
        raise DefinitionError(where=where, problem=f"times is {times!r}", cure=f"Write {example}.")
    if (times > 1) is not (every is not None):
        problem = "`every` and `times` belong together"
        raise DefinitionError(where=where, problem=problem, cure=f"Write {example}.")
