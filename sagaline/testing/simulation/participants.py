"""Participants of a saga, simulated: what they do, what they take back, and their account of it."""

from collections import Counter
from uuid import UUID

from sagaline.messaging.commands import Command
from sagaline.saga.steps import NO_EFFECT, Kind


class Effects:
    """What the participants have done to the world, by the name of the step, for one instance.

    An effect takes place once for each idempotency key, and never after it was settled.
    """

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.taken_back: Counter[str] = Counter()
        self._keys: set[tuple[str, UUID]] = set()
        self._settled: set[str] = set()

    def take(self, name: str, key: UUID) -> bool:
        """Does it, once for each key; False where it was settled before that, so never will be."""
        if (name, key) in self._keys:
            return True
        if name in self._settled:
            return False
        self._keys.add((name, key))
        self.taken[name] += 1
        return True

    def refuse(self, name: str, key: UUID) -> bool:
        """Never does it; False where it was done before that."""
        if (name, key) in self._keys:
            return False
        self._settled.add(name)
        return True

    def settle(self, name: str) -> None:
        """Takes it back, if it was done; if not, it never will be."""
        self._settled.add(name)
        if self.there(name):
            self.take_back(name)

    def take_back(self, name: str) -> None:
        """Takes it back, and leaves it open whether it will be done once more."""
        self.taken_back[name] += 1

    def there(self, name: str) -> int:
        """How often it is there now."""
        return self.taken[name] - self.taken_back[name]

    @property
    def in_place(self) -> set[str]:
        """What is there now."""
        return {name for name in self.taken if self.there(name)}


class SimulatedParticipant:
    """Does one step of a saga, and takes it back: honest, so that a saga can rely on it.

    The same command is one effect. An undo settles the outcome by key before it answers: never
    taken, or taken and then taken back; what is still under way then will not be done. Override
    `do` and `undo` to try what becomes of a saga whose participant is otherwise.
    """

    def __init__(self, name: str, kind: Kind | None, effects: Effects) -> None:
        self.name = name
        self.kind = kind
        """None for the participant that is given a closing command."""
        self.effects = effects

    def do(self, command: Command) -> bool:
        """Does it; says whether it is done, or refused."""
        return self.kind is NO_EFFECT or self.effects.take(self.name, command.id)

    def undo(self, command: Command) -> bool:
        """Takes it back; says whether there is nothing of it any more, or this is refused."""
        self.effects.settle(self.name)
        return True


__all__ = ["Effects", "SimulatedParticipant"]
