"""The client at a terminal: when the server is away, and how it ends."""

from __future__ import annotations

import re
import signal
import sys

import pytest

from tests.support.servers import Server
from tests.support.skips import require_program
from tests.support.terminals import CLIENT, PASSWORD, At, Terminal, said, settings_are_kept
from tests.support.users import SocketUser, Visit

pytestmark = pytest.mark.server(scope="module")

# When the server is away.


def test_killed_and_started_again(chat: At, visit: Visit, own: Server) -> None:
    """The server is killed while somebody types: nothing typed or said is lost or doubled."""
    own.start()
    rosa = chat("rosa", "rosa-tea", own.port)
    rosa.types("/policy open")
    rosa.sees("changed the policy to open")
    friend = visit("friend-of-rosa", "a password", own.port)
    friend.types("/join rosa-tea")
    friend.sees("You are in rosa-tea")
    rosa.sees("friend-of-rosa has joined")
    rosa.types("before it")
    rosa.sees("rosa: before it")
    rosa.keys("half a line")
    rosa.sees_typed("[rosa-tea] half a line")
    own.kill()
    rosa.sees_below("reconnecting")
    rosa.sees_typed("[rosa-tea] half a line")
    rosa.types(" while it was down")
    rosa.sees_below("1 pending")
    rosa.types("and another")
    rosa.sees_below("2 pending")
    rosa.keys("the next ha")
    own.start()
    friend = visit("friend-of-rosa", "a password", own.port)
    friend.types("/join rosa-tea", "I am back")
    rosa.sees("friend-of-rosa: I am back")
    rosa.sees("rosa: and another")
    rosa.waits(lambda: "pending" not in rosa.bottom())
    assert "reconnecting" not in rosa.bottom()
    rosa.sees_typed("[rosa-tea] the next ha")
    rosa.types("lf")
    rosa.sees("rosa: the next half")
    for text in ("before it", "rosa: half a line while it was down", "rosa: and another"):
        assert rosa.times_seen(text) == 1, text
    rosa.types("/history")
    rosa.waits(lambda: rosa.times_seen("rosa: the next half") == 2)
    for text in ("before it", "rosa: half a line while it was down", "rosa: and another"):
        assert rosa.times_seen(text) == 2, text
    assert sorted(said(own, "rosa-tea")) == sorted(
        ["before it", "half a line while it was down", "and another", "I am back", "the next half"]
    )
    rosa.types("/quit")
    assert rosa.ends() == 0
    assert own.tracebacks() == []
    own.stop()


def test_killed_again_and_again(chat: At, own: Server) -> None:
    """Lines typed while the server comes and goes are each said once, in order."""
    own.start()
    sven = chat("sven", "sven-tea", own.port)
    lines = [f"line {number}" for number in range(30)]
    for round_ in range(3):
        batch = lines[round_ * 10 : round_ * 10 + 10]
        sven.types(*batch[:5])
        own.kill()
        sven.types(*batch[5:])
        own.start()
    sven.sees("sven: line 29")
    sven.waits(lambda: "pending" not in sven.bottom())
    assert said(own, "sven-tea") == lines
    assert [sven.times_seen(f"sven: {line}") >= 1 for line in lines] == [True] * 30
    shown = [row[len("00:00 ") :] for row in sven.rows() if re.match(r"\d\d:\d\d sven: line", row)]
    assert shown == [f"sven: {line}" for line in lines]
    own.stop()


def test_a_line_typed_after_a_command_goes_where_the_command_leads(chat: At) -> None:
    """Typed faster than the server answers, a line is still said in the group just entered."""
    runa = chat("runa", "runa-one")
    runa.types("/create runa-two open", "hello two")
    runa.sees("hello two")
    assert runa.times_seen("(in runa-one): hello two") == 0


def test_the_server_is_not_there_yet(at: At, own: Server) -> None:
    """Started before the server, the client says so, and logs in when it comes."""
    tina = at("tina", f"tina@127.0.0.1:{own.port}", PYCONCHAT_PASSWORD=PASSWORD)
    tina.sees_below("connecting")
    own.start()
    tina.sees("You are at the front desk")
    tina.types("/quit")
    assert tina.ends() == 0
    own.stop()


# The end.


def in_shell(at: At, who: str, *arguments: str, command: str = CLIENT, **environ: str) -> Terminal:
    """Start the client in a shell at a terminal."""
    shell = at(
        who,
        "--norc",
        "-i",
        command=(require_program("bash"),),
        PS1="shell> ",
        PYCONCHAT_PASSWORD=PASSWORD,
        BASH_SILENCE_DEPRECATION_WARNING="1",
        **environ,
    )
    shell.sees_typed("shell>")
    shell.types(" ".join([command, *arguments]))
    return shell


def back_in_shell(shell: Terminal, status: str = "0") -> None:
    """Check that the shell's prompt has a row of its own, and that the shell works as before."""
    shell.sees_typed("shell>")
    shell.types("echo status=$?")
    shell.waits(lambda: f"status={status}" in shell.rows(), f"see status={status}")
    shell.types("stty -a | grep -o -e '[-]*icanon' -e '[-]*echo ' -e '[-]*isig' -e '[-]*icrnl'")
    shell.waits(lambda: "icrnl" in shell.rows(), "see icrnl")
    shell.waits(lambda: "isig" in shell.rows(), "see isig")
    shell.types("printf '%s\\n' shown")
    shell.waits(lambda: "shown" in shell.rows(), "see what is typed")


@pytest.mark.parametrize(
    ("how", "keys"),
    [("quit", "/quit\r"), ("c-d", "\x04"), ("c-c", "half\x03\x03")],
    ids=["quit", "c-d", "c-c"],
)
def test_leaving(at: At, server: Server, how: str, keys: str) -> None:
    """After /quit, Ctrl-D or Ctrl-C on an empty line, all is as before; the status is 0."""
    shell = in_shell(at, f"leaver-{how}", f"leaver-{how}@127.0.0.1:{server.port}/leaving-{how}")
    shell.sees_below(f"leaving-{how}: 1 online")
    shell.waits(lambda: "pending" not in shell.bottom())
    shell.keys(keys)
    back_in_shell(shell)
    assert shell.everything().count(b"\x1b[?2004h") <= shell.everything().count(b"\x1b[?2004l") + 1
    assert not [row for row in shell.rows() if "1 online" in row]


def test_a_signal_ends_it(chat: At) -> None:
    """SIGTERM ends it as a person would; the terminal's settings are those of before."""
    ursula = chat("ursula", "ursula-tea")
    assert ursula.settings() != ursula.settings_at_first
    ursula.child.kill(signal.SIGTERM)
    assert ursula.ends() in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
    settings_are_kept(ursula)
    assert not [row for row in ursula.rows() if "online" in row]


def test_a_signal_during_a_password(at: At, server: Server) -> None:
    """SIGTERM while a password is asked for leaves no terminal that shows nothing."""
    vera = at("vera", f"vera@127.0.0.1:{server.port}")
    vera.sees_now("Choose a password")
    vera.child.kill(signal.SIGTERM)
    assert vera.ends() in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
    settings_are_kept(vera)


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["c-c", "c-d"])
def test_leaving_at_the_password(at: At, server: Server, key: str) -> None:
    """Ctrl-C or Ctrl-D at a question of the login leaves."""
    vito = at("vito", f"vito@127.0.0.1:{server.port}")
    vito.sees_now("Choose a password")
    vito.keys(key)
    assert vito.ends() in (0, 1)
    settings_are_kept(vito)
    assert b"Traceback" not in vito.everything()


def test_stopping_and_going_on(at: At, server: Server) -> None:
    """Ctrl-Z gives the terminal back to the shell, fg goes on with what was typed."""
    shell = in_shell(at, "walter", f"walter@127.0.0.1:{server.port}/walter-tea")
    shell.sees_below("walter-tea: 1 online")
    shell.keys("half a li")
    shell.sees_typed("[walter-tea] half a li")
    shell.keys("\x1a")
    shell.sees_typed("shell>")
    shell.types("echo in between")
    shell.waits(lambda: "in between" in shell.rows())
    shell.types("fg")
    shell.sees_typed("[walter-tea] half a li")
    shell.types("ne")
    shell.sees("walter: half a line")
    shell.keys("\x04")
    back_in_shell(shell)


CRASHES = {
    "typed": "from pyconchat.client.session import ClientSession as C; C.typed = None",
    "drawn": "from pyconchat.client.ui.terminal import TerminalScreen as C;"
    " C._prompt = lambda _: 1 / 0",
}


@pytest.mark.parametrize("where", CRASHES)
def test_a_crash(at: At, server: Server, where: str) -> None:
    """A mistake of ours ends the client, or does not; the terminal is well in any case."""
    program = (
        f"import sys; {CRASHES[where]}; from pyconchat.client.main import main; sys.exit(main())"
    )
    name = f"crash-{where}"
    xenia = at(
        name,
        "-c",
        program,
        f"{name}@127.0.0.1:{server.port}/{name}",
        command=(sys.executable,),
        PYCONCHAT_PASSWORD=PASSWORD,
    )
    if where == "typed":
        xenia.sees_below(f"{name}: ")
        xenia.types("hello")
    while xenia.looks(0.5):  # nothing is promised but for the end
        pass
    xenia.child.kill(signal.SIGTERM)
    xenia.ends()
    settings_are_kept(xenia)


def test_a_crash_is_not_a_success(at: At, server: Server) -> None:
    """If the screen itself fails, the client ends by itself, with a status that is not 0."""
    program = (
        f"import sys; {CRASHES['drawn']}; from pyconchat.client.main import main; sys.exit(main())"
    )
    xaver = at(
        "xaver",
        "-c",
        program,
        f"xaver@127.0.0.1:{server.port}",
        command=(sys.executable,),
        PYCONCHAT_PASSWORD=PASSWORD,
    )
    assert xaver.ends() != 0
    settings_are_kept(xaver)


def test_put_off_and_banned(chat: At, at: At, own: Server) -> None:
    """Kicked by an operator, the client ends and says why; so it does for who is banned."""
    own.start()
    claim = own.says(r"/claim (\S+)")[1]
    operator = SocketUser(own.port)
    operator.logs_in("operator", "a password")
    operator.types(f"/claim {claim}")
    operator.sees("operator")
    yuri = chat("yuri", "", own.port)
    operator.types("/kick yuri too loud")
    assert yuri.ends() == 1
    yuri.sees("by operator: too loud")
    yuri.sees("pyconchat: You were put off this server.")
    settings_are_kept(yuri)
    yuri = chat("yuri", "", own.port)
    operator.types("/ban yuri still too loud")
    assert yuri.ends() == 1
    yuri.sees("still too loud")
    settings_are_kept(yuri)
    yuri = at("yuri", f"yuri@127.0.0.1:{own.port}")
    assert yuri.ends() == 1
    assert "banned" in yuri.sees("pyconchat: ")
    settings_are_kept(yuri)
    operator.close()
    own.stop()
    assert own.tracebacks() == []
