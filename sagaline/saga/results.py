"""What a saga knows of one of its steps: the answers, and the items that are done or failed."""

from collections.abc import Callable, Iterator
from typing import Any

from sagaline.codec import unshared
from sagaline.errors import WrongCall
from sagaline.saga.items import item_index, step_name
from sagaline.saga.state import StepProgress, StepStatus


class StepResult:
    """One step of one instance, as ``self.reserve_line`` in a method of the saga."""

    def __init__(
        self, saga: Any, name: str, items: Callable[[Any], Any] | None, child: Any = None
    ) -> None:
        self._saga = saga
        self._name = name
        self._items = items
        self._child = child

    @property
    def event(self) -> Any:
        """The event that answered the step; None while there is none, and for a step for each."""
        progress = self._progress.get(self._name)
        return None if progress is None else unshared(progress.event)

    @property
    def result(self) -> Any:
        """What the saga that is this step has handed on; None while it is not completed.

        Raises WrongCall where the step is no saga, or one that hands nothing on.
        """
        self._refuse_no_result()
        progress = self._progress.get(self._name)
        if progress is None or progress.status is not StepStatus.DONE:
            return None
        return self._handed_on(progress)

    @property
    def done(self) -> list[tuple[Any, Any]]:
        """The items that are done, each with the event that says so; not what a person skipped.

        Where each item is a saga, the second is what that has handed on: its `@result`, or None.
        """
        return [
            (item, self._handed_on(each) if self._child else unshared(each.event))
            for item, each in self._each_item()
            if each.status is StepStatus.DONE
        ]

    @property
    def failed(self) -> list[tuple[Any, str]]:
        """The items that were refused, or not answered in time, each with the reason."""
        failed = (StepStatus.REFUSED, StepStatus.WAIVED, StepStatus.UNDONE, StepStatus.LEFT)
        return [(item, each.why) for item, each in self._each_item() if each.status in failed]

    def _refuse_no_result(self) -> None:
        if self._child is None:
            problem, cure = "the step is no saga", f"Read self.{self._name}.event."
        elif not self._child._sagaline_declaration.results:
            problem = f"{self._child.__name__} hands nothing on"
            cure = "Mark a method of it with @result."
        else:
            return
        raise WrongCall(where=f"self.{self._name}.result", problem=problem, cure=cure)

    def _handed_on(self, progress: StepProgress) -> Any:
        text = getattr(progress.event, "result", "")
        results = self._child._sagaline_declaration.results if text else ()
        return next((each.read(text) for each in results), None)

    @property
    def _progress(self) -> dict[str, StepProgress]:
        progress: dict[str, StepProgress] = self._saga._sagaline_instance.steps
        return progress

    def _each_item(self) -> Iterator[tuple[Any, StepProgress]]:
        """The items that were requested, in their order; a step without items is its own."""
        if self._items is None:
            if self._name in self._progress:
                yield None, self._progress[self._name]
            return
        items = tuple(self._items(self._saga))
        asked = (name for name in self._progress if step_name(name) == self._name)
        for index, name in sorted((item_index(name) or 0, name) for name in asked):
            yield items[index], self._progress[name]
