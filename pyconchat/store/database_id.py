"""The connection string and the id of the database, which the bus between nodes needs."""

from __future__ import annotations

from sqlalchemy import make_url

from pyconchat.store.engines import BadStore

__all__ = ["conninfo_of", "database_id"]

CONNECT_SECONDS = 5
"""Maximum seconds to connect; also for the connections of the bus."""

# Not the database's name or address, which may differ between nodes.
_ID = (
    "SELECT (SELECT system_identifier FROM pg_control_system()) || '-'"
    " || (SELECT oid FROM pg_database WHERE datname = current_database()) || '-'"
    " || (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
)


def conninfo_of(url: str) -> str:
    """Return libpq's connection string for the database *url*; empty for SQLite.

    *url* is that of a store that was opened without an error.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return ""
    from psycopg.conninfo import make_conninfo

    parsed = parsed.set(drivername="postgresql+psycopg")
    _, options = parsed.get_dialect()().create_connect_args(parsed)
    options.pop("context", None)  # psycopg's, not libpq's
    return make_conninfo(
        **{"connect_timeout": CONNECT_SECONDS, "application_name": "pyconchat", **options}
    )


def database_id(conninfo: str) -> str:
    """Return the unique id of a database and schema in PostgreSQL. Blocks.

    A copy of all the PostgreSQL server's files has the same id. Raises `BadStore`.
    """
    import psycopg

    try:
        with psycopg.connect(conninfo) as connection:
            row = connection.execute(_ID).fetchone()
    except psycopg.Error as error:
        raise BadStore(f"the database cannot be used: {str(error).splitlines()[0]}") from None
    assert row is not None, "the query has one row"
    return str(row[0])
