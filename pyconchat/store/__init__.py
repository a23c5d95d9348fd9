"""The store: SQL, one code path for SQLite (the default) and PostgreSQL."""

from pyconchat.store.engines import READERS, BadStore, sqlite_url
from pyconchat.store.sql import SqlStore

__all__ = ["READERS", "BadStore", "SqlStore", "sqlite_url"]
