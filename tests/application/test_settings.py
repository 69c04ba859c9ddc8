"""Settings come from the environment; an invalid one is named."""

import pytest

from application.settings import SettingRefused, Settings


def test_settings_have_defaults() -> None:
    settings = Settings()
    assert (settings.payment_timeout, settings.stock_timeout, settings.retry_base) == (900, 300, 1)


def test_the_environment_overrides_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PAYMENT_TIMEOUT", "2.5")
    assert Settings().payment_timeout == 2.5


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e400", "31622401", "soon", ""])
def test_an_invalid_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SHOP_RETRY_BASE", value)
    with pytest.raises(SettingRefused, match=r"^SHOP_RETRY_BASE must be a number of seconds, more"):
        Settings()
