"""The connection string and the id of the database that nodes share."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pyconchat.store.database_id import conninfo_of, database_id
from pyconchat.store.engines import BadStore
from tests.contracts.postgres import Databases


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("postgresql://h/n", {"host": "h", "dbname": "n"}),
        (
            "postgresql://u%40:p%2F%20w@h:7000/n?sslmode=require",
            {"host": "h", "port": "7000", "user": "u@", "password": "p/ w", "dbname": "n"}
            | {"sslmode": "require"},
        ),
        ("postgresql+psycopg:///n?host=/run/a%20b", {"host": "/run/a b", "dbname": "n"}),
        ("postgresql://h/n?application_name=x", {"host": "h", "dbname": "n"}),
    ],
)
def test_a_connection_string(url: str, parts: dict[str, str]) -> None:
    """It names the same database as the URL, with the same options."""
    found = conninfo_to_dict(conninfo_of(url))
    assert found.pop("application_name") == ("x" if "=x" in url else "pyconchat")
    assert str(found.pop("connect_timeout")) == "5"
    assert found == parts


def test_sqlite() -> None:
    """There is nothing to connect to."""
    assert conninfo_of("sqlite:////tmp/x") == ""


def test_the_id_of_a_postgresql_database(databases: Databases) -> None:
    """Each database has its own, and each schema, whatever its address and its user are."""
    names = databases.create(), databases.create()
    try:
        one, other = (conninfo_of(databases.url(name)) for name in names)
        with psycopg.connect(one) as connection:
            connection.execute("CREATE SCHEMA apart")
        apart = f"{one} options='-c search_path=apart'"
        assert len({database_id(each) for each in (one, other, apart)}) == 3
        assert database_id(f"{one} application_name=other") == database_id(one)
    finally:
        for name in names:
            databases.drop(name)


def test_a_postgresql_database_that_cannot_be_used(databases: Databases) -> None:
    """The reason is one line."""
    name = databases.create()
    url = databases.url(name)
    databases.drop(name)
    with pytest.raises(BadStore, match="cannot be used") as caught:
        database_id(conninfo_of(url))
    assert "\n" not in str(caught.value)
