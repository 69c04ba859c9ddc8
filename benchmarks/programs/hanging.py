"""Sagas of one step whose port never answers for one in so many, for `sagaline run`.

    HANGING=10 sagaline --app benchmarks.programs.hanging:threaded --store STORE run

HANGING says how many sagas there are for each that meets a call without an answer; without it all
are answered.
"""

import os

from benchmarks.programs.ports import Asynchronous, BookTrip, Threaded, Trips, port
from sagaline import System

port.seconds, port.slow = 0.01, 100_000.0
port.slow_share = int(os.environ.get("HANGING", "0"))

threaded = System("hanging", applications=[Trips, Threaded], sagas=[BookTrip])
asynchronous = System("hanging", applications=[Trips, Asynchronous], sagas=[BookTrip])
