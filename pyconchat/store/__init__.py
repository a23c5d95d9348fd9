"""The store: SQL, one code path for SQLite (the default) and PostgreSQL."""

from pyconchat.store.sql import BadStore, SqlStore

__all__ = ["BadStore", "SqlStore"]
