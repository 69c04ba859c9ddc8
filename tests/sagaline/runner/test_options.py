"""Options: what an operator sets, checked when it is read."""

from pathlib import Path

import pytest

from sagaline import Options, Runner
from sagaline.application.message_handling import handling_of
from sagaline.errors import OptionRefused, SettingsUnreadable, SettingUnknown
from sagaline.runner.options import DEFAULT_OPTIONS
from sagaline.runner.setting_names import variable
from sagaline.runner.settings import settings_table
from tests.sagaline.small_system import Desk, House, OpenShow, env, letters, statuses, system, wish

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"
MEBIBYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, empty, and no option in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in Options.model_fields:
        monkeypatch.delenv(variable(name), raising=False)
    return tmp_path


def test_an_argument_comes_before_the_environment_and_that_before_the_file(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Options() == DEFAULT_OPTIONS
    (nothing_set / "pyproject.toml").write_text("[tool.sagaline]\napp = 'a:b'\nbatch_size = 7\n")
    assert Options().batch_size == 7
    monkeypatch.setenv("SAGALINE_BATCH_SIZE", "8")
    assert Options().batch_size == 8
    assert Options.from_environment({"SAGALINE_BATCH_SIZE": "9"}).batch_size == 9
    assert Options(batch_size=10).batch_size == 10
    monkeypatch.setenv("SAGALINE_BATCH_SIZE", "")
    assert Options().batch_size == 7


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("batch_size", 0, "it should be greater than or equal to 1"),
        ("batch_size", "many", "it should be a valid integer"),
        ("memory", 1_000, "it should be greater than or equal to 1048576"),
        ("port_call_timeout", 0, "it should be greater than 0"),
        ("lock_timeout", float("inf"), "it should be less than or equal to 86400"),
        ("lock_timeout", float("nan"), "it should be "),
        ("lease_renewal_interval", 2.0, "it should be at most 1.6 where lease_duration is 4"),
        ("log_level", "LOUD", "it should be 'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'"),
    ],
)
def test_a_value_out_of_its_limits_is_refused_in_one_line(
    name: str, value: object, reason: str
) -> None:
    with pytest.raises(OptionRefused) as refused:
        Options(**{name: value})  # type: ignore[arg-type]
    message = str(refused.value)
    assert message.startswith(f"{name} cannot be {value!r}: {reason}")
    assert message.endswith(f"Change {variable(name)}, or `{name}` in [tool.sagaline].")
    assert "\n" not in message


@pytest.mark.parametrize("text", ["[tool.sagaline\n", "[tool]\nsagaline = 'shop'\n", "tool = 1\n"])
def test_a_fault_in_the_file_is_named(nothing_set: Path, text: str) -> None:
    (nothing_set / "pyproject.toml").write_text(text)
    with pytest.raises(SettingsUnreadable, match=r"pyproject\.toml"):
        Options()


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("batchsize", "Write batch_size"),
        ("stor", "Write store"),
        ("window_bytes", "Write memory"),
        ("colour", "Take it away"),
    ],
)
def test_a_name_that_is_no_setting_is_refused(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch, name: str, cure: str
) -> None:
    (nothing_set / "pyproject.toml").write_text(f"[tool.sagaline]\n{name} = 5\n")
    with pytest.raises(SettingUnknown, match=rf"no setting {name}, .* \[tool.sagaline\]. {cure};"):
        Options()
    (nothing_set / "pyproject.toml").unlink()
    *verb, nearest = cure.split()
    shown = " ".join([*verb, variable(nearest) if verb == ["Write"] else nearest])
    with pytest.raises(SettingUnknown, match=f"{variable(name)}, .* the environment. {shown};"):
        Options.from_environment({variable(name): "5"})
    monkeypatch.setenv(variable(name), "5")
    with pytest.raises(SettingUnknown):
        Options()
    monkeypatch.setenv(variable(name), "")
    assert Options() == DEFAULT_OPTIONS


def test_variables_of_applications_and_of_tests_are_no_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = ("ORDERS_SQLALCHEMY_URL", "SAGALINE_TEST_POSTGRES_URL", "SAGALINES", "MY_SAGALINE_X")
    for each in (*others, "SAGALINE_APP", "SAGALINE_STORE", "SAGALINE_VIEWS"):
        monkeypatch.setenv(each, "x")
    assert Options() == DEFAULT_OPTIONS


def test_a_runner_gives_the_options_to_its_parts(sqlite_store: str) -> None:
    options = Options(
        batch_size=3, read_model_batch_size=5, port_call_timeout=1.5, lock_timeout=2.5,
        cached_aggregates=11, memory=180 * MEBIBYTE, command_attempts=4,
    )  # fmt: skip
    runner = Runner(system, env(sqlite_store), options=options)
    try:
        sizes = {each.name: each.batch_size for each in runner.followers}
        assert (sizes["House"], sizes["guest_list"]) == (3, 5)
        handling = handling_of(runner.get(House))
        assert handling.cache_limits[:2] == (11, 72 * MEBIBYTE)
        assert handling.command_attempts == 4
        assert runner.views.lock_timeout == 2.5
    finally:
        runner.stop()


def test_a_runner_reads_its_options_from_its_environment(sqlite_store: str) -> None:
    given = {**env(sqlite_store), "SAGALINE_BATCH_SIZE": "3"}
    runner = Runner(system, given)
    runner.stop()
    assert runner.options.batch_size == 3
    with pytest.raises(OptionRefused, match="batch_size cannot be '0'"):
        Runner(system, {**given, "SAGALINE_BATCH_SIZE": "0"})


def test_a_system_with_small_limits_does_the_same_work(sqlite_store: str) -> None:
    small = Options(
        batch_size=2, read_model_batch_size=3, window_events=5, memory=MEBIBYTE,
        cached_aggregates=3, port_calls=1,
    )  # fmt: skip
    with Runner(system, env(sqlite_store), options=small) as runner:
        runner.get(House).open(OpenShow(show="Hamlet", seats=10))
        runner.get(Desk).execute([wish(f"guest {each}") for each in range(12)])
        runner.settle()
        assert statuses(runner) == {"confirmed": 10, "cancelled": 2}
        assert letters(runner) == []


def test_events_of_one_mebibyte_stay_within_the_limits(sqlite_store: str) -> None:
    small = Options(memory=120 * MEBIBYTE)
    guests = [f"{each}" + "x" * (MEBIBYTE // 2) for each in range(12)]
    with Runner(system, env(sqlite_store), options=small) as runner:
        runner.get(House).open(OpenShow(show="Hamlet", seats=20))
        runner.get(Desk).execute([wish(each) for each in guests])
        runner.settle()
        assert statuses(runner) == {"confirmed": 12}
        assert letters(runner) == []
        assert max(each.bytes for each in runner.windows.values()) <= 4 * MEBIBYTE


def test_the_page_has_the_settings_as_they_are() -> None:
    assert settings_table() in PAGE.read_text("utf-8")
