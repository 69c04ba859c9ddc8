"""Rows that the mapper reads or refuses, of any version, compressed or encrypted."""

import tracemalloc
import zlib
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.cipher import AESCipher
from eventsourcing.compressor import ZlibCompressor
from eventsourcing.domain import CanSnapshotAggregate, DomainEvent, Snapshot
from eventsourcing.persistence import (
    DatetimeAsISO,
    JSONTranscoder,
    Mapper,
    MapperDeserialisationError,
    StoredEvent,
)
from eventsourcing.utils import Environment, get_topic
from typing_extensions import TypedDict

from domain.stock import Stock
from sagaline.codec import MAX_STATE, TypedMapper, dump, load
from sagaline.errors import NotStorable, Unreadable
from tests.sagaline.codec.events import (
    ORDER,
    Renamed,
    again,
    happened,
    mapper,
    one_field,
    shape,
    stored,
)

# Versions of a class


class Moved(DomainEvent):
    class_version = 3

    street: str
    number: int
    since: date

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        assert state["originator_id"] == ORDER
        street, number = state.pop("address").rsplit(" ", 1)
        state.update(street=street, number=int(number))

    @staticmethod
    def upcast_v2_v3(state: dict[str, Any]) -> None:
        state["since"] = date(2026, 1, state["originator_version"])


MOVED = get_topic(Moved)


@pytest.mark.parametrize(
    ("version", "rest"),
    [
        (b"", b'"address":"Elm Street 5"'),
        (b'"class_version":2,', b'"street":"Elm Street","number":5'),
        (b'"class_version":3,', b'"street":"Elm Street","number":5,"since":"2026-01-07"'),
    ],
)
def test_an_event_of_an_older_class_version_is_upcast(version: bytes, rest: bytes) -> None:
    state = b'{%s"timestamp":"2026-01-01T00:00:00Z",%s}' % (version, rest)
    moved = happened(
        Moved, originator_version=7, street="Elm Street", number=5, since=date(2026, 1, 7)
    )
    read = mapper.to_domain_event(stored(MOVED, state, version=7))
    assert shape(read) == shape(moved)
    assert shape(again(moved)) == shape(moved)
    assert mapper.to_stored_event(moved).state.startswith(b'{"class_version":3,"timestamp"')
    assert load(dump(moved)) == moved


@pytest.mark.parametrize("topic", [MOVED, get_topic(Renamed)])
def test_an_event_of_a_newer_class_version_is_refused(topic: str) -> None:
    state = b'{"class_version":4,"timestamp":"2026-01-01T00:00:00Z","it":1}'
    with pytest.raises(Unreadable, match="class version 4 is newer than the code's"):
        mapper.to_domain_event(stored(topic, state))


# Snapshots


class StockState(TypedDict):
    _created_on: datetime
    _modified_on: datetime
    sku: str
    on_hand: int
    reserved: int
    reservations: dict[UUID, int]


class StockSnapshot(CanSnapshotAggregate[UUID], DomainEvent):
    topic: str
    state: StockState


def shelf() -> Stock:
    stock = Stock(sku="A1")
    stock.receive(5)
    stock.reserve(ORDER, 2)
    stock.collect_events()
    return stock


def test_a_snapshot_without_types_is_refused_with_the_cure() -> None:
    with pytest.raises(NotStorable, match="if its class annotates `state`"):
        mapper.to_stored_event(Snapshot.take(shelf()))


def test_a_snapshot_with_types_restores_the_aggregate() -> None:
    stock = shelf()
    snapshot = StockSnapshot.take(stock)
    assert shape(again(snapshot)) == shape(snapshot)
    assert again(snapshot).mutate(None) == stock


# Rows


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (b"", "EOF"),
        (b"{", "EOF"),
        (b"[]", "object"),
        (b"\xff\xfe", "JSON|UTF"),
        (b'{"timestamp":"2026-01-01T00:00:00Z"}', "it: Field required"),
        (b'{"timestamp":"2026-01-01T00:00:00Z","it":"x"}', "it: Input should be a valid integer"),
    ],
)
def test_the_error_of_an_unreadable_row_has_its_topic_id_and_version(
    state: bytes, why: str
) -> None:
    with pytest.raises(MapperDeserialisationError, match=why) as broken:
        mapper.to_domain_event(stored(get_topic(Renamed), state, version=3))
    assert isinstance(broken.value, Unreadable)
    assert broken.value.topic == get_topic(Renamed)
    assert broken.value.originator_id == ORDER
    assert broken.value.originator_version == 3
    assert str(ORDER) in str(broken.value)


def test_the_error_of_an_unreadable_row_has_none_of_its_values() -> None:
    state = b'{"timestamp":"2026-01-01T00:00:00Z","it":"card 5500"}'
    with pytest.raises(Unreadable) as broken:
        mapper.to_domain_event(stored(get_topic(Renamed), state))
    assert "5500" not in str(broken.value)


def test_an_event_that_is_too_large_is_neither_written_nor_read() -> None:
    event = one_field(str)
    largest = MAX_STATE - len(mapper.to_stored_event(happened(event, it="")).state)
    assert again(happened(event, it="a" * largest)).it == "a" * largest
    with pytest.raises(NotStorable, match="at most 1048576"):
        mapper.to_stored_event(happened(event, it="a" * (largest + 1)))
    state = b'{"timestamp":"2026-01-01T00:00:00Z","it":"%s"}' % (b"a" * MAX_STATE)
    with pytest.raises(Unreadable, match="more than 1048576 bytes"):
        mapper.to_domain_event(stored(get_topic(event), state))


@pytest.mark.parametrize("compressor", [ZlibCompressor(), zlib], ids=["compressor", "module"])
def test_a_compressed_state_is_expanded_up_to_the_limit_only(compressor: Any) -> None:
    small = TypedMapper(JSONTranscoder(), compressor=compressor)
    bomb = zlib.compress(b'{"it":"%s"}' % (b"a" * 50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match="more than 1048576 bytes"):
            small.to_domain_event(stored(get_topic(Renamed), bomb))
        assert tracemalloc.get_traced_memory()[1] < 8 * MAX_STATE
    finally:
        tracemalloc.stop()


def test_compressed_and_encrypted_events_round_trip() -> None:
    key = AESCipher.create_key(16)
    cipher = AESCipher(Environment(env={"CIPHER_KEY": key}))
    event = happened(one_field(str), it="secret " * 100)
    for kept in (
        TypedMapper(JSONTranscoder(), compressor=ZlibCompressor()),
        TypedMapper(JSONTranscoder(), cipher=cipher),
        TypedMapper(JSONTranscoder(), ZlibCompressor(), cipher),
    ):
        row = kept.to_stored_event(event)
        assert b"secret" not in row.state
        assert kept.to_domain_event(row) == event
        with pytest.raises(Unreadable):
            kept.to_domain_event(StoredEvent(ORDER, 1, row.topic, row.state[:-20]))


def test_an_encrypted_state_cannot_be_moved_to_another_row() -> None:
    cipher = AESCipher(Environment(env={"CIPHER_KEY": AESCipher.create_key(16)}))
    event = happened(Renamed, it=1)
    ours = TypedMapper(JSONTranscoder(), cipher=cipher)
    row = ours.to_stored_event(event)
    for originator_id, version in ((uuid4(), 1), (ORDER, 2)):
        with pytest.raises(Unreadable, match="encrypted for another place"):
            ours.to_domain_event(StoredEvent(originator_id, version, row.topic, row.state))
    assert ours.to_domain_event(row) == event
    # Upstream decrypts it in any row.
    transcoder = JSONTranscoder()
    transcoder.register(DatetimeAsISO())
    theirs: Mapper[UUID] = Mapper(transcoder, cipher=cipher)
    moved = StoredEvent(uuid4(), 1, row.topic, theirs.to_stored_event(event).state)
    assert theirs.to_domain_event(moved).originator_id == moved.originator_id


def test_a_custom_compressor_is_used() -> None:
    class Backwards(ZlibCompressor):
        def compress(self, data: bytes) -> bytes:
            return data[::-1]

        def decompress(self, data: bytes) -> bytes:
            return data[::-1]

    backwards = TypedMapper(JSONTranscoder(), compressor=Backwards())
    row = backwards.to_stored_event(happened(Renamed, it=1))
    assert row.state.startswith(b"}")
    assert backwards.to_domain_event(row) == happened(Renamed, it=1)
