"""Brings a database to the newest schema, by Alembic's migrations."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from pyconchat.store import schema
from pyconchat.store.engines import BadStore


def upgrade(engine: Engine) -> None:
    """Bring the database of *engine* to `schema.VERSION`. Raises `BadStore`."""
    try:
        version = _version(engine)
        if version == schema.VERSION:
            return  # without importing Alembic: a start should be quick
        _run_migrations(engine)
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise BadStore(f"the database cannot be used: {reason}") from error


def _version(engine: Engine) -> str | None:
    with engine.begin() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return version


def _run_migrations(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError:
        raise BadStore(
            "the database is from a newer version of PyconChat: install that version"
        ) from None
