"""What happened in the removal firm whose store is kept, and how it is ended."""

from sagaline import Runner, rebuild
from tests.cli.command_line import CommandLine
from tests.old_stores.removal_firm import Agency, Garage, Office, firm, world
from tests.old_stores.removals import FoundFleet, HireCrew, OrderRemoval, WantViewing
from tests.old_stores.stage import STAFF, Stage, give, retry_letters, steer

SYSTEM = firm
APP = "tests.old_stores.removal_firm:firm"
SAGA = "MoveHouse"
TABLES = {
    "removal_list": "name, address, CASE WHEN with_lift THEN 'yes' ELSE 'no' END, status",
    "saga_list": "name, key, state, step, remaining, reason",
}


def write(stage: Stage, run: CommandLine) -> None:
    """Writes the store."""
    try:
        _past(stage)
        for _ in rebuild(stage.system, stage.env):
            pass
        _letters(stage)
        _early(stage)
        _queues(stage)
    finally:
        world.down.clear()
        world.bugs.clear()


def finish(stage: Stage, runner: Runner) -> None:
    """Lets everything end: time passes, and a person sees to what is stuck."""
    runner.settle(horizon=0)
    retry_letters(stage)
    for name in ("Dan", "Eve"):
        steer(runner, SAGA, name, lambda saga: saga.retry(STAFF))
    give(runner, Office, OrderRemoval(name="Fay", address="Fir 1"))
    stage.go_on(runner)


def begin_another(runner: Runner) -> str:
    """Begins a new saga beside those of old; returns its key."""
    give(runner, Office, OrderRemoval(name="Zoe", address="Zoo 1"))
    return "Zoe"


def _past(stage: Stage) -> None:
    """Removals that have ended, or are parked at the pivot or after it."""
    with stage.opened() as runner:
        give(runner, Garage, FoundFleet(vans=40))
        give(
            runner,
            Office,
            OrderRemoval(name="Ada", address="Ash 1"),
            OrderRemoval(name="Bea", address="Bay 1", floor=4),
            OrderRemoval(name="Cid", address="Cod 1", floor=4, pays=False),
            WantViewing(name="Wim", address="Wye 1"),
        )
        stage.go_on(runner)
        world.down = {"caretaker"}
        removals = (OrderRemoval(name=each, address=each) for each in ("Dan", "Sue"))
        give(runner, Office, *removals)
        stage.go_on(runner)
        steer(runner, SAGA, "Sue", lambda saga: saga.skip("hand_over_keys", STAFF))
        world.down = {"bank"}
        removals = (OrderRemoval(name=each, address=each) for each in ("Eve", "Abe"))
        give(runner, Office, *removals)
        stage.go_on(runner)
        steer(runner, SAGA, "Abe", lambda saga: saga.retry(STAFF))
        stage.go_on(runner)
        give(runner, Office, OrderRemoval(name="Pam", address="Elm 3"))
        runner.settle(horizon=0)


def _letters(stage: Stage) -> None:
    """An application and a saga each have an event that they cannot handle."""
    world.down = set()
    world.bugs = {"Lea", "the saga of Mia"}
    with stage.opened() as runner:
        removals = (OrderRemoval(name=each, address=each, floor=3) for each in ("Lea", "Mia"))
        give(runner, Office, *removals)
        runner.settle(horizon=0)


def _early(stage: Stage) -> None:
    """Answers that come before their sagas begin; and a saga that is to begin a second time."""
    with stage.opened() as runner:
        give(runner, Agency, HireCrew(name="Fay"), HireCrew(name="Gus"))
        runner.settle(horizon=0)
    with stage.opened(SAGA) as runner:
        twice = (OrderRemoval(name="Gus", address="Gum 1") for _ in range(2))
        give(runner, Office, *twice)
        stage.rest(runner, [SAGA])


def _queues(stage: Stage) -> None:
    """Removals that wait for a house; one that may go on; a viewing that would not wait."""
    with stage.opened(SAGA, "Visit", *stage.views) as runner:
        houses = {"Hal": "Elm 1", "Ida": "Elm 1", "Ivo": "Elm 1", "Jon": "Oak 2", "Kim": "Oak 2"}
        for name, address in houses.items():
            give(runner, Office, OrderRemoval(name=name, address=address))
        stage.rest(runner, [SAGA])
        give(runner, Office, WantViewing(name="Vic", address="Elm 1"))
        give(runner, Office, WantViewing(name="Uma", address="Ulm 1"))
        stage.rest(runner, [SAGA, "Visit", *stage.views])
    with stage.opened(stage.views[0]) as runner:
        # No runner leads the saga now: only a timer announces that a lock is free.
        steer(runner, SAGA, "Jon", lambda saga: saga.abandon(STAFF))
