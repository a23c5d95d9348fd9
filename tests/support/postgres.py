"""A PostgreSQL server that a test stops and starts."""

from __future__ import annotations

import signal
import subprocess

from sqlalchemy import create_engine, text

from tests.contracts.postgres import PostgresServer, _programs
from tests.support.servers import PATIENCE

__all__ = ["Restartable"]


class Restartable(PostgresServer):
    """A PostgreSQL server that can be stopped and started again."""

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
        engine = create_engine(self.url.set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
