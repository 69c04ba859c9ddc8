"""Prints the rooms of `sagaline/`, their floors, and the import arrows between them: `make house`.

A room is a package or a module directly inside `sagaline/`. A floor is one above the highest floor
that the room imports. The source is parsed, so an import inside a function or under
`TYPE_CHECKING` counts like any other.
"""

import ast
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"messaging", "errors"}),
    frozenset({"codec", "storage"}),
    frozenset({"saga", "followers", "read_model", "ports"}),
    frozenset({"application"}),
    frozenset({"system"}),
    frozenset({"runner"}),
    frozenset({"testing", "rebuilding", "admin"}),
    frozenset({"__init__", "cli"}),
    frozenset({"__main__"}),
)
"""Where each room belongs, the lowest floor first: a room imports from lower floors alone.

Rooms of one floor may import one another as long as there is no circle; `errors` is the ground.
"""

Arrows = dict[str, set[str]]


class House(NamedTuple):
    """The rooms of a package with what each imports, and its modules with what each imports."""

    rooms: Arrows
    modules: Arrows


def read_house(package: Path) -> House:
    """Reads every import inside a package; a package itself goes by its `__init__`."""
    files = {name_of(path, package): path for path in package.rglob("*.py")}
    modules = {
        name: {target for target in imported(path, package.name, files) if target != name}
        for name, path in sorted(files.items())
    }
    rooms: Arrows = {}
    for name, targets in modules.items():
        found = rooms.setdefault(room_of(name), set())
        found |= {room_of(each) for each in targets} - {room_of(name)}
    return House(rooms, modules)


def name_of(path: Path, package: Path) -> str:
    return ".".join(path.relative_to(package).with_suffix("").parts)


def room_of(module: str) -> str:
    return module.partition(".")[0]


def imported(path: Path, package: str, modules: Collection[str]) -> Iterator[str]:
    """The modules of the package that a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                yield from resolved(f"{node.module}.{alias.name}", package, modules)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from resolved(alias.name, package, modules)


def resolved(written: str, package: str, modules: Collection[str]) -> Iterator[str]:
    """The module that a written name means: itself, or the longest module that it begins with."""
    if not f"{written}.".startswith(f"{package}."):
        return
    parts = written.split(".")[1:]
    for length in range(len(parts), -1, -1):
        name = ".".join(parts[:length])
        package_itself = f"{name}.__init__" if name else "__init__"
        for candidate in (name, package_itself):
            if candidate in modules:
                yield candidate
                return


def floors_of(rooms: Mapping[str, Collection[str]]) -> dict[str, int]:
    """The floor of each room, from 1. Rooms of one circle share a floor."""
    group = {room: circle for circle in circles_of(rooms) for room in circle}
    known: dict[str, int] = {}

    def floor_of(room: str) -> int:
        if room not in known:
            known[room] = 0
            mates = group.get(room, (room,))
            below = [each for mate in mates for each in rooms[mate] if each not in mates]
            known[room] = 1 + max(map(floor_of, below), default=0)
        return known[room]

    return {room: floor_of(room) for room in rooms}


def circles_of(arrows: Mapping[str, Collection[str]]) -> list[list[str]]:
    """The groups of names that reach one another, each sorted."""
    reach = {name: reached(name, arrows) for name in arrows}
    groups = {
        tuple(sorted(each for each in reach[name] if name in reach[each]))
        for name in arrows
        if name in reach[name]
    }
    return [list(each) for each in sorted(groups)]


def reached(start: str, arrows: Mapping[str, Collection[str]]) -> set[str]:
    """All that a name imports, directly or through others."""
    found: set[str] = set()
    open_ = [start]
    while open_:
        new = set(arrows.get(open_.pop(), ())) - found
        found |= new
        open_ += new
    return found


def upward_of(rooms: Mapping[str, Collection[str]]) -> list[str]:
    """The arrows that lead to a higher floor than the one on which a room belongs."""
    level = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    return [
        f"{room} -> {target}"
        for room, targets in sorted(rooms.items())
        for target in sorted(targets)
        if level[target] > level[room]
    ]


def report(house: House) -> dict[str, object]:
    """The figures of a house, and what stands behind each of them."""
    floors = floors_of(house.rooms)
    highest = max(floors.values())
    circles = circles_of(house.rooms) + circles_of(house.modules)
    upward = upward_of(house.rooms)
    plan = {
        "floors": {
            number: sorted(room for room, floor in floors.items() if floor == number)
            for number in range(highest, 0, -1)
        },
        "arrows": {room: sorted(targets) for room, targets in sorted(house.rooms.items())},
        "circles": circles,
        "upward": upward,
    }
    return {
        "rooms": len(house.rooms),
        "floors": highest,
        "arrows": sum(map(len, house.rooms.values())),
        "circles": len(circles),
        "upward": len(upward),
        "plan": plan,
    }


def main() -> None:
    print(json.dumps(report(read_house(ROOT / "sagaline")), indent=2))


if __name__ == "__main__":
    main()
