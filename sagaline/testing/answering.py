"""The answers of a simulated participant in a scenario."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Self

from sagaline.testing.simulation.faults import NOW, Fault, done_and_answered_after, no_answer
from sagaline.testing.simulation.scripted_attempt import Attempt, FaultPoint, ScriptedAnswer


class Answering:
    """What a simulated participant answers to a command, attempt by attempt.

    Each call describes one more attempt, or several; any further attempt succeeds.
    """

    def __init__(self, script: dict[FaultPoint, tuple[Fault, ...]], point: FaultPoint) -> None:
        self._script = script
        self._point = point

    def refuses(self, reason: str = "") -> Self:
        """Refuses the command for good, without any effect."""
        return self._then(lambda each: [ScriptedAnswer(NOW, lambda: each.refusal(reason))])

    def faults(self, times: int = 1, reason: str = "") -> Self:
        """Fails without any effect; the saga cannot know that."""
        for _ in range(times):
            self._then(lambda each: [ScriptedAnswer(NOW, lambda: each.fault(reason))])
        return self

    def is_down(self, reason: str = "") -> Self:
        """Faults until `recovers`."""
        self.faults(reason=reason)
        return self._make_permanent()

    def is_silent(self) -> Self:
        """Neither works nor answers until `recovers`."""
        return self._then(no_answer)._make_permanent()

    def recovers(self) -> Self:
        """Succeeds from now on."""
        self._script.pop(self._point, None)
        return self

    def is_pending(self, **time: float) -> Self:
        """Performs the command, and answers, after so long (``minutes=3``)."""
        return self._then(lambda each: [ScriptedAnswer(timedelta(**time), each.work)])

    def is_late(self, **time: float) -> Self:
        """Performs the command at once, and answers after so long."""
        return self._then(lambda each: done_and_answered_after(each, timedelta(**time)))

    def answers_twice(self) -> Self:
        """Performs the command once, and answers twice."""
        return self._then(lambda each: [ScriptedAnswer(NOW, each.work)] * 2)

    def succeeds(self) -> Self:
        """Performs the command and answers; for an attempt before others that do not."""
        return self._then(lambda each: [ScriptedAnswer(NOW, each.work)])

    def _then(self, answers: Callable[[Attempt], Sequence[ScriptedAnswer]]) -> Self:
        fault = Fault("answers as the test says", answers)
        self._script[self._point] = (*self._script.get(self._point, ()), fault)
        return self

    def _make_permanent(self) -> Self:
        *others, last = self._script[self._point]
        permanent = Fault(last.description, last.answers, permanent=True)
        self._script[self._point] = (*others, permanent)
        return self
