"""Ids sort by the time when they were made."""

import os
import time
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as some

from sagaline.messaging.ids import id_of_bytes, named_id, new_id


@given(some.uuids(), some.text(some.characters(exclude_categories=["Cs"])))
def test_a_named_id_is_repeatable_and_begins_like_its_namespace(namespace: UUID, name: str) -> None:
    made = named_id(namespace, name)
    assert made == named_id(namespace, name) == UUID(str(made))
    assert made.bytes[:6] == namespace.bytes[:6]
    assert (made.version, made.variant) == (8, RFC_4122)
    assert made != named_id(namespace, f"{name}.")
    assert made != named_id(UUID(int=namespace.int ^ 1), name)


def test_new_ids_begin_with_the_time_and_are_unique() -> None:
    before = time.time_ns() // 1_000_000
    made = [new_id() for _ in range(1_000)]
    after = time.time_ns() // 1_000_000
    times = [int.from_bytes(each.bytes[:6], "big") for each in made]
    assert len(set(made)) == 1_000
    assert {(each.version, each.variant) for each in made} == {(7, RFC_4122)}
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= after


@given(some.binary(min_size=16, max_size=16))
def test_ids_of_bytes_equal_those_of_the_standard_library(value: bytes) -> None:
    assert id_of_bytes(value) == UUID(bytes=value)
    assert repr(id_of_bytes(value)) == repr(UUID(bytes=value))
    assert id_of_bytes(value).bytes == value


def test_a_child_process_makes_different_ids() -> None:
    new_id()
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writes, "".join(new_id().hex for _ in range(50)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    its = os.read(reads, 50 * 32).decode()
    os.close(reads)
    os.close(writes)
    assert not {new_id().hex for _ in range(50)} & {its[n : n + 32] for n in range(0, 1600, 32)}
