"""The client at a terminal: the real program, on a pseudo-terminal, against a real server."""

from __future__ import annotations

import re
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.people import Person, Server
from tests.skips import require_program
from tests.terminals import CLIENT, Impostor, Terminal, at_terminals, said

At = Callable[..., Terminal]
Visit = Callable[..., Person]

PASSWORD = "a long password"

SECRETS = ("/join", "/claim", "pass-word")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for most of these: each test has people and groups of its own."""
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()
    assert server.tracebacks() == []


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may start, kill and change as it likes."""
    server = Server(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def at(tmp_path: Path) -> Iterator[At]:
    """Start the client at a terminal."""
    with at_terminals(tmp_path) as start:
        yield start


@pytest.fixture
def chat(at: At, server: Server) -> Callable[..., Terminal]:
    """Start the client as a registered person, who is asked nothing, and wait for the server."""

    def start(name: str, group: str = "", port: int = 0, **environ: str) -> Terminal:
        place = f"/{group}" if group else ""
        environ = {"PYCONCHAT_PASSWORD": PASSWORD, **environ}
        who = at(name, f"{name}@127.0.0.1:{port or server.port}{place}", **environ)
        if group:
            who.sees_below(f"{group}: ")
        else:
            who.sees("You are at the front desk")
        who.waits(lambda: "on the way" not in who.bottom(), "be answered")
        return who

    return start


@pytest.fixture
def visit(server: Server) -> Iterator[Visit]:
    """Log somebody in over a raw socket: ``visit("bob")``."""
    people: list[Person] = []

    def log_in(name: str, password: str = "", port: int = 0) -> Person:
        people.append(Person(port or server.port))
        people[-1].logs_in(name, password)
        return people[-1]

    yield log_in
    for person in people:
        person.close()


# An evening.


def test_registering(at: At, server: Server) -> None:
    """A new name is given a password, typed twice, of which nothing shows, not even stars."""
    anna = at("anna", f"127.0.0.1:{server.port}")
    anna.sees_now("Username:")
    anna.types("anna")
    anna.sees_now("Choose a password")
    anna.keys("qzxqzx")
    before = anna.screen()
    anna.looks(0.1)
    assert anna.screen() == before
    anna.keys("\r")
    anna.sees_now("The same again:")
    anna.types("other")
    anna.sees("The two were not the same.")
    for _ in range(2):
        anna.types("qzxqzx")
    anna.sees("You are at the front desk")
    assert b"qzx" not in anna.everything()
    assert b"*****" not in anna.everything()
    assert b"\xe2\x80\xa2" not in anna.everything()
    assert anna.sees_below(f"anna@127.0.0.1:{server.port}")


def test_the_second_time_no_password_is_asked_for(at: At, server: Server, tmp_path: Path) -> None:
    """Who was here before is logged in by the token, and under the same name."""
    first = at("berta", f"berta@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    first.sees("You are at the front desk")
    first.types("/quit")
    assert first.ends() == 0
    again = at("berta", f"127.0.0.1:{server.port}")
    again.sees("You are at the front desk")
    again.sees_below("berta@")
    assert b"assword" not in again.everything()
    assert b"Username" not in again.everything()
    (tokens,) = tmp_path.glob("berta/state/pyconchat/**/tokens")
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    assert stat.S_IMODE(tokens.parent.stat().st_mode) == 0o700


def test_two_people_in_a_group(chat: At) -> None:
    """Create a group, ask, approve, and talk: what one says is there once, with its time."""
    alice, bob = chat("alice"), chat("bob")
    alice.types("/create tea approval")
    alice.sees("you are its admin")
    alice.sees_below("tea: 1 online")
    bob.types("/join tea it is me")
    alice.sees('bob asks to join tea: "it is me"')
    alice.types("/approve bob")
    bob.sees_below("tea: ")
    alice.sees_below("tea: 2 online")
    alice.types("the kettle is broken")
    bob.types("what again")
    for who in (alice, bob):
        assert re.fullmatch(r"\d\d:\d\d alice: the kettle is broken", who.sees("the kettle is"))
        assert re.fullmatch(r"\d\d:\d\d bob: what again", who.sees("what again"))
    alice.types("last words")
    bob.sees("alice: last words")
    alice.sees("alice: last words")
    assert alice.times_seen("the kettle is broken") == 1
    assert bob.times_seen("what again") == 1


def test_several_groups(chat: At, visit: Visit) -> None:
    """Alt and a number, and /go, change the group; the bottom line counts what is unread."""
    carl = chat("carl", "first-group")
    friend = visit("friend-of-carl")
    carl.types("/policy open")
    carl.sees("changed the policy to open")
    carl.types("/create second-group open")
    carl.sees_below("second-group: 1 online")
    friend.types("/join first-group")
    friend.sees("You are in first-group")
    friend.types("one", "two")
    carl.sees("friend-of-carl (in first-group): two")
    carl.sees_below("unread 1:first-group")
    friend.types("three")
    carl.sees("friend-of-carl (in first-group): three")
    assert "first-group " in carl.sees_below("1:first-group")
    unread = re.search(r"1:first-group (\d+)", carl.sees_below("unread"))
    assert unread is not None
    carl.keys("\x1b1")
    carl.sees_below("first-group: 2 online")
    carl.sees_typed("[first-group]")
    assert "unread" not in carl.bottom()
    carl.types("/go second-group")
    carl.sees_typed("[second-group]")
    friend.types("four")
    carl.sees_below("unread 1:first-group 1")
    carl.types("/go")
    carl.sees_typed("[first-group]")
    assert "unread" not in carl.bottom()
    carl.keys("\x1b2")
    carl.sees_typed("[second-group]")
    carl.types("said in second")
    carl.sees("carl: said in second")


def test_only_messages_are_unread(chat: At, visit: Visit) -> None:
    """The number of unread is that of the messages in the other group."""
    cora = chat("cora", "cora-one")
    friend = visit("friend-of-cora")
    cora.types("/policy open")
    cora.sees("changed the policy to open")
    friend.types("/join cora-one")
    cora.sees("friend-of-cora has joined")
    cora.types("/create cora-two open")
    cora.sees_typed("[cora-two]")
    friend.types(*(f"message {number}" for number in range(7)))
    cora.sees("message 6")
    cora.sees_below("unread 1:cora-one 7")


def test_a_private_message(chat: At, visit: Visit) -> None:
    """A private message is marked as one, on both sides, and rings."""
    dora, friend = chat("dora", "dora-tea"), visit("friend-of-dora")
    friend.types("/msg dora can you let me in?")
    dora.sees("friend-of-dora (private): can you let me in?")
    assert dora.bells == 1
    dora.types("/msg friend-of-dora come in")
    dora.sees("dora (private to friend-of-dora): come in")
    friend.sees("dora (private): come in")
    assert dora.bells == 1


def test_a_mention(chat: At, visit: Visit) -> None:
    """A line that names the reader rings the bell once and is highlighted; others do not."""
    emil, friend = chat("emil", "emil-tea"), visit("friend-of-emil")
    emil.types("/policy open")
    emil.sees("changed the policy to open")
    friend.types("/join emil-tea")
    friend.sees("You are in emil-tea")
    friend.types("emilia is not here", "nor is xemil")
    emil.sees("nor is xemil")
    assert emil.bells == 0
    ordinary = emil.cell("nor is xemil")
    friend.types("hello Emil, tea?")
    emil.sees_now("hello Emil, tea?")
    mention = emil.cell("hello Emil, tea?")
    assert emil.bells == 1
    assert (mention.bold, mention.fg) != (ordinary.bold, ordinary.fg)
    emil.types("I am emil")
    emil.sees("emil: I am emil")
    assert emil.bells == 1


def test_several_lines_from_the_operator(at: At) -> None:
    """A message of the day of several lines is shown in several lines."""
    server = Impostor({"motd": "Be kind.\nAnd calm."})
    zoe = at("zoe", f"zoe@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    zoe.sees("Be kind.")
    zoe.sees("front desk")
    assert [row for row in zoe.rows() if "kind" in row or "calm" in row] == [
        "* Be kind.",
        "* And calm.",
    ]
    server.close()


# Keys.


def test_tab_completes(chat: At, visit: Visit) -> None:
    """Tab inserts the one command, group or member that it can be, and lists several."""
    fred, friend = chat("fred", "fred-tea"), visit("friend-of-fred")
    fred.types("/policy open")
    fred.sees("changed the policy to open")
    friend.types("/join fred-tea")
    fred.sees("friend-of-fred has joined")
    fred.keys("/appr\t")
    fred.sees_typed("[fred-tea] /approve")
    fred.keys("\x15/go fr\t")
    fred.sees_typed("[fred-tea] /go fred-tea")
    fred.keys("\x15/kick fri\t")
    fred.sees_typed("[fred-tea] /kick friend-of-fred")
    fred.keys("\x15fri\t")
    fred.sees_typed("[fred-tea] friend-of-fred:")
    fred.keys("you\r")
    friend.sees("fred: friend-of-fred: you")
    fred.keys("/re\t")
    fred.waits(lambda: any("/reject" in row and "/requests" in row for row in fred.rows()))
    fred.sees_typed("[fred-tea] /re")


def test_the_history(chat: At) -> None:
    """Up and Down go through what was typed, also in an earlier run."""
    gerd = chat("gerd", "gerd-tea")
    gerd.types("first of all", "second to that")
    gerd.sees("gerd: second to that")
    gerd.keys("\x1b[A\x1b[A")
    gerd.sees_typed("[gerd-tea] first of all")
    gerd.keys("\x1b[B")
    gerd.sees_typed("[gerd-tea] second to that")
    gerd.keys("\x03")
    gerd.sees_typed("[gerd-tea]")
    gerd.types("/quit")
    assert gerd.ends() == 0

    gerd = chat("gerd", "gerd-tea")
    gerd.keys("\x1b[A")
    gerd.sees_typed("[gerd-tea] /quit")
    gerd.keys("\x1b[A")
    gerd.sees_typed("[gerd-tea] second to that")


def test_searching_the_history(chat: At) -> None:
    """Ctrl-R finds an earlier line by a part of it, and Enter takes it over."""
    gesa = chat("gesa", "gesa-tea")
    gesa.types("first of all", "second to that")
    gesa.sees("gesa: second to that")
    gesa.keys("\x12of a")
    gesa.sees_now("of a")
    gesa.keys("\r")
    gesa.sees_typed("[gesa-tea] first of all")
    gesa.types("")
    gesa.waits(lambda: gesa.times_seen("gesa: first of all") == 2)


def test_a_search_shows_what_it_finds(chat: At) -> None:
    """While one types after Ctrl-R, the line that was found is shown."""
    gina = chat("gina", "gina-tea")
    gina.types("first of all", "second to that")
    gina.sees("gina: second to that")
    gina.keys("\x12of a")
    gina.sees_now("backward: of a")
    assert "[gina-tea] first of all" in gina.screen()


def history(folder: Path) -> str:
    """Return the one file of history under *folder*, and check who may read it."""
    (path,) = folder.glob("state/pyconchat/**/history-*")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text()


def test_no_password_in_the_history(chat: At, visit: Visit, tmp_path: Path) -> None:
    """The history is private, and has no line with a password, in whatever way it is spelled."""
    owner = visit("owner-of-locked")
    owner.types("/create locked password pass-word")
    owner.sees("you are its admin")
    hans = chat("hans")
    hans.types("join locked pass-wordy")  # at the front desk, without a slash
    hans.sees("password")
    hans.types("/JOIN locked pass-wordx", "  /join locked pass-word")
    hans.sees_below("locked: ")
    hans.types("/create hans-own password pass-word")
    hans.sees_typed("[hans-own]")
    hans.types("/policy password pass-word2")
    hans.types("/claim 1111-pass-word", "a harmless line")
    hans.sees("hans: a harmless line")
    kept = history(tmp_path / "hans")
    assert "a harmless line" in kept
    assert "pass-word" not in kept


def test_no_password_of_the_menu_in_the_history(chat: At, visit: Visit, tmp_path: Path) -> None:
    """The menu's 1 is join at the front desk: its line with a password is not kept either."""
    owner = visit("owner-of-menu")
    owner.types("/create menu-tea password pass-word")
    owner.sees("you are its admin")
    ines = chat("ines")
    ines.types("1 menu-tea pass-word")
    ines.sees_below("menu-tea: ")
    ines.types("a harmless line")
    ines.sees("ines: a harmless line")
    kept = history(tmp_path / "ines")
    assert "a harmless line" in kept
    assert "pass-word" not in kept


def test_no_password_in_the_history_before_the_first_hello(at: At, tmp_path: Path) -> None:
    """What is typed before the server has said what there is may be a password too."""
    jana = at("jana", "jana@127.0.0.1:1")
    jana.sees_below("connecting")
    jana.types("/join locked pass-word", "/claim 1111-pass-word")
    jana.sees_below("2 on the way")
    assert "pass-word" not in history(tmp_path / "jana")


def test_pasting_several_lines(chat: At, server: Server) -> None:
    """Several pasted lines are asked about once, and sent as they are."""
    karl = chat("karl", "karl-tea")
    karl.pastes("def tea():\n    /quit\n/topic is not a command\n")
    karl.sees_now("Send 3 lines to karl-tea? [y/N]")
    karl.types("y")
    karl.sees("karl: /topic is not a command")
    karl.sees("karl:     /quit")
    assert said(server, "karl-tea") == ["def tea():", "    /quit", "/topic is not a command"]
    assert karl.times_seen("Send 3 lines") == 1
    karl.sees_typed("[karl-tea]")


def test_pasting_and_thinking_better_of_it(chat: At, server: Server) -> None:
    """Anything but yes sends nothing."""
    lena = chat("lena", "lena-tea")
    for answer in ("n\r", "\r", "\x03", "\x04"):
        lena.pastes("one\ntwo\r\nthree")
        lena.waits(lambda: lena.line().startswith("Send 3 lines to lena-tea? [y/N]"))
        lena.keys(answer)
        lena.sees_typed("[lena-tea]")
    lena.types("afterwards")
    lena.sees("lena: afterwards")
    assert said(server, "lena-tea") == ["afterwards"]


def test_pasting_one_line(chat: At, server: Server) -> None:
    """One pasted line is put where the cursor is, without its end, and not sent."""
    mara = chat("mara", "mara-tea")
    mara.keys("so ")
    mara.pastes("it was\n")
    mara.sees_typed("[mara-tea] so it was")
    mara.types(" then")
    mara.sees("mara: so it was then")
    assert said(server, "mara-tea") == ["so it was then"]


def test_pasting_into_a_line(chat: At, server: Server) -> None:
    """What was typed before several lines are pasted is there after a no."""
    mila = chat("mila", "mila-tea")
    mila.keys("half a line ")
    mila.sees_typed("[mila-tea] half a line")
    mila.pastes("one\ntwo")
    mila.sees_now("Send 2 lines")
    mila.types("n")
    mila.waits(lambda: mila.line().startswith("[mila-tea]"), "be done with the question")
    assert mila.line() == "[mila-tea] half a line"


def test_resizing_keeps_what_is_typed(chat: At, server: Server) -> None:
    """The half line is still there, and whole, after the window was made smaller and larger."""
    nora = chat("nora", "nora-tea")
    nora.keys("a line that is not quite finished yet and goes on")
    nora.sees_typed("[nora-tea] a line that is not quite finished yet and goes on")
    nora.resizes(40, 12)
    nora.waits(lambda: "quite finished yet and goes on" in "".join(nora.screen()), "see all of it")
    nora.resizes(100, 25)
    nora.sees_typed("[nora-tea] a line that is not quite finished yet and goes on")
    nora.types(", and on")
    nora.sees("yet and goes on, and on")
    assert said(server, "nora-tea") == ["a line that is not quite finished yet and goes on, and on"]


def test_a_line_that_arrives_does_not_disturb_what_is_typed(chat: At, visit: Visit) -> None:
    """What is said while one types goes above the line, which stays as it is."""
    olaf, friend = chat("olaf", "olaf-tea"), visit("friend-of-olaf")
    olaf.types("/policy open")
    olaf.sees("changed the policy to open")
    friend.types("/join olaf-tea")
    olaf.sees("friend-of-olaf has joined")
    olaf.keys("half a li\x1b[D\x1b[D")
    for number in range(40):
        friend.types(f"disturbance {number}.")
    olaf.sees("disturbance 39.")
    olaf.sees_typed("[olaf-tea] half a li")
    olaf.types("X")
    friend.sees("olaf: half a Xli")
    assert [olaf.times_seen(f"disturbance {number}.") for number in range(40)] == [1] * 40


def test_days(at: At) -> None:
    """When old entries are shown, each day begins with a line."""
    server = Impostor({"groups": [{"group": "tea", "number": 1, "topic": ""}]})
    paul = at("paul", f"paul@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    paul.sees_below("tea: ")
    days = ("2001-02-03T10:00:00Z", "2001-02-03T23:59:59Z", "2001-02-04T00:00:00.5Z")
    server.says(
        *(
            {"type": "message", "group": "tea", "seq": n, "at": at, "from": "x", "text": f"m{n}"}
            for n, at in enumerate(days, 1)
        )
    )
    paul.sees("m3")
    rows = paul.rows()
    first = rows.index("- Saturday, 3 February 2001 -")
    assert rows[first : first + 5] == [
        "- Saturday, 3 February 2001 -",
        "10:00 x: m1",
        "23:59 x: m2",
        "- Sunday, 4 February 2001 -",
        "00:00 x: m3",
    ]
    server.close()


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
    rosa.sees_below("1 on the way")
    rosa.types("and another")
    rosa.sees_below("2 on the way")
    rosa.keys("the next ha")
    own.start()
    friend = visit("friend-of-rosa", "a password", own.port)
    friend.types("/join rosa-tea", "I am back")
    rosa.sees("friend-of-rosa: I am back")
    rosa.sees("rosa: and another")
    rosa.waits(lambda: "on the way" not in rosa.bottom())
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
    sven.waits(lambda: "on the way" not in sven.bottom())
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
    shell.waits(lambda: "on the way" not in shell.bottom())
    shell.keys(keys)
    back_in_shell(shell)
    assert shell.everything().count(b"\x1b[?2004h") <= shell.everything().count(b"\x1b[?2004l") + 1
    assert not [row for row in shell.rows() if "1 online" in row]


def settings_are_kept(terminal: Terminal) -> None:
    """Check that the terminal is as it was before the client was started, and shows its cursor."""
    assert terminal.settings() == terminal.settings_at_first
    hidden, shown = (terminal.everything().rfind(b"\x1b[?25" + each) for each in (b"l", b"h"))
    assert shown >= hidden
    pasted, typed = (terminal.everything().rfind(b"\x1b[?2004" + each) for each in (b"h", b"l"))
    assert typed >= pasted


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
    "drawn": "from pyconchat.client.terminal import Terminal as C; C._prompt = lambda self: 1 / 0",
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
    operator = Person(own.port)
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


# Who is let in.


def test_a_wrong_password_is_asked_for_again(at: At, visit: Visit, server: Server) -> None:
    """A wrong password is told of and asked for again; the right one lets in."""
    visit("zora", "the right one")
    zora = at("zora", f"zora@127.0.0.1:{server.port}")
    zora.sees_now("Password of zora:")
    zora.types("not that")
    zora.sees("That is not the password of zora.")
    zora.sees_now("Password of zora:")
    zora.types("the right one")
    zora.sees("You are at the front desk")
    assert b"not that" not in zora.everything()
    assert b"the right one" not in zora.everything()


def test_too_many_wrong_passwords(at: At, visit: Visit, server: Server) -> None:
    """The server's patience ends after three; the client says so and leaves with status 1."""
    visit("zeno", "the right one")
    zeno = at("zeno", f"zeno@127.0.0.1:{server.port}")
    for times in range(1, 4):
        zeno.waits(lambda: zeno.rows()[-2:] and "Password of zeno:" in zeno.line())
        zeno.types(f"wrong {times}")
        zeno.waits(lambda: zeno.times_seen("not the password") >= times or times == 3)  # noqa: B023
    assert zeno.ends() == 1
    zeno.sees("too many wrong passwords")
    settings_are_kept(zeno)


def test_a_name_in_use(at: At, visit: Visit, server: Server) -> None:
    """A guest's name cannot be had: who asked for it is told so, and may choose another."""
    visit("taken-name")
    given = at("given", f"taken-name@127.0.0.1:{server.port}")
    assert given.ends() == 1
    given.sees("pyconchat: taken-name is in use")
    asked = at("asked", f"127.0.0.1:{server.port}")
    asked.sees_now("Username:")
    asked.types("taken-name")
    asked.sees("taken-name is in use")
    asked.waits(lambda: asked.line() == "Username:")
    asked.types("free-name")
    asked.sees_now("Choose a password")
    asked.types("")
    asked.sees("You are at the front desk")


def test_a_name_that_is_none(at: At, server: Server) -> None:
    """A name with a space is refused where it is typed, and asked for again."""
    adam = at("adam", f"127.0.0.1:{server.port}")
    adam.sees_now("Username:")
    adam.types("no name")
    adam.sees("A name has")
    adam.waits(lambda: adam.line() == "Username:")


# A server to mistrust.

HOSTILE = (
    "\x1b[5;41mPWN\x1b]0;PWN\x07\x1b]52;c;PWN\x1b\\\x1b[99;9HPWN\x1b[2JPWN\x1bcPWN\x1bP1;PWN\x1b\\\x1b(0PWN"
    "\x9b99;9HPWN\x9d0;PWN\x9c\x90PWN\x9c\x07\x08\x7f\x00\x0e\x0f\r\nPWN\u202ePWN\u2066PWN\x85PWN"
)
"""What would move the cursor, set the title, write to the clipboard, reset, or turn text around."""

CONTROLS = re.compile(
    rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[^\[]|[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f]"
    rb"|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]"
)
"""What a terminal would obey (ECMA-48), but for the line feed; C1 and bidi in UTF-8."""

NUMBERS = re.compile(rb"[0-9;]+")

NAME_COLOUR = re.compile(rb"\x1b\[(1;)?3[1-6]m")


def controls(shown: bytes) -> set[bytes]:
    """Return the kinds of what is there for the terminal to obey.

    Colours have their numbers, but those of names, which are different for each.
    """
    found = CONTROLS.findall(NAME_COLOUR.sub(b"", shown))
    # The editor clears the rest of a line or not, as what it drew before happens to be.
    found.append(b"\x1b[K")
    return {each if each.endswith(b"m") else NUMBERS.sub(b"#", each) for each in found}


def told(mark: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a hello and events with *mark* in every text of theirs."""
    group, name = f"tea{mark}", f"mallory{mark}"
    place = {"group": group, "at": "2001-02-03T10:00:00Z"}
    private = {"with": name, "at": "2001-02-03T10:00:00Z"}
    command = {
        "name": f"steep{mark}",
        "usage": f"/steep{mark} NAME{mark}",
        "also": [f"brew{mark}"],
        "summary": mark,
        "arguments": [{"label": mark, "kind": f"name{mark}", "optional": False, "rest": False}],
    }
    hello = {
        "motd": f"motd{mark}\nsecond{mark}",
        "version": mark,
        "groups": [
            {"group": group, "number": 1, "policy": "open", "topic": f"topic{mark}"},
            {"group": f"other{mark}", "number": 2, "policy": "open", "topic": f"topic{mark}"},
        ],
        "commands": [command, {**command, "name": f"steer{mark}"}],
    }
    events: list[dict[str, Any]] = [
        {"type": "message", **place, "from": name, "text": f"text{mark}"},
        {"type": "message", **place, "from": "ann", "text": f"hello sue{mark}"},
        {"type": "message", **private, "from": name, "text": f"text{mark}"},
        {"type": "action", **place, "from": name, "text": f"text{mark}"},
        {"type": "joined", **place, "name": name, "via": "open", "by": name, "guest": False},
        {"type": "left", **place, "name": name, "why": "left"},
        {"type": "kicked", **place, "name": name, "by": name, "reason": f"why{mark}"},
        {"type": "banned", **place, "name": name, "by": name, "reason": f"why{mark}"},
        {"type": "unbanned", **place, "name": name, "by": name},
        {"type": "requested", **place, "name": name, "note": f"note{mark}", "guest": True},
        {"type": "rejected", **place, "name": name, "by": name, "reason": f"why{mark}"},
        {"type": "invited", **place, "name": name, "by": name, "guest": False},
        {"type": "admin", **place, "name": name, "why": "transfer", "by": name},
        {"type": "topic", **place, "topic": f"topic{mark}", "by": name},
        {"type": "policy", **place, "policy": f"open{mark}", "by": name},
        {"type": "presence", "name": name, "online": True, "reason": f"why{mark}"},
        {"type": "message", "group": group, "at": f"never{mark}", "from": name, "text": mark},
        {"type": f"novelty{mark}", **place, f"key{mark}": f"value{mark}", "x": [mark, {mark: 1}]},
        {"type": f"notice{mark}", "text": f"text{mark}"},
        {"type": "done", "text": f"text{mark}"},
        {"type": "sent", "with": name, "online": False, "seq": 1},
        {"type": "help", "commands": [command]},
        {"type": "help", "commands": [command, command]},
        {"type": "who", "people": [{"name": name, "guest": True, "operator": False,
                                    "groups": [group]}]},
    ]  # fmt: skip
    return hello, events


def answers(mark: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what answers requests, with *mark* in every text."""

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        line = request.get("line", "")
        entry = {"type": "message", "group": f"tea{mark}", "seq": 1, "from": f"eve{mark}",
                 "at": "2001-02-03T10:00:00Z", "text": f"old{mark}"}  # fmt: skip
        match line:
            case "/members":
                people = [
                    {"name": f"mallory{mark}", "online": True, "admin": True, "guest": False},
                    {"name": f"mallet{mark}", "online": True, "admin": False, "guest": True},
                ]
                return {"ok": True, "type": "members", "group": f"tea{mark}",
                        "online_only": False, "members": people}  # fmt: skip
            case "refuse":
                return {"ok": False, "code": f"no{mark}", "error": f"refused{mark}"}
            case "ask" if "answers" not in request:
                return {"ok": False, "code": "missing-argument", "ask": f"which{mark}? "}
            case "ask":
                return {"ok": True, "type": "done", "text": f"answered{mark}"}
            case "log":
                return {"ok": True, "type": "history", "group": f"tea{mark}", "entries": [entry]}
            case "find":
                return {"ok": True, "type": "matches", "group": f"tea{mark}", "more": False,
                        "words": mark, "entries": [entry]}  # fmt: skip
            case "strange":
                return {"ok": True, "type": f"strange{mark}", f"key{mark}": [{mark: mark}]}
        return {"ok": True}

    return answer


def visited(at: At, who: str, mark: str, *options: str) -> bytes:
    """Return all that the terminal was sent in a visit to a server that says *mark*."""
    hello, events = told(mark)
    server = Impostor(hello, answers(mark), f"Welcome{mark}\n".encode())
    sue = at(who, *options, f"sue@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    sue.sees("motd")
    sue.types("/go 1")
    sue.sees("You are in")
    server.says(*events)
    for line, sign in (
        ("refuse", "refused"),
        ("ask", "which"),
        ("this", "answered"),
        ("log", "old"),
        ("find", "Found"),
        ("strange", "strange"),
    ):
        sue.types(line)
        sue.sees(sign)
    if not options:
        sue.keys("/stee\t")
        sue.sees("/steer")
        sue.waits(lambda: sue.line().endswith("/stee"), "be back at the line")
        sue.keys("\x15mall\t")
        sue.sees("mallet")
        sue.waits(lambda: sue.line().endswith("mall"), "be back at the line")
        sue.keys("ory\t\x15")
    server.says({"type": "end", "why": "put-off", "text": f"the end{mark}"})
    assert sue.ends() == 1
    sue.sees("the end")
    server.close()
    assert b"Traceback" not in sue.everything()
    return sue.everything()


@pytest.mark.parametrize("options", [(), ("--plain",)], ids=["terminal", "plain"])
def test_a_hostile_server(at: At, options: tuple[str, ...]) -> None:
    """Nothing that a server says reaches the terminal but as text."""
    benign = visited(at, "benign", "+mark", *options)
    hostile = visited(at, "hostile", HOSTILE, *options)
    assert controls(hostile) <= controls(benign)
    assert hostile.count(b"\x07") == benign.count(b"\x07")
    assert hostile.count(b"PWN") > 100  # it was shown


@pytest.mark.parametrize("options", [(), ("--plain",)], ids=["terminal", "plain"])
def test_a_hostile_refusal(at: At, options: tuple[str, ...]) -> None:
    """Nor does what it says when it lets nobody in."""
    server = Impostor({"ok": False, "code": "banned", "error": f"No: {HOSTILE}"})
    sue = at("sue", *options, f"sue@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    assert sue.ends() == 1
    sue.sees("pyconchat: No: ")
    server.close()
    known = (b"\x1b]", b"\x1bP", b"\x1bc", b"\x1b(0", b"\x1b[99", b"\x1b[2J", b"\x07", b"\x08\x7f")
    assert [
        each for each in (*known, b"\xc2\x9b", b"\xe2\x80\xae") if each in sue.everything()
    ] == []


WRONG: list[Any] = [None, True, -1, 10**30, 1.5, "", "text", [], ["x"], [None], {}, {"x": {"y": 1}}]


def test_a_server_that_makes_no_sense(at: At) -> None:
    """Fields of a wrong type are passed over, or shown somehow; the client goes on."""
    hello, events = told("")
    server = Impostor(hello)
    theo = at("theo", f"theo@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    theo.sees("motd")
    for event in events:
        server.says(*({**event, field: wrong} for field in event for wrong in WRONG))
    for kind in ("members", "groups", "who", "history", "entered", "help"):
        fields = ("requests", "bans", "members", "groups", "people", "entries", "commands", "group")
        server.says(*({"type": kind, field: wrong} for field in fields for wrong in WRONG))
    server.says(*({"re": wrong, "ok": wrong} for wrong in WRONG))
    server.says({"type": "notice", "text": "still there"})
    theo.sees("still there")
    assert b"Traceback" not in theo.everything()
    theo.keys("and so am I")
    theo.sees_now("and so am I")
    theo.keys("\x15\x04")
    assert theo.ends() == 0
    server.close()


@pytest.mark.parametrize("kind", ["requests", "bans"])
def test_a_list_that_is_none(at: At, kind: str) -> None:
    """A list that is no list is no reason to cut the connection."""
    server = Impostor({"motd": "hello there"})
    tom = at("tom", f"tom@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    tom.sees("hello there")
    server.says({"type": kind, "group": "tea", kind: True}, {"type": "notice", "text": "still on"})
    tom.waits(lambda: tom.times_seen("still on") or tom.times_seen("hello there") > 1)
    assert tom.times_seen("hello there") == 1
    server.close()


@pytest.mark.parametrize("wrong", [5, [5], {"x": 5}], ids=str)
def test_a_hello_that_makes_no_sense(at: At, wrong: Any) -> None:
    """A hello with wrong types in it does not break the client."""
    fields = ("groups", "commands", "motd", "name", "line_bytes", "token", "operator", "version")
    server = Impostor(dict.fromkeys(fields, wrong))
    uwe = at("uwe", f"uwe@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    server.says({"type": "notice", "text": "still there"})
    uwe.sees("still there")
    assert b"Traceback" not in uwe.everything()
    server.close()


# Much at once.


def test_a_burst(at: At) -> None:
    """5,000 lines at once all show, in order; what is typed meanwhile shows before the last."""
    server = Impostor({"groups": [{"group": "tea", "number": 1, "topic": ""}]})
    willi = at("willi", f"willi@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    willi.sees_below("tea: ")
    server.says(
        *(
            {
                "type": "message",
                "group": "tea",
                "seq": number,
                "at": "2001-02-03T10:00:00Z",
                "from": "burster",
                "text": f"burst {number} of 5000",
            }
            for number in range(1, 5001)
        )
    )
    willi.sees("burst 1 of")
    willi.keys("xyzzy")
    willi.sees("burst 5000 of")
    assert willi.everything().find(b"xyzzy") < willi.everything().find(b"burst 5000 of")
    willi.sees_typed("[tea] xyzzy")
    shown = [int(row.split()[3]) for row in willi.rows() if " burster: burst " in row]
    assert [int(row.split()[3]) for row in willi.rows() if "burst " in row] == shown
    assert shown == list(range(1, 5001))
    server.close()


def test_no_place_for_state(at: At, server: Server) -> None:
    """Where nothing can be kept, the client says so in a line or goes on; it does not break."""
    zack = at(
        "zack",
        f"zack@127.0.0.1:{server.port}",
        XDG_STATE_HOME="/dev/null/nowhere",
        PYCONCHAT_PASSWORD=PASSWORD,
    )
    zack.waits(lambda: zack.times_seen("front desk") or zack.times_seen("pyconchat: ") or
               zack.times_seen("Traceback"))  # fmt: skip
    assert b"Traceback" not in zack.everything()
