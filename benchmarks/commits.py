"""``python -m benchmarks.commits URL``: the cost of a message in the store, in batches of 1 to 64.

It measures the processor time of the writing thread. URL is an empty database, such as
``sqlite:////var/tmp/new.db`` or ``postgresql://postgres@/postgres?host=/run/postgresql``. With
PostgreSQL, which must be on a Unix socket or 127.0.0.1, it also measures the processor time of the
server process for the connection, and counts the round trips.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import cycle
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text

from benchmarks.proc import cpu_seconds
from pyconchat.domain.decisions import Decision, NewEntry, Register, RequestKey
from pyconchat.domain.events import GroupCreated, Message, Policy
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore

ALICE = Name("alice")
FIRST_GROUP = 2
TEXT = "Has anybody seen the kettle? It was on the shelf this morning."
BATCHES = {1: 2_000, 10: 1_000, 64: 400}
"""Sizes of batches, and how many of each are measured."""

WARM_UP = 200
"""Batches before the measurement."""

NOW = 1_700_000_000_000


def main() -> None:
    """Measure, and print a line for each kind of batch."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commits", description=__doc__)
    parser.add_argument("url", type=make_url)
    parser.add_argument("--groups", type=int, default=10, help="messages go to these in turn [10]")
    parser.add_argument("--durability", choices=("full", "normal"), default="full")
    options = parser.parse_args()
    url: URL = options.url
    store = SqlStore(url.render_as_string(hide_password=False), options.durability)
    store.open()
    store.prepare()
    groups = range(FIRST_GROUP, FIRST_GROUP + options.groups)
    create(store, groups)
    print("batch  keys  client  database  together (us a message)  commits/s  round trips")
    for size, count in BATCHES.items():
        for keyed in (False, True):
            measure(store, url, groups, size, count, keyed)
    store.close()


def create(store: SqlStore, groups: Sequence[int]) -> None:
    """Store the *groups*, each with alice as its only member."""
    made = [
        Decision(NOW, [NewEntry(id, GroupCreated(id, Name(f"group{id}"), ALICE, Policy.OPEN), 0)])
        for id in groups
    ]
    store.commit([Decision(NOW, writes=[Register(ALICE, "no hash: nobody logs in")]), *made])


def batches(groups: Sequence[int], size: int, count: int, keyed: bool) -> list[Sequence[Decision]]:
    """Return *count* batches of *size* messages in all *groups* in turn."""
    kind = f"{size}-{time.time_ns()}"
    turns = cycle(groups)
    return [
        [
            Decision(
                NOW + number,
                (NewEntry(next(turns), Message(ALICE, SafeText(TEXT))),),
                (),
                RequestKey(ALICE, f"{kind}-{number}-{nth}") if keyed else None,
            )
            for nth in range(size)
        ]
        for number in range(count)
    ]


def measure(
    store: SqlStore, url: URL, groups: Sequence[int], size: int, count: int, keyed: bool
) -> None:
    """Print what a message costs in batches of *size* for *groups*."""
    for batch in batches(groups, size, WARM_UP, keyed):
        store.commit(batch)
    measured = batches(groups, size, count, keyed)
    pids = backends(url)
    began, client = time.perf_counter(), time.thread_time()
    database = sum(map(cpu_seconds, pids))
    for batch in measured:
        store.commit(batch)
    client = (time.thread_time() - client) / (size * count) * 1e6
    database = (sum(map(cpu_seconds, pids)) - database) / (size * count) * 1e6
    rate = count / (time.perf_counter() - began)
    trips = f"{round_trips(url, groups, size, keyed):.1f}" if pids else ""
    print(
        f"{size:5}  {'yes' if keyed else 'no':>4}  {client:6.1f}  {database:8.1f}"
        f"  {client + database:23.1f}  {rate:9,.0f}  {trips:>11}"
    )


def backends(url: URL) -> list[int]:
    """Return the ids of PostgreSQL's processes for the connections to the database, if any."""
    if url.get_backend_name() == "sqlite":
        return []
    engine = create_engine(url.set(drivername="postgresql+psycopg"))
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    with engine.connect() as connection:
        found = connection.scalars(text(f"SELECT pid FROM pg_stat_activity WHERE {others}"))
        pids = list(found)
    engine.dispose()
    return pids


def round_trips(url: URL, groups: Sequence[int], size: int, keyed: bool) -> float:
    """Return how often a commit waits for PostgreSQL."""
    with counting(url) as (through, waits):
        store = SqlStore(through.render_as_string(hide_password=False))
        for batch in batches(groups, size, 20, keyed):
            store.commit(batch)
        before, count = waits(), 50
        for batch in batches(groups, size, count, keyed):
            store.commit(batch)
        found = (waits() - before) / count
        store.close()
    return found


@contextmanager
def counting(url: URL) -> Iterator[tuple[URL, Callable[[], int]]]:
    """Forward connections to *url*; yield the URL here, and a function: the answers so far.

    Answers that arrive together count as one.
    """
    folder = url.query.get("host")
    turns = [0]

    def forward(client: socket.socket) -> None:
        with client, connect() as server:
            back = threading.Thread(target=answer, args=(server, client), daemon=True)
            back.start()
            while data := client.recv(1 << 20):
                asking.add(client)
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)
            back.join()

    asking: set[socket.socket] = set()

    def answer(server: socket.socket, client: socket.socket) -> None:
        while data := server.recv(1 << 20):
            if client in asking:  # the first answer since the client has sent something
                asking.discard(client)
                turns[0] += 1
            client.sendall(data)

    def connect() -> socket.socket:
        if folder is None:
            return socket.create_connection((url.host or "127.0.0.1", url.port or 5432))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{folder}/.s.PGSQL.{url.port or 5432}")
        return server

    with tempfile.TemporaryDirectory() as here, closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(Path(here) / ".s.PGSQL.5432"))
        listening.listen()

        def accept() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=forward, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield url.set(host=None, port=None, query={"host": here}), lambda: turns[0]
        listening.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main()
