"""A server as a process: its user, inherited sockets, signals during the start, clock jumps."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pexpect

from tests.support.administration import PASSWORD, admin, share_file, tree
from tests.support.processes import CLEAN, TWISTD, Twistd
from tests.support.programs import Program
from tests.support.servers import PATIENCE, UNLIMITED, Server, free_port
from tests.support.skips import missing
from tests.support.users import SocketUser


def test_a_hangup_during_the_start(tmp_path: Path) -> None:
    """Once the state is locked, SIGHUP does not end the server."""
    server = Server(tmp_path)
    lock = server.state / "lock"
    arguments = ["--nodaemon", "--pidfile=", "pyconchat", "--state", str(server.state)]
    log = tmp_path / "server.log"
    process = Twistd([*arguments, "127.0.0.1", str(server.port)], tmp_path, log)
    server.process = process
    try:
        deadline = time.monotonic() + PATIENCE
        while not (lock.exists() and lock.read_text()):
            assert time.monotonic() < deadline, log.read_text()
        process.send_signal(signal.SIGHUP)
        server.says("connect with")
        server.says("read the accounts")
    finally:
        server.stop()


def test_the_terminal_is_closed(tmp_path: Path) -> None:
    """A server in the foreground ends with its terminal; SIGHUP alone is no reason to."""
    port = free_port()
    arguments = ["--nodaemon", "--pidfile=", "pyconchat", "--state", str(tmp_path / "state")]
    server = pexpect.spawn(TWISTD, [*arguments, "127.0.0.1", str(port)], encoding="utf-8")
    server.expect("connect with", timeout=PATIENCE)
    server.kill(signal.SIGHUP)
    server.expect("read the accounts", timeout=PATIENCE)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as user:
        os.close(server.child_fd)
        with suppress(ConnectionResetError):  # it has not logged in
            while user.recv(4096):
                pass
    assert os.waitpid(server.pid, 0)[1] == 0


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """The one line names the endpoint, and how to find out who has it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [TWISTD, "-n", "--pidfile=", "pyconchat", "--state", str(tmp_path), "127.0.0.1"]
        ran = subprocess.run(
            [*command, port], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert ran.returncode == 1
    last = ran.stderr.splitlines()[-1]
    assert f"tcp:{port}:interface=127.0.0.1" in last
    assert "another server still runs there" in last


# Its user.


def test_as_another_user() -> None:
    """Started by root with --uid=nobody: nobody owns all state, privately, whatever the umask."""
    if os.geteuid() != 0:
        missing("the right to change to another user")
    nobody = pwd.getpwnam("nobody").pw_uid
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)  # those of pytest are readable only by root
        folder.chmod(0o755)
        server = Server(folder)
        server.state = folder / "var" / "state"
        log = folder / "server.log"
        for _ in range(2):  # the second time with an existing folder
            server.process = Twistd(
                [
                    *("--nodaemon", "--pidfile=", "--umask=0", "--uid=nobody", "--gid=nogroup"),
                    *("pyconchat", "--state", str(server.state)),
                    *("--line", f"selfsigned:{free_port()}:interface=127.0.0.1"),
                    *("127.0.0.1", str(server.port)),
                ],
                folder,
                log,
            )
            server.says(rf"connect with: \S*pyconchat localhost {server.port}")
            status = Path(f"/proc/{server.process.pid}/status").read_text()
            assert f"Uid:\t{nobody}\t{nobody}\t{nobody}\t{nobody}\n" in status
            alice = Program(server.port)
            alice.logs_in("alice", PASSWORD)
            alice.asks("/create tea open")
            alice.does("hello", "tea")
            if not list(server.state.glob("files/*/*")):
                share_file(server, alice, "tea")
                done = admin(server.state, "make-operator", "alice")  # as root
                assert done.lines == ["alice is an operator now."]
                alice.finds(lambda each: "operator" in each.get("text", ""), 0)
            assert alice.does("/stats")["not_saved"] == 0
            found = tree(server.state)
            for path in [server.state, *server.state.rglob("*")]:
                assert path.stat().st_uid == nobody, path
            for path, (mode, digest) in found.items():
                assert mode == (0o600 if digest else 0o700), path
            assert stat.S_IMODE(server.state.stat().st_mode) == 0o700
            assert {"pyconchat.db-wal", "tls-key.pem", "lock"} <= found.keys()
            alice.close()
            assert server.stop() in CLEAN
            assert server.tracebacks() == []
            log.write_text("")


INHERIT_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.execve(sys.argv[2], sys.argv[2:], {**os.environ, "LISTEN_PID": str(os.getpid())})
"""


def test_socket_activation(tmp_path: Path) -> None:
    """As with systemd: connections made while no server runs wait for the next one."""
    arguments = [
        *("--nodaemon", "--pidfile=", "pyconchat", "--state", str(tmp_path / "state")),
        *("--line", "systemd:domain=INET:index=0"),
    ]
    environ = {**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "pyconchat.socket"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor, port = listener.fileno(), listener.getsockname()[1]
        wrapper = [sys.executable, "-ISc", INHERIT_SOCKET, str(descriptor)]
        alice = SocketUser(port)
        alice.types("alice", PASSWORD)  # before the server starts
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [*wrapper, TWISTD, *arguments],
                cwd=tmp_path,
                env=environ,
                pass_fds=[descriptor],
                stdout=log,
                stderr=log,
            )
        try:
            alice.sees("Group: ")
        finally:
            process.terminate()
            assert process.wait(PATIENCE) in CLEAN
        assert alice.is_disconnected()
        alice.close()
        output = (tmp_path / "log").read_text()
        assert f"localhost {port}" in output
        assert "Traceback" not in output


# The clock.

JUMPING_CLOCK = """
import signal, sys, time
real, jump = time.time, [0.0]
time.time = lambda: real() + jump[0]
signal.signal(signal.SIGUSR1, lambda *_: jump.__setitem__(0, -7200.0))
signal.signal(signal.SIGUSR2, lambda *_: jump.__setitem__(0, 7200.0))
from twisted.scripts.twistd import run
run()
"""


def test_the_clock_jumps(tmp_path: Path) -> None:
    """When it is set back or forward by hours, timers fire on time and entries keep their order."""
    port, config, log = free_port(), tmp_path / "chat.toml", tmp_path / "log"
    config.write_text(f'state = "state"\n{UNLIMITED}\nlogin_seconds = 2\n')
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", JUMPING_CLOCK, "--nodaemon", "--pidfile=", "pyconchat"),
                *("--config", str(config), "127.0.0.1", str(port)),
            ],
            cwd=tmp_path,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while "connect with" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        alice = Program(port)
        alice.logs_in("alice", PASSWORD)
        alice.does("/create tea open")
        created = alice.entries[0]["at"]
        began, stranger = time.monotonic(), SocketUser(port)
        process.send_signal(signal.SIGUSR1)
        alice.does("two hours ago", "tea")
        assert stranger.is_disconnected()
        assert 1.5 < time.monotonic() - began < 5
        stranger.close()
        other = SocketUser(port)
        process.send_signal(signal.SIGUSR2)
        alice.does("in two hours", "tea")
        other.sees("Username: ")
        other.types("bob")
        other.sees("Password: ")
        other.close()
        before, after = (entry["at"] for entry in alice.entries[1:])
        assert before == created < after, "times in the log never go back"
        history = alice.does("/history", "tea")["entries"]
        assert [entry["seq"] for entry in history] == [1, 2, 3]
        alice.close()
    finally:
        process.terminate()
        assert process.wait(PATIENCE) in CLEAN
    assert "Traceback" not in log.read_text()
