"""Failures of the outside world, told as answers."""

from dataclasses import dataclass
from uuid import UUID

from eventsourcing.domain import DomainEvent

from sagaline.messaging.commands import Command
from sagaline.messaging.ids import named_id
from sagaline.messaging.topics import fix_topic


@dataclass(frozen=True)
class CommandFaulted(DomainEvent):
    """A participant could not carry out a command, because a port failed.

    Not a refusal: nobody knows whether the effect took place. Only the saga tries again.
    """

    command_id: UUID
    command: str
    attempt: int
    reason: str

    @classmethod
    def of(cls, command: Command, attempt: int, reason: str) -> "CommandFaulted":
        """Records a fault in a stream of its own, so that the same fault is recorded once."""
        return cls(
            originator_id=named_id(command.id, f"fault {attempt}"),
            originator_version=1,
            timestamp=cls.create_timestamp(),
            command_id=command.id,
            command=type(command).__name__,
            attempt=attempt,
            reason=reason,
        )


fix_topic(CommandFaulted, "sagaline:CommandFaulted", former="sagaline.faults:CommandFaulted")

__all__ = ["CommandFaulted"]
