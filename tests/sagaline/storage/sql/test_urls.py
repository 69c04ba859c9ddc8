"""The URLs of stores that cannot be used: one line says why, and shows no secret."""

import sys
import traceback
from pathlib import Path

import pytest

from sagaline.errors import StoreUnusable
from sagaline.storage import Datastore
from sagaline.storage.sql.urls import supported
from tests.sagaline.storage.stores import opened, placed, recorded, recorder_of

REFUSED = {
    "": "it is empty",
    "   ": "it is empty",
    "shop.db": "not a SQLAlchemy URL",
    "/var/shop.db": "not a SQLAlchemy URL",
    "file:shop.db": "not a SQLAlchemy URL",
    "file:///shop.db": "only sqlite:/// and postgresql",
    "sqlite:shop.db": "not a SQLAlchemy URL",
    "sqlite:/shop.db": "not a SQLAlchemy URL",
    "sqlite://shop.db": "write sqlite:/// before a relative path",
    "sqlite://user:pw@host/shop.db": "write sqlite:/// before a relative path",
    "sqlite:///a\0b.db": "cannot be printed",
    "sqlite:///a\nb.db": "cannot be printed",
    "sqlite:///file:shop.db": "needs the parameter uri=true",
    "sqlite:///shop.db?timeout=abc": "no valid value",
    "sqlite:///shop.db?timeout=1&timeout=2": "no valid value",
    "sqlite:///shop.db?timeout=-1": "between 0 and",
    "sqlite:///shop.db?timeout=nan": "between 0 and",
    "sqlite:///shop.db?timeout=inf": "between 0 and",
    "sqlite:///shop.db?timeout=1e300": "between 0 and",
    "sqlite:///shop.db?cached_statements=many": "no valid value",
    "sqlite:///shop.db?check_same_thread=perhaps": "no valid value",
    "sqlite+aiosqlite:///shop.db": "only sqlite:/// and postgresql",
    "sqlite+pysqlcipher:///shop.db": "only sqlite:/// and postgresql",
    "mysql://host/shop": "only sqlite:/// and postgresql",
    "mysql+pymysql://user:pw@host/shop": "only sqlite:/// and postgresql",
    "oracle://host/shop": "only sqlite:/// and postgresql",
    "nothing://host/shop": "only sqlite:/// and postgresql",
    "://host/shop": "not a SQLAlchemy URL",
    "postgresql+asyncpg://host/shop": "only sqlite:/// and postgresql",
    "postgresql+psycopg2://host/shop": "only sqlite:/// and postgresql",
    "postgresql+psycopg_async://host/shop": "only sqlite:/// and postgresql",
    "postgresql+psycopg://host:port/shop": "its port is not a number",
    "postgresql+psycopg://user:secret": "its port is not a number",
    "postgresql+psycopg://user:p@ss@host/shop": "several @",
    "postgresql+psycopg://user:p@s/s@host/shop": "several @",
    "postgresql+psycopg://user:p@s?s@host/shop": "several @",
    "postgresql+psycopg://host/shop?host=a:x&host=b:y": "no valid value",
}


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_that_names_no_store_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(StoreUnusable, match=REFUSED[url]) as found:
        Datastore.open(url)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("url", ["postgres://host/shop", "postgresql://host/shop"])
def test_a_postgresql_url_needs_no_driver(url: str) -> None:
    assert supported(url).drivername == "postgresql+psycopg"


def test_blanks_around_a_url_have_no_effect(tmp_path: Path) -> None:
    with opened(f" sqlite:///{tmp_path}/my shop.db\n") as datastore:
        recorded(recorder_of(datastore), placed())
    assert (tmp_path / "my shop.db").exists()


def test_a_missing_driver_is_named_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreUnusable, match=r"not installed \(psycopg\): install sagaline\[post"):
        Datastore.open("postgresql://host/shop")


SECRET = "Sesam"
SECRETS = (
    "postgresql+psycopg://user:Sesam@127.0.0.1:1/shop",
    "postgresql+psycopg://user:x%40Sesam@127.0.0.1:1/shop",
    "postgresql+psycopg://user:x@Sesam@127.0.0.1:1/shop",
    "postgresql+psycopg://user:x/Sesam@127.0.0.1:1/shop",
    "postgresql+psycopg://user:x:Sesam@127.0.0.1:1/shop",
    "postgresql+psycopg://user:x?Sesam@127.0.0.1:1/shop",
    "postgresql+psycopg://user:x#Sesam@127.0.0.1:1/shop",
    "postgresql+psycopg://user:x%Sesam@127.0.0.1:1/shop",
    "postgresql+psycopg://user:x@y/Sesam@127.0.0.1:1/shop",
    "postgresql+psycopg://user:x@y?Sesam@127.0.0.1:1/shop",
    "postgresql+psycopg://user:Sesam@127.0.0.1:x/shop",
    "postgresql+psycopg://user:Sesam",
    "postgresql+psycopg://user:Sesam@127.0.0.1:99999/shop",
    "postgresql+psycopg://user@127.0.0.1:1/shop?password=Sesam",
    "postgresql+psycopg://user@127.0.0.1:1/shop?sslpassword=Sesam",
    "postgresql+psycopg://user@127.0.0.1:1/shop?pasword=Sesam",
    "postgresql+psycopg://user:Sesam@127.0..1:1/shop",
    "postgresql+psycopg://user@127.0.0.1:1/shop?password=Sesam&password=Sesam",
    "postgresql+psycopg://user:Sesam@127.0.0.1:1/shop?connect_timeout=x",
    "postgresql+psycopg://user:Sesam@127.0.0.1:1/shop?nothing=x",
    "postgresql+psycopg://user:Sesam@/shop?host=a:x&host=b:y",
    "postgresql+asyncpg://user:Sesam@127.0.0.1/shop",
    "mysql://user:x@Sesam@127.0.0.1/shop",
    "sqlite://user:Sesam@host/shop.db",
    "postgresql user:Sesam@host/shop",
)


@pytest.mark.parametrize("url", SECRETS)
def test_a_password_is_in_no_message_and_in_no_traceback(url: str) -> None:
    with pytest.raises(StoreUnusable) as found, opened(url) as datastore:
        recorder_of(datastore)
    shown = "".join(traceback.format_exception(found.value))
    # The lines of source in a traceback do not show values.
    assert SECRET not in shown
    assert SECRET not in str(found.value)
