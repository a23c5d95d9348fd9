"""The service: options of twistd, the configuration file, start, failed start and stop."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pexpect
import pytest

from pyconchat import __version__
from tests.support.certificates import make_certificate
from tests.support.processes import CLEAN, TWISTD, Twistd
from tests.support.servers import PATIENCE, Server, fails, free_port
from tests.support.users import SocketUser, UserOf

Connect = Callable[..., SocketUser]

FOREGROUND = ("--nodaemon", "--pidfile=")
COMMAND = (TWISTD, *FOREGROUND)


def twistd(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run twistd until it exits."""
    return subprocess.run(
        [TWISTD, *arguments],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
    )


def printed_by(*arguments: str, log: Path) -> str:
    """Run a forked twistd in the folder of *log*, where its output goes; return the output."""
    assert Twistd(list(arguments), log.parent, log).wait(PATIENCE * 2) == 0, log.read_text()
    return log.read_text()


class TlsSocketUser(SocketUser):
    """A user with TLS, who trusts only *certificate*."""

    def __init__(self, port: int, certificate: Path) -> None:
        super().__init__(port)
        trust = ssl.create_default_context(cafile=certificate)
        self._socket = trust.wrap_socket(self._socket, server_hostname="127.0.0.1")


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect a user to a port, with TLS if a certificate is given."""
    people: list[SocketUser] = []

    def dial(port: int, certificate: Path | None = None) -> SocketUser:
        people.append(SocketUser(port) if certificate is None else TlsSocketUser(port, certificate))
        return people[-1]

    yield dial
    for person in people:
        person.close()


@pytest.fixture
def run(tmp_path: Path, connect: Connect) -> Iterator[Callable[..., Path]]:
    """Start a server with any arguments; return its log once the start is over.

    With a *command* and *umask*, that is run, else a forked `Twistd` with more of an *environ*. It
    is stopped while the users are still connected.
    """
    running: list[Twistd | subprocess.Popen[bytes]] = []
    logs: list[Path] = []

    def start(
        *arguments: str,
        cwd: Path = tmp_path,
        command: Sequence[str] = (),
        umask: int = 0o022,
        **environ: str,
    ) -> Path:
        log = tmp_path / f"server{len(running)}.log"
        process: Twistd | subprocess.Popen[bytes]
        if command:
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [*command, "pyconchat", *arguments],
                    cwd=cwd,
                    stdout=output,
                    stderr=output,
                    umask=umask,
                )
        else:
            words = [*FOREGROUND, "pyconchat", *arguments]
            process = Twistd(words, cwd, log, environ=environ)
        running.append(process)
        logs.append(log)
        deadline = time.monotonic() + PATIENCE
        while "/claim" not in log.read_text():  # the last line
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        return log

    yield start
    for process in running:
        process.terminate()
    for process in running:
        try:
            assert process.wait(5) in CLEAN
        finally:
            process.kill()
    for log in logs:
        assert "Traceback" not in log.read_text()


def check_greeting(connection: socket.socket) -> None:
    """Check that the server asks for a name on *connection*, and accepts ``exit``."""
    connection.sendall(b"exit\n")
    received = b""
    while data := connection.recv(1000):
        received += data
    assert b"Username: " in received
    assert b"Bye." in received


# Twistd's help.


def test_twistd_lists_the_plugin(tmp_path: Path) -> None:
    """``twistd --help`` lists pyconchat, in any folder."""
    ended = twistd("--help", cwd=tmp_path)
    assert ended.returncode == 0
    assert re.search(r"^ +pyconchat +\w+", ended.stdout, re.MULTILINE)


def test_help_names_the_options(tmp_path: Path) -> None:
    """``twistd pyconchat --help`` explains each option without starting a server."""
    printed = printed_by("pyconchat", "--help", log=tmp_path / "help")
    for option in ("--config=", "--state=", "--line=", "--lobby=", "--no-guests", "HOST PORT"):
        assert option in printed
    assert [each.name for each in tmp_path.iterdir()] == ["help"]


# A failed start: one line, exit status 1, no traceback.


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("lobbby = 'tea'", "lobbby"),
        ("[limits]\nline_bytes = 'many'", "limits.line_bytes"),
        ("[store]\nurl = 'mysql://host/name'", "store.url"),
        ("[doors]\nline = ['nosuch:8000']", "doors.line"),
        ("state =", "pyconchat.toml"),
    ],
)
def test_an_invalid_configuration_file(toml: str, named: str, tmp_path: Path) -> None:
    """The line names the key."""
    file = tmp_path / "pyconchat.toml"
    file.write_text(toml)
    assert named in fails("--config", str(file), "--state", str(tmp_path / "state"), cwd=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--config", "missing.toml"], "missing.toml"),
        (["127.0.0.1"], "HOST PORT"),
        (["127.0.0.1", "port"], "HOST PORT"),
        (["127.0.0.1", "99999"], "99999"),
        (["--line", "tcp:8000:colour=red"], "colour"),
        (["--line", "ssl:0:privateKey=missing.pem"], "ssl"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_invalid_options(arguments: list[str], named: str, tmp_path: Path) -> None:
    """The line names the invalid option or value."""
    assert named in fails("--state", str(tmp_path / "state"), *arguments, cwd=tmp_path)


def test_a_port_in_use(tmp_path: Path) -> None:
    """The line names the port and says that it is in use."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        line = fails("--state", str(tmp_path / "state"), "127.0.0.1", port, cwd=tmp_path)
    assert port in line
    assert "in use" in line


def test_a_state_folder_that_cannot_be_created(tmp_path: Path) -> None:
    """The line names the folder, also when root starts the server."""
    (tmp_path / "file").write_text("")
    for state in (tmp_path / "file", tmp_path / "file" / "state"):
        line = fails("--state", str(state), "127.0.0.1", str(free_port()), cwd=tmp_path)
        assert str(tmp_path / "file") in line


def test_a_state_folder_in_use(server: Server, connect: Connect, tmp_path: Path) -> None:
    """The second server fails with one line; the first is not affected."""
    arguments = ("--state", str(server.state), "127.0.0.1", str(free_port()))
    line = fails(*arguments, cwd=tmp_path)
    assert str(server.state) in line
    assert "in use" in line
    connect(server.port).sees("Username: ")


def test_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    """The line says so, and the file is not changed."""
    state = tmp_path / "state"
    state.mkdir()
    database = state / "pyconchat.db"
    database.write_bytes(b"these are my holiday photographs\n" * 1000)
    before = database.read_bytes()
    assert "database" in fails("--state", str(state), "127.0.0.1", str(free_port()), cwd=tmp_path)
    assert database.read_bytes() == before


def test_a_damaged_database(run: Callable[..., Path], tmp_path: Path) -> None:
    """Garbage in all pages except the first is also reported in one line."""
    state = tmp_path / "state"
    port = str(free_port())
    run("--state", str(state), "127.0.0.1", port)
    copy = tmp_path / "damaged"
    copy.mkdir()
    with (
        sqlite3.connect(state / "pyconchat.db") as source,
        sqlite3.connect(copy / "pyconchat.db") as target,
    ):
        source.backup(target)
    source.close()
    target.close()
    data = (copy / "pyconchat.db").read_bytes()
    (copy / "pyconchat.db").write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))
    line = fails("--state", str(copy), "127.0.0.1", str(free_port()), cwd=tmp_path)
    assert "database" in line or "malformed" in line


def test_a_database_of_a_newer_version(run: Callable[..., Path], tmp_path: Path) -> None:
    """It is refused: the line says that it comes from a newer version."""
    state = tmp_path / "state"
    state.mkdir()
    with sqlite3.connect(state / "pyconchat.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
    database.close()
    line = fails("--state", str(state), "127.0.0.1", str(free_port()), cwd=tmp_path)
    assert "newer version" in line


# The start.


def test_the_claim_code_is_printed_until_it_is_used(server: Server, user: UserOf) -> None:
    """It is the same at every start, and is no longer printed once it has been used."""
    code = server.says(r"operator: type /claim (\S+)").group(1)
    server.restart()
    assert server.says(r"operator: type /claim (\S+)").group(1) == code
    alice = user("nc", "alice", "secret of alice")
    alice.types("/claim wrong")
    alice.sees("That is not the claim code")
    server.restart()
    assert server.says(r"operator: type /claim (\S+)").group(1) == code
    alice = user("nc", "alice", "secret of alice")
    alice.types(f"/claim {code}")
    alice.sees("You are an operator now.")
    server.restart()
    assert "/claim" not in server.whole_log()
    alice = user("nc", "alice", "secret of alice")
    alice.types("/bans")
    alice.sees("Nobody is banned from this server.")
    alice.types(f"/claim {code}")
    alice.sees("used already")


STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} "


def test_what_a_start_prints(run: Callable[..., Path], tmp_path: Path) -> None:
    """One line a thing, with the time first, from the version to the claim code."""
    plain, tls, ipv6 = free_port(), free_port(), free_port()
    log = run(
        *("--state", "state", "--line", f"selfsigned:{tls}"),
        *("--line", f"tcp6:{ipv6}:interface=\\:\\:1", "127.0.0.1", str(plain)),
        command=COMMAND,
    )
    here = r"\(this machine only, without encryption\); connect with: "
    expected = [
        rf"PyconChat {__version__} starts, process \d+",
        rf"state folder: {tmp_path}/state",
        rf"database: {tmp_path}/state/pyconchat.db",
        rf"listening on port {tls} \(open to the network, with TLS\); connect with: .*",
        rf"certificate of port {tls}: SHA256 [0-9A-F:]{{95}}",
        rf"listening on port {ipv6} of ::1 {here}\S*pyconchat '\[::1\]:{ipv6}'.*",
        rf"listening on port {plain} of 127.0.0.1 {here}\S*pyconchat localhost {plain}.*",
        r"to become the first operator: type /claim \S+",
    ]
    lines = log.read_text().splitlines()
    assert len(lines) == len(expected), lines
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(STAMP + pattern, line), (line, pattern)


def test_twist_starts_a_server_too(run: Callable[..., Path], tmp_path: Path) -> None:
    """``python -m twisted pyconchat``: it listens, and leaves no file in the folder."""
    port = free_port()
    log = run(
        *("--state", "state", "127.0.0.1", str(port)),
        command=(sys.executable, "-m", "twisted", "--log-format=text"),
    )
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        check_greeting(connection)
    assert re.match(STAMP + rf"PyconChat {__version__} starts", log.read_text())
    assert {each.name for each in tmp_path.iterdir()} == {"state", log.name}


def test_each_printed_command_connects(run: Callable[..., Path], tmp_path: Path) -> None:
    """As it is, in a shell in the same folder."""
    ports = [free_port() for _ in range(3)]
    log = run(
        *("--state", "state", "--line", f"selfsigned:{ports[0]}"),
        *("--line", f"tcp6:{ports[1]}:interface=\\:\\:1", "127.0.0.1", str(ports[2])),
        command=COMMAND,
    )
    listed = re.findall(
        r"connect with: (.*?)   or: (.*?)(?:   .*)?$", log.read_text(), re.MULTILINE
    )
    assert len(listed) == 3
    made = "alice\nsecret of alice\ntea\n/policy open\n/quit"  # the group for the pipes
    for typed, (client, other) in zip((made, "exit", "exit"), listed, strict=True):
        shell = pexpect.spawn("/bin/sh", ["-c", other], cwd=str(tmp_path), timeout=PATIENCE)
        shell.expect_exact("Username: ")
        shell.sendline(typed)
        shell.expect_exact("Bye.")
        shell.close()
        piped = subprocess.run(
            f"echo hello | {client} --name bot --group tea",
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if "--tls" in client:  # its certificate is still unknown, which only the server can say
            assert "certificate" in piped.stderr, piped
        else:
            assert (piped.returncode, piped.stderr) == (0, ""), piped


def test_the_version(tmp_path: Path) -> None:
    """``twistd pyconchat --version`` is about PyconChat."""
    printed = printed_by("pyconchat", "--version", log=tmp_path / "version")
    assert printed == f"PyconChat {__version__}\n"


def test_only_the_owner_can_read_the_state(
    run: Callable[..., Path], connect: Connect, tmp_path: Path
) -> None:
    """Folders have mode 0700 and files 0600, whatever the umask."""
    port = free_port()
    state = tmp_path / "deep" / "state"
    run("--state", str(state), "127.0.0.1", str(port), command=COMMAND, umask=0)
    alice = connect(port)
    alice.logs_in("alice", "secret of alice")
    alice.types("/create tea", "hello", "/me waves", "/who")
    alice.sees("Online: 1")
    for path in state.rglob("*"):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
    assert (state / "pyconchat.db").exists()
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


@pytest.mark.parametrize("given", ["XDG_STATE_HOME", "HOME"])
def test_the_default_state_folder(given: str, run: Callable[..., Path], tmp_path: Path) -> None:
    """It is ``$XDG_STATE_HOME/pyconchat``, or else ``~/.local/state/pyconchat``."""
    home, state = tmp_path / "home", tmp_path / "xdg"
    environ = {"HOME": str(home), "XDG_STATE_HOME": str(state) if given != "HOME" else ""}
    run("127.0.0.1", str(free_port()), **environ)
    expected = state if given != "HOME" else home / ".local" / "state"
    assert (expected / "pyconchat" / "pyconchat.db").exists()
    assert not (tmp_path / "pyconchat.db").exists()


def test_options_override_the_file(
    run: Callable[..., Path], connect: Connect, tmp_path: Path
) -> None:
    """State, lobby, guests and doors; settings without an option come from the file."""
    folder = tmp_path / "etc"
    folder.mkdir()
    ignored, port = free_port(), free_port()
    (folder / "chat.toml").write_text(
        f'state = "here"\nlobby = "filed"\nmotd = "Be kind.\\nBe brief."\n'
        f'[doors]\nline = ["tcp:{ignored}:interface=127.0.0.1"]\n'
    )
    run(
        *("--config", "etc/chat.toml", "--lobby", "Lounge", "--no-guests"),
        *("--line", f"tcp:{port}:interface=127.0.0.1"),
    )
    assert (folder / "here" / "pyconchat.db").exists(), (
        "paths in the file are relative to its folder"
    )
    with pytest.raises(ConnectionRefusedError):
        connect(ignored)
    alice = connect(port)
    alice.sees("* Be kind.\n* Be brief.\n")
    alice.sees("Username: ")
    alice.types("alice", "secret of alice")
    alice.sees("You are in Lounge")


def test_several_endpoints(run: Callable[..., Path], connect: Connect, tmp_path: Path) -> None:
    """--line may be repeated and takes any server endpoint; HOST PORT is one more."""
    ports = [free_port() for _ in range(3)]
    path = tmp_path / "door"
    log = run(
        *("--state", str(tmp_path / "state")),
        *("--line", f"tcp:{ports[0]}:interface=127.0.0.1"),
        *("-l", f"tcp:{ports[1]}:interface=127.0.0.1"),
        *("--line", f"unix:{path}"),
        *("localhost", str(ports[2])),
    )
    for port in ports:
        connect(port).sees("Username: ")
        assert str(port) in log.read_text()
    with socket.socket(socket.AF_UNIX) as local:
        local.settimeout(PATIENCE)
        local.connect(str(path))
        check_greeting(local)


def test_a_daemon_that_cannot_start(server: Server, tmp_path: Path) -> None:
    """Without -n the command also exits with status 1 and names the problem."""
    ended = twistd(
        *(f"--logfile={tmp_path / 'log'}", f"--pidfile={tmp_path / 'pid'}", "pyconchat"),
        *("--state", str(server.state), "127.0.0.1", str(free_port())),
        cwd=tmp_path,
    )
    assert ended.returncode == 1
    assert "CannotStart: the state folder" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_tls(run: Callable[..., Path], connect: Connect, tmp_path: Path) -> None:
    """An ssl endpoint works like a tcp endpoint; open connections do not delay the stop."""
    pem, port = tmp_path / "chat.pem", free_port()
    make_certificate(pem)
    door = f"ssl:{port}:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
    run("--state", str(tmp_path / "state"), "--line", door)
    alice, bob = connect(port, pem), connect(port, pem)
    alice.logs_in("alice", "secret of alice")
    bob.logs_in("bob", "secret of bob")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    bob.types("/join tea")
    bob.sees("You are in tea")
    bob.types("سلام دنیا")
    alice.sees("bob: سلام دنیا\n")
    bob.types("/quit")
    bob.sees("Bye.")
    assert bob.is_disconnected()
    alice.sees("bob has gone offline")
    missed = [f"{number} " + "x" * 3000 for number in range(9)]  # within the allowed burst
    alice.types(*missed)
    alice.types("/who")
    alice.sees("Online: 1")
    bob = connect(port, pem)
    bob.logs_in("bob", "secret of bob", at_desk=False)
    for line in missed:
        bob.sees(f"alice (in tea): {line}\n")
    bob.sees("Group: ")


def test_ipv6(run: Callable[..., Path], tmp_path: Path) -> None:
    """HOST may be an IPv6 address."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            port = probe.getsockname()[1]
    except OSError:
        return  # this machine has no IPv6
    run("--state", str(tmp_path / "state"), "::1", str(port))
    with socket.create_connection(("::1", port), PATIENCE) as person:
        check_greeting(person)


def test_the_lobby(connect: Connect, tmp_path: Path) -> None:
    """With --lobby everybody enters that group at login; a banned guest goes to the front desk."""
    server = Server(tmp_path)
    server.start("--lobby", "Lounge")
    try:
        alice, bob = connect(server.port), connect(server.port)
        alice.types("alice", "secret of alice")
        alice.sees("You are in Lounge (number 1), which is new: everybody can join.")
        bob.types("bob", "")
        bob.sees("You are in Lounge (number 1): 2 members, 2 online; the operators manage it")
        alice.sees("bob has joined the chat!")
        bob.types("hello")
        alice.sees("bob: hello\n")
        assert b"Group: " not in alice.everything() + bob.everything()
        alice.types("/ban bob")
        alice.sees("Lounge has no admin: only an operator can ban.")
        code = server.says(r"operator: type /claim (\S+)").group(1)
        alice.types(f"/claim {code}", "/ban bob")
        bob.sees("You were banned from Lounge")
        bob.types("/quit")
        assert bob.is_disconnected()
        bob = connect(server.port)
        bob.types("bob", "")
        bob.sees("You are at the front desk.")
        assert server.tracebacks() == []
    finally:
        server.stop()


def test_without_guests(connect: Connect, tmp_path: Path) -> None:
    """With --no-guests a new user must choose a password, and is not offered to be a guest."""
    server = Server(tmp_path)
    server.start("--no-guests")
    try:
        alice = connect(server.port)
        alice.sees("Username: ")
        alice.types("alice")
        assert "guest" not in alice.sees("Password: ")
        alice.types("")
        alice.sees("This server has no guests: choose a password.")
        alice.sees("Username: ")
        alice.types("alice", "secret of alice")
        alice.sees("Group: ")
        assert server.tracebacks() == []
    finally:
        server.stop()


def test_a_daemon(connect: Connect, tmp_path: Path) -> None:
    """Without --nodaemon it runs in the background, writes pid and log, and stops on SIGTERM."""
    port, pidfile, log = free_port(), tmp_path / "pid", tmp_path / "log"
    twistd(
        *("--pidfile", str(pidfile), "--logfile", str(log)),
        *("pyconchat", "--state", "state", "127.0.0.1", str(port)),
        cwd=tmp_path,
    )
    deadline = time.monotonic() + PATIENCE
    while not (log.exists() and "connect with" in log.read_text()):
        assert time.monotonic() < deadline, log.read_text() if log.exists() else "no log"
        time.sleep(0.01)
    pid = int(pidfile.read_text())
    try:
        alice = connect(port)
        alice.logs_in("alice", "secret of alice")
        alice.types("/create tea")
        alice.sees("You are in tea")
        assert (tmp_path / "state" / "pyconchat.db").exists()
    finally:
        os.kill(pid, signal.SIGTERM)
    while pidfile.exists():
        assert time.monotonic() < deadline + PATIENCE, log.read_text()
        time.sleep(0.01)
    assert all(re.match(f"{STAMP}(PyconChat|[a-z])", line) for line in log.read_text().splitlines())
    assert "twistd" not in log.read_text().lower()


@pytest.mark.parametrize("options", [(), ("--pidfile=chat.pid",)], ids=["none", "given"])
def test_an_old_pid_file(options: tuple[str, ...], tmp_path: Path) -> None:
    """Whatever process it names, the server starts, and leaves no file behind."""
    name = options[0].partition("=")[2] if options else "twistd.pid"
    pidfile, log = tmp_path / name, tmp_path / "log"
    port = str(free_port())
    wrapper = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid()));"
    wrapper += "os.execv(sys.argv[2], sys.argv[2:])"
    arguments = ["-n", *options, "pyconchat", "--state", "state", "127.0.0.1", port]
    for whose in (0, os.getpid(), 2**22 + 1):  # its own, another's, nobody's
        log.write_text("")
        process: Twistd | subprocess.Popen[bytes]
        if whose:
            pidfile.write_text(str(whose))
            process = Twistd(arguments, tmp_path, log)
        else:
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [sys.executable, "-ISc", wrapper, str(pidfile), TWISTD, *arguments],
                    cwd=tmp_path,
                    stdout=output,
                    stderr=output,
                )
        try:
            deadline = time.monotonic() + PATIENCE
            while "connect with" not in log.read_text():
                assert process.poll() is None, (whose, log.read_text())
                assert time.monotonic() < deadline, (whose, log.read_text())
                time.sleep(0.01)
            with socket.create_connection(("127.0.0.1", int(port)), PATIENCE) as peer:
                peer.settimeout(PATIENCE)
                assert peer.recv(100), "it handles signals as soon as it greets"
            if options:
                assert int(pidfile.read_text()) == process.pid
            else:
                pidfile.unlink()  # nobody has read or written it
        finally:
            process.terminate()
            assert process.wait(PATIENCE) in CLEAN
        assert not pidfile.exists()


def test_a_second_server_in_the_same_folder(server: Server) -> None:
    """The lock of the state folder decides: the same state is refused, another one is not."""
    port = str(free_port())
    line = fails("--state", str(server.state), "127.0.0.1", port, cwd=server.folder)
    assert "in use by another server" in line
    log = server.folder / "second.log"
    other = Twistd(["-n", "pyconchat", "--state", "other", "127.0.0.1", port], server.folder, log)
    deadline = time.monotonic() + PATIENCE
    while "connect with" not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    other.terminate()
    assert other.wait(PATIENCE) in CLEAN
    assert list(server.folder.glob("*.pid")) == []


# The stop.


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_stops_it(name: str, server: Server, user: UserOf) -> None:
    """Users are notified, all messages are stored, and the process exits within 5 seconds."""
    alice, bob, stranger = user("nc", "alice", "secret of alice"), user("nc", "bob"), user("nc")
    stranger.sees("Username: ")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    bob.types("/join tea")
    bob.sees("You are in tea")
    bob.types("last words")
    alice.sees("bob: last words")
    assert server.process is not None
    began = time.monotonic()
    server.process.send_signal(getattr(signal, name))
    for person in (alice, bob):
        person.sees("* The server is stopping; come back soon.\n")
    for again in (name, "SIGHUP"):  # while it stops, they change nothing
        server.process.send_signal(getattr(signal, again))
    for person in (alice, bob, stranger):
        assert person.is_disconnected()
    assert server.process.wait(PATIENCE) in CLEAN
    assert time.monotonic() - began < 5
    assert server.tracebacks() == []
    server.process = None
    server.restart()
    alice = user("nc", "alice", "secret of alice")
    alice.types("/join tea", "/history")
    alice.sees("bob: last words")


def test_a_connection_lost_after_a_message(server: Server, user: UserOf) -> None:
    """The user is offline at once, and the server can still stop."""
    alice, bob = user("nc", "alice", "secret of alice"), user("nc", "bob", "secret of bob")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    bob.types("/join tea")
    bob.sees("You are in tea")
    alice.sees("bob has joined the chat!")
    for number in range(3):
        alice.types(f"message {number}")
        bob.sees(f"message {number}")
        bob.close()
        alice.sees("bob has gone offline")
        bob = user("nc", "bob", "secret of bob")
    alice.types("/online")
    alice.sees("2 members of tea online:")
    assert server.stop() in CLEAN


# A bare environment, such as that of cron or of a container.


def test_no_environment_and_no_input(tmp_path: Path) -> None:
    """Without HOME and USER, and with standard input closed, it starts and stops as ever."""
    log = tmp_path / "log"
    command = [TWISTD, "-n", "pyconchat", "--state", "state", "127.0.0.1", str(free_port())]
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *command],
            cwd=tmp_path,
            env={},
            stdout=output,
            stderr=output,
        )
    deadline = time.monotonic() + PATIENCE
    while "/claim" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    admin = [str(Path(TWISTD).with_name("pyconchat-admin")), "--state", "state"]
    for words in (["accounts"], ["reset-password", "alice"], ["delete-account", "alice"]):
        ended = subprocess.run(
            ["/bin/sh", "-c", '"$@" <&-', "sh", *admin, *words],
            cwd=tmp_path,
            env={},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert "Traceback" not in ended.stderr
        assert ended.stderr.count("\n") == (words != ["accounts"])
    process.terminate()
    assert process.wait(PATIENCE) in CLEAN
    assert "Traceback" not in log.read_text()
