"""The travel agency: trips, three suppliers, and the sagas over them."""

from sagaline import System
from tests.systems.travel.cars import Cars
from tests.systems.travel.flights import Flights
from tests.systems.travel.hotels import Hotels
from tests.systems.travel.sagas import BookTrip, LineBooking, ReleaseExpired
from tests.systems.travel.trips import Trips

system = System(
    "travel agency",
    applications=[Trips, Flights, Hotels, Cars],
    sagas=[BookTrip, LineBooking, ReleaseExpired],
)
