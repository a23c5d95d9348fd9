"""The database of ``--postgres URL``, which the benchmarks may empty."""

from __future__ import annotations

__all__ = ["empty"]


def empty(url: str) -> None:
    """Delete everything in the database at *url*."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
