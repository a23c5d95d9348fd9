"""SshUser: a user at OpenSSH's client without a terminal."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from tests.support.programs import Program
from tests.support.servers import PATIENCE, Server
from tests.support.ssh import OpenSsh
from tests.support.terminals import environment
from tests.support.users import SocketUser

__all__ = ["SshUser"]


class SshUser(SocketUser):
    """A user at ``ssh -T``. A new name is registered elsewhere first: here it would be a guest."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._client = OpenSsh(server, folder)
        self._process: subprocess.Popen[bytes] | None = None
        super().__init__(server.ssh_port)

    def _connect(self, port: int) -> socket.socket:
        ours, self._theirs = socket.socketpair()
        ours.settimeout(PATIENCE)
        return ours

    def logs_in(self, name: str, password: str = "", group: str = "", at_desk: bool = True) -> None:
        """Log in by SSH, and answer the question for a group."""
        if password:
            program = Program(self._server.port)
            assert program.says_hello(name, password)["ok"]
            program.close()
        askpass = self._folder / f"askpass-{name}"
        askpass.write_text(f"#!/bin/sh\necho '{password}'\n")
        askpass.chmod(0o700)
        more = {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
        self._process = subprocess.Popen(
            self._client.command(name),
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=subprocess.DEVNULL,
            env=environment(self._folder, **more),
        )
        self._theirs.close()
        self._waits_for("Group: ")
        if at_desk:
            self._enters(group)

    def close(self) -> None:
        super().close()
        self._theirs.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)

    def _acknowledge(self) -> None:
        """Nothing to do: the client is on the other side of this pair of sockets."""
