"""The fixtures of all command lines."""

from tests.cli.conftest import here, run, settled, shop, shop_after, sqlite_shop

__all__ = ["here", "run", "settled", "shop", "shop_after", "sqlite_shop"]
