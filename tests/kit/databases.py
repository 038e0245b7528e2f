"""The database that most tests share."""

from __future__ import annotations

from typing import Final

import psycopg
from k8s_inventory_demo.postgres.server import PostgresServer

from tests.kit.inventory import emptying

# What a migration makes and a test may add to or take away: schemas, relations, rights, settings, migrations.
_FORM: Final = """
    SELECT concat_ws(' ', 'schema', nspname, coalesce(nspacl, acldefault('n', nspowner)))
        FROM pg_namespace WHERE nspname !~ '^pg_'
    UNION ALL
    SELECT concat_ws(' ', 'relation', relkind, relnamespace::regnamespace, relname, relnatts, relhastriggers,
                     coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)))
        FROM pg_class WHERE relnamespace::regnamespace::text !~ '^pg_'
    UNION ALL
    SELECT concat_ws(' ', 'setting', setrole, setconfig)
        FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
        WHERE datname = current_database()
    UNION ALL
    SELECT concat_ws(' ', 'migration', name) FROM k8s_migrations
"""


# They come and go with the rows of the definitions.
_DROP_CUSTOM: Final = """
    DO $$ DECLARE view regclass; BEGIN
        FOR view IN SELECT oid FROM pg_class WHERE relkind = 'v' AND starts_with(relname, 'k8s_cr_') LOOP
            EXECUTE format('DROP VIEW %s CASCADE', view);
        END LOOP;
    END $$
"""


class LastingDatabase:
    """A migrated database that is emptied after each test.

    :param template: the migrated database that it is a copy of.
    """

    def __init__(self, server: PostgresServer, name: str, template: str) -> None:
        self._server = server
        self._name = name
        self._template = template
        self.url = server.dsn(name)
        self._create()

    def empty(self) -> None:
        """Delete all rows.

        :raises AssertionError: somebody changed more than rows; the next test finds a new database.
        """
        with psycopg.connect(self.url, options="-c lock_timeout=10s") as conn:
            conn.execute(_DROP_CUSTOM)
            changed = _form(conn) ^ self._form
            if not changed:
                conn.execute(emptying())
                conn.execute("ALTER TABLE k8s_syncs ALTER COLUMN id RESTART")
        if changed:
            self._server.drop_database(self._name)
            self._create()
        assert not changed, f"mark this test with alters_database: {sorted(changed)}"

    def _create(self) -> None:
        self._server.create_database(self._name, template=self._template)
        with psycopg.connect(self.url) as conn:
            self._form = _form(conn)


def _form(conn: psycopg.Connection) -> set[str]:
    return {line for (line,) in conn.execute(_FORM)}
