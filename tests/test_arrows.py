"""Holds the arrows between the rooms of the house: who may import whom.

The source is parsed, not imported, so an import inside a function or under `TYPE_CHECKING` counts
like any other: a dependency that is only typed is still one.
"""

import ast
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

HOUSE = Path(__file__).parents[1]
ROOMS = ("sagaline", "domain", "application", "sagas", "projections")

COMMAND_LINES = ("sagaline.cli", "sagaline.__main__", "application.cli", "application.__main__")
ON_TOP = ("application.system", "application.cli", "application.__main__")
CHOREOGRAPHY = ("sagas.choreography",)
SIMULATED = ("application.simulators",)
DATABASES = ("sqlalchemy", "eventsourcing_sqlalchemy", "psycopg", "sqlite3")
OUTSIDE_WORLD = (
    "asyncio", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
    "shutil", "socket", "sqlite3", "subprocess", "tempfile", "threading", "time", "urllib",
)  # fmt: skip


class Only(NamedTuple):
    """The modules named may import these and the standard library, nothing else."""

    who: tuple[str, ...]
    may: tuple[str, ...]
    why: str
    but: tuple[str, ...] = ()


class Never(NamedTuple):
    """The modules named must not import these; nor, if it says so, reach them `through` others."""

    who: tuple[str, ...]
    never: tuple[str, ...]
    why: str
    but: tuple[str, ...] = ()
    through: tuple[str, ...] = ()


Rule = Only | Never

RULES: dict[str, Rule] = {
    "domain-stands-alone": Only(
        who=("domain",),
        may=("domain", "pydantic", "pydantic_core", "eventsourcing.domain", "typing_extensions"),
        why="the domain is the business alone: its rules outlive every framework",
    ),
    "domain-is-pure": Never(
        who=("domain",),
        never=OUTSIDE_WORLD,
        why="the domain does no I/O and reads no clock: the same calls give the same events",
    ),
    "application-stands-on-domain": Only(
        who=("application",),
        but=(*ON_TOP, *SIMULATED),
        may=(
            "application",
            "domain",
            "sagaline",
            "eventsourcing.utils.EnvType",
            "pydantic",
            "pydantic_settings",
            "typing_extensions",
        ),
        why="contexts know themselves and the domain; only the system knows who follows them",
    ),
    "simulations-answer-through-ports": Only(
        who=SIMULATED,
        may=(*SIMULATED, "application.ports", "domain", "sqlalchemy", "typing_extensions"),
        why="the outside world keeps books of its own, with no code of the shop's store",
    ),
    "simulators-are-chosen-in-one-place": Never(
        who=("application", "sagas", "projections"),
        but=("application.adapters", "application.cli.gateway", *SIMULATED),
        never=SIMULATED,
        why="a shop with a real gateway and carrier changes the adapters, and nothing else",
    ),
    "application-knows-no-followers": Never(
        who=("application",),
        but=ON_TOP,
        never=("sagas", "projections", *ON_TOP),
        through=("application", "domain"),
        why="what follows a context can be added and taken away without touching it",
    ),
    "sagas-see-events-and-commands": Only(
        who=("sagas",),
        but=CHOREOGRAPHY,
        may=("sagas", "domain", "application.commands", "sagaline", "typing_extensions"),
        why="a saga is a declaration over events and commands",
    ),
    "choreography-stands-on-the-contexts": Only(
        who=CHOREOGRAPHY,
        may=(
            "application",
            "domain",
            "projections",
            "sagaline",
            "eventsourcing.utils.EnvType",
            "typing_extensions",
        ),
        why="it is the contexts themselves that react, and a system of its own",
    ),
    "choreography-knows-no-orchestrator": Never(
        who=CHOREOGRAPHY,
        never=("sagas.order_fulfilment", "application.system", "sagaline.saga.definition"),
        through=("sagas", "application", "projections", "domain"),
        why="nobody leads: it shares the contexts with the saga, and nothing of the saga",
    ),
    "sagas-read-no-settings": Never(
        who=("sagas",),
        but=CHOREOGRAPHY,
        never=("pydantic_settings",),
        through=("sagas", "domain", "application"),
        why="a saga's fingerprint must not depend on where it runs; the system overrides times",
    ),
    "projections-see-events": Only(
        who=("projections",),
        may=(
            "projections",
            "domain",
            "application.commands",
            "sagaline",
            "sqlalchemy",
            "typing_extensions",
        ),
        why="a read table is folded from events alone, or it could not be rebuilt",
    ),
    "framework-knows-no-shop": Never(
        who=("sagaline",),
        never=("domain", "application", "sagas", "projections", "benchmarks", "tests"),
        why="the wheel holds the framework alone",
    ),
    "framework-goes-past-its-front-door": Never(
        who=("sagaline",),
        but=("sagaline.__main__",),
        never=("sagaline.__init__",),
        why="the public names are gathered from the modules; a module that took them from there "
        "would import everything",
    ),
    "sagas-are-pure": Only(
        who=("sagaline.saga",),
        may=(
            "sagaline.saga",
            "sagaline.messaging",
            "sagaline.codec",
            "sagaline.errors",
            "eventsourcing.domain",
            "eventsourcing.utils",
            "typing_extensions",
            "cronsim",
        ),
        why="a saga decides from what it has heard: it is tested with no store and no clock",
    ),
    "sagas-reach-no-database": Never(
        who=("sagaline.saga", "sagaline.messaging", "sagaline.codec", "sagaline.errors"),
        never=("sagaline.storage", *DATABASES),
        through=("sagaline",),
        why="what is pure stays pure through all that it imports",
    ),
    "read-models-declare-columns": Never(
        who=("sagaline.read_model.definition",),
        never=("sagaline.storage.log", "sagaline.storage.tables", "sagaline.storage.notify"),
        through=("sagaline",),
        why="a read model is a declaration over a table, and is tested with rows in memory",
    ),
    "storage-moves-bytes": Never(
        who=("sagaline.storage",),
        never=(
            "sagaline.admin",
            "sagaline.application",
            "sagaline.cli",
            "sagaline.codec",
            "sagaline.followers",
            "sagaline.read_model",
            "sagaline.runner",
            "sagaline.saga",
            "sagaline.system",
        ),
        through=("sagaline",),
        why="storage serves any eventsourcing application, ours or not",
    ),
    "storage-knows-ids-and-errors": Never(
        who=("sagaline.storage",),
        never=("sagaline.messaging",),
        but=(
            "sagaline.storage.log.sqlite_log",
            "sagaline.storage.notify",
            "sagaline.storage.sql.records",
        ),
        why="storage needs the bytes of an id, and no messages",
    ),
    "notifications-know-pauses": Never(
        who=("sagaline.storage.notify",),
        never=(
            "sagaline.messaging.commands",
            "sagaline.messaging.faults",
            "sagaline.messaging.ids",
            "sagaline.messaging.message",
            "sagaline.messaging.retry",
            "sagaline.messaging.timers",
            "sagaline.messaging.topics",
        ),
        why="listeners need the pauses of messaging.backoff, which are plain arithmetic",
    ),
    "storage-has-floors": Never(
        who=("sagaline.storage.sql",),
        never=(
            "sagaline.storage.tables",
            "sagaline.storage.log",
            "sagaline.storage.notify",
            "sagaline.storage.__init__",
        ),
        through=("sagaline",),
        why="tables stand on the database, logs stand on tables",
    ),
    "tables-know-no-logs": Never(
        who=("sagaline.storage.tables",),
        never=("sagaline.storage.log", "sagaline.storage.notify", "sagaline.storage.__init__"),
        through=("sagaline",),
        why="tables stand on the database, logs stand on tables",
    ),
    "runner-knows-no-command-line": Never(
        who=("sagaline.runner",),
        never=("sagaline.cli", "typer"),
        through=("sagaline",),
        why="a runner is used from a program as well as from a terminal",
    ),
    "command-lines-stand-on-top": Never(
        who=ROOMS,
        but=COMMAND_LINES,
        never=("sagaline.cli", "application.cli", "typer"),
        why="a command line is one way in among others",
    ),
}


class Import(NamedTuple):
    """One import statement's target, where it stands in the source."""

    importer: str
    target: str
    place: str


Source = dict[str, list[Import]]


def named(module: str, names: Collection[str]) -> bool:
    """Whether a module is one of these or inside one; `x.y*` stands for all that start so."""
    return any(
        module.startswith(name[:-1])
        if name.endswith("*")
        else module == name or module.startswith(f"{name}.")
        for name in names
    )


def read_source(root: Path, rooms: Collection[str]) -> Source:
    """Reads every import of these packages; a package itself goes by `package.__init__`."""
    files = {name_of(path, root): path for room in rooms for path in (root / room).rglob("*.py")}
    return {
        module: [
            Import(module, target, f"{path.relative_to(root)}:{line}")
            for line, base, name in written_imports(path, module)
            for target in [resolved(base, name, files)]
            if target != module
        ]
        for module, path in sorted(files.items())
    }


def name_of(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts)


def written_imports(path: Path, module: str) -> Iterator[tuple[int, str, str]]:
    """Each import of a file: its line, the module in full, and the name taken from it, if any."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, node.module] if node.module else above)
            yield from ((node.lineno, base, alias.name) for alias in node.names)


def resolved(base: str, name: str, modules: Collection[str]) -> str:
    """The module of the house that is meant, or what is written, when it is of another's making."""
    written = f"{base}.{name}" if name else base
    meant = (written, f"{written}.__init__", base, f"{base}.__init__")
    return next((module for module in meant if module in modules), written)


def reached(source: Source, start: str, through: Collection[str]) -> Iterator[list[Import]]:
    """The shortest chain of imports to everything that a module reaches, itself included."""
    chains: list[list[Import]] = [[found] for found in source[start]]
    seen = {start}
    for chain in chains:
        target = chain[-1].target
        if target in seen:
            continue
        seen.add(target)
        yield chain
        if named(target, through):
            chains.extend([*chain, found] for found in source.get(target, ()))


def breaches(rule: Rule, source: Source) -> list[str]:
    """What breaks a rule, one paragraph each: the chain of imports, and why it must not be."""
    bound = [module for module in source if named(module, rule.who) and not named(module, rule.but)]
    return [told(chain, rule.why) for module in bound for chain in broken(rule, source, module)]


def broken(rule: Rule, source: Source, module: str) -> list[list[Import]]:
    if isinstance(rule, Only):
        allowed = (*rule.may, *sys.stdlib_module_names)
        beyond = [found for found in source[module] if not named(found.target, allowed)]
        return [[found] for found in {found.place: found for found in beyond}.values()]
    return [
        chain
        for chain in reached(source, module, rule.through)
        if named(chain[-1].target, rule.never) and not own(chain, rule)
    ]


def own(chain: list[Import], rule: Never) -> bool:
    """Whether the last step lies inside what is forbidden: a shorter chain tells it already."""
    return named(chain[-1].importer, rule.never)


def told(chain: list[Import], why: str) -> str:
    lines = [f"{found.place} {found.importer} imports {found.target}" for found in chain]
    return "\n".join([*lines, f"    but {why}"])


@pytest.fixture(scope="module")
def source() -> Source:
    return read_source(HOUSE, ROOMS)


@pytest.mark.parametrize("name", RULES)
def test_the_arrows_of_the_house_hold(name: str, source: Source) -> None:
    found = breaches(RULES[name], source)
    assert not found, f"{name} is broken:\n\n" + "\n\n".join(found)


@pytest.mark.parametrize("name", RULES)
def test_no_rule_has_outlived_the_modules_it_names(name: str, source: Source) -> None:
    unknown = [who for who in RULES[name].who if not any(named(it, [who]) for it in source)]
    assert not unknown, f"{name} is about modules that are not there: {', '.join(unknown)}"


def test_every_module_of_the_house_is_read(source: Source) -> None:
    assert {module.split(".")[0] for module in source} == set(ROOMS)
    assert any(found.target == "sagaline.__init__" for found in source["application.commands"])


def build(root: Path, files: dict[str, str]) -> Source:
    """Writes a made-up house and reads it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read_source(root, {Path(name).parts[0] for name in files})


PURE = Only(who=("domain",), may=("domain", "eventsourcing.domain"), why="it is pure")


@pytest.mark.parametrize(
    "statement",
    [
        "import sqlalchemy",
        "import sqlalchemy.orm as orm",
        "from sqlalchemy import Table",
        "from eventsourcing.persistence import Mapper",
        "from eventsourcing import persistence",
        "from application.commands import PlaceOrder",
        "from ..application import commands",
        "def late():\n    import sqlalchemy",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sqlalchemy",
    ],
)
def test_a_forbidden_import_is_found_however_it_is_written(tmp_path: Path, statement: str) -> None:
    source = build(tmp_path, {"domain/order.py": statement, "application/commands.py": ""})
    (found,) = breaches(PURE, source)
    assert found.startswith("domain/order.py:")
    assert found.endswith("but it is pure")


def test_what_a_rule_allows_is_no_breach(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\n"
        "import datetime\n"
        "from collections.abc import Sequence\n"
        "from eventsourcing.domain import Aggregate\n"
        "from domain import money\n"
        "from .money import Money\n"
    )
    source = build(tmp_path, {"domain/order.py": text, "domain/money.py": ""})
    assert breaches(PURE, source) == []


def test_a_forbidden_module_is_found_at_the_end_of_a_chain(tmp_path: Path) -> None:
    source = build(
        tmp_path,
        {
            "sagaline/__init__.py": "",
            "sagaline/saga.py": "from sagaline import journal\n",
            "sagaline/journal.py": "\nfrom sagaline.storage.tables import timers\n",
            "sagaline/storage/__init__.py": "",
            "sagaline/storage/tables.py": "import sagaline.saga\n",
        },
    )
    rule = Never(who=("sagaline.saga",), never=("sagaline.storage",), why="it is declared")
    assert breaches(rule, source) == []
    assert breaches(rule._replace(through=("sagaline",)), source) == [
        (
            "sagaline/saga.py:1 sagaline.saga imports sagaline.journal\n"
            "sagaline/journal.py:2 sagaline.journal imports sagaline.storage.tables\n"
            "    but it is declared"
        )
    ]


def test_the_modules_on_top_are_let_through(tmp_path: Path) -> None:
    source = build(
        tmp_path,
        {
            "application/system.py": "import sagas\n",
            "application/cli/stock.py": "import sagas\n",
            "application/orders.py": "import sagas\n",
            "sagas/__init__.py": "",
        },
    )
    rule = Never(who=("application",), but=ON_TOP, never=("sagas",), why="the system knows them")
    (found,) = breaches(rule, source)
    assert found.startswith("application/orders.py:1 ")


def test_the_front_door_is_told_from_the_rooms_behind_it(tmp_path: Path) -> None:
    source = build(
        tmp_path,
        {
            "sagaline/__init__.py": "from sagaline.errors import SagalineError\n",
            "sagaline/errors.py": "",
            "sagaline/runner/runner.py": "from sagaline import errors\nfrom sagaline import Saga\n",
        },
    )
    (found,) = breaches(RULES["framework-goes-past-its-front-door"], source)
    assert found.startswith(
        "sagaline/runner/runner.py:2 sagaline.runner.runner imports sagaline.__init__"
    )
