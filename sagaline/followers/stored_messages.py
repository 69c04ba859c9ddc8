"""Messages read again by their places: from the logs, or from the timers."""

from collections.abc import Collection, Mapping

from sagaline.codec import TypedMapper
from sagaline.followers.log_window import LogWindow
from sagaline.followers.timers import timer_id, timer_message
from sagaline.messaging.message import Message
from sagaline.storage import Datastore
from sagaline.storage.tables.timers import timer_of_id

Place = tuple[str, int]
"""The leader and the position of a message; the cause and 0 for a timer."""


def stored_messages(
    places: Collection[Place],
    windows: Mapping[str, LogWindow],
    datastore: Datastore,
    follower: str,
    mapper: TypedMapper | None,
) -> dict[Place, Message]:
    """The messages at these places, without those that do not exist any more."""
    found: dict[Place, Message] = {}
    ids: dict[str, list[int]] = {}
    for leader, position in places:
        if position:
            ids.setdefault(leader, []).append(position)
        else:
            message = _timer(leader, datastore, follower, mapper)
            if message is not None:
                found[leader, 0] = message
    for leader, positions in ids.items():
        for message in windows[leader].find(positions):
            found[leader, message.id] = message
    return found


def _timer(
    cause: str, datastore: Datastore, follower: str, mapper: TypedMapper | None
) -> Message | None:
    with datastore.read() as connection:
        row = timer_of_id(connection, follower, timer_id(cause))
    return None if row is None else timer_message(follower, row, mapper)
