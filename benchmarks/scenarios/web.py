"""`web`: WebSockets beside JSON mode at a socket (memory, fan-out), and uploads over HTTP."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from benchmarks.discarding import Discarding
from benchmarks.load import Load, LoadedGroup
from benchmarks.options import Failed, Options
from benchmarks.proc import resident_bytes
from benchmarks.programs import TIMEOUT, PeakMemory, Program, SocketProgram
from benchmarks.protocols import GROUP, LINE_PROTOCOL
from benchmarks.report import Result
from benchmarks.scenarios.one_group import WARM_UP
from benchmarks.server import LOOPBACK, Server, free_port, running
from benchmarks.users import Users

__all__ = ["web"]

IDLE = 500
"""Sessions whose memory is measured."""

LISTENERS = 200
"""Programs that receive messages."""

IN_FLIGHT = 64
UPLOAD_BYTES = 1024**3
BLOCK_BYTES = 1024**2

MAX_SOCKET_KIB, MAX_TLS_KIB = 8.0, 64.0
"""The targets for a WebSocket beyond the session of a program at a socket."""

MAX_SLOWER = 0.1
"""The share by which a line to a WebSocket may take the server longer."""

MIN_UPLOAD, MAX_UPLOAD_MIB = 200.0, 8.0
"""The targets for MB/s, and for the memory that an upload takes."""

Connect = Callable[[str], Program]
"""Logs a guest in."""


def web(options: Options) -> list[Result]:
    """Measure a server with a web door, without TLS and with it."""
    memory = Result("web", f"web: {IDLE} idle WebSockets", sessions=IDLE)
    fanout = Result("web", f"web: messages to {LISTENERS} WebSockets", listeners=LISTENERS)
    upload = Result("web", f"web: an upload of {UPLOAD_BYTES // 1024**2:,} MiB")
    for _ in range(options.runs):
        at_socket = _memory(options, _json)
        memory.add("a program at a socket", "KiB", at_socket)
        for kind, connect, most in (
            ("a WebSocket", _plain, MAX_SOCKET_KIB),
            ("a WebSocket with TLS", _encrypted, MAX_TLS_KIB),
        ):
            size = _memory(options, connect)
            memory.add(kind, "KiB", size)
            memory.add(f"{kind} beyond a program", "KiB", size - at_socket, maximum=most)
        plain = _fan_out(options, _json, fanout, "programs at sockets")
        _fan_out(options, _plain, fanout, "WebSockets", (1 + MAX_SLOWER) * plain)
        _upload(options, upload)
    return [memory, fanout, upload]


def _json(server: _Ports) -> Connect:
    return lambda name: Program(server.line, name, "")


def _plain(server: _Ports) -> Connect:
    return lambda name: SocketProgram(server.web, name)


def _encrypted(server: _Ports) -> Connect:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return lambda name: SocketProgram(server.tls, name, context)


class _Ports:
    """The ports of *server*."""

    def __init__(self, server: Server, web: int, tls: int) -> None:
        self.server = server
        self.line, self.web, self.tls = server.port, web, tls


@contextmanager
def _started(options: Options) -> Iterator[_Ports]:
    """Start a server; the second start is measured, as creating the tables takes memory."""
    web, tls = free_port(), free_port()
    doors = [f"tcp:{web}:interface={LOOPBACK}", f"selfsigned:{tls}:interface={LOOPBACK}"]
    settings = f"[doors]\nweb = {doors}\n[files]\nfile_bytes = 0\naccount_bytes = 0\n"
    with running(options, settings=settings) as server:
        server.start()
        server.stop()
        server.start()
        yield _Ports(server, web, tls)


def _memory(options: Options, kind: Callable[[_Ports], Connect]) -> float:
    """Return the KiB of the server's memory for a session."""
    with _started(options) as ports:
        connect = kind(ports)
        first = connect("first")  # what is imported and made once
        before = resident_bytes(ports.server.pid)
        programs = [connect(f"m{number:03}") for number in range(IDLE)]
        time.sleep(1)
        after = resident_bytes(ports.server.pid)
        ports.server.stop()
        for each in (first, *programs):
            each.connection.close()
    return (after - before) / IDLE / 1024


def _fan_out(
    options: Options,
    kind: Callable[[_Ports], Connect],
    result: Result,
    listeners: str,
    most: float | None = None,
) -> float:
    """Measure what one user at ``nc`` says to all listeners.

    Return the server's time for a line, in us, which is to be at most *most*.
    """
    with _started(options) as ports, closing(Users(ports.line, LINE_PROTOCOL)) as users:
        users.log_in([LINE_PROTOCOL.login("s0", GROUP, True)], TIMEOUT)
        users.log_in([LINE_PROTOCOL.login("m0", GROUP, False)], TIMEOUT)
        connect = kind(ports)
        programs = [connect(f"p{number:03}") for number in range(LISTENERS)]
        for each in programs:
            each.ask(line=f"/join {GROUP}")
        users.drain(0.5)
        discarding = Discarding([each.connection for each in programs])
        load = Load(users, [LoadedGroup(GROUP, 2, ["s0"], "m0")], IN_FLIGHT, options.seed)
        sample = load.run(ports.server.pid, WARM_UP, options.seconds)
        ports.server.stop()
        discarding.stop()
    lines, seconds = sample.messages * LISTENERS, sample.usage.seconds
    cost = sample.usage.server * seconds / lines * 1e6
    result.add(f"to {listeners}", "lines/s", lines / seconds)
    result.add(f"server's time per line to {listeners}", "us", cost, maximum=most)
    return cost


def _upload(options: Options, result: Result) -> None:
    with _started(options) as ports:
        program = Program(ports.line, "alice")
        program.ask(line="/join tea")
        _put(ports, program, BLOCK_BYTES)
        before = resident_bytes(ports.server.pid)
        peak = PeakMemory(ports.server.pid)
        seconds = _put(ports, program, UPLOAD_BYTES)
        grown = (peak.stop() - before) / 1024**2
    result.add("speed", "MB/s", UPLOAD_BYTES / seconds / 1e6, minimum=MIN_UPLOAD)
    result.add("growth of memory", "MiB", grown, maximum=MAX_UPLOAD_MIB)


def _put(ports: _Ports, program: Program, size: int) -> float:
    """Upload *size* bytes; return the seconds."""
    ticket = program.ask(group="tea", line=f"/send file{size}")["ticket"]
    block = bytes(BLOCK_BYTES)
    with socket.create_connection((LOOPBACK, ports.web), TIMEOUT) as connection:
        began = time.perf_counter()
        fields = f"Host: localhost\r\nContent-Length: {size}"
        connection.sendall(f"PUT /file/{ticket} HTTP/1.1\r\n{fields}\r\n\r\n".encode())
        for _ in range(size // BLOCK_BYTES):
            connection.sendall(block)
        answer = connection.recv(1024)
        seconds = time.perf_counter() - began
    if b" 201 " not in answer:
        raise Failed(answer.decode())
    return seconds
