"""`sagaline sagas signal`: tells a running saga something."""

from json import loads
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from sagaline.admin.saga_lookup import Instance, find_instance
from sagaline.application.saga_signals import signal
from sagaline.cli.commands.saga_actions import Id
from sagaline.cli.inspection import inspected
from sagaline.cli.output import AsJson, print_json, print_note
from sagaline.cli.steering import process_of
from sagaline.errors import WrongCall
from sagaline.messaging.commands import Command
from sagaline.saga.declaration import saga_declaration
from sagaline.saga.versions import version_for

Name = Annotated[str, typer.Argument(metavar="SIGNAL", help="A command that the saga hears.")]
Data = Annotated[str, typer.Option("--data", help="The other fields of the command, as JSON.")]


def send_signal(
    ctx: typer.Context, id: Id, name: Name, data: Data = "{}", json: AsJson = False
) -> None:
    """Give a command to a running saga. Raises SagaUnknown, SignalTooLate and WrongCall."""
    with inspected(ctx) as stores:
        found = find_instance(stores.system.processes, stores.written, id)
    command = _command(found, name, data)
    with process_of(ctx, found) as process:
        receipt = signal({process.name: process}, command)
    if json:
        print_json({"name": process.name, "key": found.key, "position": receipt.position})
    else:
        print_note(f"{process.name} {found.key} has heard {name}.")


def _command(found: Instance, name: str, data: str) -> Command:
    goes_by = version_for(found.process.saga, found.journal.fingerprint)
    signals = saga_declaration(goes_by).signals
    kind = signals.get(name)
    if kind is None:
        known = ", ".join(sorted(signals)) or "none"
        problem = f"{found.process.name} does not hear {name}"
        raise WrongCall(where="signal", problem=problem, cure=f"It hears: {known}.")
    try:
        fields: dict[str, Any] = loads(data)
        return kind.model_validate({str(kind.key_field): found.key, **fields})
    except (ValueError, TypeError) as error:
        why = error.errors()[0] if isinstance(error, ValidationError) else {"msg": str(error)}
        where = ".".join(map(str, why.get("loc", ())))
        problem = f"--data does not fit {name}: {where} {why['msg']}".replace("  ", " ")
        cure = f"""Write --data '{{"reason": "..."}}', with the fields of {name}."""
        raise WrongCall(where="signal", problem=problem, cure=cure) from error
