"""Peers: other servers of this kind, as Debian has them, with their limits off; and a bare loop."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.cores import SERVER_CORE
from benchmarks.options import Failed, Options
from benchmarks.protocols import BARE, IRC, Tongue
from benchmarks.server import LOOPBACK, PATIENCE, free_port

__all__ = ["PEERS", "Peer", "peering"]

_INSPIRCD = """
<config format="xml">
<server name="irc.bench.example" description="bench" network="bench" id="1BN">
<admin name="bench" nick="bench" email="bench@bench.example">
<bind address="127.0.0.1" port="{port}" type="clients">
<path configdir="{folder}" datadir="{folder}" logdir="{folder}" runtimedir="{folder}">
<pid file="{folder}/pid">
<connect allow="*" timeout="60" useident="no" resolvehostnames="no" usecloak="no"
 threshold="1000000" commandrate="1000000000" fakelag="no" hardsendq="1000000000"
 softsendq="1000000000" recvq="1000000" localmax="100000" globalmax="100000" limit="100000"
 maxconnwarn="no" pingfreq="600">
<performance softlimit="100000" somaxconn="1024" netbuffersize="65534">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="{folder}/irc.log">
"""

_NGIRCD = """
[Global]
Name = irc.bench.example
Info = bench
Listen = 127.0.0.1
Ports = {port}
MotdPhrase = bench
ServerUID = {user}
ServerGID = {group}
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
PingTimeout = 600
[Options]
ChrootDir =
DNS = no
Ident = no
PAM = no
"""


class Kind(NamedTuple):
    """A *program*, the *words* it is started with, its configuration, and what it speaks."""

    program: str
    words: tuple[str, ...]
    settings: str
    tongue: Tongue


PEERS = {
    "bare": Kind(
        sys.executable, (str(Path(__file__).with_name("baseline.py")), "{port}"), "", BARE
    ),
    "inspircd": Kind("inspircd", ("--nofork", "--runasroot", "--config={file}"), _INSPIRCD, IRC),
    "ngircd": Kind("ngircd", ("--nodaemon", "--config", "{file}"), _NGIRCD, IRC),
}
"""All peers, by name; `bare` is our own, and no chat."""


class Peer:
    """Another server, by the *name* of its program; its configuration is in *folder*."""

    def __init__(self, name: str, folder: Path) -> None:
        self.port = free_port()
        kind = PEERS[name]
        program = shutil.which(kind.program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise Failed(f"{name} is not installed: it is a package of Debian")
        file = folder / f"{name}.conf"
        user, group = os.geteuid(), os.getegid()
        file.write_text(kind.settings.format(port=self.port, folder=folder, user=user, group=group))
        self._command = [program, *(word.format(file=file, port=self.port) for word in kind.words)]
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id."""
        assert self._process is not None, "it was started"
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it listens. Raises `Failed`."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection((LOOPBACK, self.port), PATIENCE).close()
                return
            time.sleep(0.01)
        raise Failed(f"it did not start:\n{self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def peering(options: Options, name: str) -> Iterator[Peer]:
    """Give the peer *name*, that is yet to be started; stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="peer-", dir=options.folder) as folder:
        peer = Peer(name, Path(folder).resolve())
        try:
            yield peer
        finally:
            peer.stop()
