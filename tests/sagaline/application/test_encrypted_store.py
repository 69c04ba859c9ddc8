"""Encrypted stores: nothing that a guest says is in clear, keys change, a missing key is named."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from eventsourcing.cipher import AESCipher
from sqlalchemy import text

from sagaline import Runner
from sagaline.admin.dead_letters import retry
from sagaline.errors import EncodingDiffers, KeysUnusable, StoreUnusable
from sagaline.storage import Datastore
from sagaline.storage.tables.dead_letters import Letter, all_letters
from tests.sagaline.small_system import (
    AskForReminder,
    Clock,
    Desk,
    Hands,
    Porter,
    env,
    guest_list,
    rows_of,
    system,
    trouble,
    wish,
)

SECRET = "Ophelia-of-Elsinore"
OLD, NEW = AESCipher.create_key(16), AESCipher.create_key(32)


class KeyedHands(Hands):
    """Leads the followers of an encrypted system; its read tables are in a store of their own."""

    def __init__(self, url: str, views: str, clock: Clock, **settings: str) -> None:
        self.settings = {**env(url), "SAGALINE_VIEWS": views, **settings}
        self.clock = clock
        self.runner = Runner(system, self.settings, now=clock)
        self.followers = {each.name: each for each in self.runner.followers}


@pytest.fixture
def views(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'views.db'}"


def stored_text(url: str, folder: Path) -> bytes:
    """All that the logs' store has on disk, or what a dump of each table shows."""
    if url.startswith("sqlite"):
        return b"".join(each.read_bytes() for each in folder.glob("store.db*"))
    datastore = Datastore.open(url)
    try:
        return "\n".join(_dumped(datastore)).encode()
    finally:
        datastore.close()


def _dumped(datastore: Datastore) -> Iterator[str]:
    with datastore.read() as connection:
        names = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname='public'")
        )
        for (name,) in names.all():
            for row in connection.execute(text(f'SELECT * FROM "{name}"')):
                yield " ".join(
                    bytes(x).decode("latin1") if isinstance(x, bytes) else str(x) for x in row
                )


def test_no_payload_is_in_clear_in_any_place(store_url: str, views: str, tmp_path: Path) -> None:
    hands = KeyedHands(store_url, views, Clock(), CIPHER_KEY=OLD)
    hands.open()
    doomed = wish(SECRET)
    with trouble.at("House", doomed.booking_id, ValueError(f"{SECRET} is unlucky")):
        hands.want(wish(SECRET), doomed)
        hands.runner.get(Porter).ask_for_one(AskForReminder(guest="k1", after=60, words=SECRET))
        hands.settle()
        assert len(rows_of(hands.runner, guest_list)) == 2
        hands.runner.stop()
    assert SECRET.encode() not in stored_text(store_url, tmp_path)
    assert SECRET.encode() in (tmp_path / "views.db").read_bytes(), "read tables are for readers"


def test_timers_and_dead_letters_are_read_with_the_key(store_url: str, views: str) -> None:
    clock = Clock()
    hands = KeyedHands(store_url, views, clock, CIPHER_KEY=OLD)
    with trouble.at("Porter", "ada", ValueError(f"{SECRET} is unlucky")):
        hands.runner.get(Porter).ask_for_one(AskForReminder(guest="ada", after=60, words=SECRET))
        clock.turn(timedelta(minutes=2))
        hands.settle()
        for _ in range(2):  # the first time finds that its fence was moved when the timer was set
            hands.followers["Porter"].fire(clock().timestamp())
    letter = letters(hands)[0]
    assert SECRET not in letter.error
    done = retry(hands.runner, letter)
    assert (done.taken, done.left, done.error) == (1, 0, None)
    hands.runner.stop()


def letters(hands: KeyedHands) -> list[Letter]:
    with hands.followers["Porter"].datastore.read() as connection:
        return all_letters(connection)


def test_a_key_is_changed_while_events_of_the_old_one_are_read(store_url: str, views: str) -> None:
    first = KeyedHands(store_url, views, Clock(), CIPHER_KEY=OLD)
    first.open()
    booking = wish()
    first.want(booking)
    first.runner.stop()
    both = KeyedHands(store_url, views, Clock(), CIPHER_KEY=NEW, CIPHER_READ_KEYS=OLD)
    both.want(wish())
    both.settle()
    assert len(rows_of(both.runner, guest_list)) == 2
    assert both.runner.get(Desk).repository.get(booking.booking_id).open is False
    both.runner.stop()
    with pytest.raises(EncodingDiffers, match="CIPHER_READ_KEYS"):
        KeyedHands(store_url, views, Clock(), CIPHER_KEY=NEW)
    with pytest.raises(EncodingDiffers, match="CIPHER_READ_KEYS"):
        KeyedHands(store_url, views, Clock(), CIPHER_KEY=OLD)


def test_a_worker_waits_for_a_key_that_it_lacks_and_parks_nothing(
    store_url: str, views: str
) -> None:
    behind = KeyedHands(store_url, views, Clock(), CIPHER_KEY=OLD)
    ahead = KeyedHands(store_url, views, Clock(), CIPHER_KEY=NEW, CIPHER_READ_KEYS=OLD)
    ahead.open()
    ahead.want(wish())
    with pytest.raises(Exception, match="is not given: see CIPHER_READ_KEYS"):
        behind.settle("Evening")
    assert letters(behind) == []
    behind.runner.stop()
    ahead.settle()
    ahead.runner.stop()


@pytest.mark.parametrize("settings", [{}, {"COMPRESSOR_TOPIC": "zlib"}])
def test_a_store_remembers_that_it_is_encrypted(
    store_url: str, views: str, settings: dict[str, str]
) -> None:
    hands = KeyedHands(store_url, views, Clock(), CIPHER_KEY=OLD)
    hands.open()
    hands.runner.stop()
    with pytest.raises(StoreUnusable) as refusal:
        KeyedHands(store_url, views, Clock(), **settings)
    assert re.search("it is encrypted|compressor", str(refusal.value))


def test_a_plain_log_does_not_become_an_encrypted_one(store_url: str, views: str) -> None:
    hands = KeyedHands(store_url, views, Clock())
    hands.open()
    hands.runner.stop()
    with pytest.raises(EncodingDiffers, match="from its first event on"):
        KeyedHands(store_url, views, Clock(), CIPHER_KEY=OLD)


def test_a_compressed_log_stays_compressed(store_url: str, views: str) -> None:
    hands = KeyedHands(store_url, views, Clock(), COMPRESSOR_TOPIC="zlib")
    hands.open()
    hands.runner.stop()
    with pytest.raises(EncodingDiffers, match="its compressor is zlib, not none"):
        KeyedHands(store_url, views, Clock())
    again = KeyedHands(store_url, views, Clock(), COMPRESSOR_TOPIC="zlib")
    again.want(wish())
    again.settle()
    again.runner.stop()


def test_a_key_that_is_none_is_refused_without_its_text(sqlite_store: str, views: str) -> None:
    with pytest.raises(KeysUnusable) as refusal:
        KeyedHands(sqlite_store, views, Clock(), CIPHER_KEY="my-password-1234")
    assert "my-password" not in str(refusal.value)
