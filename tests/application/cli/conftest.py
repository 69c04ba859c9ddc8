"""The same command lines and stores as in the tests of the framework's commands."""

from tests.cli.conftest import here, run, settled, shop, shop_after, sqlite_shop

__all__ = ("here", "run", "settled", "shop", "shop_after", "sqlite_shop")
