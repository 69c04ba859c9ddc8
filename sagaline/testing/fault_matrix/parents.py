"""What must hold between a saga and the sagas that are its steps."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from sagaline.saga.declaration import saga_declaration
from sagaline.saga.instance import Journal
from sagaline.saga.state import Role, State, StepStatus
from sagaline.testing.simulation.system_run import SystemRun


def violations_of_parents(run: SystemRun, journals: Sequence[Journal]) -> Iterator[str]:
    """Yields the children that have not ended as their parents say."""
    children = _children(run, journals)
    for parent in journals:
        declaration = saga_declaration(run.parts[parent.saga].saga)
        for request, (name, role) in parent.requests.items():
            if role is Role.DO and declaration.step_of(name).child is not None:
                child = children.get(request)
                wanted = _is_wanted(parent, name)
                completed = child is not None and child.state is State.COMPLETED
                if parent.state.ended and completed is not wanted:
                    end = "never started" if child is None else child.state.value
                    yield f"{parent.saga} {parent.key}: it is {parent.state.value}, {name} is {end}"


def _is_wanted(parent: Journal, name: str) -> bool:
    """Whether the child is to be completed."""
    return parent.state is State.COMPLETED and parent.steps[name].status is StepStatus.DONE


def _children(run: SystemRun, journals: Sequence[Journal]) -> Mapping[UUID, Journal]:
    """The instances that other sagas have started, by the id of the command that did."""
    by_id = {each.id: each for each in journals}
    return {
        event.event.command.id: by_id[event.originator_id]
        for event in run.log.events
        if isinstance(event, Journal.Started | Journal.Begun)
        and isinstance(event.event, Journal.Requested)
    }
