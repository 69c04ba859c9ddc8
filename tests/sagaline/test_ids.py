"""Ids are made fast, and are what the standard library would make."""

import os
from uuid import RFC_4122, UUID, uuid5

from hypothesis import given
from hypothesis import strategies as some

from sagaline.ids import id_of_bytes, named_id, random_id


@given(some.uuids(), some.text(some.characters(exclude_categories=["Cs"])))
def test_a_name_has_the_id_that_the_standard_library_gives_it(namespace: UUID, name: str) -> None:
    made = named_id(namespace, name)
    assert made == uuid5(namespace, name)
    assert (made.version, made.variant, hash(made)) == (5, RFC_4122, hash(uuid5(namespace, name)))


def test_random_ids_are_of_version_4_and_never_the_same() -> None:
    made = {random_id() for _ in range(1_000)}
    assert len(made) == 1_000
    assert {(each.version, each.variant) for each in made} == {(4, RFC_4122)}


@given(some.binary(min_size=16, max_size=16))
def test_bytes_are_read_as_the_standard_library_reads_them(value: bytes) -> None:
    assert id_of_bytes(value) == UUID(bytes=value)
    assert repr(id_of_bytes(value)) == repr(UUID(bytes=value))
    assert id_of_bytes(value).bytes == value


def test_a_child_process_makes_ids_of_its_own() -> None:
    random_id()
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writes, "".join(random_id().hex for _ in range(50)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    its = os.read(reads, 50 * 32).decode()
    os.close(reads)
    os.close(writes)
    assert not {random_id().hex for _ in range(50)} & {its[n : n + 32] for n in range(0, 1600, 32)}
