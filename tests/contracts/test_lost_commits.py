"""Whether PostgreSQL has committed a transaction whose COMMIT was not answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from pyconchat.domain.errors import NotSaved
from pyconchat.store import SqlStore
from pyconchat.store.transactions import CommitLost, Writer
from tests.contracts.building import create


@pytest.fixture
def writer(postgresql_url: str, engine: Engine) -> Iterator[Writer]:
    store = SqlStore(postgresql_url)
    store.open()
    create(store, 2)
    store.close()
    writer = Writer(engine, None)
    yield writer
    writer.close()


TOPIC = text("UPDATE groups SET topic = 'cups'")
NUMBER = text("SELECT txid_current()")
PROCESS = text("SELECT pg_backend_pid()")


def end(other: Connection, process: int) -> None:
    """End the server process of a connection."""
    other.execute(text("SELECT pg_terminate_backend(:process, 10000)"), {"process": process})
    other.commit()


def lose(writer: Writer, other: Connection) -> CommitLost:
    """Lose the connection of *writer* just before its COMMIT arrives."""
    try:
        with writer.commit() as connection:
            connection.execute(TOPIC)
            end(other, connection.execute(PROCESS).scalar_one())
    except CommitLost as lost:
        return lost
    raise AssertionError("it was committed")


def test_a_commit_that_did_not_arrive(writer: Writer, other: Connection) -> None:
    lost = lose(writer, other)
    assert not writer.committed(lost)
    assert not writer.committed(lost)


def test_the_number_of_a_lost_transaction_that_another_one_has_got(
    writer: Writer, other: Connection
) -> None:
    """A crash of PostgreSQL forgets the numbers of transactions that it had not written."""
    lost = lose(writer, other)
    with writer.commit():
        pass  # an earlier one has left a row
    lost = lose(writer, other)
    lost.transaction = other.execute(NUMBER).scalar_one()
    with pytest.raises(NotSaved):  # it is not known yet which one it is
        writer.committed(lost)
    other.execute(TOPIC)
    other.commit()
    assert not writer.committed(lost)


def test_a_number_that_postgresql_has_not_given(writer: Writer, other: Connection) -> None:
    lost = lose(writer, other)
    lost.transaction += 1_000_000
    assert not writer.committed(lost)


def test_a_commit_whose_answer_was_lost(writer: Writer) -> None:
    with writer.commit() as connection:
        connection.execute(TOPIC)
        number = connection.execute(NUMBER).scalar_one()
    assert writer.committed(CommitLost(number, 1))
    with writer.commit():
        pass
    assert not writer.committed(CommitLost(number, 1))  # only the last one is asked about
