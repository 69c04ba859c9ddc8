"""Failures of ports, recorded as answers to commands."""

from dataclasses import dataclass
from uuid import UUID

from eventsourcing.domain import DomainEvent

from sagaline.messaging.commands import Command
from sagaline.messaging.ids import named_id
from sagaline.messaging.topics import fix_topic


@dataclass(frozen=True)
class CommandFaulted(DomainEvent):
    """A participant could not carry out a command, because a port failed.

    It is not a refusal: whether the command had an effect is unknown. Only the saga retries it.
    """

    command_id: UUID
    command: str
    attempt: int
    reason: str

    @classmethod
    def of(cls, command: Command, attempt: int, reason: str) -> "CommandFaulted":
        """The fault of one attempt, in a stream of its own, so that it is recorded only once."""
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
