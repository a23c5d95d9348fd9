"""`ssh`: sessions at the SSH door: memory, processor use, latency of keys, logins and files."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import proc
from benchmarks.discarding import Discarding
from benchmarks.options import Failed, Options
from benchmarks.programs import PeakMemory, Program
from benchmarks.report import Result, percentile
from benchmarks.server import LOOPBACK, Server, free_port, running
from benchmarks.ssh_client import SshClient, new_key
from benchmarks.users import names

__all__ = ["ssh"]

SESSIONS = 200
MESSAGES_PER_SECOND = 10
KEYS_PER_SECOND = 20
KEYS = b"#", b"%"  # which are in no message
LOGINS = 50
FILE_BYTES = 500_000_000

SETTINGS = """
[doors]
ssh = ["tcp:{port}:interface=127.0.0.1"]
[files]
file_bytes = 0
account_bytes = 0
"""


def ssh(options: Options) -> list[Result]:
    """Measure logins by key, then messages to many terminals, then a file with scp."""
    result = Result("ssh", f"ssh: {SESSIONS} terminals, {MESSAGES_PER_SECOND} messages/s to all")
    for _ in range(options.runs):
        port = free_port()
        with running(options, settings=SETTINGS.format(port=port)) as server:
            server.start()
            _measure(result, options, server, port)
    return [result]


def _measure(result: Result, options: Options, server: Server, port: int) -> None:
    key = new_key()
    line = key.public().toString("openssh").decode()
    users = names("m", SESSIONS)
    for name in users:
        with closing(Program(server.port, name)) as program:
            program.ask(line=f"/key add {line}")
            program.ask(line="/create tea open" if name == users[0] else "/join tea")
    _measure_logins(result, server, port, users[0], key)
    _settle(server.pid)
    with ExitStack() as stack:
        before = proc.resident_bytes(server.pid)
        clients = []
        for name in users:
            clients.append(stack.enter_context(closing(SshClient(port, name, key))))
            clients[-1].open_terminal("tea")
        _settle(server.pid)
        grown = proc.resident_bytes(server.pid) - before
        result.add("memory of a session", "KiB", grown / SESSIONS / 1024, maximum=44)
        _measure_messages(result, options, server, clients)
    _measure_files(result, server, port, key, users[0])


def _measure_logins(result: Result, server: Server, port: int, name: str, key: Any) -> None:
    before = proc.cpu_seconds(server.pid)
    for _ in range(LOGINS):
        SshClient(port, name, key).close()
    used = proc.cpu_seconds(server.pid) - before
    result.add("login by key", "ms of CPU", used / LOGINS * 1000, maximum=3)


def _measure_messages(
    result: Result, options: Options, server: Server, clients: list[SshClient]
) -> None:
    """Measure the server while one client types, and the others only read."""
    typist, *others = clients
    stopped = threading.Event()
    with closing(Program(server.port, "speaker")) as speaker:
        speaker.ask(line="/join tea")
        said = threading.Thread(target=_say, args=(speaker, stopped))
        discarding = Discarding(each.socket for each in others)
        said.start()
        time.sleep(1)
        start = proc.read(server.pid)
        latencies = []
        until = time.perf_counter() + options.seconds
        number = 0
        while time.perf_counter() < until:
            number += 1
            latencies.append(typist.echo(KEYS[number % 2]) * 1000)
            time.sleep(1 / KEYS_PER_SECOND)
        usage = proc.usage_between(start, proc.read(server.pid))
        stopped.set()
        said.join()
        discarding.stop()
    latencies.sort()
    result.add("processor use of the server", "% of a core", usage.server * 100, maximum=10)
    result.add("key to echo p50", "ms", percentile(latencies, 0.5))
    result.add("key to echo p99", "ms", percentile(latencies, 0.99), maximum=20)
    if usage.others > 0.2:
        result.remark(f"other processes used {usage.others:.1f} cores")


def _say(speaker: Program, stopped: threading.Event) -> None:
    due = time.perf_counter()
    while not stopped.is_set():
        speaker.ask(group="tea", text="how are you all today? I have a question about the garden")
        due += 1 / MESSAGES_PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))


def _measure_files(result: Result, server: Server, port: int, key: Any, name: str) -> None:
    """Measure a file there and back with OpenSSH's scp."""
    scp = shutil.which("scp")
    if scp is None:
        raise Failed("there is no scp")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        path.touch(0o600)
        path.write_bytes(key.toString("openssh"))
        large, got = Path(folder) / "large.bin", Path(folder) / "got.bin"
        with large.open("wb") as file:
            os.truncate(file.fileno(), FILE_BYTES)
        options = [
            *("-F", "none", "-q", "-P", str(port), "-i", str(path)),
            *("-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"),
            *("-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oLogLevel=ERROR"),
        ]
        remote = f"{name}@{LOOPBACK}:tea/"
        before = proc.resident_bytes(server.pid)
        peak = PeakMemory(server.pid)
        for what, ends in (
            ("scp, upload", (str(large), remote)),
            ("scp, download", (f"{remote}large.bin", str(got))),
        ):
            began = time.perf_counter()
            done = subprocess.run([scp, *options, *ends], capture_output=True, check=False)
            if done.returncode != 0:
                raise Failed(done.stderr.decode(errors="replace"))
            seconds = time.perf_counter() - began
            result.add(what, "MB/s", FILE_BYTES / seconds / 1e6, minimum=50)
        growth = (peak.stop() - before) / 2**20
        result.add("growth of memory, with scp", "MiB", growth, maximum=24)


def _settle(pid: int) -> None:
    """Wait until the server is idle, but at most ten seconds."""
    for _ in range(20):
        before = proc.cpu_seconds(pid)
        time.sleep(0.5)
        if proc.cpu_seconds(pid) - before < 0.01:
            return
