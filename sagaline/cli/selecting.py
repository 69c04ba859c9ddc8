"""The options by which a command acts on many sagas or dead letters, in place of one."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple

import typer

from sagaline.admin.selection import Selection
from sagaline.errors import WrongCall

Given = dict[str, Any]

_OPTIONS: Final[dict[str, Any]] = {
    "all": Annotated[bool, typer.Option("--all", help="Everything that it can be done to.")],
    "saga": Annotated[
        str | None, typer.Option("--saga", metavar="NAME", help="Only those of this saga.")
    ],
    "at_step": Annotated[
        str | None, typer.Option("--step", metavar="STEP", help="Only those at this step.")
    ],
    "reason_like": Annotated[
        str | None,
        typer.Option(
            "--reason-like",
            metavar="TEXT",
            help="Only those with this text in the reason, or with a reason like 'no seat%left'.",
        ),
    ],
    "since": Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="WHEN",
            help="Only sagas started, or events parked, since: now-2h, or 2026-01-31T12:00 (UTC).",
        ),
    ],
    "dry_run": Annotated[
        bool, typer.Option("--dry-run", help="Count what is selected, and do nothing.")
    ],
}
"""The options that select, with their types."""


class Chosen(NamedTuple):
    """What a command was given to select with; nothing where it is to act on one."""

    given: Given
    dry_run: bool

    def one(self, command: str, id: str | None) -> str | None:
        """Return the id of the one to act on; None for a selection.

        Raises WrongCall for both, and for neither.
        """
        if id is None and not self.given:
            problem = "it needs an ID or a selection"
            cure = "Name one, or add --saga NAME, --step STEP, --reason-like TEXT, --since WHEN "
            raise WrongCall(where=command, problem=problem, cure=f"{cure}or --all.")
        if id is not None and (self.given or self.dry_run):
            extra = ", ".join(sorted(_option(each) for each in self.given)) or "--dry-run"
            problem = f"it has the ID {id!r} and {extra}"
            raise WrongCall(where=command, problem=problem, cure="Leave out one of them.")
        return id

    def selection(self, moment_of: Callable[[str], Any]) -> Selection:
        """Return the selection; `moment_of` reads a moment. Raises UnfitValue for no moment."""
        given = dict(self.given)
        if "since" in given:
            given["since"] = moment_of(given["since"])
        given["step"] = given.pop("at_step", None)
        return Selection(**given)


def selecting(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that select; it gets what was chosen as `chosen`."""

    def selecting_command(**given: Any) -> None:
        selected = {name: given.pop(name) for name in _OPTIONS}
        dry_run = selected.pop("dry_run")
        said = {name: value for name, value in selected.items() if value not in (None, False)}
        command(**given, chosen=Chosen(said, dry_run))

    declared = inspect.signature(command, eval_str=True)
    own = [each for each in declared.parameters.values() if each.name != "chosen"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(
            name,
            keyword,
            annotation=kind,
            default=False if name in ("all", "dry_run") else None,
        )
        for name, kind in _OPTIONS.items()
    ]
    parameters = [*(each.replace(kind=keyword) for each in own), *added]
    selecting_command.__signature__ = declared.replace(parameters=parameters)  # type: ignore[attr-defined]
    selecting_command.__annotations__ = {each.name: each.annotation for each in parameters}
    selecting_command.__doc__ = command.__doc__
    return selecting_command


def _option(name: str) -> str:
    return f"--{name.removeprefix('at_').replace('_', '-')}"
