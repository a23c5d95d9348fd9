"""A PostgreSQL server for the tests, and empty databases in it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from pyconchat.store import SqlStore
from tests.support.folders import in_memory
from tests.support.skips import missing

__all__ = ["Databases", "PostgresServer"]

PATIENCE = 30.0
"""Maximum seconds in which the server starts or stops."""


class PostgresServer:
    """A server in a temporary folder, which listens only on a Unix socket there."""

    def __init__(self) -> None:
        programs = _programs()
        # Not in pytest's folder, because the path of a socket has at most 107 bytes. In memory,
        # because creating a database's 300 files on disk is slow.
        self._folder = Path(tempfile.mkdtemp(prefix="pyconchat-postgres-", dir=in_memory()))
        self._log = self._folder / "log"
        self._as = _unprivileged(self._folder)
        data = self._folder / "data"
        subprocess.run(
            [
                *(programs / "initdb", "--pgdata", data, "--username", "postgres"),
                *("--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
            ],
            check=True,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            **self._as,
        )
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(programs / "postgres", "-D", data, "-k", self._folder),
                    *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"),
                ],
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                **self._as,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> URL:
        """Return the URL of the server."""
        query = {"host": str(self._folder)}
        return URL.create("postgresql", "postgres", database="postgres", query=query)

    def stop(self) -> None:
        """Stop the server, and remove its folder."""
        self._process.send_signal(signal.SIGINT)  # ends connections that are still open
        self._process.wait(PATIENCE)
        shutil.rmtree(self._folder)

    def _wait(self) -> None:
        engine = _engine(self.url)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                engine.connect().close()
                break
            except OperationalError:
                running = self._process.poll() is None and time.monotonic() < deadline
                assert running, self._log.read_text()
                time.sleep(0.02)
        engine.dispose()


class Databases:
    """Creates databases in the server at *server*, each with the schema of a new store."""

    def __init__(self, server: URL) -> None:
        self._server = server.set(drivername="postgresql")
        self._admin = _engine(self._server)
        self._names = (f"pyconchat_test_{os.getpid()}_{number}" for number in count(1))
        self._template = self.create(template="template0")
        store = SqlStore(self.url(self._template))
        store.open()
        store.close()

    def create(self, template: str = "", options: str = "") -> str:
        """Return the name of a new database, a copy of *template*, with more *options*."""
        name = next(self._names)
        with self._admin.connect() as connection:
            origin = template or self._template
            # The default strategy, through the log, takes ten times as long.
            version = connection.dialect.server_version_info or ()
            how = "STRATEGY file_copy" if version >= (15,) else ""
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {origin} {how} {options}"))
        return name

    def drop(self, name: str) -> None:
        """Remove the database *name*, even if something is connected to it."""
        with self._admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))

    def url(self, name: str) -> str:
        """Return the URL of the database *name*."""
        return self._server.set(database=name).render_as_string(hide_password=False)

    def close(self) -> None:
        """Remove the template, and disconnect."""
        self.drop(self._template)
        self._admin.dispose()


def server_url() -> URL | None:
    """Return the URL in the environment variable, if it is set."""
    named = os.environ.get("PYCONCHAT_TEST_POSTGRES")
    return make_url(named) if named else None


def _engine(url: URL) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", max_overflow=0
    )


def _programs() -> Path:
    """Return the folder with the programs of the newest PostgreSQL, on Debian not in the PATH."""
    installed = [
        folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit() and (folder / "initdb").exists()
    ]
    if installed:
        return max(installed, key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else missing("PostgreSQL's initdb")


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Give *folder* to a user who may run PostgreSQL, if this process is root, who may not.

    Returns the arguments of `subprocess` for running as that user.
    """
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
