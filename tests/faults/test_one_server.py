"""One server for each database: a second one does not start, whatever its state folder is."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from pyconchat.domain.decisions import Decision, NoteSeen
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.names import fold
from pyconchat.store import SqlStore
from tests.support.administration import admin
from tests.support.postgres import Restartable
from tests.support.programs import Program
from tests.support.servers import Server, fails

ENDED = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"


@pytest.fixture
def postgres_url(postgres: Restartable) -> Iterator[str]:
    yield postgres.url.render_as_string(hide_password=False)
    postgres.forget()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    (tmp_path / "elsewhere").mkdir()
    return f"sqlite:///{tmp_path / 'elsewhere' / 'chat.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """A database outside of the state folder."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def first(url: str, tmp_path: Path) -> Iterator[Server]:
    """A server that uses the database."""
    server = Server(tmp_path, f'[store]\nurl = "{url}"\n')
    server.start()
    yield server
    server.stop()


def second(folder: Path, url: str) -> str:
    """Start a second server with a state folder of its own; return the line with which it ends.

    It waits for the lock only a little: nobody releases it.
    """
    config = folder / "second.toml"
    config.write_text(f'state = "{folder / "second"}"\n[store]\nurl = "{url}"\n')
    line = "tcp:0:interface=127.0.0.1"
    wait = {"pyconchat.store.lock.ADVISORY_WAIT": 200}
    return fails("--config", str(config), "--line", line, cwd=folder, constants=wait)


def test_a_second_server_does_not_start(first: Server, url: str, tmp_path: Path) -> None:
    """It ends with one line that names the database; the first one continues."""
    refusal = second(tmp_path, url)
    assert "is in use by another server" in refusal
    assert ("elsewhere/chat.db" if url.startswith("sqlite") else "/postgres") in refusal
    with closing(Program(first.port)) as alice:
        alice.logs_in("alice", "secret of alice")
        alice.does("/create tea open")


def test_a_link_to_the_database(sqlite_url: str, tmp_path: Path) -> None:
    """The lock is the same by every name of an SQLite database."""
    server = Server(tmp_path, f'[store]\nurl = "{sqlite_url}"\n')
    server.start()
    (tmp_path / "link.db").symlink_to(sqlite_url.removeprefix("sqlite:///"))
    assert "is in use by another server" in second(tmp_path, f"sqlite:///{tmp_path / 'link.db'}")
    server.stop()


def test_a_crash_does_not_block_the_next_start(first: Server) -> None:
    """The lock ends with the process, however that ends."""
    for _ in range(3):
        first.kill()
        first.start()


def test_a_stopped_server_is_not_taken_for_dead(first: Server, url: str, tmp_path: Path) -> None:
    """A server that has been suspended still has the database."""
    assert first.process is not None
    first.process.send_signal(signal.SIGSTOP)
    try:
        assert "is in use by another server" in second(tmp_path, url)
    finally:
        first.process.send_signal(signal.SIGCONT)


def test_administration_beside_a_server(first: Server, url: str, tmp_path: Path) -> None:
    """``pyconchat-admin`` reads and writes while the server has the lock."""
    with closing(Program(first.port)) as alice:
        alice.logs_in("alice", "secret of alice")
        config = str(tmp_path / "pyconchat.toml")
        assert admin(None, "--config", config, "accounts").lines[0].startswith("alice")
        made = admin(None, "--config", config, "make-operator", "alice")
        assert made.lines == ["alice is an operator now."]
        first.says("read the accounts")
        alice.does("/stats")


def test_a_lost_connection_takes_the_lock_again(
    postgres: Restartable, postgres_url: str, tmp_path: Path
) -> None:
    """Each connection by which the server writes to PostgreSQL has the lock."""
    server = Server(tmp_path, f'[store]\nurl = "{postgres_url}"\n')
    server.start()
    engine = create_engine(postgres.url.set(drivername="postgresql+psycopg"))
    with closing(Program(server.port)) as alice:
        alice.logs_in("alice", "secret of alice")
        alice.does("/create tea open")
        for number in range(3):
            with engine.begin() as connection:
                assert connection.execute(text(ENDED)).all() == [(True,)]
            alice.asks(f"after {number}", "tea")  # perhaps on the closed connection
            alice.does(f"and {number}", "tea")
            assert "is in use by another server" in second(tmp_path, postgres_url)
    engine.dispose()
    server.stop()


def test_no_commit_without_the_lock(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store whose lock another server has taken stores nothing."""
    monkeypatch.setattr("pyconchat.store.lock.ADVISORY_WAIT", 500)
    with closing(SqlStore(postgres_url)) as store, closing(SqlStore(postgres_url)) as other:
        store.lock()
        store.open()
        store._writer.close()
        store._writing.dispose()
        other.lock()
        with pytest.raises(NotSaved, match="in use by another server"):
            store.commit([Decision(0, writes=[NoteSeen(fold("alice"))])])
