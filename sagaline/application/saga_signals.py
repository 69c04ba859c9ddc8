"""Signals: what a caller tells a running saga."""

from collections.abc import Iterable, Mapping
from typing import Any

from sagaline.application.receipt import Receipt
from sagaline.application.saga_process import SagaProcess
from sagaline.errors import WrongCall
from sagaline.messaging.commands import Command
from sagaline.messaging.declaring import named
from sagaline.saga.versions import declarations_of


def signal(apps: Mapping[str, Any], command: Command) -> Receipt:
    """Gives a command to the saga that hears it, and returns its receipt.

    Raises WrongCall where no saga hears it, SagaUnknown and SignalTooLate.
    """
    processes = [each for each in apps.values() if isinstance(each, SagaProcess)]
    for each in processes:
        if any(type(command) in d.signals.values() for d in declarations_of(each.saga)):
            return each.execute_one(command)
    known = ", ".join(sorted(signal_names(type(each) for each in processes))) or "none"
    cure = f"The signals are: {known}."
    raise WrongCall(where="signal", problem=f"no saga hears {named(type(command))}", cure=cure)


def signal_names(processes: Iterable[type[SagaProcess]]) -> set[str]:
    """The names of the commands that sagas hear from callers."""
    declared = [each for process in processes for each in declarations_of(process.saga)]
    return {name for each in declared for name in each.signals}
