"""The store: SQL, one code path for SQLite (the default) and PostgreSQL."""

from pyconchat.store.engines import READERS, BadStore, sqlite_url
from pyconchat.store.purge import KEPT_DAYS
from pyconchat.store.sql import SqlStore

__all__ = ["KEPT_DAYS", "READERS", "BadStore", "SqlStore", "sqlite_url"]
