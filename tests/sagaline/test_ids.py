"""Ids are made fast, and are what the standard library would make."""

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
