"""Errors of command lines and settings."""

from sagaline.errors.base import SagalineError


class SettingMissing(SagalineError):
    """No {what} is given: use {option}, {variable}, or `{name}` in [tool.sagaline]."""


class SettingUnknown(SagalineError):
    """There is no setting {name}, which is in {place}. {cure}; docs/settings.md lists them all."""


class SettingsUnreadable(SagalineError):
    """The settings in {file} cannot be read: {reason}."""


class OptionRefused(SagalineError):
    """{name} cannot be {value!r}: {reason}. Change {variable}, or `{name}` in [tool.sagaline]."""


class SystemNotLoaded(SagalineError):
    """The system {app} cannot be loaded: {reason}."""


class RecordingUnusable(SagalineError):
    """{file} cannot be used: {reason}."""


class NameUnknown(SagalineError):
    """There is no {kind} {name!r}: choose among {known}."""
