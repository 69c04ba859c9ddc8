"""Logs the faults of ports, each distinct one with its traceback once."""

from time import monotonic
from typing import Any

from sagaline.followers.follower_log import loggable
from sagaline.messaging.commands import Command
from sagaline.messaging.logbook import fields, logger_of
from sagaline.messaging.message import Message
from sagaline.ports.fault import PortFault
from sagaline.saga.instance import Journal

REPEAT_WINDOW = 60.0
"""Seconds in which the same fault again is counted, and its traceback is not logged again."""

MAX_KNOWN_FAULTS = 1_000
"""Distinct faults of one application that are remembered."""

log = logger_of(__name__)


class PortFaultLog:
    """Logs the faults of the ports of one application.

    The same fault is one of the same command that was raised at the same place: its text may
    differ, as one with the id of an order does.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self._known: dict[tuple[object, ...], tuple[float, int]] = {}
        """When each fault came first, and how often it has come since."""

    def report(self, message: Message, command: Command, attempt: int, fault: PortFault) -> None:
        """Logs that the port of a command has failed."""
        name, kind = self._application.name, type(command).__name__
        since, times = self._counted((kind, *_place_of(fault)))
        reason, trace = loggable(fault.error, self._application.mapper)
        is_of_saga = isinstance(message.event, Journal.Requested)
        extra = fields(
            application=name,
            saga=message.application if is_of_saga else None,
            command=kind,
            attempt=attempt,
            key=command.key or message.key,
            message=message.origin,
            error=None if fault.error is None else type(fault.error).__name__,
            times=times,
        )
        again = "" if times == 1 else f" (time {times} in {monotonic() - since:.0f} s)"
        log.warning(
            "%s: the port of %s failed, attempt %d: %s%s",
            *(name, kind, attempt, reason or fault.reason, again),
            exc_info=trace if times == 1 else None,
            extra=extra,
        )

    def _counted(self, fault: tuple[object, ...]) -> tuple[float, int]:
        """Counts a fault; returns when it came first, and how often it has come since."""
        now = monotonic()
        since, times = self._known.get(fault, (now, 0))
        if now - since > REPEAT_WINDOW:
            since, times = now, 0
        if len(self._known) >= MAX_KNOWN_FAULTS:
            self._known.clear()
        self._known[fault] = since, times + 1
        return since, times + 1


def log_repeat(application: str, command: Command, seconds: float) -> None:
    """Logs that a command of a timer is given again, because its port has failed."""
    kind = type(command).__name__
    extra = fields(application=application, command=kind, key=command.key, seconds=seconds)
    log.info("%s: %s is given again in %.0f s", application, kind, seconds, extra=extra)


def _place_of(fault: PortFault) -> tuple[object, ...]:
    """Where a fault was raised; its reason where nothing was raised."""
    trace = None if fault.error is None else fault.error.__traceback__
    if trace is None:
        return (fault.reason,)
    while trace.tb_next is not None:
        trace = trace.tb_next
    return type(fault.error), trace.tb_frame.f_code, trace.tb_lineno
