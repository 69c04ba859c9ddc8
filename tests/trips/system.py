"""The travel agency: its applications, its saga, and what it can be asked."""

from sqlalchemy import Column, MetaData, Table, Text

from sagaline import ReadModel, System, Uuid, project
from tests.trips.bookings import Trip
from tests.trips.contexts import Airline, Cashier, Garage, Hotel, Insurer, Trips
from tests.trips.plan_trip import PlanTrip

trip_list = Table(
    "trip_list",
    MetaData(),
    Column("trip_id", Uuid, primary_key=True),
    Column("traveller", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
)


class TripList(ReadModel):
    """Which trips are there, and what became of them?"""

    table = trip_list

    @project(Trip.Wanted)
    def wanted(self, event: Trip.Wanted) -> None:
        row = {"traveller": event.traveller, "status": "wanted", "reason": ""}
        self.rows[event.originator_id] = row

    @project(Trip.Confirmed)
    def confirmed(self, event: Trip.Confirmed) -> None:
        self.rows[event.originator_id]["status"] = "confirmed"

    @project(Trip.Cancelled)
    def cancelled(self, event: Trip.Cancelled) -> None:
        self.rows[event.originator_id].update(status="cancelled", reason=event.reason)


agency = System(
    "travel agency",
    applications=[Trips, Airline, Hotel, Garage, Insurer, Cashier],
    sagas=[PlanTrip],
    read_models=[TripList],
)
