"""`files`: the speed and memory of file transfers, and the latency of messages during them."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import threading
import time

from benchmarks.options import Failed, Options
from benchmarks.proc import resident_bytes
from benchmarks.programs import TIMEOUT, PeakMemory, Program
from benchmarks.report import Result, percentile
from benchmarks.server import LOOPBACK, Server, free_port, running

__all__ = ["files"]

GIBIBYTE = 1024**3
LARGE_BYTES = 2 * GIBIBYTE
SMALL_BYTES = 512 * 1024**2
BLOCK_BYTES = 1024**2
MAX_MESSAGES = 300
SETTINGS = """
[files]
file_bytes = 0
account_bytes = 0
uploads_per_account = 0
"""


def files(options: Options) -> list[Result]:
    """Measure an upload and a download, then the latency of messages during four transfers."""
    result = Result("files", f"files: {LARGE_BYTES // GIBIBYTE} GiB up and down, then four at once")
    for _ in range(options.runs):
        nc = _nc_speed()
        result.add("nc to nc with a SHA-256", "MB/s", nc)
        with running(options, settings=SETTINGS) as server:
            server.start()
            _measure(result, server, nc)
    return [result]


def _measure(result: Result, server: Server, nc: float) -> None:
    program = Program(server.port, "alice")
    program.ask(line="/join tea")
    program.ask(group="tea", text="warm-up")
    before = resident_bytes(server.pid)
    peak = PeakMemory(server.pid)
    ticket = program.ask(group="tea", line="/send big")["ticket"]
    seconds = _upload(server.port, ticket, LARGE_BYTES)
    result.add("upload", "MB/s", LARGE_BYTES / seconds / 1e6, minimum=nc / 3)
    ticket = program.ask(group="tea", line="/get big")["ticket"]
    seconds = _download(server.port, ticket, LARGE_BYTES)
    result.add("download", "MB/s", LARGE_BYTES / seconds / 1e6, minimum=nc / 3)
    result.add("growth of memory", "MiB", (peak.stop() - before) / 1024**2, maximum=20)
    _measure_messages(result, server, program)


def _measure_messages(result: Result, server: Server, program: Program) -> None:
    """Measure the latency of messages during two uploads and two downloads."""
    port = server.port
    tickets = [program.ask(group="tea", line=f"/send small{n}")["ticket"] for n in range(2)]
    transfers = [
        threading.Thread(target=_upload, args=(port, each, SMALL_BYTES)) for each in tickets
    ]
    for _ in range(2):
        ticket = program.ask(group="tea", line="/get big")["ticket"]
        transfers.append(threading.Thread(target=_download, args=(port, ticket, LARGE_BYTES)))
    for thread in transfers:
        thread.start()
    latencies: list[float] = []
    while any(thread.is_alive() for thread in transfers) and len(latencies) < MAX_MESSAGES:
        began = time.perf_counter()
        program.ask(group="tea", text="how are you?")
        latencies.append((time.perf_counter() - began) * 1000)
        time.sleep(0.005)
    for thread in transfers:
        thread.join()
    latencies.sort()
    result.add("message latency p50, 4 transfers", "ms", percentile(latencies, 0.5))
    result.add("message latency p99, 4 transfers", "ms", percentile(latencies, 0.99), maximum=50)


def _upload(port: int, ticket: str, size: int) -> float:
    block = bytes(BLOCK_BYTES)
    with socket.create_connection((LOOPBACK, port), TIMEOUT) as connection:
        began = time.perf_counter()
        connection.sendall(f"upload {ticket} 0 {size}\n".encode())
        for _ in range(size // BLOCK_BYTES):
            connection.sendall(block)
        answer = connection.recv(1024)
        seconds = time.perf_counter() - began
    if not answer.startswith(b"shared "):
        raise Failed(answer.decode())
    return seconds


def _download(port: int, ticket: str, size: int) -> float:
    buffer = bytearray(BLOCK_BYTES)
    received = 0
    with socket.create_connection((LOOPBACK, port), TIMEOUT) as connection:
        began = time.perf_counter()
        connection.sendall(f"download {ticket}\n".encode())
        while count := connection.recv_into(buffer):
            received += count
        seconds = time.perf_counter() - began
    if received != size:
        raise Failed(f"{received} of {size} bytes were received")
    return seconds


def _nc_speed() -> float:
    """Return the MB/s from ``nc`` to ``nc`` with a SHA-256 on one end."""
    size, port = LARGE_BYTES // 2, free_port()
    receiver = subprocess.Popen(
        f"nc -l {LOOPBACK} {port} | sha256sum",
        shell=True,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    time.sleep(0.3)
    began = time.perf_counter()
    sender = f"head -c {size} /dev/zero | nc -N {LOOPBACK} {port}"
    subprocess.run(sender, shell=True, check=True)
    output, _ = receiver.communicate()
    seconds = time.perf_counter() - began
    if output.split()[0].decode() != hashlib.sha256(bytes(size)).hexdigest():
        raise Failed("nc lost data")
    return size / seconds / 1e6
