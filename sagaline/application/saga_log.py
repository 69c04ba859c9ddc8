"""Logs the sagas that a batch has parked."""

from collections.abc import Iterable
from shlex import quote

from sagaline.codec import TypedMapper
from sagaline.messaging.logbook import fields, logger_of
from sagaline.messaging.message import Message
from sagaline.saga.topics import EVENT_TOPICS

PARKED = EVENT_TOPICS["Parked"]

log = logger_of(__name__)


def log_parked_sagas(saga: str, messages: Iterable[Message], mapper: TypedMapper) -> None:
    """Logs the instances that events of a saga's log have parked, with the commands that help."""
    for each in messages:
        if each.topic == PARKED:
            step, reason = each.event.step, each.event.reason
            if mapper.cipher is not None:
                reason = "(the log is encrypted, so the reason is left out)"
            key = quote(str(each.key))
            extra = fields(saga=saga, key=each.key, step=step, message=each.position)
            log.error(_PARKED, saga, each.key, step, reason, key, key, extra=extra)


_PARKED = "%s: parked %s at %s: %s; see `sagaline sagas show %s`, then `sagaline sagas retry %s`"
