"""Simulated participants of a saga, and the effects that they have performed and undone."""

from collections import Counter
from uuid import UUID

from sagaline.messaging.commands import Command
from sagaline.saga.kinds import NO_EFFECT, Kind


class Effects:
    """The effects of one saga instance's participants, by the name of the step.

    An effect takes place once for each idempotency key, and never once it is settled.
    """

    def __init__(self) -> None:
        self.performed: Counter[str] = Counter()
        self.undone: Counter[str] = Counter()
        self._keys: set[tuple[str, UUID]] = set()
        self._settled: set[str] = set()

    def perform(self, name: str, key: UUID) -> bool:
        """Performs the effect, once for each key; False where it was settled before."""
        if (name, key) in self._keys:
            return True
        if name in self._settled:
            return False
        self._keys.add((name, key))
        self.performed[name] += 1
        return True

    def refuse(self, name: str, key: UUID) -> bool:
        """Settles that the effect will never be performed; False where it was performed before."""
        if (name, key) in self._keys:
            return False
        self._settled.add(name)
        return True

    def settle(self, name: str) -> None:
        """Undoes the effect if it was performed; if not, it never will be."""
        self._settled.add(name)
        if self.count(name):
            self.undone[name] += 1

    def count(self, name: str) -> int:
        """How many times the effect is performed and not undone."""
        return self.performed[name] - self.undone[name]


class SimulatedParticipant:
    """Performs one step of a saga and undoes it, with the guarantees that a saga relies on.

    The same command has one effect. An undo settles the outcome by key before it answers: never
    performed, or performed and then undone; an attempt that is still under way then has no
    effect. Override `do` and `undo` to test a saga with a participant that breaks these rules.
    """

    def __init__(self, name: str, kind: Kind | None, effects: Effects) -> None:
        self.name = name
        self.kind = kind
        """None for the participant of a closing command."""
        self.effects = effects

    def do(self, command: Command) -> bool:
        """Performs the step; True where it is done, False where it is refused."""
        return self.kind is NO_EFFECT or self.effects.perform(self.name, command.id)

    def undo(self, command: Command) -> bool:
        """Undoes the step; True where no effect is left, False where the undo is refused."""
        self.effects.settle(self.name)
        return True
