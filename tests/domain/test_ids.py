"""Ids that are derived from other ids."""

from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as some

from domain.ids import id_beside


@given(some.uuids(), some.text(some.characters(exclude_categories=["Cs"])))
def test_a_derived_id_starts_like_the_id_it_is_derived_from(order_id: UUID, what: str) -> None:
    made = id_beside(order_id, what)
    assert made == id_beside(order_id, what) == UUID(str(made))
    assert made.bytes[:6] == order_id.bytes[:6]
    assert (made.version, made.variant) == (8, RFC_4122)


@given(some.uuids())
def test_another_name_or_order_derives_another_id(order_id: UUID) -> None:
    other = UUID(int=order_id.int ^ 1)
    assert id_beside(order_id, "payment") != id_beside(order_id, "shipment")
    assert id_beside(order_id, "payment") != id_beside(other, "payment")
