"""Where a message stands, as rows name it."""


def place_of(leader: str, position: int) -> str:
    """Its place in a log, as ``orders:12``; the leader alone for a timer, which is in no log."""
    return f"{leader.lower()}:{position}" if position else leader
