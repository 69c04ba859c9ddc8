"""Both systems, and a schedule, with two workers that are killed on the way, on both databases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.application import AggregateNotFoundError

from sagaline import Command, ScheduledStart
from tests.sagaline.nightly import Office, hourly, office_on
from tests.systems.killed import kill_in_turns, opened, run_and_kill
from tests.systems.restaurant.accounting import Accounting
from tests.systems.restaurant.commands import PlaceOrder, WantCancellation, WantRevision
from tests.systems.restaurant.delivery import Deliveries
from tests.systems.restaurant.kitchen import Kitchen
from tests.systems.restaurant.orders import Orders
from tests.systems.restaurant.sagas import PRICE
from tests.systems.travel.cars import Cars, Rental
from tests.systems.travel.commands import Approve, Line, Reject, WantTrip
from tests.systems.travel.flights import Flights, Seat
from tests.systems.travel.hotels import Hotels, Room
from tests.systems.travel.trips import Trips

ORDERS = 24
TRIPS = 12


def orders() -> list[Command]:
    """Orders of which each eighth is refused, half are revised, and a third is cancelled."""
    found: list[Command] = []
    for number in range(ORDERS):
        id_, town = f"order {number}", "moon" if number % 8 == 7 else "Rome"
        found.append(PlaceOrder(order_id=id_, dishes=("soup",), town=town, card="card 30"))
    for number in range(ORDERS):
        if number % 2:
            dishes = ("pie",) * (number % 5)
            found.append(WantRevision(order_id=f"order {number}", dishes=dishes))
        if number % 3 == 0:
            found.append(WantCancellation(order_id=f"order {number}"))
    return found


def test_every_order_ends_right_though_workers_are_killed(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGALINE_APP", "tests.systems.restaurant.system:system")
    run_and_kill(store_url, tmp_path, Orders, orders())
    with (
        opened(Orders, store_url) as book,
        opened(Kitchen, store_url) as kitchen,
        opened(Accounting, store_url) as accounting,
        opened(Deliveries, store_url) as deliveries,
    ):
        for number in range(ORDERS):
            id_ = f"order {number}"
            order = book.order(id_)
            held = (
                found(kitchen.ticket, id_, "status", "cancelled"),
                found(accounting.authorisation, id_, "amount", 0),
                found(deliveries.delivery, id_, "planned", False),
            )
            approved = ("confirmed", PRICE * len(order.dishes), True)
            expected = approved if order.status == "approved" else ("cancelled", 0, False)
            assert held == expected, (id_, order.status)
            assert order.status in end_of(number), id_


def end_of(number: int) -> set[str]:
    if number % 8 == 7:
        return {"rejected"}
    return {"cancelled"} if number % 3 == 0 else {"approved"}


def found(read: Any, id_: object, name: str, missing: Any) -> Any:
    """An attribute of an aggregate, which may never have been."""
    try:
        return getattr(read(id_), name)
    except AggregateNotFoundError:
        return missing


LINES = (
    Line(kind="flight", name="KL 12"),
    Line(kind="hotel", name="inn"),
    Line(kind="car", name="Beetle"),
)


def trips() -> list[Command]:
    """Trips of which a third is approved, a third rejected, and a third cannot be had."""
    wanted: list[Command] = []
    for number in range(TRIPS):
        hotel = Line(kind="hotel", name="grand hotel")
        lines = (*LINES, hotel) if number % 3 == 2 else LINES
        wanted.append(WantTrip(trip=f"trip {number}", lines=lines))
    decided = [
        Approve(trip=f"trip {number}", by="Bob")
        if number % 3 == 0
        else Reject(trip=f"trip {number}", reason="too far")
        for number in range(TRIPS)
    ]
    return [*wanted, *decided]


def test_every_trip_ends_right_though_workers_are_killed(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGALINE_APP", "tests.systems.travel.system:system")
    run_and_kill(store_url, tmp_path, Trips, trips())
    with (
        opened(Trips, store_url) as book,
        opened(Flights, store_url) as flights,
        opened(Hotels, store_url) as hotels,
        opened(Cars, store_url) as cars,
    ):
        suppliers = ((flights, Seat), (hotels, Room), (cars, Rental))
        for number in range(TRIPS):
            id_ = f"trip {number}"
            trip = book.trip(id_)
            held = [
                found(app.repository.get, kind.create_id(f"{id_}/{line}"), "held", False)
                for line, (app, kind) in enumerate(suppliers)
            ]
            booked = number % 3 == 0
            assert (trip.status, trip.charged) == (("booked", 600) if booked else ("dropped", 0))
            assert held == [booked] * 3, id_


def test_every_time_of_a_schedule_that_was_missed_starts_once_though_workers_are_killed(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGALINE_APP", "tests.sagaline.nightly:hourly")
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with office_on(store_url, now - timedelta(hours=60, minutes=30), hourly):
        pass  # the first due time is in the store
    kill_in_turns(store_url, tmp_path, lambda _: None)
    with opened(Office, store_url) as office:
        rows = office.recorder.page(0, 1_000).rows
        nights = [office.mapper.to_domain_event(row).night for row in rows]
    wanted = {ScheduledStart(at=now - timedelta(hours=hours)).key for hours in range(61)}
    assert len(nights) == len(set(nights))
    assert wanted <= set(nights)
