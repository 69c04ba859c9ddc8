"""Logs the sagas that a batch has parked, and the reminders that it has dropped."""

from collections.abc import Iterable
from shlex import quote

from sagaline.codec import TypedMapper
from sagaline.messaging.logbook import fields, logger_of
from sagaline.messaging.message import Message
from sagaline.saga.topics import EVENT_TOPICS

PARKED = EVENT_TOPICS["Parked"]
DROPPED = EVENT_TOPICS["Dropped"]

log = logger_of(__name__)


def log_parked_sagas(saga: str, messages: Iterable[Message], mapper: TypedMapper) -> None:
    """Logs the instances that events of a saga's log have parked, with the commands that help.

    A reminder that was dropped is logged too: nothing waits for it.
    """
    for each in messages:
        if each.topic == PARKED or each.topic == DROPPED:
            step, reason = each.event.step, each.event.reason
            if mapper.cipher is not None:
                reason = "(the log is encrypted, so the reason is left out)"
            extra = fields(saga=saga, key=each.key, step=step, message=each.position)
            if each.topic == DROPPED:
                log.warning(_DROPPED, saga, each.key, step, reason, extra=extra)
            else:
                key = quote(str(each.key))
                log.error(_PARKED, saga, each.key, step, reason, key, key, extra=extra)


_DROPPED = "%s: %s goes on without the reminder %s: %s"
_PARKED = "%s: parked %s at %s: %s; see `sagaline sagas show %s`, then `sagaline sagas retry %s`"
