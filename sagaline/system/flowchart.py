"""Nodes and arrows of a Mermaid flowchart."""

from collections.abc import Iterable
from typing import Final

_RESERVED: Final = {
    "call",
    "class",
    "click",
    "default",
    "end",
    "flowchart",
    "graph",
    "style",
    "subgraph",
}


def flowchart(direction: str, lines: Iterable[str]) -> str:
    """The whole chart; `direction` is LR or TD."""
    return "\n    ".join([f"flowchart {direction}", *lines])


def node(name: str, shape: str, label: str = "") -> str:
    """A node; `shape` is Mermaid's brackets, as in ``([{}])``."""
    return _id(name) + shape.format(_quoted(label or name))


def arrow(start: str, end: str, labels: Iterable[str], *, dotted: bool = False) -> str:
    """An arrow between two nodes, with its labels in lines of their own."""
    line = "-.->" if dotted else "-->"
    label = "<br/>".join(labels)
    middle = f"{line}|{_quoted(label)}|" if label else line
    return f"{_id(start)} {middle} {_id(end)}"


def _id(name: str) -> str:
    written = "".join(each if each.isascii() and each.isalnum() else "_" for each in name)
    return f"{written}_" if written in _RESERVED else written


def _quoted(label: str) -> str:
    return '"' + label.replace('"', "#quot;") + '"'


def names(events: Iterable[type]) -> list[str]:
    """The labels of events: their names with those of their aggregates."""
    return [each.__qualname__ for each in events]
