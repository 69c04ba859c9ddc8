"""The Mermaid flowchart of a system: its parts, and which of them follows which log."""

from eventsourcing.utils import get_topic

from sagaline.application.application import Application
from sagaline.application.declaration import declaration_of
from sagaline.application.ownership import events_of
from sagaline.application.saga_process import SagaProcess
from sagaline.codec import WantedTopics
from sagaline.messaging.faults import CommandFaulted
from sagaline.read_model.definition import ReadModel, projections_of
from sagaline.saga.requests import request_class
from sagaline.saga.versions import declarations_of
from sagaline.system.flowchart import arrow, flowchart, names, node
from sagaline.system.routing import is_of_sagas
from sagaline.system.system import System


def system_diagram(system: System) -> str:
    """The parts of a system, and an arrow with names of events or commands from leader to follower.

    Sagas issue commands to applications; all other arrows carry events.
    """
    members, topics = {each.name: each for each in system.members}, system.topics
    lines = [node(each.name, "[{}]") for each in system.applications]
    lines += [node(each.name, "{{{{{}}}}}") for each in system.processes]
    lines += [node(each.table.name, "[({})]") for each in system.read_models]
    for follower in system.members:
        for leader in system.leaders_of[follower.name]:
            labels = _handled(members[leader], topics[follower.name])
            lines.append(arrow(leader, follower.name, labels))
    for model in system.read_models:
        for leader in system.leaders_of[model.table.name]:
            labels = _projected(members[leader], model)
            lines.append(arrow(leader, model.table.name, labels, dotted=True))
    return flowchart("LR", lines)


def _handled(leader: type[Application], topics: WantedTopics) -> list[str]:
    """The commands or events that a follower handles from this leader, by name."""
    if issubclass(leader, SagaProcess):
        declared = declarations_of(leader.saga)
        commands = dict.fromkeys(each for d in declared for each in d.commands.values())
        return [each.__name__ for each in commands if get_topic(request_class(each)) in topics]
    events: list[type] = list(events_of(*declaration_of(leader).aggregates))
    events += [CommandFaulted] if declaration_of(leader).answers_faults else []
    return [each.__qualname__ for each in events if get_topic(each) in topics]


def _projected(leader: type[Application], model: type[ReadModel]) -> list[str]:
    events = projections_of(model).events
    if not events:
        return ["every event"]
    if issubclass(leader, SagaProcess):
        return names(each for each in events if is_of_sagas(each))
    return names(
        each for each in events_of(*declaration_of(leader).aggregates) if issubclass(each, events)
    )
