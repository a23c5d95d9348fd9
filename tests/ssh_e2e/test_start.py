"""Starts with and without what the SSH door needs, and connections through a proxy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pyconchat
from tests.support.servers import PATIENCE, Server, fails, free_port
from tests.support.ssh import OpenSsh, host_key_of, registers
from tests.support.ssh_sockets import SocketSsh


def test_a_key_that_cannot_be_used(tmp_path: Path) -> None:
    """One line names the file."""
    (tmp_path / "key").write_text("nonsense")
    config = tmp_path / "chat.toml"
    config.write_text('ssh_host_key = "key"\n')
    line = fails(
        *("--config", str(config), "--state", str(tmp_path / "state")),
        *("--ssh", f"tcp:{free_port()}", "127.0.0.1", str(free_port())),
        cwd=tmp_path,
    )
    assert str(tmp_path / "key") in line
    assert "no private key" in line


WITHOUT_CONCH = """
import sys
sys.modules["twisted.conch"] = None
from twisted.scripts.twistd import run
run()
"""


def test_without_the_extra(tmp_path: Path) -> None:
    """One line says how to install it."""
    options = ["--state", str(tmp_path / "state"), "--ssh", f"tcp:{free_port()}"]
    address = ["127.0.0.1", str(free_port())]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_CONCH, "-n", "--pidfile=", "pyconchat", *options, *address],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": str(Path(pyconchat.__file__).parent.parent)},
    )
    assert done.returncode == 1
    assert "pip install '.[ssh]'" in done.stderr


@pytest.mark.server(ssh=True)
def test_the_host_key_stays(server: Server) -> None:
    """A restart has the same fingerprint."""
    before = host_key_of(server)
    server.restart()
    assert host_key_of(server) == before


@pytest.mark.server(ssh=True)
def test_what_was_shown_is_not_shown_again(server: Server, ssh: OpenSsh) -> None:
    """After a kill, the next session begins behind what the last one has shown."""
    key = ssh.key()
    registers(server, "alice", "tea", Path(f"{key}.pub").read_text())
    program = ssh.starts("alice", "-T", key=key)
    program.expect("Group: ")
    program.sendline("tea")
    program.expect("You are in tea")
    assert ssh.runs("alice", "say tea before the kill", key=key).returncode == 0
    program.expect("before the kill")
    program.expect(r"\n")
    for _ in range(3):  # until the receipt is stored
        ssh.runs("alice", "who", key=key)
    time.sleep(2.5)
    server.kill()
    program.close(force=True)
    server.start()
    done = ssh.runs("alice", "-T", key=key)
    assert "Hello alice" in done.stdout
    assert "before the kill" not in done.stdout


@pytest.mark.server(ssh=True, toml='trusted_proxies = ["127.0.0.1"]')
def test_behind_a_proxy(server: Server) -> None:
    """The address in the header is the client's; without a header nobody gets in."""
    with SocketSsh(server.ssh_port) as client:
        client.socket.sendall(b"PROXY TCP4 192.0.2.55 192.0.2.1 5000 2222\r\n")
        client.ssh.makeConnection(client._out)
        client.waits_until(lambda: client.ssh.exchanges > 0)
        client.socket.sendall(b"nonsense that is no packet" * 10)
        assert client.is_cut()
    server.says(r"connection refused: from 192\.0\.2\.55: .+ \(ssh\)")
    done = subprocess.run(
        ["ssh-keyscan", "-T", "3", "-p", str(server.ssh_port), "127.0.0.1"],
        capture_output=True,
        check=False,
    )
    assert done.stdout == b""
