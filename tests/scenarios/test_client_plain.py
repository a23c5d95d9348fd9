"""The client without colours and cursor movement: lines in, lines out."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.servers import Server
from tests.support.terminals import CLIENT, Impostor, Terminal, environment, said
from tests.support.users import SocketUser

pytestmark = pytest.mark.server(scope="module")

At = Callable[..., Terminal]
Visit = Callable[..., SocketUser]

PASSWORD = "a long password"

SOON = 4.0
"""Seconds after which a person would give up."""

# Tells whether the files that it has inherited do not wait, which nobody expects of a terminal.
BLOCKING = "import os; print('blocking:', *(os.get_blocking(each) for each in (0, 1, 2)))"


@pytest.fixture
def chat(at: At, server: Server) -> At:
    """Start the client, plain, as a registered person, in a group of their own if one is given."""

    def start(name: str, group: str = "", port: int = 0) -> Terminal:
        place = f"/{group}" if group else ""
        address = f"{name}@127.0.0.1:{port or server.port}{place}"
        who = at(name, "--plain", address, PYCONCHAT_PASSWORD=PASSWORD)
        who.sees(f"You are in {group}" if group else "You are at the front desk")
        return who

    return start


@pytest.fixture
def visit(server: Server) -> Iterator[Visit]:
    """Log somebody in over a raw socket."""
    people: list[SocketUser] = []

    def log_in(name: str, password: str = "", port: int = 0) -> SocketUser:
        people.append(SocketUser(port or server.port))
        people[-1].logs_in(name, password)
        return people[-1]

    yield log_in
    for person in people:
        person.close()


@pytest.mark.parametrize(
    ("options", "environ"),
    [(("--plain",), {}), ((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"})],
    ids=["option", "NO_COLOR", "dumb"],
)
def test_an_evening(
    at: At,
    server: Server,
    visit: Visit,
    request: pytest.FixtureRequest,
    options: tuple[str, ...],
    environ: dict[str, str],
) -> None:
    """Register, talk and leave: no escape sequence in all of it, and nothing is there twice."""
    name = f"anna-{request.node.callspec.id}"
    anna = at(name, *options, f"127.0.0.1:{server.port}", **environ)
    anna.sees("Username:")
    anna.types(name)
    anna.sees("Choose a password")
    anna.waits(lambda: not anna.echoes(), "have its echo turned off")
    anna.types("qzxqzx")
    anna.sees("Repeat the password:")
    anna.waits(lambda: not anna.echoes(), "have its echo turned off")
    anna.types("qzxqzx")
    anna.sees("You are at the front desk")
    anna.waits(anna.echoes, "have its echo turned on")
    group = f"tea-of-{name}"
    anna.types(f"create {group} open")
    anna.sees("you are its admin")
    friend = visit(f"friend-of-{name}")
    friend.types(f"/join {group}", "hello there")
    anna.sees(f"friend-of-{name}: hello there")
    anna.types("good evening")
    friend.sees(f"{name}: good evening")
    anna.types("/quit")
    assert anna.ends() == 0
    assert anna.settings() == anna.settings_at_first
    shown = anna.everything()
    assert b"\x1b" not in shown
    assert b"qzx" not in shown
    assert [row for row in anna.rows() if row in ("*", "")] == []
    # Once by the terminal itself, which shows what is typed.
    assert anna.times_seen("good evening") == 1
    assert anna.times_seen("hello there") == 1
    assert anna.times_seen("Choose a password") == 1
    assert anna.times_seen("Username:") == 1


def test_each_question_is_put_once(at: At, server: Server) -> None:
    """A question that follows another is there once."""
    bert = at("bert", "--plain", f"bert@127.0.0.1:{server.port}")
    bert.sees("Choose a password")
    bert.types("qzxqzx")
    bert.sees("Repeat the password:")
    bert.types("qzxqzx")
    bert.sees("You are at the front desk")
    assert bert.everything().count(b"Repeat the password:") == 1


def test_the_same_line_twice(chat: At, visit: Visit, server: Server) -> None:
    """What one says on another device shows, also if it is what was typed here before."""
    cleo = chat("cleo", "cleo-tea")
    cleo.types("/policy open")
    cleo.sees("changed the policy")
    other = visit("cleo", PASSWORD)
    other.types("/join cleo-tea")
    other.sees("You are in cleo-tea")
    cleo.types("again")
    other.sees("cleo: again")
    other.types("again")
    cleo.sees("cleo: again")
    cleo.types("//slash")
    other.sees("cleo: /slash")
    cleo.types("the end of it")
    other.sees("cleo: the end of it")
    other.types("from over there")
    cleo.sees("cleo: from over there")
    assert cleo.times_seen("again") == 2
    assert cleo.times_seen("/slash") == 1
    assert said(server, "cleo-tea") == [
        "again",
        "again",
        "/slash",
        "the end of it",
        "from over there",
    ]


def test_what_the_server_changes_is_there_once(chat: At, visit: Visit) -> None:
    """A line that the server makes safe, or trims, is not shown again for that."""
    clio = chat("clio", "clio-tea")
    clio.types("/policy open")
    clio.sees("changed the policy")
    friend = visit("friend-of-clio")
    friend.types("/join clio-tea")
    clio.sees("friend-of-clio has joined")
    clio.types("trailing spaces  ", " leading one", "a\u202eb")
    friend.sees("leading one")
    friend.types("all seen")
    clio.sees("all seen")
    assert clio.times_seen("trailing spaces") == 1
    assert clio.times_seen("leading one") == 1


def test_the_end_of_the_input_leaves(chat: At) -> None:
    """Ctrl-D on an empty line leaves, with status 0; the terminal is as it was."""
    dirk = chat("dirk", "dirk-tea")
    dirk.types("/online")
    dirk.sees("1 member of dirk-tea online")  # and nothing is on its way any more
    dirk.keys("\x04")
    assert dirk.ends() == 0
    assert dirk.settings() == dirk.settings_at_first


def test_leaving_with_something_on_its_way(chat: At, own: Server) -> None:
    """The second Ctrl-D leaves, as it says, although the first was the end of the input."""
    own.start()
    dora = chat("dora", "dora-tea", own.port)
    own.kill()
    dora.sees("Not connected")
    dora.types("never said")
    dora.sees("Will be sent when the server is back: never said")
    dora.keys("\x04")
    dora.sees("repeat to leave anyway")
    dora.keys("\x04")
    dora.waits_for_end(SOON)
    assert dora.settings() == dora.settings_at_first


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_password(at: At, server: Server, sent: signal.Signals) -> None:
    """Ended while a password is asked for, it leaves a terminal that shows what is typed."""
    edda = at("edda", "--plain", f"edda@127.0.0.1:{server.port}")
    edda.sees("Choose a password")
    edda.waits(lambda: not edda.echoes(), "have its echo turned off")
    edda.child.kill(sent)
    assert edda.ends() in (0, 1, -sent, 128 + sent)
    assert edda.settings() == edda.settings_at_first
    assert b"Traceback" not in edda.everything()


def test_the_end_of_the_input_at_the_password(at: At, server: Server) -> None:
    """Ctrl-D at the password leaves, and the terminal shows again what is typed."""
    edna = at("edna", "--plain", f"edna@127.0.0.1:{server.port}")
    edna.sees("Choose a password")
    edna.waits(lambda: not edna.echoes(), "have its echo turned off")
    edna.keys("\x04")
    assert edna.ends() in (0, 1)
    assert edna.settings() == edna.settings_at_first
    assert b"Traceback" not in edna.everything()


def test_the_terminal_waits_as_before(at: At, server: Server) -> None:
    """It leaves the terminal blocking, as the next program expects it."""
    address = f"fritz@127.0.0.1:{server.port}"
    shell = at(
        "fritz",
        "-c",
        f'{CLIENT} --plain {address}; {sys.executable} -c "{BLOCKING}"',
        command=("sh",),
        PYCONCHAT_PASSWORD=PASSWORD,
    )
    shell.sees("You are at the front desk")
    shell.types("/quit")
    assert shell.sees("blocking:") == "blocking: True True True"
    assert shell.ends() == 0


def test_the_server_goes_and_comes_back(chat: At, own: Server) -> None:
    """A line says that the server is away, and one that it is back; what is typed is said once."""
    own.start()
    gerda = chat("gerda", "gerda-tea", own.port)
    gerda.types("before")
    gerda.waits(lambda: said(own, "gerda-tea") == ["before"], "have it stored")
    own.kill()
    gerda.sees("* Not connected; trying again.")
    gerda.types("in between")
    own.start()
    gerda.sees("* Connected.")
    gerda.waits(lambda: said(own, "gerda-tea") == ["before", "in between"], "have it stored")
    gerda.types("/quit")
    assert gerda.ends() == 0
    assert b"\x1b" not in gerda.everything()
    assert gerda.times_seen("Not connected; trying again.") == 1
    assert gerda.times_seen("before") == 1
    assert [row for row in gerda.rows() if row.endswith(": in between") and row[0] != "*"] == []
    own.stop()


def test_the_server_is_not_there_yet(at: At, own: Server) -> None:
    """Started before the server, it says so in a line, and logs in when it comes."""
    greta = at("greta", "--plain", f"greta@127.0.0.1:{own.port}", PYCONCHAT_PASSWORD=PASSWORD)
    greta.waits(lambda: greta.times_seen("trying again"), "be told", SOON)
    own.start()
    greta.sees("You are at the front desk")
    own.stop()


def test_an_output_that_is_a_file(at: At, server: Server, tmp_path: Path) -> None:
    """With the output in a file, it is plain without being asked, and has one's own messages."""
    path = tmp_path / "evening.log"
    address = f"hilda@127.0.0.1:{server.port}/hilda-tea"
    hilda = at(
        "hilda", "-c", f"{CLIENT} {address} >{path}", command=("sh",), PYCONCHAT_PASSWORD=PASSWORD
    )
    hilda.waits(lambda: path.exists() and "You are in hilda-tea" in path.read_text())
    hilda.types("for the record")
    hilda.waits(lambda: "hilda: for the record\n" in path.read_text())
    hilda.types("/quit")
    assert hilda.ends() == 0
    assert "\x1b" not in path.read_text()


def test_an_output_that_goes_nowhere(at: At, server: Server) -> None:
    """With the output thrown away, what is typed is said all the same."""
    address = f"ilse@127.0.0.1:{server.port}/ilse-tea"
    ilse = at(
        "ilse", "-c", f"{CLIENT} {address} >/dev/null; echo status=$?", command=("sh",),
        PYCONCHAT_PASSWORD=PASSWORD,
    )  # fmt: skip
    server.says("group created: ilse-tea ")
    ilse.types("into the void")
    ilse.waits(lambda: said(server, "ilse-tea") or ilse.times_seen("status="), "have it stored")
    assert said(server, "ilse-tea") == ["into the void"]


def test_much_at_once(at: At) -> None:
    """5,000 lines at once are all there, once and in order."""
    server = Impostor({"groups": [{"group": "tea", "number": 1, "topic": ""}]})
    jan = at("jan", "--plain", f"jan@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    jan.sees("You are in tea")
    place = {"type": "message", "group": "tea", "at": "2001-02-03T10:00:00Z", "from": "x"}
    server.says(*({**place, "seq": n, "text": f"burst {n} of 5000"} for n in range(1, 5001)))
    jan.sees("burst 5000 of")
    shown = [int(row.split()[3]) for row in jan.rows() if " x: burst " in row]
    assert shown == list(range(1, 5001))
    server.close()


def test_the_version(server: Server, tmp_path: Path) -> None:
    """--version says which client it is."""
    ended = subprocess.run(
        [CLIENT, "--version"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 0
    assert ended.stdout.startswith("pyconchat ")
