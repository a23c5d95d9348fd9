"""JSON programs at a real server: with nc and telnet users, over TLS, and the documented bot."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import CLEAN
from tests.support.programs import Program, line_of, numbers
from tests.support.servers import PATIENCE, Server
from tests.support.users import UserOf

pytestmark = pytest.mark.server(scope="module", tls=True)

DOCS = (Path(__file__).parents[2] / "docs" / "line-protocol.rst").read_text()

Connect = Callable[..., Program]


@pytest.fixture
def trust(server: Server) -> ssl.SSLContext:
    """Return what trusts the server's certificate and no other."""
    return ssl.create_default_context(cafile=server.state / "tls-certificate.pem")


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect a program."""
    programs: list[Program] = []

    def dial(port: int, trust: ssl.SSLContext | None = None) -> Program:
        programs.append(Program(port, trust))
        return programs[-1]

    yield dial
    for program in programs:
        program.close()


def test_users_and_programs_talk(server: Server, connect: Connect, user: UserOf) -> None:
    """Messages from nc, telnet and JSON programs reach all of them."""
    ann = connect(server.port)
    ann.logs_in("ann", "password a")
    ann.does("/create mixed open")
    ben, cid = user("nc"), user("telnet")
    ben.logs_in("ben")
    ben.types("/join mixed")
    ben.sees("You are in mixed")
    cid.types("cid", "", "mixed", "from telnet")
    ben.sees("cid: from telnet")
    ben.types("from nc")
    ann.sees("message", text="from telnet", **{"from": "cid"})
    ann.sees("message", text="from nc", **{"from": "ben"})
    ann.does(group="mixed", text="from JSON")
    ben.sees("ann: from JSON\n")
    cid.types("/quit")
    assert cid.is_disconnected()
    for text in (b"ben: from nc\r\n", b"ann: from JSON\r\n"):
        assert text in cid.everything()


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("slow", [False, True])
def test_programs_come_in(
    server: Server,
    connect: Connect,
    trust: ssl.SSLContext,
    tls: bool,
    slow: bool,
) -> None:
    """With and without TLS; a slow program skips the greeting."""
    for attempt in range(5):  # on a busy machine the hello may be sent too late
        program = connect(server.tls_port, trust) if tls else connect(server.port)
        if slow:
            while not program.received:
                program.receives()
        program.logs_in(f"prog{tls}{slow}{attempt}")
        if slow or program.received.startswith(b"{"):
            break
    assert program.received.startswith(b"* Welcome" if slow else b"{")
    assert (b": \n{" in program.received) == slow
    assert program.does("/who")["type"] == "who"


def test_a_login_over_tls(server: Server, trust: ssl.SSLContext) -> None:
    """A silent connection is greeted there, too, after the handshake."""
    with socket.create_connection(("127.0.0.1", server.tls_port), PATIENCE) as plain:
        secure = trust.wrap_socket(plain, server_hostname="127.0.0.1")
        secure.settimeout(PATIENCE)
        seen = b""
        while not seen.endswith(b"Username: "):
            seen += secure.recv(1000)
        secure.sendall(b"tlsperson\n\n\n/who\n")
        while b"Online: " not in seen:
            seen += secure.recv(1000)
        secure.close()


def test_the_end_of_the_input_comes_after_all_answers(server: Server, connect: Connect) -> None:
    """A program that sends everything and closes its output gets all answers, then the end."""
    program = connect(server.port)
    program.sends(
        line_of(hello=1, name="half", password="password h")
        + line_of(id="c", line="/create halves open")
        + b"".join(line_of(id=f"m{n}", group="halves", text=f"{n}") for n in range(300))
        + line_of(id="h", group="halves", line="/history 50")
        + line_of(id="last", group="halves", text="last")
    )
    program.shuts_down_writing()
    assert program.is_disconnected()
    assert program.objects[0]["ok"]
    assert [each["text"] for each in program.answer("h")["entries"]] == [
        str(number) for number in range(250, 300)
    ]
    answered = [each["re"] for each in program.objects if "re" in each]
    assert answered == ["c", *(f"m{n}" for n in range(300)), "h", "last"]


@pytest.mark.parametrize("tls", [False, True])
def test_requests_before_quit_are_answered(
    server: Server,
    connect: Connect,
    trust: ssl.SSLContext,
    tls: bool,
) -> None:
    """``/quit`` ends the connection once all requests before it are answered."""
    program = connect(server.tls_port, trust) if tls else connect(server.port)
    name = f"quitter{tls}"
    program.logs_in(name)
    program.does(f"/create {name} open")
    program.sends(line_of(id="a", group=name, text="hi") + line_of(id="b", line="/quit"))
    assert program.is_disconnected()
    assert program.answer("a") == {"re": "a", "ok": True, "seq": 2}
    assert program.answer("b")["ok"]
    assert program.objects[-1]["why"] == "bye"


def test_bad_input_leaves_no_trace(server: Server, connect: Connect) -> None:
    """Each is answered by an error, and nothing is logged as a failure."""
    program = connect(server.port)
    program.logs_in("bad")
    bad = [
        b"[" * 100_000,
        b'{"a":' * 6000,
        b'{"id": NaN}',
        b'{"id": ' + b"9" * 5000 + b".5}",
        b'{"id": "bad", "line": "\\ud800"}',
        b'{"id": "bad", "line": "\xff"}',
        b"\0\0\0",
        b'{"id": "bad", "line": "' + b"x" * 40_000 + b'"}',
        b'{"id": []}',
        b'{"id": "bad", "answers": [1]}',
        b"null",
    ]
    for line in bad:
        assert program.error_to(line)["code"]
    assert program.does()["ok"]


def test_a_key_with_anything_in_it(server: Server, connect: Connect) -> None:
    """The message is posted once, with any printable ASCII key."""
    program = connect(server.port)
    program.logs_in("keys")
    program.does("/create keys open")
    for key in (" ", "'", "%s", "~" * 64):
        seq = program.does(group="keys", text="hi", key=key)["seq"]
        assert program.does(group="keys", text="hi", key=key)["seq"] == seq


@pytest.mark.parametrize("line", ["/create {name}{n} open", "/kick victim{n}", "/me waves {n}"])
def test_a_key_on_two_connections_at_once(server: Server, connect: Connect, line: str) -> None:
    """A lost connection may still be busy when its request is repeated: both are answered."""
    name = f"two{len(line)}"
    one, two = connect(server.port), connect(server.port)
    for each in (one, two):
        each.logs_in(name, "password t")
    one.does(f"/create {name} open")
    more = {"group": name} if "create" not in line else {}
    for n in range(5):
        if "kick" in line:
            victim = connect(server.port)
            victim.logs_in(f"victim{n}", "password v")
            victim.does(f"/join {name}")
        data = line_of(id=f"x{n}", line=line.format(name=name, n=n), key=f"k{n}", **more)
        one.sends(data)
        two.sends(data)
        assert one.answer(f"x{n}")["ok"], one.answer(f"x{n}")
        assert two.answer(f"x{n}")["ok"], two.answer(f"x{n}")


def test_a_program_that_does_not_read_costs_little(server: Server, connect: Connect) -> None:
    """Answers are rendered only when those before them were read."""
    program = connect(server.port)
    program.logs_in("hungry")
    program.does("/create hungry open")
    program.sends(b"".join(line_of(id=f"m{n}", group="hungry", text="x" * 4000) for n in range(20)))
    program.answer("m19")
    before = server.memory()
    program.sends(
        b"".join(line_of(id=f"h{n}", group="hungry", line="/history 500") for n in range(200))
    )
    other = connect(server.port)
    other.logs_in("patient")
    for _ in range(20):
        other.does("/who")
    assert server.memory() - before < 30_000_000
    program.answer("h199")
    asked = [each["re"] for each in program.objects if str(each.get("re"))[:1] == "h"]
    assert asked == [f"h{n}" for n in range(200)]


def test_the_end_of_the_server(own: Server, connect: Connect) -> None:
    """Programs are told why; a connection that is not logged in does not delay the stop."""
    own.start()
    program, stranger, silent = (connect(own.port) for _ in range(3))
    program.logs_in("ann", "password a")
    stranger.sends(b"{")
    assert own.stop() in CLEAN
    program.sees("end", why="stopping")
    for each in (program, stranger, silent):
        assert each.is_disconnected()
    assert own.tracebacks() == []


def test_sessions_keys_and_numbers_outlive_a_restart(own: Server, connect: Connect) -> None:
    """With the token, the same key, and ``since``; the token is nowhere in the state folder."""
    own.start()
    ann = connect(own.port)
    token = ann.logs_in("ann", "password a")["token"]
    ann.does("/create tea open")
    seq = ann.does(group="tea", text="hi", key="k")["seq"]
    files = [path.read_bytes() for path in own.state.rglob("*") if path.is_file()]
    assert sum(len(data) for data in files) > 10_000
    assert not any(token.encode() in data for data in files)
    own.kill()
    own.start()
    again = connect(own.port)
    again.logs_in("ann", token=token, since={"tea": 1})
    assert numbers(again.events) == [2]
    assert again.does(group="tea", text="hi", key="k")["seq"] == seq
    assert again.does(group="tea", text="hi", key="new")["seq"] == seq + 1
    assert own.stop() in CLEAN
    assert token not in own.log()


def test_quit_everywhere_at_nc(server: Server, connect: Connect, user: UserOf) -> None:
    """It disconnects the programs of the account, and revokes their tokens."""
    program = connect(server.port)
    token = program.logs_in("many", "password m")["token"]
    person = user("nc")
    person.types("many", "password m", "")
    person.sees("(help lists the commands)")
    person.types("/quit everywhere")
    assert program.sees("end")["why"] == "everywhere"
    assert program.is_disconnected()
    assert connect(server.port).says_hello("many", token=token)["code"] == "bad-token"


def bot() -> str:
    """Return the program in the documentation."""
    block = re.search(r"code-block:: python\n\n((?:   .*\n|\n)+)", DOCS)
    assert block is not None
    return re.sub(r"(?m)^   ", "", block[1])


def test_the_documented_bot_is_short() -> None:
    """At most 20 lines of code."""
    assert len([line for line in bot().splitlines() if line.strip()]) <= 20


@pytest.fixture
def wordbot(server: Server, tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Run the documented bot with the system's Python, in a group."""
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    running: list[subprocess.Popen[bytes]] = []

    def run(group: str) -> subprocess.Popen[bytes]:
        file = tmp_path / "wordbot.py"
        file.write_text(bot())
        address = ["127.0.0.1", str(server.port)]
        running.append(subprocess.Popen([python, str(file), *address, group], cwd=tmp_path))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.wait()


Run = Callable[[str], "subprocess.Popen[bytes]"]


def test_the_documented_bot_works(wordbot: Run, user: UserOf) -> None:
    """It answers a user at nc, twice."""
    dan = user("nc")
    dan.logs_in("dan")
    dan.types("/create words open")
    dan.sees("You are in words")
    wordbot("words")
    dan.sees("wordbot")
    dan.types("!count one two three")
    dan.sees("wordbot: dan: 3 words")
    dan.types("nothing for it", "!count four")
    dan.sees("wordbot: dan: 1 words")


def test_the_documented_bot_ignores_private_messages(wordbot: Run, user: UserOf) -> None:
    """They have no group; the bot continues."""
    eve = user("nc")
    eve.logs_in("eve")
    eve.types("/create more open")
    eve.sees("You are in more")
    process = wordbot("more")
    eve.sees("wordbot")
    eve.types("!count one")
    eve.sees("wordbot: eve: 1 words")
    eve.types("/msg wordbot !count in private", "!count one two")
    eve.sees("Sent to wordbot")
    while b"wordbot: eve: 2 words" not in eve.everything():
        assert b"wordbot has left" not in eve.everything()
        assert eve._receive()
    assert process.poll() is None
