"""Mermaid flowcharts of a system and of a saga, drawn from their declarations."""

from collections.abc import Collection, Iterable, Iterator

from eventsourcing.domain import DomainEvent
from eventsourcing.utils import get_topic

from sagaline.application.application import Application
from sagaline.application.declaration import declaration_of
from sagaline.application.saga_process import SagaProcess
from sagaline.messaging.faults import CommandFaulted
from sagaline.messaging.retry import in_words
from sagaline.read_model.definition import ReadModel
from sagaline.saga.definition import PIVOT, RETRIABLE, Saga, Step, Undo
from sagaline.saga.instance import Journal, requested
from sagaline.system.system import System

_RESERVED = {"call", "class", "click", "default", "end", "flowchart", "graph", "style", "subgraph"}


def system_diagram(system: System) -> str:
    """Who follows whom, and for what: commands go from sagas to applications, events elsewhere."""
    members = {each.name: each for each in system.members}
    lines = [_node(each.name, "[{}]") for each in system.applications]
    lines += [_node(each.name, "{{{{{}}}}}") for each in system.processes]
    lines += [_node(each.table.name, "[({})]") for each in system.read_models]
    for follower in system.members:
        for leader in system.leaders_of[follower.name]:
            names = _carried(members[leader], system.topics[follower.name])
            lines.append(_arrow(leader, follower.name, names))
    for model in system.read_models:
        for leader in system.leaders_of[model.table.name]:
            names = _projected(members[leader], model)
            lines.append(_arrow(leader, model.table.name, names, dotted=True))
    return _flowchart("LR", lines)


def saga_diagram(saga: type[Saga]) -> str:
    """The steps of a saga, its way back, and its ends.

    The way back is drawn as if all had begun that can have: an undo with nothing to undo is passed.
    """
    return _flowchart("TD", _Drawing(saga).lines())


class _Drawing:
    """One saga's chart: forward down the middle, back up at the side."""

    def __init__(self, saga: type[Saga]) -> None:
        self._saga = saga
        self._steps = list(saga.steps.values())
        self._commands = saga.commands()

    def lines(self) -> list[str]:
        """The nodes, then the arrows."""
        return [*self._nodes(), *self._forward(), *self._back()]

    def _nodes(self) -> Iterator[str]:
        yield _node("start_", "([{}])", self._saga.starts_on.__qualname__)
        for each in self._steps:
            yield self._command(each.name, "{{{{{}}}}}" if each.kind is PIVOT else "[{}]")
        for each in self._steps:
            if each.undoing is not None:
                yield self._command(each.undoing.name, "[/{}/]")
        for closing in (self._saga.completing, self._saga.closing):
            if closing is not None:
                yield self._command(closing.name, "[{}]")
        ends = ["completed", *(["compensated"] if self._turns_round else [])]
        ends += ["parked"] if self._can_park else []
        for end in ends:
            yield _node(f"{end}_", "([{}])", end)

    def _forward(self) -> Iterator[str]:
        for each in self._steps:
            if not each.after:
                yield _arrow("start_", each.name, [])
        completing = self._saga.completing
        end = completing.name if completing is not None else "completed_"
        for each in self._steps:
            behind = [other.name for other in self._steps if each.name in other.after]
            for after in behind or [end]:
                yield _arrow(each.name, after, _names(each.done))
        if completing is not None:
            yield _arrow(completing.name, "completed_", [])

    def _back(self) -> Iterator[str]:
        for place, each in enumerate(self._steps):
            if each.refused:
                back = self._way_back(other for other in self._begun_with(each) if other != each)
                yield _arrow(each.name, back, _names(each.refused), dotted=True)
            yield self._without_answer(each, self._way_back(self._begun_with(each)))
            if each.undoing is not None:
                yield from self._undone(each.undoing, self._way_back(self._steps[:place]))
        if self._saga.closing is not None and self._turns_round:
            yield _arrow(self._saga.closing.name, "compensated_", [])

    def _undone(self, undo: Undo, back: str) -> Iterator[str]:
        yield _arrow(undo.name, back, _names(undo.done))
        given_up = [*_names(undo.refused), "no answer"]
        yield _arrow(undo.name, "parked_", given_up, dotted=True)

    def _without_answer(self, step: Step, back: str) -> str:
        """Where the saga goes when it does not know what became of a step."""
        limit = "" if step.within is None else f" in {in_words(step.within)}"
        to = "parked_" if step.kind in (PIVOT, RETRIABLE) else back
        return _arrow(step.name, to, [f"no answer{limit}"], dotted=True)

    def _begun_with(self, step: Step) -> list[Step]:
        """Itself, and what may have begun when it is answered: all that does not wait for it."""
        behind = {step.name}
        for each in self._steps:
            if behind & set(each.after):
                behind.add(each.name)
        return [each for each in self._steps if each is step or each.name not in behind]

    def _way_back(self, steps: Iterable[Step]) -> str:
        """The first that is to be undone, where these have begun: the last of them."""
        undos = [each.undoing for each in steps if each.undoing is not None]
        if undos:
            return undos[-1].name
        return self._saga.closing.name if self._saga.closing is not None else "compensated_"

    @property
    def _turns_round(self) -> bool:
        return any(each.refused or each.kind not in (PIVOT, RETRIABLE) for each in self._steps)

    @property
    def _can_park(self) -> bool:
        return any(each.undoing or each.kind in (PIVOT, RETRIABLE) for each in self._steps)

    def _command(self, name: str, shape: str) -> str:
        may = ", or nothing" if name in self._saga.conditional else ""
        return _node(name, shape, f"{name}<br/>{self._commands[name].__name__}{may}")


def _flowchart(direction: str, lines: Iterable[str]) -> str:
    return "\n    ".join([f"flowchart {direction}", *lines])


def _node(name: str, shape: str, label: str = "") -> str:
    return _id(name) + shape.format(_quoted(label or name))


def _arrow(start: str, end: str, names: Iterable[str], *, dotted: bool = False) -> str:
    arrow = "-.->" if dotted else "-->"
    label = "<br/>".join(names)
    middle = f"{arrow}|{_quoted(label)}|" if label else arrow
    return f"{_id(start)} {middle} {_id(end)}"


def _id(name: str) -> str:
    written = "".join(each if each.isascii() and each.isalnum() else "_" for each in name)
    return f"{written}_" if written in _RESERVED else written


def _quoted(label: str) -> str:
    return '"' + label.replace('"', "#quot;") + '"'


def _names(events: Iterable[type]) -> list[str]:
    return [each.__qualname__ for each in events]


def _carried(leader: type[Application], topics: Collection[str]) -> list[str]:
    """What a follower takes from this leader, by the names that people know."""
    if issubclass(leader, SagaProcess):
        commands = dict.fromkeys(leader.saga.commands().values())
        return [each.__name__ for each in commands if get_topic(requested(each)) in topics]
    events = list(_recorded(leader))
    events += [CommandFaulted] if declaration_of(leader).answers_faults else []
    return [each.__qualname__ for each in events if get_topic(each) in topics]


def _projected(leader: type[Application], model: type[ReadModel]) -> list[str]:
    events = model.events()
    if not events:
        return ["every event"]
    if issubclass(leader, SagaProcess):
        return _names(each for each in events if issubclass(each, Journal.Event | Journal.Created))
    return _names(each for each in _recorded(leader) if issubclass(each, events))


def _recorded(application: type[Application]) -> Iterator[type[DomainEvent]]:
    for aggregate in declaration_of(application).aggregates:
        for event in vars(aggregate).values():
            if isinstance(event, type) and issubclass(event, DomainEvent):
                yield event
