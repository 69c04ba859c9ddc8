"""What others attach to a read table: a swap carries it over, or the rebuild is refused first."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, create_engine

from sagaline import rebuild, roll_back
from sagaline.errors import StoreUnusable, TableNotReplaceable
from sagaline.rebuilding.shadow_table import ShadowTable
from tests.sagaline.bank import give, opened, paid, query, system

VIEW = ["balances"]


class Bank:
    """The store of a bank with some balances, and a connection of its database administrator."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.env = {"SQLALCHEMY_URL": url}
        self.is_postgres = url.startswith("postgresql")
        give(self.env, [*opened(range(3)), *paid(range(3))])
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT")
        self._admin: Connection = self._engine.connect()

    def run(self, *statements: str) -> None:
        for each in statements:
            self._admin.exec_driver_sql(self._escaped(each))

    def ask(self, statement: str) -> Any:
        return self._admin.exec_driver_sql(self._escaped(statement)).scalar()

    def _escaped(self, statement: str) -> str:
        return statement.replace("%", "%%") if self.is_postgres else statement

    def rebuilt(self, **options: Any) -> None:
        list(rebuild(system, self.env, VIEW, **options))

    def close(self) -> None:
        self._admin.close()
        self._engine.dispose()

    def generations(self) -> Iterator[None]:
        """Every way in which another table gets the name, each followed by new events."""
        for swap in (self.rebuilt, self.rebuilt, self.rolled_back, self.rolled_back, self.rebuilt):
            swap()
            give(self.env, paid(range(3)))
            yield

    def rolled_back(self) -> None:
        roll_back(system, self.env, VIEW)


@pytest.fixture
def bank(store_url: str) -> Iterator[Bank]:
    bank = Bank(store_url)
    yield bank
    bank.close()


@pytest.fixture
def postgres_bank(postgres_store: str) -> Iterator[Bank]:
    bank = Bank(postgres_store)
    yield bank
    bank.close()


@pytest.fixture
def role(postgres_bank: Bank) -> Iterator[str]:
    """A role of an analyst."""
    role = f"analyst {uuid4().hex[:8]}"
    both = (role, f"{role} 2")
    postgres_bank.run(*(f'CREATE ROLE "{each}"' for each in both))
    yield role
    for each in both:
        postgres_bank.run(f'DROP OWNED BY "{each}" CASCADE', f'DROP ROLE "{each}"')


def test_views_read_the_live_table_in_every_generation(bank: Bank) -> None:
    bank.run(
        "CREATE VIEW payers AS SELECT owner, paid FROM balances WHERE owner LIKE 'owner%'",
        "CREATE VIEW big_payers AS SELECT owner FROM payers WHERE paid > 1",
    )
    for _ in bank.generations():
        assert bank.ask("SELECT sum(paid) FROM payers") == bank.ask(
            "SELECT sum(paid) FROM balances"
        )
        assert bank.ask("SELECT count(*) FROM big_payers") == 3


def test_an_index_of_an_administrator_is_on_the_live_table(bank: Bank) -> None:
    bank.run(
        "CREATE UNIQUE INDEX dba_idx ON balances (owner, paid) WHERE paid > 0",
        'CREATE INDEX "dba 100% lower" ON balances (lower(owner))',
    )
    sql = (
        "SELECT count(*) FROM pg_indexes WHERE tablename = 'balances' AND indexname LIKE 'dba%'"
        if bank.is_postgres
        else "SELECT count(*) FROM sqlite_master WHERE tbl_name = 'balances' AND name LIKE 'dba%'"
    )
    for _ in bank.generations():
        assert bank.ask(sql) == 2


def test_a_trigger_fires_for_the_live_table(bank: Bank) -> None:
    bank.run("CREATE TABLE changes (owner TEXT)")
    if bank.is_postgres:
        bank.run(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO changes VALUES (NEW.owner); RETURN NEW; END'",
            "CREATE TRIGGER noted AFTER UPDATE ON balances FOR EACH ROW EXECUTE FUNCTION note()",
        )
    else:
        bank.run(
            "CREATE TRIGGER noted AFTER UPDATE ON balances"
            " BEGIN INSERT INTO changes VALUES (NEW.owner); END"
        )
    for number, _ in enumerate(bank.generations(), start=1):
        assert bank.ask("SELECT count(*) FROM changes") >= 3 * number


def test_rights_owner_and_policies_stay(postgres_bank: Bank, role: str) -> None:
    bank, owner = postgres_bank, f"{role} 2"
    bank.run(
        f'GRANT SELECT ON balances TO "{role}" WITH GRANT OPTION',
        f'GRANT UPDATE (owner) ON balances TO "{role}"',
        "GRANT SELECT ON balances TO PUBLIC",
        f'CREATE POLICY own ON balances AS RESTRICTIVE FOR SELECT TO PUBLIC, "{role}"'
        " USING (owner LIKE 'owner 1%')",
        "ALTER TABLE balances ENABLE ROW LEVEL SECURITY",
        "COMMENT ON TABLE balances IS 'what each owes; 100%'",
        "COMMENT ON COLUMN balances.paid IS 'in ''cents'''",
        "ALTER TABLE balances SET (autovacuum_enabled = false)",
        "ALTER TABLE balances REPLICA IDENTITY FULL",
        "CREATE STATISTICS correlated ON owner, paid FROM balances",
        f'ALTER TABLE balances OWNER TO "{owner}"',
    )
    described = """SELECT (c.relacl::text, c.relrowsecurity, c.reloptions, c.relreplident,
        pg_get_userbyid(c.relowner), obj_description(c.oid), col_description(c.oid, 3),
        (SELECT array_agg(attacl::text) FROM pg_attribute WHERE attrelid = c.oid),
        (SELECT array_agg(p) FROM pg_policies p WHERE p.tablename = 'balances'),
        (SELECT array_agg(stxname) FROM pg_statistic_ext WHERE stxrelid = c.oid))::text
        FROM pg_class c WHERE c.relname = 'balances'"""
    before = bank.ask(described)
    assert role in before
    for _ in bank.generations():
        assert bank.ask(described) == before


def test_a_right_that_was_taken_away_is_not_given_by_default(
    postgres_bank: Bank, role: str
) -> None:
    bank = postgres_bank
    bank.run(f'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO "{role}"')
    bank.rebuilt()
    assert bank.ask(f"SELECT has_table_privilege('{role}', 'balances', 'SELECT')") is False


REFUSED = {
    "a materialized view": (
        "CREATE MATERIALIZED VIEW owners AS SELECT owner FROM balances",
        "materialized view owners",
    ),
    "a foreign key": (
        "CREATE TABLE notes (id uuid REFERENCES balances)",
        "constraint notes_id_fkey on table notes",
    ),
    "a publication": ("CREATE PUBLICATION p FOR TABLE balances", "publication p"),
    "a rule": ("CREATE RULE r AS ON DELETE TO balances DO NOTHING", "rule r on table balances"),
    "a child": ("CREATE TABLE child () INHERITS (balances)", "table child"),
    "a function": (
        "CREATE FUNCTION n() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM balances; END",
        "function n()",
    ),
}


@pytest.mark.parametrize(("statement", "what"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_moved_is_named_before_anything_is_built(
    postgres_bank: Bank, statement: str, what: str
) -> None:
    postgres_bank.run(statement)
    tables = postgres_bank.ask("SELECT count(*) FROM pg_tables")
    with pytest.raises(TableNotReplaceable) as refusal:
        postgres_bank.rebuilt()
    assert what in str(refusal.value)
    assert postgres_bank.ask("SELECT count(*) FROM pg_tables") == tables


def test_a_view_of_a_column_that_the_new_table_lacks_is_named(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.run(
        "ALTER TABLE balances ADD COLUMN note TEXT",
        "CREATE VIEW noted AS SELECT note FROM balances",
    )
    built: list[object] = []
    monkeypatch.setattr(ShadowTable, "_catch_up", built.append)
    with pytest.raises(
        TableNotReplaceable, match=r"^balances cannot be replaced, because of the view noted: "
    ):
        bank.rebuilt()
    assert built == []
    assert bank.ask("SELECT count(*) FROM noted") == 3


def test_a_trigger_that_the_new_table_would_break_is_named(sqlite_store: str) -> None:
    bank = Bank(sqlite_store)
    bank.run(
        "ALTER TABLE balances ADD COLUMN note TEXT",
        "CREATE TRIGGER noted AFTER UPDATE ON balances BEGIN SELECT NEW.note; END",
    )
    with pytest.raises(TableNotReplaceable, match="the trigger noted"):
        bank.rebuilt()
    bank.close()


def test_what_reads_the_old_table_is_named(postgres_bank: Bank) -> None:
    postgres_bank.rebuilt()
    postgres_bank.run("CREATE VIEW before AS SELECT owner FROM balances__old")
    with pytest.raises(TableNotReplaceable, match="what reads balances__old"):
        postgres_bank.rebuilt()


def test_an_index_on_a_column_that_is_gone_goes_with_it(bank: Bank) -> None:
    bank.run("ALTER TABLE balances ADD COLUMN note TEXT", "CREATE INDEX noted ON balances (note)")
    bank.rebuilt()
    bank.rebuilt(verify=True)
    assert bank.ask("SELECT count(*) FROM balances") == 3


def test_the_old_table_is_dropped_when_that_is_asked(bank: Bank) -> None:
    bank.rebuilt()
    bank.rebuilt(drop_old=True)
    with pytest.raises(Exception, match="balances__old"):
        bank.ask("SELECT count(*) FROM balances__old")
    assert query(bank.url, "SELECT name FROM followers WHERE name LIKE 'balances@%'") == []


def test_the_table_of_another_program_is_not_replaced(bank: Bank) -> None:
    bank.run(
        "DELETE FROM read_tables",
        "ALTER TABLE balances RENAME COLUMN owner TO holder",
    )
    with pytest.raises(StoreUnusable, match="its table 'balances' is not one of Sagaline: rename"):
        bank.rebuilt()
    with pytest.raises(StoreUnusable, match="its table 'balances' is not one of Sagaline: rename"):
        give(bank.env, [])
    assert bank.ask("SELECT count(holder) FROM balances") == 3
