"""The client in pipes: each line is sent, and status 0 means that all were stored."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import run_client
from tests.support.servers import PATIENCE, Server, free_port
from tests.support.terminals import CLIENT, at_terminals, environment, stored_messages
from tests.support.users import SocketUser, Visit

pytestmark = pytest.mark.server(scope="module")

LONG = PATIENCE * 2
"""Maximum seconds for what takes long on a busy machine."""

# The client with a timeout of one second instead of a minute.
WITH_SHORT_TIMEOUT = (
    sys.executable,
    "-c",
    "import sys; from pyconchat.client import main; from pyconchat.client.ui import unattended;"
    " unattended.MAX_SECONDS = 1.0;"
    " sys.exit(main.main())",
)

# Prints whether its standard files are blocking, as programs expect of a terminal.
BLOCKING = "import os; print('blocking:', *(os.get_blocking(each) for each in (0, 1, 2)))"

Ended = subprocess.CompletedProcess[str]


@pytest.fixture
def admin_of(server: Server) -> Iterator[Callable[..., SocketUser]]:
    """Create groups; return the admin, who stays in the group."""
    people: list[SocketUser] = []

    def make(group: str, policy: str = "open") -> SocketUser:
        admin = SocketUser(server.port)
        people.append(admin)
        admin.logs_in(f"admin-of-{group}", "password of admins")  # a guest's group would not stay
        admin.types(f"/create {group} {policy}")
        admin.sees("you are its admin")
        return admin

    yield make
    for admin in people:
        admin.close()


@pytest.fixture
def pipe(server: Server, tmp_path: Path) -> Callable[..., Ended]:
    """Run the client with *data* as its input, until it ends."""

    def run(data: bytes | str, *arguments: str, port: int = 0, **environ: str) -> Ended:
        ended = run_client(
            *(*arguments, f"127.0.0.1:{port or server.port}"),
            data=data.encode() if isinstance(data, str) else data,
            environ=environment(tmp_path, **environ),
            timeout=LONG,
        )
        out, err = ended.stdout.decode(), ended.stderr.decode()
        return subprocess.CompletedProcess(ended.args, ended.returncode, out, err)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start the client with an input that stays open, to connect to a port."""
    children: list[subprocess.Popen[bytes]] = []

    def run(
        port: int, *arguments: str, command: tuple[str, ...] = (CLIENT,), **environ: str
    ) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [*command, *arguments, f"127.0.0.1:{port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(tmp_path, **environ),
        )
        children.append(child)
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate()


AdminOf = Callable[..., SocketUser]
Pipe = Callable[..., Ended]
Start = Callable[..., subprocess.Popen[bytes]]


def wait_for_messages(server: Server, group: str, count: int) -> None:
    """Wait until *count* messages of *group* are stored."""
    deadline = time.monotonic() + PATIENCE
    while len(stored_messages(server, group)) < count:
        assert time.monotonic() < deadline, f"only {len(stored_messages(server, group))} of {count}"
        time.sleep(0.01)


def check_failure(ended: Ended, why: str) -> None:
    """Check for status 1 and one line with the reason *why*."""
    assert ended.returncode == 1, ended
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("pyconchat: ")
    assert why in lines[0]


# Lines.


def test_each_line_is_sent(pipe: Pipe, admin_of: AdminOf, server: Server) -> None:
    """As a message, in order; status 0, and no output."""
    admin = admin_of("builds")
    ended = pipe("a\nb\n", "--name", "ci", "--group", "builds")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    admin.sees("ci: a\nci: b\n")
    assert stored_messages(server, "builds") == ["a", "b"]


def test_a_new_group(pipe: Pipe, server: Server) -> None:
    """It is created only with --create, and by an account, so that it is permanent."""
    arguments = ("--name", "maker", "--group", "made-by-pipe")
    check_failure(pipe("first\n", *arguments), "--create")
    check_failure(pipe("first\n", *arguments, "--create"), "password")
    ended = pipe("first\n", *arguments, "--create", PYCONCHAT_PASSWORD="a password")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored_messages(server, "made-by-pipe") == ["first"]
    ended = pipe("second\n", *arguments, PYCONCHAT_PASSWORD="a password")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored_messages(server, "made-by-pipe") == ["first", "second"]


def test_commands_at_the_front_desk(pipe: Pipe) -> None:
    """As in docs/client.rst: the answers are the output."""
    ended = pipe("who\n", LOGNAME="backup-user")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "backup-user (guest)" in ended.stdout


def test_standard_input_is_closed(server: Server, tmp_path: Path) -> None:
    """As in some services: one line, no traceback."""
    command = f"{CLIENT} --name closed --group nosuch 127.0.0.1:{server.port} <&-"
    ended = subprocess.run(
        ["sh", "-c", command],
        env=environment(tmp_path),
        capture_output=True,
        timeout=LONG,
        check=False,
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.decode().splitlines()
    assert "there is no group nosuch" in line


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("a\nb", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("a\n\n\nb\n   \n", ["a", "b"]),
        ("leave\nqqq\n/quit\n//x\n{\n1\n  indented\n", None),
        ("caf\u00e9 \U0001f375\n", None),
        ("", []),
        ("\n", []),
    ],
    ids=["last", "crlf", "blank", "as-it-is", "utf8", "empty", "one-blank"],
)
def test_texts_of_lines(
    pipe: Pipe,
    admin_of: AdminOf,
    server: Server,
    request: pytest.FixtureRequest,
    data: str,
    expected: list[str] | None,
) -> None:
    """The last line needs no end, blank lines are left out, and no line is a command."""
    group = f"lines-{request.node.callspec.id}"
    admin_of(group)
    ended = pipe(data, "--name", f"in-{group}", "--group", group)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert stored_messages(server, group) == (data.splitlines() if expected is None else expected)


def test_input_that_ended_before_the_start(
    admin_of: AdminOf, server: Server, tmp_path: Path
) -> None:
    """All of it is sent."""
    admin_of("over")
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo\nthree")
    os.close(writing)
    with open(reading, "rb") as stdin:
        status = subprocess.run(
            [CLIENT, "--name", "early", "--group", "over", f"127.0.0.1:{server.port}"],
            stdin=stdin,
            env=environment(tmp_path),
            timeout=LONG,
            check=False,
        ).returncode
    assert status == 0
    assert stored_messages(server, "over") == ["one", "two", "three"]


@pytest.mark.parametrize("source", ["file", "/dev/null"])
def test_input_from_a_file(admin_of: AdminOf, server: Server, tmp_path: Path, source: str) -> None:
    """It is read to its end, also from /dev/null."""
    group = f"from-{Path(source).name}"
    admin_of(group)
    path = tmp_path / "lines"
    path.write_text("".join(f"line {number}\n" for number in range(1000)))
    with open(path if source == "file" else source, "rb") as stdin:
        status = subprocess.run(
            [CLIENT, "--name", f"reader-{group}", "--group", group, f"127.0.0.1:{server.port}"],
            stdin=stdin,
            env=environment(tmp_path),
            timeout=LONG,
            check=False,
        ).returncode
    assert status == 0
    assert stored_messages(server, group) == (
        path.read_text().splitlines() if source == "file" else []
    )


def test_ten_thousand_lines(pipe: Pipe, admin_of: AdminOf, server: Server) -> None:
    """All are sent once and in order."""
    admin_of("much")
    lines = [f"line {number}" for number in range(10_000)]
    ended = pipe("\n".join(lines), "--name", "talker", "--group", "much")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored_messages(server, "much") == lines


def test_a_long_line(pipe: Pipe, admin_of: AdminOf, server: Server) -> None:
    """It is cut between characters into messages, and complete."""
    admin_of("long")
    line = "x" + "\u20ac\U0001f375\u00e9 " * 1000
    assert len(line.encode()) > 10_000
    ended = pipe(f"{line.rstrip()}\nshort\n", "--name", "verbose", "--group", "long")
    assert (ended.returncode, ended.stderr) == (0, "")
    *parts, short = stored_messages(server, "long")
    assert short == "short"
    assert "".join(parts) == line.rstrip()
    assert [len(part.encode()) <= 4096 for part in parts] == [True] * 3
    assert all(len(part.encode()) > 4090 for part in parts[:-1])


def test_a_long_line_that_ends_in_spaces(pipe: Pipe, admin_of: AdminOf, server: Server) -> None:
    """A part that is only spaces is no failure."""
    admin_of("spaces")
    ended = pipe("x" * 4096 + " " * 10 + "\nnext\n", "--name", "spacer", "--group", "spaces")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored_messages(server, "spaces")[0].startswith("x" * 4096)
    assert stored_messages(server, "spaces")[-1] == "next"


def test_a_line_of_more_than_a_megabyte(pipe: Pipe, admin_of: AdminOf, server: Server) -> None:
    """It is reported, and the other lines are sent."""
    admin_of("huge")
    ended = pipe("a\n" + "x" * 1_500_000 + "\nb\n", "--name", "huger", "--group", "huge")
    check_failure(ended, "longer than a megabyte")
    assert stored_messages(server, "huge") == ["a", "b"]


def test_invalid_utf_8(pipe: Pipe, admin_of: AdminOf, server: Server) -> None:
    """It is replaced, and everything else is sent."""
    admin_of("bytes")
    data = b"a\n\xff\xfe broken\nnul\x00here\n\x1b[31mred\x1b[0m\nb\n"
    ended = pipe(data, "--name", "compiler", "--group", "bytes")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = stored_messages(server, "bytes")
    assert lines[0] == "a"
    assert lines[1].endswith(" broken")
    assert lines[2] == "nulhere"
    assert "red" in lines[3]
    assert lines[-1] == "b"


def test_a_line_of_control_characters(pipe: Pipe, admin_of: AdminOf, server: Server) -> None:
    """It counts as blank, and is no failure."""
    admin_of("bell")
    ended = pipe(b"a\n\a\n\x0c\nb\n", "--name", "ringer", "--group", "bell")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored_messages(server, "bell") == ["a", "b"]


def test_at_the_front_desk(pipe: Pipe) -> None:
    """Without a group, each line is a command, and the answers are written to standard output."""
    ended = pipe("who\n", "--name", "clerk")
    assert ended.returncode == 0
    assert "clerk (guest)" in ended.stdout
    assert ended.stderr == ""


# Logins.


def test_the_password_in_the_environment(pipe: Pipe, admin_of: AdminOf, server: Server) -> None:
    """$PYCONCHAT_PASSWORD registers a new name, and later logs in with it."""
    admin_of("env")
    for home in ("first", "second"):
        ended = pipe(
            f"{home}\n",
            "--name",
            "env-user",
            "--group",
            "env",
            PYCONCHAT_PASSWORD="a long password",
            XDG_STATE_HOME=f"/proc/self/{home}",  # where nothing can be saved
        )
        assert (ended.returncode, ended.stderr) == (0, "")
    assert stored_messages(server, "env") == ["first", "second"]
    server.says("user connected: env-user from 127.0.0.1\n")


def test_the_password_in_a_file(
    pipe: Pipe, admin_of: AdminOf, server: Server, tmp_path: Path
) -> None:
    """The first line of --password-file; it overrides the environment."""
    admin_of("from-a-file")
    for number, text in enumerate(("a long password\n", "a long password\r\nmore\n")):
        path = tmp_path / f"password{number}"
        path.write_text(text)
        ended = pipe(
            "hi\n",
            "--name=file-user",
            "--group=from-a-file",
            f"--password-file={path}",
            PYCONCHAT_PASSWORD="another one",
            XDG_STATE_HOME=str(tmp_path / f"state{number}"),
        )
        assert (ended.returncode, ended.stderr) == (0, "")
    assert stored_messages(server, "from-a-file") == ["hi", "hi"]


def test_the_saved_token(pipe: Pipe, admin_of: AdminOf, server: Server) -> None:
    """After the first login no password is needed."""
    admin_of("tokens")
    arguments = ("--name", "token-user", "--group", "tokens")
    assert pipe("a\n", *arguments, PYCONCHAT_PASSWORD="a long password").returncode == 0
    ended = pipe("b\n", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored_messages(server, "tokens") == ["a", "b"]


def test_a_wrong_password(pipe: Pipe, admin_of: AdminOf, server: Server, tmp_path: Path) -> None:
    """Status 1 with the reason, and nothing is sent."""
    admin_of("locked")
    arguments = ("--name", "locked-user", "--group", "locked")
    assert pipe("a\n", *arguments, PYCONCHAT_PASSWORD="a long password").returncode == 0
    elsewhere = {"XDG_STATE_HOME": str(tmp_path / "elsewhere")}
    ended = pipe("b\n", *arguments, PYCONCHAT_PASSWORD="not that", **elsewhere)
    check_failure(ended, "not the password of locked-user")
    check_failure(pipe("b\n", *arguments, **elsewhere), "Password of locked-user")
    assert stored_messages(server, "locked") == ["a"]


def test_a_name_in_use(pipe: Pipe, visit: Visit) -> None:
    """Status 1 with the reason, if a guest has the name."""
    visit("used-name")
    check_failure(pipe("a\n", "--name", "used-name", "--group", "used"), "in use")


def test_a_group_that_needs_approval(pipe: Pipe, admin_of: AdminOf, server: Server) -> None:
    """Status 1 with the reason."""
    admin_of("closed", "approval")
    check_failure(pipe("a\nb\n", "--name", "stranger", "--group", "closed"), "approve")
    assert stored_messages(server, "closed") == []


def test_kicked_from_the_group(admin_of: AdminOf, start: Start, server: Server) -> None:
    """Later messages count as not sent; status 1 with the reason."""
    admin = admin_of("harsh")
    child = start(server.port, "--name", "kicked", "--group", "harsh")
    write(child, "before\n")
    admin.sees("kicked: before\n")
    admin.types("/kick kicked")
    admin.sees("kicked was kicked")
    out, err = child.communicate(b"after\nand after\n", timeout=LONG)
    assert child.returncode == 1
    assert err.startswith(b"pyconchat: 2 not sent: ")
    assert out == b""
    assert stored_messages(server, "harsh") == ["before"]


# Without a server, and restarts.


def write(child: subprocess.Popen[bytes], text: str) -> None:
    """Write *text* to the input of *child*."""
    assert child.stdin is not None
    child.stdin.write(text.encode())
    child.stdin.flush()


def test_no_server(start: Start) -> None:
    """Status 1 and one line, after the timeout."""
    child = start(free_port(), "--name=ci", "--group=builds", command=WITH_SHORT_TIMEOUT)
    out, err = child.communicate(b"a\nb\n", timeout=LONG)
    ended = subprocess.CompletedProcess(child.args, child.returncode, out.decode(), err.decode())
    check_failure(ended, "2 not sent: no answer from the server")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_all_is_stored(start: Start, sent: signal.Signals) -> None:
    """The status is not 0."""
    child = start(free_port(), "--name=ci", "--group=builds")
    write(child, "a\nb\n")
    wait_for_handler(child.pid)
    child.send_signal(sent)
    _, err = child.communicate(timeout=LONG)
    assert b"Traceback" not in err
    assert child.returncode != 0


def wait_for_handler(pid: int) -> None:
    """Wait until the client handles signals, which it does once its reactor runs."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.01)
    raise AssertionError("it handles no signal")


def test_a_restart_of_the_server(start: Start, own: Server) -> None:
    """Each line becomes one message."""
    own.start()
    lines = [f"line {number}" for number in range(2000)]
    child = start(
        own.port, "--name=ci", "--group=builds", "--create", PYCONCHAT_PASSWORD="a password"
    )
    write(child, "".join(f"{line}\n" for line in lines[:1000]))
    wait_for_messages(own, "builds", 300)
    own.kill()
    write(child, "".join(f"{line}\n" for line in lines[1000:1500]))
    own.start()
    rest = "".join(f"{line}\n" for line in lines[1500:])
    out, err = child.communicate(rest.encode(), timeout=LONG)
    assert (child.returncode, out, err) == (0, b"", b"")
    assert stored_messages(own, "builds") == lines


# Answers.


def test_standard_output_is_closed(server: Server, admin_of: AdminOf, tmp_path: Path) -> None:
    """All lines are sent."""
    admin_of("mute")
    command = f"printf 'a\\nb\\n' | {CLIENT} --name mute-user --group mute"
    ended = subprocess.run(
        ["sh", "-c", f"{command} 127.0.0.1:{server.port} >&-"],
        env=environment(tmp_path),
        capture_output=True,
        timeout=LONG,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert stored_messages(server, "mute") == ["a", "b"]


def test_nobody_reads_the_answers(server: Server, admin_of: AdminOf, tmp_path: Path) -> None:
    """All commands are carried out."""
    admin = admin_of("unread")
    reading, writing = os.pipe()
    os.close(reading)
    commands = "help\n" * 50 + "/join unread\n"
    with open(writing, "wb") as stdout:
        ended = subprocess.run(
            [CLIENT, "--name", "unread-user", f"127.0.0.1:{server.port}"],
            input=commands.encode(),
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=environment(tmp_path),
            timeout=LONG,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, b"")
    admin.sees("unread-user has joined")


def test_a_slow_reader(server: Server, start: Start) -> None:
    """It gets all answers."""
    child = start(server.port, "--name", "slow-reader")
    assert child.stdout is not None
    write(child, "help\n" * 200 + "who\n")
    deadline = time.monotonic() + PATIENCE
    while waiting(child.stdout.fileno()) < PIPE_BYTES // 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)  # nothing shows when the client has filled the pipe
    out, err = child.communicate(timeout=PATIENCE / 2)
    assert out.count(b"/join GROUP") == 200
    assert b"slow-reader (guest)" in out
    assert (child.returncode, err) == (0, b"")


PIPE_BYTES = 65_536
"""Bytes that a pipe holds until somebody reads (pipe(7))."""


def waiting(descriptor: int) -> int:
    """Return how many bytes of *descriptor* wait for a reader."""
    count = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(count, sys.byteorder)


def test_the_terminal_is_blocking_afterwards(
    server: Server, admin_of: AdminOf, tmp_path: Path
) -> None:
    """As the next program expects it."""
    admin_of("blocking")
    command = f"printf 'a\\n' | {CLIENT} --name blocker --group blocking 127.0.0.1:{server.port}"
    with at_terminals(tmp_path) as start_client:
        shell = start_client("shell", "-c", f"{command}; {sys.executable} -c \"{BLOCKING}\"",
                      command=("sh",))  # fmt: skip
        assert shell.sees("blocking:") == "blocking: True True True"
        assert shell.ends() == 0


# The command line.


def test_help(tmp_path: Path) -> None:
    """It has no option for a password, which others could read in the list of processes."""
    ended = subprocess.run(
        [CLIENT, "--help"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "--password-file FILE" in ended.stdout
    assert "--password " not in ended.stdout.replace("--password-file", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--nosuch", "host"),
        (),
        ("a b",),
        ("host:99999",),
        ("host:0x10",),
        ("::1:",),
        ("[::1",),
        ("host:1", "2"),
        ("@host",),
        ("b\u00e4d name@host",),
        ("host/no group",),
        ("http://host",),
        ("--password-file", "/nonexistent", "host"),
    ],
    ids=" ".join,
)
def test_invalid_arguments(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """One line with the reason, and status 2."""
    ended = subprocess.run(
        [CLIENT, *arguments],
        stdin=subprocess.DEVNULL,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("pyconchat: ")
