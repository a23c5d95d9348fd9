"""Users at SSH, with the clients of others: OpenSSH, plink and dbclient."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pexpect

from tests.support.programs import Program
from tests.support.servers import PATIENCE, Server
from tests.support.skips import require_program
from tests.support.terminals import environment

__all__ = ["PASSWORD", "DbClient", "OpenSsh", "Plink", "host_key_of", "registers"]

PASSWORD = "a long password"


def registers(server: Server, name: str, group: str = "", key: str = "") -> None:
    """Register *name* at the line door, a member of *group*, with the line of a public *key*."""
    program = Program(server.port)
    program.logs_in(name, PASSWORD)
    if key:
        program.does(f"/key add {key}")
    if group:
        program.asks(line=f"/join {group}")
    program.close()


class OpenSsh:
    """OpenSSH's client of one person, whose keys and known hosts are in *home*."""

    def __init__(self, server: Server, home: Path) -> None:
        self._server = server
        self._home = home
        self._program = require_program("ssh")

    def key(self, kind: str = "ed25519", name: str = "key") -> Path:
        """Return the file of a private key, which is made if there is none."""
        path = self._home / name
        if not path.exists():
            subprocess.run(
                [require_program("ssh-keygen"), "-q", "-t", kind, "-N", "", "-f", str(path)],
                check=True,
            )
        return path

    def options(self, key: Path | None = None) -> list[str]:
        """Return the options of ssh, scp, sftp and sshfs."""
        options = {
            "Port": str(self._server.ssh_port),
            "UserKnownHostsFile": str(self._home / "known_hosts"),
            "StrictHostKeyChecking": "accept-new",
            "IdentityFile": str(key) if key is not None else "none",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "LogLevel": "ERROR",
        }
        return [f"-o{option}={value}" for option, value in options.items()]

    def command(self, name: str, *words: str, key: Path | None = None) -> list[str]:
        """Return the command line for the user *name*, which runs *words* (options first)."""
        options = self.options(key)
        return [self._program, "-F", "none", *options, f"{name}@127.0.0.1", *words]

    def file_command(self, program: str, key: Path, *words: str) -> list[str]:
        """Return the command line of *program*, scp or sftp."""
        return [require_program(program), "-F", "none", *self.options(key), *words]

    def starts(
        self, name: str, *words: str, key: Path | None = None, password: str = PASSWORD
    ) -> pexpect.spawn[str]:
        """Start it at a terminal, and type the password unless there is a *key*."""
        line = self.command(name, *words, key=key)
        env = environment(self._home)
        program = pexpect.spawn(line[0], line[1:], env=env, encoding="utf-8", timeout=PATIENCE)
        if key is None and password:
            program.expect("[Pp]assword: ")
            program.sendline(password)
        return program

    def runs(
        self, name: str, *words: str, key: Path | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run it with *text* as its input, and return the result."""
        return subprocess.run(
            self.command(name, *words, key=key),
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=environment(self._home),
        )


class Plink:
    """PuTTY's plink of one person."""

    def __init__(self, server: Server, home: Path) -> None:
        self._server = server
        self._home = home
        self._program = require_program("plink")

    def runs(self, name: str, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run it with the password and with *text* as its input, and return the result."""
        fingerprint = host_key_of(self._server)
        options = ["-batch", "-ssh", "-P", str(self._server.ssh_port), "-pw", PASSWORD]
        return subprocess.run(
            [self._program, *options, "-hostkey", fingerprint, f"{name}@127.0.0.1", *words],
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=environment(self._home),
        )


class DbClient:
    """Dropbear's client of one person."""

    def __init__(self, server: Server, home: Path) -> None:
        self._server = server
        self._home = home
        self._program = require_program("dbclient")

    def key(self) -> str:
        """Return the line of the public key of a private key that is made."""
        path = self._home / "dropbear"
        made = subprocess.run(
            [require_program("dropbearkey"), "-t", "ed25519", "-f", str(path)],
            check=True,
            capture_output=True,
            text=True,
        )
        return next(line for line in made.stdout.splitlines() if line.startswith("ssh-"))

    def runs(self, name: str, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run it with the key and with *text* as its input, and return the result."""
        options = ["-y", "-y", "-T", "-i", str(self._home / "dropbear")]
        port = ["-p", str(self._server.ssh_port)]
        return subprocess.run(
            [self._program, *options, *port, f"{name}@127.0.0.1", *words],
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=environment(self._home),
        )


def host_key_of(server: Server) -> str:
    """Return the fingerprint that the server has logged."""
    return server.says(r"SSH host key: (SHA256:\S{43})")[1]
