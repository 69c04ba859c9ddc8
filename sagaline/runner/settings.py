"""The settings of a runner as operators see them: their values, and where those come from."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from sagaline.runner.options import Options, file_settings
from sagaline.runner.setting_names import variable


class Setting(NamedTuple):
    """One setting: its value and where that comes from: option, environment, file or default."""

    name: str
    value: Any
    default: Any
    source: str
    description: str


def describe_settings(options: Options, given: Mapping[str, Any]) -> list[Setting]:
    """All settings with their sources, where `given` were arguments or options of a command."""
    cls = type(options)
    file = file_settings(cls)()
    found: list[Setting] = []
    for name, field in cls.model_fields.items():
        if given.get(name) is not None:
            source = "option"
        elif os.environ.get(variable(name)):
            source = "environment"
        else:
            source = "file" if name in file else "default"
        value, description = getattr(options, name), field.description or ""
        found.append(Setting(name, value, field.default, source, description))
    return found


def settings_table() -> str:
    """The table of docs/settings.md, in Markdown."""
    lines = ["| setting | variable | default | what it sets |", "| --- | --- | --- | --- |"]
    for name, field in Options.model_fields.items():
        default = f"{field.default:,}" if isinstance(field.default, int) else f"{field.default}"
        lines.append(f"| `{name}` | `{variable(name)}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"
