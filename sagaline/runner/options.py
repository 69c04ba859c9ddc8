"""The options of a runner: batch sizes, limits and intervals, as arguments and as settings."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from sagaline.application.aggregate_cache import CACHED_AGGREGATES
from sagaline.application.retry_on_conflict import MAX_COMMAND_ATTEMPTS
from sagaline.errors import OptionRefused, SettingsUnreadable
from sagaline.followers.batch_handling import MAX_EVENT_ATTEMPTS
from sagaline.followers.follower import BATCH_SIZE
from sagaline.followers.log_window import WINDOW_EVENTS
from sagaline.messaging.declaring import refuse_given
from sagaline.ports.limits import MAX_PORT_CALLS, PORT_CALL_TIMEOUT, PortLimits
from sagaline.ports.pool import MAX_THREADS, PATIENCE
from sagaline.runner.lease_renewal import HUNG_TIMEOUT, RENEWAL_INTERVAL
from sagaline.runner.leases import LEASE_POLL_INTERVAL
from sagaline.runner.memory import MEMORY
from sagaline.runner.setting_names import (
    PREFIX,
    refuse_unknown_keys,
    refuse_unknown_variables,
    variable,
)
from sagaline.storage.sql.postgres import LOCK_TIMEOUT
from sagaline.storage.tables.leases import LEASE_DURATION

PYPROJECT = Path("pyproject.toml")
"""The file whose table [tool.sagaline] holds settings, in the current directory."""

DAY = 86_400.0
"""The longest time of an option, in seconds."""

CENTURY = 36_500.0
"""The longest time of an option, in days."""

STOP_TIMEOUT = 1.5
"""Seconds of the default: a process then has as long again until three, on a busy machine."""

MEBIBYTE = 1024 * 1024
"""The smallest memory limit, in bytes: that of one large event."""


class Options(BaseSettings):
    """What an operator may set: `Runner(system, options=Options(batch_size=500))`.

    An argument comes before the environment (SAGALINE_BATCH_SIZE), that before the table
    [tool.sagaline] of pyproject.toml in the current directory. Raises OptionRefused for a value out
    of its limits, SettingUnknown for a name that is no setting, and SettingsUnreadable where the
    file is at fault.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        pyproject_toml_table_header=("tool", "sagaline"),
        extra="ignore",
        frozen=True,
    )

    batch_size: int = Field(
        BATCH_SIZE,
        ge=1,
        le=1_000_000,
        description="Events that an application or a saga handles in one transaction.",
    )
    read_model_batch_size: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Events that a read model handles in one transaction:"
        " the more, the fewer times it writes one row.",
    )
    event_attempts: int = Field(
        MAX_EVENT_ATTEMPTS,
        ge=1,
        le=100,
        description="Attempts at an event that fails, before it is parked.",
    )
    command_attempts: int = Field(
        MAX_COMMAND_ATTEMPTS,
        ge=1,
        le=1_000,
        description="Attempts of `execute` at a transaction that meets another writer.",
    )
    window_events: int = Field(
        WINDOW_EVENTS,
        ge=1,
        description="Most events of each log that are kept in memory for its followers.",
    )
    cached_aggregates: int = Field(
        CACHED_AGGREGATES,
        ge=1,
        description="Most aggregates of each application that are kept in memory between batches.",
    )
    memory: int = Field(
        MEMORY,
        ge=MEBIBYTE,
        description="Most bytes that a runner keeps between batches, about:"
        " the newest events, aggregates, and rows of read tables.",
    )
    port_calls: int = Field(
        MAX_PORT_CALLS,
        ge=1,
        le=10_000,
        description="Calls of each port that are under way at the same time.",
    )
    port_call_timeout: float = Field(
        PORT_CALL_TIMEOUT,
        gt=0,
        le=DAY,
        description="Seconds until a port call without an answer counts as failed.",
    )
    port_threads: int = Field(
        MAX_THREADS,
        ge=1,
        le=10_000,
        description="Most threads that make calls, for all ports together.",
    )
    port_patience: float = Field(
        PATIENCE,
        ge=0,
        le=10,
        description="Seconds that a batch waits for its next answer, before it goes on without.",
    )
    ports: dict[str, PortLimits] = Field(
        {},
        description="Limits of single ports, as JSON:"
        ' `{"Payments.take": {"concurrency": 8, "per_second": 50, "timeout": 5}}`.',
    )
    lease_duration: float = Field(
        LEASE_DURATION,
        gt=0,
        le=DAY,
        description="Seconds after which the followers of a runner that died move to another.",
    )
    lease_renewal_interval: float = Field(
        RENEWAL_INTERVAL,
        gt=0,
        le=DAY,
        description="Seconds between two renewals of a lease; at most two fifths of its duration.",
    )
    lease_poll_interval: float = Field(
        LEASE_POLL_INTERVAL,
        gt=0,
        le=DAY,
        description="Seconds between two reads of which runner holds which follower.",
    )
    hung_timeout: float = Field(
        HUNG_TIMEOUT,
        gt=0,
        le=DAY,
        description="Seconds without progress after which a runner no longer renews its leases.",
    )
    lock_timeout: float = Field(
        LOCK_TIMEOUT,
        gt=0,
        le=DAY,
        description="Seconds that a transaction on PostgreSQL waits for a lock."
        " For SQLite: `?timeout=` in the URL.",
    )
    idle_poll_interval: float = Field(
        0.75,
        gt=0,
        le=DAY,
        description="Most seconds that an idle runner waits before it reads the logs.",
    )
    timer_poll_interval: float = Field(
        0.25,
        gt=0,
        le=DAY,
        description="Seconds between two reads of the due timers, while there is other work.",
    )
    store_retry_interval: float = Field(
        5.0,
        gt=0,
        le=DAY,
        description="Most seconds between two attempts on a store that does not answer.",
    )
    stop_timeout: float = Field(
        STOP_TIMEOUT,
        ge=0,
        le=DAY,
        description="Most seconds that a stop waits for the transaction under way.",
    )
    known_command_days: float = Field(
        365.0,
        gt=0,
        le=CENTURY,
        description="Days that the id of a handled command is known."
        " Repeated later, it is the id of a new command.",
    )
    intervention_days: float = Field(
        CENTURY,
        gt=0,
        le=CENTURY,
        description="Days that the actions of operators on timers and dead letters stay listed.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "WARNING", description="The least severe records that a command writes to stderr."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="How a command writes them: for people, or JSON lines for programs."
    )

    if not TYPE_CHECKING:

        def __init__(self, **options: Any) -> None:
            """Refuses an unknown option, which pydantic would ignore."""
            for name in options.keys() - type(self).model_fields.keys():
                refuse_given(name, "Options", "`sagaline settings` lists the options.")
            super().__init__(**options)

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Self:
        """The options in an environment, which comes before that of the process and the file."""
        refuse_unknown_variables(env, cls.model_fields)
        found = {each: env.get(variable(each)) for each in cls.model_fields}
        known: dict[str, Any] = {name: value for name, value in found.items() if value}
        return cls(**known)

    @model_validator(mode="wrap")
    @classmethod
    def _refuse(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Checks the options together, and makes one line of what pydantic finds."""
        try:
            options = handler(data)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            if name not in Options.model_fields:
                raise
            reason = first["msg"].replace("Input should", "it should")
            raise _refusal(name, first["input"], reason) from error
        longest = options.lease_duration * 0.4
        if options.lease_renewal_interval > longest:
            reason = (
                f"it should be at most {longest:g} where lease_duration is"
                f" {options.lease_duration:g}, so that one renewal may fail"
            )
            name = "lease_renewal_interval"
            raise _refusal(name, options.lease_renewal_interval, reason)
        return options

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources, in the order of precedence. Raises SettingUnknown for a name of none."""
        file = file_settings(settings_cls)
        options = settings_cls.model_fields
        refuse_unknown_keys(file(), options)
        refuse_unknown_variables(os.environ, options)
        return init_settings, env_settings, file


DEFAULT_OPTIONS = Options.model_construct()
"""The defaults, whatever the environment and the file say."""


def _refusal(name: str, value: Any, reason: str) -> OptionRefused:
    return OptionRefused(name=name, variable=variable(name), value=value, reason=reason)


def file_settings(settings_cls: type[BaseSettings]) -> PyprojectTomlConfigSettingsSource:
    """The table in the file. Raises SettingsUnreadable where it cannot be read."""
    try:
        return PyprojectTomlConfigSettingsSource(settings_cls)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsUnreadable(file=PYPROJECT, reason=str(error)) from error
    except (AttributeError, TypeError, ValueError) as error:
        reason = "[tool.sagaline] is not a table"
        raise SettingsUnreadable(file=PYPROJECT, reason=reason) from error
