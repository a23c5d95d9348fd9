"""`files`: how fast a file moves, what it costs, and what it does to the chat meanwhile."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import threading
import time
from typing import Any

from benchmarks.options import Failed, Options
from benchmarks.proc import resident
from benchmarks.report import Result, percentile
from benchmarks.server import LOOPBACK, Server, running

__all__ = ["files"]

GIBIBYTE = 1024**3
SIZE = 2 * GIBIBYTE
SMALL = 512 * 1024**2
MESSAGES = 300
BLOCK = 1024**2
PATIENCE = 120.0

SETTINGS = """
[files]
file_bytes = 0
account_bytes = 0
uploads_per_account = 0
"""


def files(options: Options) -> list[Result]:
    """Measure an upload and a download, and a message's latency beside four of them."""
    result = Result("files", f"files: {SIZE // GIBIBYTE} GiB up and down, then four at once")
    for _ in range(options.runs):
        bare = _bare()
        result.note("nc to nc with a SHA-256", "MB/s", bare)
        with running(options, settings=SETTINGS) as server:
            server.start()
            _measure(result, server, bare)
    return [result]


def _measure(result: Result, server: Server, bare: float) -> None:
    program = _Program(server.port, "alice")
    program.ask(line="/join tea")
    program.ask(group="tea", text="warm")
    before = resident(server.pid)
    meter = _Peak(server.pid)
    took = _upload(server.port, program.ask(group="tea", line="/send big")["ticket"], SIZE)
    result.note("upload", "MB/s", SIZE / took / 1e6, least=bare / 3)
    took = _download(server.port, program.ask(group="tea", line="/get big")["ticket"], SIZE)
    result.note("download", "MB/s", SIZE / took / 1e6, least=bare / 3)
    result.note("memory above before", "MiB", (meter.stop() - before) / 1024**2, most=20)
    _beside(result, server, program)


def _beside(result: Result, server: Server, program: _Program) -> None:
    """Measure messages while two files come in and two go out."""
    port = server.port
    tickets = [program.ask(group="tea", line=f"/send small{n}")["ticket"] for n in range(2)]
    moving = [threading.Thread(target=_upload, args=(port, each, SMALL)) for each in tickets]
    for _ in range(2):
        ticket = program.ask(group="tea", line="/get big")["ticket"]
        moving.append(threading.Thread(target=_download, args=(port, ticket, SIZE)))
    for thread in moving:
        thread.start()
    latencies: list[float] = []
    while any(thread.is_alive() for thread in moving) and len(latencies) < MESSAGES:
        began = time.perf_counter()
        program.ask(group="tea", text="how are you?")
        latencies.append((time.perf_counter() - began) * 1000)
        time.sleep(0.005)
    for thread in moving:
        thread.join()
    latencies.sort()
    result.note("a message beside four transfers, p50", "ms", percentile(latencies, 0.5))
    result.note("p99", "ms", percentile(latencies, 0.99), most=50)


class _Program:
    """A program that is logged in at *port*."""

    def __init__(self, port: int, name: str) -> None:
        connection = socket.create_connection((LOOPBACK, port), PATIENCE)
        self._file = connection.makefile("rw", encoding="utf-8")
        self._number = 0
        self._write({"hello": 1, "name": name, "password": "benchmark"})
        while "hello" not in self._read():
            pass

    def ask(self, **request: str) -> dict[str, Any]:
        """Make a request; return its answer. Raises `Failed` if it is refused."""
        self._number += 1
        self._write({"id": self._number, **request})
        while (answer := self._read()).get("re") != self._number:
            pass
        if not answer["ok"]:
            raise Failed(f"{request}: {answer}")
        return answer

    def _write(self, fields: dict[str, Any]) -> None:
        print(json.dumps(fields), file=self._file, flush=True)

    def _read(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self._file.readline())
        return fields


class _Peak:
    """The highest resident memory of a process, looked at a hundred times a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._highest = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        """Return the highest, in bytes."""
        self._ended.set()
        self._thread.join()
        return self._highest

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self._highest = max(self._highest, resident(self._pid))


def _upload(port: int, ticket: str, size: int) -> float:
    block = bytes(BLOCK)
    with socket.create_connection((LOOPBACK, port), PATIENCE) as connection:
        began = time.perf_counter()
        connection.sendall(f"upload {ticket} 0 {size}\n".encode())
        for _ in range(size // BLOCK):
            connection.sendall(block)
        answer = connection.recv(1024)
        took = time.perf_counter() - began
    if not answer.startswith(b"shared "):
        raise Failed(answer.decode())
    return took


def _download(port: int, ticket: str, size: int) -> float:
    buffer = bytearray(BLOCK)
    received = 0
    with socket.create_connection((LOOPBACK, port), PATIENCE) as connection:
        began = time.perf_counter()
        connection.sendall(f"download {ticket}\n".encode())
        while count := connection.recv_into(buffer):
            received += count
        took = time.perf_counter() - began
    if received != size:
        raise Failed(f"{received} bytes came of {size}")
    return took


def _bare() -> float:
    """Return the MB/s of ``nc`` to ``nc`` with a SHA-256 on one end."""
    port = _free_port()
    listening = subprocess.Popen(
        f"nc -l {LOOPBACK} {port} | sha256sum",
        shell=True,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    time.sleep(0.3)
    began = time.perf_counter()
    sending = f"head -c {SIZE // 2} /dev/zero | nc -N {LOOPBACK} {port}"
    subprocess.run(sending, shell=True, check=True)
    output, _ = listening.communicate()
    took = time.perf_counter() - began
    if output.split()[0].decode() != hashlib.sha256(bytes(SIZE // 2)).hexdigest():
        raise Failed("nc lost something")
    return SIZE / 2 / took / 1e6


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
