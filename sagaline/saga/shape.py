"""The declaration of a step as text, which stores keep to compare it with a later one."""

from collections.abc import Mapping

from eventsourcing.utils import construct_topic

from sagaline.saga.steps import Step


def shape_of_step(step: Step, commands: Mapping[str, str], conditional: bool) -> dict[str, str]:
    """Each part of a step with its declaration; `commands` are topics, by the name of a part."""
    may = " or nothing" if conditional else ""
    command = "waits" if step.waits else commands[step.name]
    found = {step.name: f"{step.kind.value}: {command}{may}, {_topics(step.done, step.refused)}"}
    found[f"order of {step.name}"] = ", ".join(step.after)
    if step.child is not None:
        found[f"saga of {step.name}"] = step.child._sagaline_declaration.name
    if step.fan_out is not None:
        found[f"items of {step.name}"] = str(step.fan_out.need)
    if step.optional or step.instead_of is not None:
        instead = f"instead of {step.instead_of.name}" if step.instead_of else "optional"
        found[f"need of {step.name}"] = instead
    undo = step.undoing
    if undo is not None:
        answers = _topics(undo.done, undo.refused)
        found[f"undo of {step.name}"] = f"{undo.name}: {commands[undo.name]}, {answers}"
    return found


def _topics(*classes: tuple[type, ...]) -> str:
    return " | ".join(",".join(construct_topic(each) for each in group) for group in classes)
