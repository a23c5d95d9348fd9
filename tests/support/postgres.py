"""A PostgreSQL server that a test stops and starts."""

from __future__ import annotations

import signal
import subprocess

from sqlalchemy import URL, Engine, create_engine, text

from pyconchat.store import SqlStore
from tests.contracts.postgres import PostgresServer, _programs
from tests.support.servers import PATIENCE

__all__ = ["Restartable"]


class Restartable(PostgresServer):
    """A PostgreSQL server that can be stopped and started again.

    Its database ``postgres`` has the tables of an empty store: to create them takes a second.
    """

    def __init__(self) -> None:
        super().__init__()
        store = SqlStore(self.url.render_as_string(hide_password=False))
        store.open()
        store.close()
        engine = _administration(self.url)
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE empty TEMPLATE postgres"))
        engine.dispose()

    def pause(self) -> None:
        """Stop it as its administrator would."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE)

    def resume(self) -> None:
        """Start it again with its data."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(_programs() / "postgres", "-D", self._folder / "data", "-k", self._folder),
                    *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"),
                ],
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                **self._as,
            )
        self._wait()

    def forget(self) -> None:
        """Delete all its data."""
        if self._process.poll() is not None:  # a test has failed
            self.resume()
        engine = _administration(self.url)
        with engine.connect() as connection:
            connection.execute(text("DROP DATABASE postgres WITH (FORCE)"))
            version = connection.dialect.server_version_info or ()
            how = "STRATEGY file_copy" if version >= (15,) else ""  # ten times as fast
            connection.execute(text(f"CREATE DATABASE postgres TEMPLATE empty {how}"))
        engine.dispose()


def _administration(url: URL) -> Engine:
    """Return an engine for the server at *url*, connected to another database."""
    url = url.set(drivername="postgresql+psycopg", database="template1")
    return create_engine(url, isolation_level="AUTOCOMMIT")
