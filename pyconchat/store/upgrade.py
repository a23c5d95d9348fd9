"""Upgrades a database to the newest schema, with Alembic's migrations.

An SQLite database is copied first. The copy is kept, and is restored if a migration fails.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from pyconchat.store import schema
from pyconchat.store.engines import BadStore, is_sqlite, reason_of, unusable
from pyconchat.store.snapshot import restore_snapshot, take_snapshot

_LOCK = f"SELECT pg_advisory_xact_lock({0x70796375}, hashtext(current_schema()))"  # "pycu"
NEWER = "the database is from a newer version of PyconChat: install that version"


def upgrade(engine: Engine) -> None:
    """Upgrade the database of *engine* to `schema.VERSION`. Raises `BadStore`."""
    try:
        version = _version(engine)
        if version == schema.VERSION:
            return  # without importing Alembic, for a fast start
        if version is not None and version > schema.VERSION:
            raise BadStore(NEWER)
        if version is not None and is_sqlite(engine):
            _upgrade_with_copy(engine)
        else:
            _run_migrations(engine)
    except DBAPIError as error:
        raise unusable(error) from error


def require_newest(engine: Engine) -> None:
    """Raise `BadStore` unless the database of *engine* has the schema of this version."""
    try:
        version = _version(engine)
    except DBAPIError as error:
        raise unusable(error) from error
    if version is None or version < schema.VERSION:
        raise BadStore("the database is from an older version: start the server once")
    if version > schema.VERSION:
        raise BadStore(NEWER)


def _version(engine: Engine) -> str | None:
    with engine.begin() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return version


def _upgrade_with_copy(engine: Engine) -> None:
    assert engine.url.database is not None, "SQLite has a file"
    database = Path(engine.url.database)
    copy = database.with_name(f"{database.name}.before-{schema.VERSION}")
    try:
        copy.unlink(missing_ok=True)  # left by an interrupted attempt
        take_snapshot(engine, copy)
    except (OSError, engine.dialect.loaded_dbapi.Error) as error:
        raise BadStore(
            f"cannot copy the database before its upgrade: {reason_of(error)}"
        ) from error
    try:
        _run_migrations(engine)
    except Exception as error:
        engine.dispose()
        restore_snapshot(engine, copy)
        if isinstance(error, BadStore):
            raise
        raise BadStore(
            f"the database could not be upgraded and is unchanged: {reason_of(error)}"
        ) from error


def _run_migrations(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    try:
        with engine.begin() as connection:
            if not is_sqlite(engine):  # another node may be upgrading it, too
                connection.exec_driver_sql(_LOCK)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError:
        raise BadStore(NEWER) from None
