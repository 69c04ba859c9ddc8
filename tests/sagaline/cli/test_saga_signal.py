"""`sagaline sagas signal`: a person decides."""

import json

from sagaline import Runner
from tests.cli.command_line import CommandLine, Said
from tests.sagas.repair import Garage, OrderRepair, repairs


def test_a_person_decides_at_the_command_line(run: CommandLine, store_url: str) -> None:
    with Runner(repairs, {"SQLALCHEMY_URL": store_url}) as runner:
        runner.get(Garage).execute_one(OrderRepair(owner="Ada"))
        runner.settle(20, horizon=1)
    garage = run.given(SAGALINE_APP="tests.sagas.repair:repairs", SAGALINE_STORE=store_url)

    def tell(*arguments: str) -> Said:
        return garage.sagaline("sagas", "signal", "Ada", *arguments)

    assert "It hears: Agree, Decline, WishColour." in tell("Agre").errors
    assert "--data does not fit Decline: reason" in tell("Decline").errors
    assert "--data does not fit" in tell("Decline", "--data", "{").errors
    declined = tell("Decline", "--data", json.dumps({"reason": "too dear"}))
    assert (declined.status, declined.output) == (0, "")
    assert "it has ended" in tell("Agree").errors
