"""The client in pipes: what comes in is said, and the exit status tells whether all is stored."""

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

from tests.support.servers import PATIENCE, Server, free_port
from tests.support.terminals import CLIENT, at_terminals, environment, said
from tests.support.users import SocketUser

pytestmark = pytest.mark.server(scope="module")

LONG = PATIENCE * 2
"""Seconds for what takes its time on a busy machine."""

# As the client, but without a minute of patience for a server that is not there.
IMPATIENT = (
    sys.executable,
    "-c",
    "import sys; from pyconchat.client import main; from pyconchat.client.ui import unattended;"
    " unattended.MAX_SECONDS = 1.0;"
    " sys.exit(main.main())",
)

# Tells whether the files that it has inherited do not wait, which nobody expects of a terminal.
BLOCKING = "import os; print('blocking:', *(os.get_blocking(each) for each in (0, 1, 2)))"

Ended = subprocess.CompletedProcess[str]


@pytest.fixture
def boss(server: Server) -> Iterator[Callable[..., SocketUser]]:
    """Give a function that makes a group: it returns its admin, who stays in it."""
    people: list[SocketUser] = []

    def make(group: str, policy: str = "open") -> SocketUser:
        admin = SocketUser(server.port)
        people.append(admin)
        admin.logs_in(f"boss-of-{group}")
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
        ended = subprocess.run(
            [CLIENT, *arguments, f"127.0.0.1:{port or server.port}"],
            input=data.encode() if isinstance(data, str) else data,
            env=environment(tmp_path, **environ),
            capture_output=True,
            timeout=LONG,
            check=False,
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


Boss = Callable[..., SocketUser]
Pipe = Callable[..., Ended]
Start = Callable[..., subprocess.Popen[bytes]]


def stored(server: Server, group: str, count: int) -> None:
    """Wait until *count* messages of *group* are stored."""
    deadline = time.monotonic() + PATIENCE
    while len(said(server, group)) < count:
        assert time.monotonic() < deadline, f"only {len(said(server, group))} of {count}"
        time.sleep(0.01)


def fails(ended: Ended, why: str) -> None:
    """Check that it ended with status 1 and one line that says why."""
    assert ended.returncode == 1, ended
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("pyconchat: ")
    assert why in lines[0]


# What is said.


def test_each_line_is_said(pipe: Pipe, boss: Boss, server: Server) -> None:
    """Each line becomes a message, in order; status 0, and nothing on either output."""
    admin = boss("builds")
    ended = pipe("a\nb\n", "--name", "ci", "--group", "builds")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    admin.sees("ci: a\nci: b\n")
    assert said(server, "builds") == ["a", "b"]


def test_a_group_that_nobody_has_is_made(pipe: Pipe, server: Server) -> None:
    """Without the group, the client creates it, as /join does."""
    ended = pipe("first\n", "--name", "maker", "--group", "made-by-pipe")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert said(server, "made-by-pipe") == ["first"]


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
def test_what_lines_become(
    pipe: Pipe,
    boss: Boss,
    server: Server,
    request: pytest.FixtureRequest,
    data: str,
    expected: list[str] | None,
) -> None:
    """The last line needs no end, blank ones are left out, and no line is a command."""
    group = f"lines-{request.node.callspec.id}"
    boss(group)
    ended = pipe(data, "--name", f"in-{group}", "--group", group)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert said(server, group) == (data.splitlines() if expected is None else expected)


def test_input_that_was_there_and_over_before_the_start(
    boss: Boss, server: Server, tmp_path: Path
) -> None:
    """Input that ends together with its last data is said as a whole."""
    boss("over")
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
    assert said(server, "over") == ["one", "two", "three"]


@pytest.mark.parametrize("source", ["file", "/dev/null"])
def test_input_that_is_no_pipe(boss: Boss, server: Server, tmp_path: Path, source: str) -> None:
    """A file is read to its end, and so is /dev/null."""
    group = f"from-{Path(source).name}"
    boss(group)
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
    assert said(server, group) == (path.read_text().splitlines() if source == "file" else [])


def test_ten_thousand_lines(pipe: Pipe, boss: Boss, server: Server) -> None:
    """Much input is said as a whole, once and in order."""
    boss("much")
    lines = [f"line {number}" for number in range(10_000)]
    ended = pipe("\n".join(lines), "--name", "talker", "--group", "much")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert said(server, "much") == lines


def test_a_long_line_becomes_several(pipe: Pipe, boss: Boss, server: Server) -> None:
    """What is longer than a message is cut between characters, and nothing of it is lost."""
    boss("long")
    line = "x" + "\u20ac\U0001f375\u00e9 " * 1000
    assert len(line.encode()) > 10_000
    ended = pipe(f"{line.rstrip()}\nshort\n", "--name", "verbose", "--group", "long")
    assert (ended.returncode, ended.stderr) == (0, "")
    *parts, short = said(server, "long")
    assert short == "short"
    assert "".join(parts) == line.rstrip()
    assert [len(part.encode()) <= 4096 for part in parts] == [True] * 3
    assert all(len(part.encode()) > 4090 for part in parts[:-1])


def test_a_long_line_that_ends_in_spaces(pipe: Pipe, boss: Boss, server: Server) -> None:
    """A part of a long line that is nothing but spaces is no reason to fail."""
    boss("spaces")
    ended = pipe("x" * 4096 + " " * 10 + "\nnext\n", "--name", "spacer", "--group", "spaces")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert said(server, "spaces")[0].startswith("x" * 4096)
    assert said(server, "spaces")[-1] == "next"


def test_a_line_of_more_than_a_megabyte(pipe: Pipe, boss: Boss, server: Server) -> None:
    """A line that is longer than what may be one is told of, and the others are said."""
    boss("huge")
    ended = pipe("a\n" + "x" * 1_500_000 + "\nb\n", "--name", "huger", "--group", "huge")
    fails(ended, "longer than a megabyte")
    assert said(server, "huge") == ["a", "b"]


def test_bytes_that_are_no_text(pipe: Pipe, boss: Boss, server: Server) -> None:
    """What a build prints is not always text: the rest of it arrives all the same."""
    boss("bytes")
    data = b"a\n\xff\xfe broken\nnul\x00here\n\x1b[31mred\x1b[0m\nb\n"
    ended = pipe(data, "--name", "compiler", "--group", "bytes")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = said(server, "bytes")
    assert lines[0] == "a"
    assert lines[1].endswith(" broken")
    assert lines[2] == "nulhere"
    assert "red" in lines[3]
    assert lines[-1] == "b"


def test_a_line_with_nothing_to_show(pipe: Pipe, boss: Boss, server: Server) -> None:
    """A line of nothing but control characters is as good as blank, and no reason to fail."""
    boss("bell")
    ended = pipe(b"a\n\a\n\x0c\nb\n", "--name", "ringer", "--group", "bell")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert said(server, "bell") == ["a", "b"]


def test_at_the_front_desk(pipe: Pipe) -> None:
    """Without a group, each line is carried out, and the answers go to standard output."""
    ended = pipe("who\n", "--name", "clerk")
    assert ended.returncode == 0
    assert "clerk (guest)" in ended.stdout
    assert ended.stderr == ""


# Who says it.


def test_the_password_of_the_environment(pipe: Pipe, boss: Boss, server: Server) -> None:
    """$PYCONCHAT_PASSWORD registers a new name, and logs in with it from another machine."""
    boss("env")
    for home in ("first", "second"):
        ended = pipe(
            f"{home}\n",
            "--name",
            "env-user",
            "--group",
            "env",
            PYCONCHAT_PASSWORD="a long password",
            XDG_STATE_HOME=f"/proc/self/{home}",  # where nothing can be kept
        )
        assert (ended.returncode, ended.stderr) == (0, "")
    assert said(server, "env") == ["first", "second"]
    assert "user connected: env-user\n" in server.log()


def test_the_password_of_a_file(pipe: Pipe, boss: Boss, server: Server, tmp_path: Path) -> None:
    """The first line of --password-file is the password; it goes before the environment's."""
    boss("from-a-file")
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
    assert said(server, "from-a-file") == ["hi", "hi"]


def test_the_token_needs_no_password(pipe: Pipe, boss: Boss, server: Server) -> None:
    """Who logged in before from this folder needs no password."""
    boss("tokens")
    arguments = ("--name", "token-user", "--group", "tokens")
    assert pipe("a\n", *arguments, PYCONCHAT_PASSWORD="a long password").returncode == 0
    ended = pipe("b\n", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert said(server, "tokens") == ["a", "b"]


def test_a_wrong_password(pipe: Pipe, boss: Boss, server: Server, tmp_path: Path) -> None:
    """A wrong password ends it with status 1 and the reason; nothing is said."""
    boss("locked")
    arguments = ("--name", "locked-user", "--group", "locked")
    assert pipe("a\n", *arguments, PYCONCHAT_PASSWORD="a long password").returncode == 0
    elsewhere = {"XDG_STATE_HOME": str(tmp_path / "elsewhere")}
    ended = pipe("b\n", *arguments, PYCONCHAT_PASSWORD="not that", **elsewhere)
    fails(ended, "not the password of locked-user")
    fails(pipe("b\n", *arguments, **elsewhere), "Password of locked-user")
    assert said(server, "locked") == ["a"]


def test_a_name_in_use(pipe: Pipe, boss: Boss) -> None:
    """The name of a guest who is there cannot be had; status 1 and the reason."""
    boss("used")
    fails(pipe("a\n", "--name", "boss-of-used", "--group", "used"), "in use")


def test_a_group_that_needs_approval(pipe: Pipe, boss: Boss, server: Server) -> None:
    """Where an admin has to approve first, it ends with status 1 and says so."""
    boss("closed", "approval")
    fails(pipe("a\nb\n", "--name", "stranger", "--group", "closed"), "approve")
    assert said(server, "closed") == []


def test_put_out_of_the_group(boss: Boss, start: Start, server: Server) -> None:
    """What could not be said since we were kicked is counted, with the reason, and status 1."""
    admin = boss("harsh")
    child = start(server.port, "--name", "kicked", "--group", "harsh")
    say(child, "before\n")
    admin.sees("kicked: before\n")
    admin.types("/kick kicked")
    admin.sees("kicked was kicked")
    out, err = child.communicate(b"after\nand after\n", timeout=LONG)
    assert child.returncode == 1
    assert err.startswith(b"pyconchat: 2 not sent: ")
    assert out == b""
    assert said(server, "harsh") == ["before"]


# When there is no server.


def say(child: subprocess.Popen[bytes], text: str) -> None:
    """Give *child* some input."""
    assert child.stdin is not None
    child.stdin.write(text.encode())
    child.stdin.flush()


def test_no_server(start: Start) -> None:
    """Without a server for too long, it ends with status 1 and one line that says so."""
    child = start(free_port(), "--name=ci", "--group=builds", command=IMPATIENT)
    out, err = child.communicate(b"a\nb\n", timeout=LONG)
    ended = subprocess.CompletedProcess(child.args, child.returncode, out.decode(), err.decode())
    fails(ended, "2 not sent: no answer from the server")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_all_is_stored(start: Start, sent: signal.Signals) -> None:
    """Ended before everything is stored, it does not claim that everything is stored."""
    child = start(free_port(), "--name=ci", "--group=builds")
    say(child, "a\nb\n")
    wait_for_handler(child.pid)
    child.send_signal(sent)
    _, err = child.communicate(timeout=LONG)
    assert b"Traceback" not in err
    assert child.returncode != 0


def wait_for_handler(pid: int) -> None:
    """Wait until the client has handlers for signals, which its reactor makes when it starts."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.01)
    raise AssertionError("it catches no signal")


def test_killed_in_the_middle(start: Start, own: Server) -> None:
    """The server is killed in the middle of it and started again: each line is there once."""
    own.start()
    lines = [f"line {number}" for number in range(2000)]
    child = start(own.port, "--name=ci", "--group=builds", PYCONCHAT_PASSWORD="a password")
    say(child, "".join(f"{line}\n" for line in lines[:1000]))
    stored(own, "builds", 300)
    own.kill()
    say(child, "".join(f"{line}\n" for line in lines[1000:1500]))
    own.start()
    rest = "".join(f"{line}\n" for line in lines[1500:])
    out, err = child.communicate(rest.encode(), timeout=LONG)
    assert (child.returncode, out, err) == (0, b"", b"")
    assert said(own, "builds") == lines


# Where the answers go.


def test_standard_output_is_closed(server: Server, boss: Boss, tmp_path: Path) -> None:
    """With standard output closed, lines are said all the same."""
    boss("mute")
    command = f"printf 'a\\nb\\n' | {CLIENT} --name mute-user --group mute"
    ended = subprocess.run(
        ["sh", "-c", f"{command} 127.0.0.1:{server.port} >&-"],
        env=environment(tmp_path),
        capture_output=True,
        timeout=LONG,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert said(server, "mute") == ["a", "b"]


def test_nobody_reads_the_answers(server: Server, boss: Boss, tmp_path: Path) -> None:
    """Whoever reads the answers may go away: all that came in is carried out."""
    admin = boss("unread")
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


def test_a_slow_reader_gets_all_answers(server: Server, start: Start) -> None:
    """A reader that is slower than the server gets every answer."""
    child = start(server.port, "--name", "slow-reader")
    assert child.stdout is not None
    say(child, "help\n" * 200 + "who\n")
    deadline = time.monotonic() + PATIENCE
    while waiting(child.stdout.fileno()) < PIPE_BYTES // 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)  # nothing tells when it has run against the full pipe
    out, err = child.communicate(timeout=PATIENCE / 2)
    assert out.count(b"/join GROUP") == 200
    assert b"slow-reader (guest)" in out
    assert (child.returncode, err) == (0, b"")


PIPE_BYTES = 65_536
"""What a pipe holds until somebody reads (pipe(7))."""


def waiting(descriptor: int) -> int:
    """Return how many bytes of *descriptor* wait for a reader."""
    count = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(count, sys.byteorder)


def test_the_terminal_waits_as_before(server: Server, boss: Boss, tmp_path: Path) -> None:
    """A pipe at a terminal leaves it blocking, as the next program expects it."""
    boss("blocking")
    command = f"printf 'a\\n' | {CLIENT} --name blocker --group blocking 127.0.0.1:{server.port}"
    with at_terminals(tmp_path) as at:
        shell = at("shell", "-c", f"{command}; {sys.executable} -c \"{BLOCKING}\"",
                      command=("sh",))  # fmt: skip
        assert shell.sees("blocking:") == "blocking: True True True"
        assert shell.ends() == 0


# The command line.


def test_help_names_no_password_option(tmp_path: Path) -> None:
    """--help works, and there is no option by which others could read a password off a list."""
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
        ("::1",),
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
def test_a_slip_on_the_command_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """What cannot be asked for is refused in one line that says why, with status 2."""
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
