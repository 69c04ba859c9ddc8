"""The decisions of people in simulations: what a step that waits without a command hears."""

from typing import NamedTuple

from sagaline.messaging.commands import Command
from sagaline.messaging.ids import named_id
from sagaline.saga.instance import Journal
from sagaline.saga.state import Role


class _Decide(Command, key="saga_key"):
    """Stands where a step has its command, so that a simulated participant can answer it."""

    saga_key: str


class Decision(NamedTuple):
    """What a saga waits for, as a request to a simulated participant."""

    step: str
    role: Role
    attempt: int
    command: Command

    @classmethod
    def of(cls, waiting: Journal.Waiting, key: str) -> "Decision":
        """The decision that an instance with this key waits for."""
        id_ = named_id(waiting.originator_id, f"decision:{waiting.step}")
        return cls(waiting.step, Role.DO, 1, _Decide(saga_key=key, id=id_))


Asked = Journal.Requested | Decision
"""What a simulated participant answers."""
