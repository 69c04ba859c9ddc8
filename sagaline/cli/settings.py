"""The settings of a command, from its options, the environment and pyproject.toml."""

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any

import typer
from pydantic import Field, ValidationError
from pydantic_settings import SettingsConfigDict

from sagaline.cli.log_options import given_options
from sagaline.errors import SagalineError, SettingMissing, SettingsUnreadable, SystemNotLoaded
from sagaline.runner.options import PYPROJECT, Options
from sagaline.storage.sql.urls import refuse_in_memory
from sagaline.system.system import System


class Settings(Options):
    """The system and the stores: an option overrides the environment, which overrides the file.

    The environment is SAGALINE_APP, SAGALINE_STORE and SAGALINE_VIEWS; the file is the table
    [tool.sagaline] of pyproject.toml in the current directory.
    """

    model_config = SettingsConfigDict(extra="forbid")

    app: str | None = Field(None, description="The system, as MODULE:SYSTEM.")
    store: str | None = Field(None, description="The SQLAlchemy URL of the logs.")
    views: str | None = Field(
        None, description="The SQLAlchemy URL of the read tables; by default that of the logs."
    )

    @classmethod
    def read(cls, **options: str | None) -> "Settings":
        """Read the settings; the arguments are those given as options.

        Raises SettingsUnreadable where the file is invalid.
        """
        given: dict[str, Any] = {name: each for name, each in options.items() if each is not None}
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(each) for each in first["loc"])
            reason = f"{name!r} in [tool.sagaline]: {first['msg']}"
            raise SettingsUnreadable(file=PYPROJECT, reason=reason) from error

    def system(self) -> System:
        """Import the system. Raises SettingMissing, or SystemNotLoaded with the reason."""
        if self.app is None:
            raise SettingMissing(what="system", option="--app", name="app", variable="SAGALINE_APP")
        return load(self.app)

    def environment(self) -> dict[str, str]:
        """Return the settings as variables for a `Runner`.

        Raises SettingMissing, and StoreUnusable for a store in memory: a command that ends takes
        with it what it has acknowledged. The variables of single applications
        (ORDERS_SQLALCHEMY_URL) stay in the environment.
        """
        if self.store is None:
            raise SettingMissing(
                what="store", option="--store", name="store", variable="SAGALINE_STORE"
            )
        for each in (self.store, self.views or self.store):
            refuse_in_memory(each)
        env = {"PERSISTENCE_MODULE": "sagaline.storage", "SQLALCHEMY_URL": self.store}
        return env if self.views is None else {**env, "SAGALINE_VIEWS": self.views}


def settings_of(ctx: typer.Context) -> Settings:
    """Return the settings of a command, whose options are in its context."""
    return Settings.read(**options_of(ctx))


def options_of(ctx: typer.Context) -> dict[str, str | None]:
    """Return the options of a command that are settings; None for one that is not given."""
    given: dict[str, str | None] = ctx.obj
    return {**given, **given_options(ctx)}


def load(reference: str) -> System:
    """Import the system that MODULE:SYSTEM names, from the current directory first.

    Raises SystemNotLoaded, with the reason in one line.
    """
    module_name, _, name = reference.partition(":")
    if not module_name or not name:
        raise SystemNotLoaded(app=reference, reason="it is not written as MODULE:SYSTEM")
    found: Any = _import(reference, module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            raise SystemNotLoaded(app=reference, reason=f"{module_name} has no {name!r}")
        found = getattr(found, part)
    if not isinstance(found, System):
        kind = "class" if isinstance(found, type) else type(found).__name__
        reason = f"{name!r} is no System but a {kind}"
        raise SystemNotLoaded(app=reference, reason=reason)
    return found


def _import(reference: str, module_name: str) -> Any:
    here = str(Path.cwd())
    if sys.path[:1] != [here]:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise SystemNotLoaded(app=reference, reason=_why(module_name, error)) from error


def _why(module_name: str, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
        return f"there is no module {error.name}"
    text = str(error) or type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    if isinstance(error, SagalineError):
        return text.removesuffix(".")
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({frame.filename}, line {frame.lineno})"
