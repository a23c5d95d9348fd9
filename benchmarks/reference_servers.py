"""Other chat servers to compare with: IRC servers of Debian without limits, and the baseline."""

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
from benchmarks.protocols import (
    BASELINE_PROTOCOL,
    IRC_PROTOCOL,
    TAGS_PROTOCOL,
    ChatProtocol,
)
from benchmarks.server import LOOPBACK, MAX_CONCURRENT_LOGINS, TIMEOUT, free_port

__all__ = ["REFERENCE_SERVERS", "ReferenceServer", "running_reference"]

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

_INSPIRCD_TAGS = f"""{_INSPIRCD}
<module name="cap">
<module name="ircv3_ctctags">
<module name="ircv3_msgid">
<module name="ircv3_servertime">
"""

_INSPIRCD_ARGUMENTS = ("--nofork", "--runasroot", "--config={file}")

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
    """A *program*, its *arguments*, its configuration file, and its protocol.

    At most *logins* are in progress at once, fewer than the server's backlog. InspIRCd completes
    the waiting ones once a second.
    """

    program: str
    arguments: tuple[str, ...]
    configuration: str
    protocol: ChatProtocol
    logins: int = MAX_CONCURRENT_LOGINS


REFERENCE_SERVERS = {
    "baseline": Kind(
        sys.executable,
        (str(Path(__file__).with_name("baseline.py")), "{port}"),
        "",
        BASELINE_PROTOCOL,
    ),
    "inspircd": Kind("inspircd", _INSPIRCD_ARGUMENTS, _INSPIRCD, IRC_PROTOCOL, 500),
    "inspircd-tags": Kind("inspircd", _INSPIRCD_ARGUMENTS, _INSPIRCD_TAGS, TAGS_PROTOCOL, 500),
    "ngircd": Kind("ngircd", ("--nodaemon", "--config", "{file}"), _NGIRCD, IRC_PROTOCOL),
}
"""All reference servers by name."""


class ReferenceServer:
    """The reference server *name*; its configuration and its log are in *folder*."""

    def __init__(self, name: str, folder: Path) -> None:
        self.port = free_port()
        kind = REFERENCE_SERVERS[name]
        self.logins = kind.logins
        program = shutil.which(kind.program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise Failed(f"{name} is not installed: install the Debian package")
        file = folder / f"{name}.conf"
        user, group = os.geteuid(), os.getegid()
        file.write_text(
            kind.configuration.format(port=self.port, folder=folder, user=user, group=group)
        )
        self._command = [
            program,
            *(each.format(file=file, port=self.port) for each in kind.arguments),
        ]
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id."""
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it listens. Raises `Failed`."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
            )
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection((LOOPBACK, self.port), TIMEOUT).close()
                return
            time.sleep(0.01)
        raise Failed(f"the server did not start:\n{self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """Stop the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def running_reference(options: Options, name: str) -> Iterator[ReferenceServer]:
    """Yield the reference server *name*, which the caller starts; stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="reference-", dir=options.folder) as folder:
        server = ReferenceServer(name, Path(folder).resolve())
        try:
            yield server
        finally:
            server.stop()
