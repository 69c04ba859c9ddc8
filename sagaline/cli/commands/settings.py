"""`sagaline settings`: what is set, to what, and where that comes from."""

from typing import Any

import typer
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from sagaline.cli.output import AsJson, print_json
from sagaline.cli.settings import options_of, settings_of
from sagaline.cli.tables import Listing
from sagaline.runner.settings import describe_settings

URLS = ("store", "views")
"""The settings that are URLs, which may hold passwords."""


def list_settings(ctx: typer.Context, json: AsJson = False) -> None:
    """List all settings: their values, defaults, and sources.

    A source is an option of the command, the environment, the file pyproject.toml, or the default.
    """
    found = describe_settings(settings_of(ctx), options_of(ctx))
    if json:
        print_json(
            [
                {
                    "name": each.name,
                    "value": _shown(each.name, each.value),
                    "default": each.default,
                    "source": each.source,
                }
                for each in found
            ]
        )
        return
    rows = Listing("setting", "value", "default", "source", ">what it sets")
    for each in found:
        value = _shown(each.name, each.value)
        rows.add(each.name, value, each.default, each.source, each.description)
    rows.show()


def _shown(name: str, value: Any) -> Any:
    """A value to print: a URL without its password."""
    if name not in URLS or value is None:
        return value
    try:
        return make_url(value).render_as_string(hide_password=True)
    except ArgumentError:
        return "(not a URL)"  # it may hold a password all the same
