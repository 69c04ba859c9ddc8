"""The simulated carrier: how the country steers it, and what it records."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from application.ports import Booked, Undeliverable
from domain.order import ShipTo
from tests.application.one_by_one import SingleCarrier

ORDER = uuid4()


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[SingleCarrier]:
    carrier = SingleCarrier(f"sqlite:///{tmp_path / 'shop.db'}")
    yield carrier
    carrier.close()


def test_country_zz_is_undeliverable(carrier: SingleCarrier) -> None:
    told = carrier.book("a", ORDER, ShipTo(country="ZZ", postcode="1"))
    assert told == Undeliverable("undeliverable address")


def test_the_records_are_in_a_file_beside_the_shops(carrier: SingleCarrier, tmp_path: Path) -> None:
    booked = carrier.book("a", ORDER, ShipTo(country="US", postcode="45202"))
    carrier.book("b", ORDER, ShipTo(country="ZZ", postcode=""))
    assert isinstance(booked, Booked)
    books = sqlite3.connect(tmp_path / "shop.outside.db")
    rows = books.execute("SELECT * FROM outside_shipments ORDER BY key").fetchall()
    books.close()
    assert rows == [
        ("a", str(ORDER), "US", "45202", booked.tracking_number),
        ("b", str(ORDER), "ZZ", "", None),
    ]
