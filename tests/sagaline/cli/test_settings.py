"""The settings of the command line: options, environment, pyproject.toml."""

import sys
from pathlib import Path

import pytest

from sagaline.cli.settings import Settings, load
from sagaline.errors import SettingMissing, SettingsUnreadable, SystemNotLoaded
from tests.cli.command_line import SHOP, CommandLine
from tests.cli.orders import GOOD, json_lines, order

PYPROJECT = '[tool.sagaline]\napp = "file:app"\nstore = "sqlite:///file.db"\n'


@pytest.fixture(autouse=True)
def nothing_set(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAGALINE_APP", "SAGALINE_STORE", "SAGALINE_VIEWS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_an_option_overrides_the_environment_which_overrides_the_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "pyproject.toml").write_text(PYPROJECT)
    assert Settings.read().store == "sqlite:///file.db"
    monkeypatch.setenv("SAGALINE_STORE", "sqlite:///environment.db")
    assert Settings.read().store == "sqlite:///environment.db"
    assert Settings.read(store="sqlite:///option.db").store == "sqlite:///option.db"
    assert Settings.read(store="sqlite:///option.db").app == "file:app"


def test_an_empty_variable_counts_as_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "pyproject.toml").write_text(PYPROJECT)
    monkeypatch.setenv("SAGALINE_STORE", "")
    assert Settings.read().store == "sqlite:///file.db"


def test_the_read_tables_may_have_a_store_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "SAGALINE_VIEWS" not in Settings.read(store="sqlite:///s.db").environment()
    monkeypatch.setenv("SAGALINE_VIEWS", "sqlite:///views.db")
    assert Settings.read(store="sqlite:///s.db").environment() == {
        "PERSISTENCE_MODULE": "sagaline.storage",
        "SQLALCHEMY_URL": "sqlite:///s.db",
        "SAGALINE_VIEWS": "sqlite:///views.db",
    }


def test_a_missing_setting_is_named_with_all_its_sources() -> None:
    with pytest.raises(SettingMissing, match=r"No store .* --store, SAGALINE_STORE, or `store`"):
        Settings.read().environment()
    with pytest.raises(SettingMissing, match=r"No system .* --app, SAGALINE_APP, or `app`"):
        Settings.read().system()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[tool.sagaline]\nstore = 5\n", "'store' in .*: Input should be a valid string"),
        ("[tool.sagaline\n", "Expected"),
        ("[tool]\nsagaline = 'shop'\n", "is not a table"),
        ("tool = 1\n", "is not a table"),
    ],
)
def test_an_error_in_the_file_is_named(here: Path, text: str, reason: str) -> None:
    (here / "pyproject.toml").write_text(text)
    with pytest.raises(SettingsUnreadable, match=reason):
        Settings.read()


def test_a_project_file_without_our_table_is_no_error(here: Path) -> None:
    (here / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    assert Settings.read().store is None


def test_the_system_is_imported_from_the_current_directory_first(here: Path) -> None:
    (here / "shop_from_here.py").write_text(
        "from application.orders import Orders\n"
        "from sagaline import System\n"
        "class Inside:\n"
        "    system = System('from here', applications=[Orders])\n"
    )
    assert load("shop_from_here:Inside.system").name == "from here"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("system = 5", "'system' is no System but a int"),
        ("other = 5", "has no 'system'"),
        ("import not_there", r"No module named 'not_there' \(.*unloadable\.py, line 1\)"),
        ("\n1 / 0", r"ZeroDivisionError: division by zero \(.*unloadable\.py, line 2\)"),
        ("def (", r"unloadable\.py, line 1: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (
            "from sagaline import System\nsystem = System('s', applications=[5])",
            "5 is none of Sagaline's",
        ),
    ],
)
def test_a_system_that_cannot_be_imported_is_refused_in_one_line(
    here: Path, source: str, reason: str
) -> None:
    (here / "unloadable.py").write_text(source)
    sys.modules.pop("unloadable", None)
    with pytest.raises(SystemNotLoaded, match=reason):
        load("unloadable:system")


@pytest.mark.parametrize("reference", ["shop", "shop:", ":system", ""])
def test_a_system_is_written_with_its_module(reference: str) -> None:
    with pytest.raises(SystemNotLoaded, match="not written as MODULE:SYSTEM"):
        load(reference)


def test_a_missing_module_is_named() -> None:
    with pytest.raises(SystemNotLoaded, match="there is no module not_there"):
        load("not_there.system:system")


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["--app", "not_there:system", "status"],
        ["--app", "application.orders:Orders", "--store", "sqlite:///s.db", "run"],
        ["--app", SHOP, "status"],
        ["--app", SHOP, "--store", "nonsense", "status"],
        ["--app", SHOP, "--store", "mysql://shop", "run"],
        ["--app", SHOP, "--store", "sqlite:////not/there/shop.db", "run", "--until-settled"],
        ["--app", SHOP, "--store", "sqlite:///s.db", "run", "--only", "Nobody"],
    ],
)
def test_bad_configuration_is_one_clear_line_and_status_2(
    run: CommandLine, arguments: list[str]
) -> None:
    said = run.sagaline(*arguments)
    assert said.status == 2
    assert said.output == ""
    assert said.errors.startswith("sagaline: ")
    assert said.errors.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["--json", "status"],
        ["status", "--nonsense"],
        ["run", "--horizon", "5"],
        ["run", "--horizon", "-1", "--until-settled"],
        ["run", "Orders"],
        ["sagas", "list", "--state", "nonsense"],
        ["timeline"],
    ],
)
def test_wrong_usage_is_status_2(run: CommandLine, arguments: list[str]) -> None:
    said = run.sagaline(*arguments)
    assert said.status == 2
    assert "Traceback" not in said.errors


def test_the_environment_alone_is_enough(run: CommandLine, sqlite_store: str) -> None:
    run = run.given(SAGALINE_APP=SHOP, SAGALINE_STORE=sqlite_store)
    assert run.sagaline("run", "--until-settled").status == 0
    assert run.sagaline("status", "--json").json["system"] == "shop"
    assert run.application("orders", "--json").json == []


def test_every_command_finds_the_store_in_its_schema(run: CommandLine, postgres_store: str) -> None:
    shop = run.given(SQLALCHEMY_SCHEMA="shop").on(postgres_store)
    lines = json_lines([order()])
    assert shop.application("place", "-", input=lines).status == 0
    assert shop.sagaline("run", "--until-settled").status == 0
    assert len(shop.application("orders", "--json").json) == 1
    followers = shop.sagaline("status", "--json").json["followers"]
    assert {each["lag"] for each in followers} == {0}
    assert len(shop.sagaline("timeline", GOOD, "--json").json_lines) > 4
    for arguments in (["--verify"], [], ["order_list", "--rollback"]):
        assert shop.sagaline("rebuild", *arguments).status == 0
    assert shop.application("gateway", "allow-refunds", GOOD).status == 0
    elsewhere = run.on(postgres_store).sagaline("status")
    assert (elsewhere.status, "no tables of Sagaline" in elsewhere.errors) == (2, True)


def test_one_log_may_have_a_store_of_its_own(run: CommandLine, tmp_path: Path) -> None:
    main, own, views = (f"sqlite:///{tmp_path / name}.db" for name in ("main", "own", "views"))
    run = run.given(ORDERS_SQLALCHEMY_URL=own, SAGALINE_VIEWS=views).on(main)
    assert run.sagaline("run", "--until-settled").status == 0
    assert run.sagaline("status", "--json").json["stores"] == [own, main, views]
