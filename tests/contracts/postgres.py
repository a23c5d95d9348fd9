"""A PostgreSQL server of the tests' own, and empty databases in it."""

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
from tests.support.skips import missing

__all__ = ["Databases", "PostgresServer"]

PATIENCE = 30.0
"""Seconds after which a server is taken not to start."""


class PostgresServer:
    """A server in a temporary folder that listens on a socket there and nowhere else."""

    def __init__(self) -> None:
        programs = _programs()
        # Not in pytest's folder: the path of a socket may have no more than 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="pyconchat-postgres-", dir=_in_memory()))
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
        """Return where it is."""
        query = {"host": str(self._folder)}
        return URL.create("postgresql", "postgres", database="postgres", query=query)

    def stop(self) -> None:
        """Stop it, and remove all that it had."""
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
    """Makes databases in the server at *server*; each begins as a new store would leave it."""

    def __init__(self, server: URL) -> None:
        self._server = server.set(drivername="postgresql")
        self._admin = _engine(self._server)
        self._names = (f"pyconchat_test_{os.getpid()}_{number}" for number in count(1))
        self._template = self.create(template="template0")
        store = SqlStore(self.url(self._template))
        store.open()
        store.close()

    def create(self, template: str = "") -> str:
        """Return the name of a new database."""
        name = next(self._names)
        with self._admin.connect() as connection:
            origin = template or self._template
            # The other strategy, through the log, takes ten times as long.
            version = connection.dialect.server_version_info or ()
            how = "STRATEGY file_copy" if version >= (15,) else ""
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {origin} {how}"))
        return name

    def drop(self, name: str) -> None:
        """Remove the database *name*, whoever is connected to it."""
        with self._admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))

    def url(self, name: str) -> str:
        """Return the URL of the database *name*."""
        return self._server.set(database=name).render_as_string(hide_password=False)

    def close(self) -> None:
        """Leave the server as it was found."""
        self.drop(self._template)
        self._admin.dispose()


def server_url() -> URL | None:
    """Return the server that the environment names, if it names one."""
    named = os.environ.get("PYCONCHAT_TEST_POSTGRES")
    return make_url(named) if named else None


def _in_memory() -> str | None:
    """Return a folder in memory, where making a database of 300 files takes little, if any."""
    shared = "/dev/shm"
    roomy = os.path.isdir(shared) and shutil.disk_usage(shared).free > 2**30
    return shared if roomy else None


def _engine(url: URL) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", max_overflow=0
    )


def _programs() -> Path:
    """Return the folder of the newest PostgreSQL's programs; Debian keeps it off the PATH."""
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
    """Give *folder* to somebody who may run PostgreSQL, which root may not.

    Returns what `subprocess` has to know for that.
    """
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
