"""A COMMIT without an answer: the error says so, and a repeated command has one effect."""

from collections.abc import Iterator
from itertools import product

import pytest
from eventsourcing.persistence import OperationalError
from sqlalchemy import text

from sagaline.errors import CommitUnknown
from tests.sagaline.small_system import (
    Booking,
    Confirm,
    Desk,
    Hands,
    events,
    hands,
    letters,
    named,
    statuses,
    wish,
    wrong,
)
from tests.sagaline.storage.cut_commits import Cut, CuttingServer, cutting
from tests.sagaline.storage.faults import file_of, files_limited_to
from tests.sagaline.storage.stores import outside

CUTS: tuple[Cut, ...] = ("before", "after")


@pytest.fixture
def server(postgres_store: str) -> Iterator[CuttingServer]:
    with cutting(postgres_store) as server:
        yield server


def _commands_are_sent_again(led: Hands, server: CuttingServer, cut: Cut) -> None:
    desk, ada = led.runner.get(Desk), wish("Ada")
    before = len(events(led.runner, Desk))
    server.cuts = [cut]
    with pytest.raises(CommitUnknown, match=r"unknown whether .* send the same command again"):
        desk.execute_one(ada)
    assert len(events(led.runner, Desk)) == before + (cut == "after")
    assert desk.execute_one(ada).duplicate == (cut == "after")
    assert len(events(led.runner, Desk)) == before + 1
    confirm = Confirm(booking_id=ada.booking_id)
    server.cuts = [cut]
    with pytest.raises(CommitUnknown):
        desk.execute_one(confirm)
    desk.execute_one(confirm)  # the aggregate in memory is as the log has it
    assert named(led.runner, Desk)[before:] == ["Booking.Wanted", "Booking.Confirmed"]


def _saved_once(led: Hands, server: CuttingServer, cut: Cut) -> None:
    before = len(events(led.runner, Desk))
    server.cuts = [cut]
    with pytest.raises(OperationalError, match="unknown whether"):
        led.runner.get(Desk).save(Booking(**wish().model_dump(exclude={"id"})))
    assert len(events(led.runner, Desk)) == before + (cut == "after")


def test_a_command_whose_commit_had_no_answer_is_sent_again(server: CuttingServer) -> None:
    with hands(server.url) as led:
        for cut in CUTS:
            _commands_are_sent_again(led, server, cut)
            _saved_once(led, server, cut)


def _to_the_end(led: Hands, server: CuttingServer) -> int:
    """Leads all followers, whose commits are cut in both ways; says how many were."""
    cuts = 0
    for round_, name in product(range(8), led.followers):
        server.cuts = [CUTS[round_ % 2]]
        try:
            led.turn(name)
        except CommitUnknown:
            cuts += 1
    server.cuts = []
    led.settle()
    return cuts


def test_followers_whose_commits_have_no_answer_have_each_effect_once(
    server: CuttingServer,
) -> None:
    with hands(server.url) as led:
        led.open()
        led.want(*(wish(f"guest {each}") for each in range(5)))
        assert _to_the_end(led, server) > 5
        assert wrong(led.runner) == []
        assert letters(led.runner) == []
        assert statuses(led.runner) == {"confirmed": 5}


def test_a_commit_that_a_disk_refuses_is_not_said_to_be_lost(sqlite_store: str) -> None:
    with hands(sqlite_store) as led:
        desk, ada = led.runner.get(Desk), wish("Ada")
        log = file_of(sqlite_store).with_name("store.db-wal")
        with (
            files_limited_to(log.stat().st_size),
            pytest.raises(CommitUnknown, match="disk I/O error"),
        ):
            desk.execute_one(ada)
        assert len(events(led.runner, Desk)) == 0
        assert not desk.execute_one(ada).duplicate
        assert len(events(led.runner, Desk)) == 1


AT_COMMIT = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = '53100'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON desk_events
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def test_a_commit_that_a_server_refuses_is_known_to_be_lost(postgres_store: str) -> None:
    with hands(postgres_store) as led, outside(postgres_store) as connection:
        desk, ada = led.runner.get(Desk), wish("Ada")
        connection.execute(text(AT_COMMIT))
        with pytest.raises(OperationalError, match="not today") as refused:
            desk.execute_one(ada)
        assert not isinstance(refused.value, CommitUnknown)
        connection.execute(text("DROP TRIGGER refuse ON desk_events"))
        assert not desk.execute_one(ada).duplicate
