"""What others have attached to a table of PostgreSQL, read from the system catalogs.

Each query returns what it is, and the statement that attaches it to the table that has the name
of `old` by then. `new` is the successor, which has its own name as yet.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

from sagaline.storage.sql.names import default_schema
from sagaline.storage.tables.index_names import IndexNames

_GRANTEE: Final = (
    "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END"
)

_OPTION: Final = "CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"

_INDEX: Final = "the index "

_IMMOVABLE: Final = """
SELECT pg_describe_object(d.classid, d.objid, 0)
FROM pg_depend d
LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_class v ON v.oid = r.ev_class
LEFT JOIN pg_constraint f ON d.classid = 'pg_constraint'::regclass AND f.oid = d.objid
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = {old} AND (
    d.classid IN ('pg_proc'::regclass, 'pg_publication_rel'::regclass)
    OR (v.oid <> {old} AND v.relkind <> 'v')
    OR (v.oid = {old} AND r.rulename <> '_RETURN')
    OR f.conrelid <> {old}
    OR (d.classid = 'pg_class'::regclass AND d.deptype = 'n')
)
"""
"""Materialized views, rules, foreign keys of others, functions, publications, and heirs."""

_VIEWS: Final = """
SELECT DISTINCT 'the view ' || v.oid::regclass, 'CREATE OR REPLACE VIEW ' || v.oid::regclass
    || COALESCE(' WITH (' || array_to_string(v.reloptions, ', ') || ')', '')
    || ' AS ' || pg_get_viewdef(v.oid)
FROM pg_depend d
JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = {old}
"""

_MOVABLE: Final = (
    """
    SELECT 'its owner', format('ALTER TABLE %s OWNER TO %I', c.oid::regclass,
        pg_get_userbyid(c.relowner))
    FROM pg_class c, pg_class n WHERE c.oid = {old} AND n.oid = {new} AND c.relowner <> n.relowner
    """,
    f"""
    SELECT DISTINCT 'its rights', format('REVOKE ALL ON %s FROM %s', {{old}}::regclass, {_GRANTEE})
    FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = {{new}} AND a.grantee <> c.relowner
    """,
    f"""
    SELECT 'the rights of ' || {_GRANTEE}, format('GRANT %s ON %s TO %s%s', a.privilege_type,
        c.oid::regclass, {_GRANTEE}, {_OPTION})
    FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = {{old}} AND a.grantee <> c.relowner
    """,
    f"""
    SELECT 'the rights of ' || {_GRANTEE}, format('GRANT %s (%I) ON %s TO %s%s', a.privilege_type,
        t.attname, t.attrelid::regclass, {_GRANTEE}, {_OPTION})
    FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = {{old}} AND NOT t.attisdropped
    """,
    """
    SELECT 'the index ' || i.relname, unnest(ARRAY[
        'DROP INDEX ' || i.oid::regclass, pg_get_indexdef(i.oid)])
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    WHERE x.indrelid = {old} AND NOT EXISTS (SELECT 1 FROM pg_constraint f WHERE f.conindid = i.oid)
    AND NOT EXISTS (
        SELECT 1 FROM pg_attribute t WHERE t.attrelid = {old} AND t.attnum = ANY(x.indkey)
        AND t.attname NOT IN (SELECT attname FROM pg_attribute WHERE attrelid = {new}))
    """,
    """
    SELECT 'the statistics ' || s.stxname, unnest(ARRAY[
        format('DROP STATISTICS %s.%I', s.stxnamespace::regnamespace, s.stxname),
        pg_get_statisticsobjdef(s.oid)])
    FROM pg_statistic_ext s WHERE s.stxrelid = {old}
    """,
    _VIEWS,
    """
    SELECT 'the trigger ' || tgname, format('DROP TRIGGER %I ON %s', tgname, {old}::regclass)
    FROM pg_trigger WHERE tgrelid = {new} AND NOT tgisinternal
    """,
    """
    SELECT 'the trigger ' || tgname, pg_get_triggerdef(oid)
    FROM pg_trigger WHERE tgrelid = {old} AND NOT tgisinternal
    """,
    """
    SELECT 'the trigger ' || tgname, format('ALTER TABLE %s %s TRIGGER %I', {old}::regclass,
        CASE tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
        ELSE 'ENABLE ALWAYS' END, tgname)
    FROM pg_trigger WHERE tgrelid = {old} AND NOT tgisinternal AND tgenabled <> 'O'
    """,
    """
    SELECT 'row security', format('ALTER TABLE %s %s ROW LEVEL SECURITY, %s ROW LEVEL SECURITY',
        oid::regclass, CASE WHEN relrowsecurity THEN 'ENABLE' ELSE 'DISABLE' END,
        CASE WHEN relforcerowsecurity THEN 'FORCE' ELSE 'NO FORCE' END)
    FROM pg_class WHERE oid = {old}
    """,
    """
    SELECT 'the policy ' || polname, format('DROP POLICY %I ON %s', polname, {old}::regclass)
    FROM pg_policy WHERE polrelid = {new}
    """,
    """
    SELECT 'the policy ' || p.polname, format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s',
        p.polname, p.polrelid::regclass,
        CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
        CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
        WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
        (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role))
        END, ', ') FROM unnest(p.polroles) role),
        ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
        ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
    FROM pg_policy p WHERE p.polrelid = {old}
    """,
    """
    SELECT 'its comment', format('COMMENT ON TABLE %s IS %L', {old}::regclass,
        obj_description({old}, 'pg_class'))
    WHERE obj_description({old}, 'pg_class') IS NOT NULL
    AND obj_description({new}, 'pg_class') IS NULL
    """,
    """
    SELECT 'the comment on ' || t.attname, format('COMMENT ON COLUMN %s.%I IS %L',
        t.attrelid::regclass, t.attname, col_description(t.attrelid, t.attnum))
    FROM pg_attribute t JOIN pg_attribute n ON n.attrelid = {new} AND n.attname = t.attname
    WHERE t.attrelid = {old} AND t.attnum > 0 AND col_description(t.attrelid, t.attnum) IS NOT NULL
    AND col_description(n.attrelid, n.attnum) IS NULL
    """,
    """
    SELECT 'its storage parameters', format('ALTER TABLE %s SET (%s)', oid::regclass,
        array_to_string(reloptions, ', '))
    FROM pg_class WHERE oid = {old} AND reloptions IS NOT NULL
    """,
    """
    SELECT 'its replica identity', format('ALTER TABLE %s REPLICA IDENTITY %s', oid::regclass,
        CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END)
    FROM pg_class WHERE oid = {old} AND relreplident IN ('f', 'n')
    """,
    """
    SELECT 'its tablespace', format('ALTER TABLE %s SET TABLESPACE %I', c.oid::regclass, s.spcname)
    FROM pg_class c JOIN pg_class n ON n.oid = {new} AND n.reltablespace <> c.reltablespace
    JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE c.oid = {old}
    """,
)


def immovable(connection: Connection, name: str) -> Iterator[str]:
    """What cannot be moved to another table."""
    old = _oid(connection, name)
    yield from connection.exec_driver_sql(_IMMOVABLE.format(old=old)).scalars()


def movable(
    connection: Connection, name: str, successor: str, own: IndexNames
) -> Iterator[tuple[str, str]]:
    """What can be moved, each with the statement that does so after the swap."""
    old, new = _oid(connection, name), _oid(connection, successor)
    for query in _MOVABLE:
        statement = query.format(old=old, new=new).replace("%", "%%")
        for what, found in connection.exec_driver_sql(statement):
            if not (what.startswith(_INDEX) and own.has(what.removeprefix(_INDEX))):
                yield what, found


def _oid(connection: Connection, name: str) -> int:
    query = (
        "SELECT oid FROM pg_class WHERE relname = %s AND relnamespace ="
        " (SELECT oid FROM pg_namespace WHERE nspname = COALESCE(%s, current_schema()))"
    )
    found = connection.exec_driver_sql(query, (name, default_schema(connection)))
    return int(found.scalar_one())
