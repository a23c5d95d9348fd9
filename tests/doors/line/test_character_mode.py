"""Telnet in character mode: the line editor, and how a client gets into it and out of it."""

from __future__ import annotations

import time

import pyte
import pytest

from pyconchat.doors.line.edited_lines import MAX_READ
from pyconchat.terminal.keys import Input, KeyDecoder
from tests.support.connections import Connect, TestConnection

CRLF = "\r\n"
IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
ECHO, SGA, TTYPE, NAWS = 1, 3, 24, 31


def command(verb: int, option: int) -> bytes:
    return bytes([IAC, verb, option])


OFFER = command(WILL, SGA) + command(DO, NAWS) + command(DO, TTYPE)
AGREES = (
    command(DO, SGA)
    + command(WILL, NAWS)
    + bytes([IAC, SB, NAWS, 0, 60, 0, 30, IAC, SE])
    + command(WILL, TTYPE)
)
TERMINAL = bytes([IAC, SB, TTYPE, 0]) + b"XTERM" + bytes([IAC, SE])


class Typist:
    """Somebody at a telnet client that agrees to character mode after the first line."""

    def __init__(self, person: TestConnection, name: str, password: str = "") -> None:
        self.person = person
        self._screen = pyte.Screen(60, 30)
        self._stream = pyte.ByteStream(self._screen)
        person.types(name)
        assert OFFER in person.receives()
        person.sends(AGREES)
        assert command(WILL, ECHO) in person.everything + person.receives()
        person.sends(command(DO, ECHO) + TERMINAL)
        for answer in (password, *([password] if password else []), ""):
            self.keys(answer + "\r\0")
        self.waits()
        assert "* You are at the front desk." in " ".join(self.shows())

    def keys(self, keys: str) -> None:
        """Press *keys*."""
        self.person.sends(keys.encode().replace(b"\xff", b"\xff\xff"))

    def enters(self, *lines: str) -> None:
        """Type *lines*, each with Enter, as a telnet client sends it."""
        for line in lines:
            self.keys(f"{line}\r\0")

    def waits(self) -> None:
        """Let the budget of work, which logins of others have used, recover."""
        self.person.waits(1)

    def shows(self) -> list[str]:
        """Return the rows on the screen."""
        self.person.tick()
        output = self.person.receives()
        for verb in (WILL, WONT, DO, DONT):
            for option in (ECHO, SGA, TTYPE, NAWS):
                output = output.replace(command(verb, option), b"")
        output = output.replace(bytes([IAC, SB, TTYPE, 1, IAC, SE]), b"")
        assert bytes([IAC]) not in output
        self._stream.feed(output)
        rows = [row.rstrip() for row in self._screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def line(self) -> str:
        """Return the row of the cursor."""
        self.shows()
        return str(self._screen.display[self._screen.cursor.y]).rstrip()


@pytest.fixture
def alice(connect: Connect) -> Typist:
    """A guest in tea, which bob has joined."""
    alice = Typist(connect(CRLF), "alice")
    alice.enters("/create tea open")
    assert alice.line() == "[tea]"
    return alice


@pytest.fixture
def bob(alice: Typist, connect: Connect) -> TestConnection:
    bob = connect().logs_in("bob")
    bob.types("/join tea")
    bob.receives()
    alice.waits()
    alice.shows()
    return bob


def test_text_that_arrives_leaves_the_typed_line_whole(alice: Typist, bob: TestConnection) -> None:
    """It is shown above; the line goes out as it was typed."""
    alice.keys("half a li")
    alice.shows()
    bob.types("hello")
    assert alice.shows()[-3:-1] == ["bob: hello", "[tea] half a li"]
    alice.enters("ne")
    assert bob.sees() == "alice: half a line\n"
    assert alice.line() == "[tea]"
    assert alice.shows()[-3:-1] == ["[tea] half a line", "[tea]"]


def test_a_block_is_one_write(alice: Typist, bob: TestConnection) -> None:
    """Erasing, the block and the line again are given to the transport together."""
    writes: list[bytes] = []
    alice.keys("x")
    alice.shows()
    write = alice.person.wire.write
    alice.person.wire.write = lambda data: (writes.append(data), write(data))[1]  # type: ignore[method-assign]
    bob.types("hello")
    alice.person.tick()
    assert len(writes) == 1
    assert b"bob: hello\r\n" in writes[0]
    assert writes[0].count(b"[tea] x") == 1


def test_a_password_never_shows(connect: Connect) -> None:
    """Typed or pasted, at once or ahead of its question."""
    alice = Typist(connect(CRLF), "alice", "secret of alice")
    assert b"secret" not in alice.person.everything
    assert "The same again:" in alice.shows()
    other = connect(CRLF)
    other.types("alice").sends(AGREES).sends(command(DO, ECHO))
    other.sends(b"wrong secret\r\0secret of alice\r\0")
    other.waits(1)
    assert b"secret" not in other.everything + other.receives()


def test_keys_edit_the_line(alice: Typist, bob: TestConnection) -> None:
    """Arrows, Home, Ctrl-W, and telnet's own Erase Character and Erase Line."""
    alice.enters("ello wrld\x1b[D\x1b[D\x1b[Do\x01h")
    assert bob.sees() == "alice: hello world\n"
    alice.person.sends(b"junk" + bytes([IAC, 248]) + b"yesx" + bytes([IAC, 247]) + b"\r\0")
    assert bob.sees() == "alice: yes\n"
    alice.enters("\x1b[A!")
    assert bob.sees() == "alice: yes!\n"
    alice.enters("draft\x03")
    assert bob.sees() == ""


def test_tab_completes_from_the_command_table(alice: Typist, bob: TestConnection) -> None:
    """Commands, and the names of the people here and of the groups that are listed."""
    alice.keys("/memb\t")
    assert alice.line() == "[tea] /members"
    alice.keys("\x15/msg b\t")
    assert alice.line() == "[tea] /msg bob"
    alice.keys("\x15/join t\t")
    assert alice.line() == "[tea] /join tea"
    alice.keys("\x15bo\thi\r\0")
    assert "alice: bob: hi\n" in bob.sees()


def test_tab_in_a_question(alice: Typist) -> None:
    """It completes nothing: the answer is no line of the group."""
    alice.enters("/kick")
    alice.waits()
    alice.keys("/memb\t")
    assert alice.line() == "Kick whom? /memb"


def test_completion_tells_of_no_hidden_group(alice: Typist, connect: Connect) -> None:
    """A group that is listed only to its members is offered only to them."""
    bob = connect().logs_in("bob")
    bob.types("/create vault invite")
    alice.waits()
    alice.keys("/join va\t")
    assert alice.line() == "[tea] /join va"


def test_the_history_has_no_secrets(alice: Typist) -> None:
    """A line with a password is not in it."""
    alice.enters("hello", "/create den password pass-word")
    alice.waits()
    alice.keys("\x1b[A")
    assert alice.line() == "[den] hello"


def test_a_paste_is_one_message(alice: Typist, bob: TestConnection) -> None:
    """It is asked about once; whatever its lines begin with, it is no command."""
    alice.keys("\x1b[200~/quit\nsecond\tline\n\nlast\x1b[201~")
    assert alice.line() == "[tea] Send 4 lines? [y/N]"
    alice.enters("y")
    seen = bob.sees()
    assert seen.startswith("alice: /quit\n")
    assert "\n    second      line\n    \n    last\n" in seen
    assert seen.count("alice") == 1
    assert alice.person.wire.connected


def test_keys_for_groups(alice: Typist) -> None:
    """Alt and a digit enters a group that one is in, and no other."""
    alice.enters("/create green open")
    assert alice.line() == "[green]"
    alice.keys("\x1b1")
    assert alice.line() == "[tea]"
    alice.keys("\x1b7")
    assert alice.line() == "[tea]"


def test_ctrl_c_and_ctrl_d(alice: Typist, bob: TestConnection) -> None:
    """In a question they cancel it. Ctrl-D in an empty line quits, Ctrl-C does not."""
    alice.enters("/msg")
    assert alice.line() == "Recipient:"
    alice.keys("\x03")
    assert alice.line() == "[tea]"
    alice.keys("\x03\x03")
    alice.enters("/msg")
    alice.keys("\x04")
    assert alice.line() == "[tea]"
    alice.keys("\x04")
    assert "* Bye." in alice.shows()
    assert "alice" in bob.sees()


def test_ctrl_c_at_the_login(connect: Connect) -> None:
    """In an empty line, it leads from the password back to the name."""
    alice = connect(CRLF)
    alice.types("alice").sends(AGREES).sends(command(DO, ECHO) + b"half\x03")
    assert b"Cancelled" not in alice.receives()
    alice.sends(b"\x03")
    assert b"Cancelled. What is your name?" in alice.receives()
    alice.sends(b"\x03bob\r")
    shown = alice.receives()
    assert b"Username: " in shown
    assert b"bob is new here" in shown


def test_ctrl_d_at_the_login(connect: Connect) -> None:
    """It ends the connection, and is no password."""
    alice = connect(CRLF)
    alice.types("alice").sends(AGREES).sends(command(DO, ECHO) + b"\x04")
    assert b"* Bye." in alice.everything + alice.receives()


def test_the_status_line(alice: Typist, bob: TestConnection) -> None:
    """Who, where, how many are online, below the line; once a second."""
    alice.waits()
    assert alice.shows()[-1] == " alice | tea: 2 online"
    bob.types("/leave tea")
    alice.waits()
    alice.waits()
    assert alice.shows()[-1] == " alice | tea: 1 online"
    alice.enters("/desk")
    alice.waits()
    assert alice.shows()[-1] == " alice"


def test_the_status_line_counts_what_is_unread(alice: Typist, bob: TestConnection) -> None:
    """Of muted groups, whose messages are not shown as they come."""
    alice.enters("/mute tea", "/desk")
    alice.waits()
    bob.types("hello")
    alice.waits()
    assert alice.shows()[-1] == " alice | 1:tea 1"
    alice.keys("\x1b1")
    alice.waits()
    assert alice.shows()[-1] == " alice | tea: 2 online"


def test_the_window_changes(alice: Typist) -> None:
    """The line is drawn again, in as many rows as it needs now."""
    alice.keys("x" * 50)
    alice.person.receives()
    alice.person.sends(bytes([IAC, SB, NAWS, 0, 30, 0, 30, IAC, SE]))
    assert alice.person.receives().startswith(b"\x1b[1A\r\x1b[J[tea] " + b"x" * 50)
    alice.keys("\x01")
    assert alice.person.receives() == b"\x1b[1A\r\x1b[6C"


def test_a_line_is_bounded(alice: Typist, bob: TestConnection) -> None:
    """By ``line_bytes``: more keys ring the bell."""
    limit = alice.person.factory.services.config.limits.line_bytes
    for _ in range(limit // 1000 + 2):
        alice.keys("x" * 1000)
        alice.waits()
    assert b"\a" in alice.person.everything + alice.person.receives()
    alice.enters("")
    alice.waits()
    assert len(bob.sees()) == len("alice: \n") + limit


def test_half_a_line_belongs_to_its_place(alice: Typist, connect: Connect) -> None:
    """What was begun at the front desk is no message to the group of an approval meanwhile."""
    carol = connect().logs_in("carol")
    carol.types("/create den")
    alice.enters("/desk", "/join den")
    alice.waits()
    alice.keys("who")
    carol.types("/approve alice")
    alice.waits()
    assert alice.line() == "[den] who"
    carol.receives()
    alice.enters("")
    assert "who" not in carol.sees()
    alice.keys("who\x03")
    alice.waits()
    alice.enters("hello")
    assert carol.sees() == "alice: hello\n"


def test_a_discarded_line_belongs_nowhere(alice: Typist, connect: Connect) -> None:
    """After Ctrl-C, the next line is meant for the new place."""
    carol = connect().logs_in("carol")
    carol.types("/create den")
    alice.enters("/desk", "/join den")
    alice.waits()
    alice.keys("who")
    carol.types("/approve alice")
    carol.receives()
    alice.waits()
    alice.keys("\x03")
    alice.enters("hello")
    assert carol.sees() == "alice: hello\n"


# Into character mode and out of it.


def test_a_client_that_negotiates_first(connect: Connect) -> None:
    """PuTTY offers and requests at once; what it has said before our offer is an answer to it."""
    alice = connect(CRLF)
    speed, environ = 32, 39
    offers = b"".join(command(WILL, each) for each in (NAWS, speed, TTYPE, environ))
    alice.sends(offers + command(DO, ECHO) + command(WILL, SGA) + command(DO, SGA))
    alice.types("alice")
    seen = alice.receives()
    for answer in (OFFER, command(DONT, speed), command(DONT, environ)):
        assert answer in seen
    assert command(DONT, NAWS) not in seen
    alice.sends(bytes([IAC, SB, NAWS, 0, 60, 0, 30, IAC, SE]) + command(DO, ECHO))
    assert b"\x1b[?2004h" in alice.receives()


def test_telnet_in_a_pipe(connect: Connect) -> None:
    """It agrees to everything, but has no window: its lines are as they were."""
    alice = connect(CRLF)
    alice.types("alice").sends(command(DO, SGA) + command(WILL, NAWS) + command(WILL, TTYPE))
    alice.sends(TERMINAL + command(DO, ECHO))
    alice.types("", "", "/create tea open", "hello")
    alice.waits(1)
    seen = alice.everything + alice.receives()
    assert b"\x1b[?2004h" not in seen
    assert b"hello" not in seen
    assert b"[tea] " in seen


def test_a_client_refuses(connect: Connect) -> None:
    """Without SUPPRESS-GO-AHEAD nothing changes: lines, and ECHO for passwords alone."""
    alice = connect(CRLF)
    alice.types("alice").sends(command(DONT, SGA) + command(WONT, NAWS) + command(WONT, TTYPE))
    alice.types("", "")
    alice.sends(command(DO, ECHO) + command(DONT, ECHO))
    alice.types("/create tea open", "hello")
    alice.waits(1)
    seen = alice.everything + alice.receives()
    assert seen.count(command(WILL, SGA)) == 1
    assert b"\x1b[?2004h" not in seen
    assert b"[tea] " in seen


def test_a_client_that_refuses_to_be_echoed(connect: Connect) -> None:
    """Both options or none: SUPPRESS-GO-AHEAD is withdrawn."""
    alice = connect(CRLF)
    alice.types("alice").sends(command(DO, SGA) + command(WONT, NAWS)).sends(command(DONT, ECHO))
    assert command(WONT, SGA) in alice.everything + alice.receives()


@pytest.mark.parametrize("name", [b"DUMB", b"dumb", b"UNKNOWN"])
def test_a_dumb_terminal(connect: Connect, name: bytes) -> None:
    """It cannot erase anything, so it stays in line mode."""
    alice = connect(CRLF)
    alice.types("alice").sends(AGREES)
    alice.sends(bytes([IAC, SB, TTYPE, 0]) + name + bytes([IAC, SE])).sends(command(DO, ECHO))
    alice.sends(command(DONT, SGA) + command(DONT, ECHO))
    alice.types("", "")
    seen = alice.everything + alice.receives()
    assert command(WONT, SGA) in seen
    assert "You are at the front desk" in seen.decode(errors="replace")


def test_leaving_character_mode(alice: Typist, bob: TestConnection) -> None:
    """A client may end it at any time, and goes on in line mode."""
    alice.person.sends(command(DONT, SGA) + command(DONT, ECHO))
    assert alice.person.receives().endswith(b"[tea] \xff\xf9")
    alice.person.types("hello")
    assert bob.sees() == "alice: hello\n"


def test_a_client_that_never_answers(connect: Connect) -> None:
    """`nc -C`: after two seconds nothing more is negotiated, and silence does not end it."""
    alice = connect(CRLF, silent=True)
    alice.types("alice")
    assert OFFER in alice.receives()
    for line in ("", "", "/create tea open", "hello"):
        alice.types(line)
        alice.waits(1)
    alice.types("/password")
    alice.waits(600)
    seen = alice.receives().partition(b"[tea] ")[2]
    assert b"password" in seen.lower()
    assert bytes([IAC]) not in seen
    assert alice.wire.connected


def test_are_you_there(alice: Typist) -> None:
    """The answer is shown above the line."""
    alice.keys("half")
    alice.person.sends(bytes([IAC, 246]))
    assert alice.line() == "[tea] half"
    assert "[yes]" in alice.shows()


# Bounds.


@pytest.mark.parametrize(
    "keys",
    [
        b"\x7f",
        b"\x1b[D",
        b"a\x7f",
        b"\x1b[D\xe4\xb8\x89",
        b"\t",
        b"\x12",
        b"\x0c",
        b"\x1b[A",
        b"\x19",
    ],
)
def test_floods_of_keys_are_paid_for(alice: Typist, keys: bytes) -> None:
    """64 KiB of keys in a full line of wide characters: no turn of the reactor takes long."""
    alice.keys("三" * 300)
    alice.waits()
    longest = 0.0
    flood = keys * (65_536 // len(keys))
    for at in range(0, len(flood), MAX_READ):
        started = time.process_time()
        alice.person.door.dataReceived(flood[at : at + MAX_READ])
        longest = max(longest, time.process_time() - started)
        if alice.person.wire.paused:
            break
    assert alice.person.wire.paused
    assert longest < 0.2
    alice.person.waits(120)
    assert not alice.person.wire.paused


def test_keys_that_come_with_the_negotiation(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many arrive in the read that begins character mode, few are handled in a turn."""
    sizes: list[int] = []
    decode = KeyDecoder.decode

    def measured(decoder: KeyDecoder, data: bytes) -> list[Input]:
        sizes.append(len(data))
        return decode(decoder, data)

    monkeypatch.setattr(KeyDecoder, "decode", measured)
    alice = connect(CRLF)
    negotiation = command(DO, SGA) + command(WONT, NAWS) + command(DO, ECHO)
    alice.sends(negotiation + b"alice\r\n\r\n\r\n" + b"a\t\x15" * 20_000)
    alice.waits(1)
    assert len(sizes) > 1
    assert max(sizes) <= MAX_READ


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_input_that_ends_during_the_login(connect: Connect, name: str) -> None:
    """The lines that were typed ahead are handled before the connection is closed."""
    connect().logs_in("bob", "password b").types("/quit")
    carol = connect().logs_in("carol")
    carol.types("/create tea open")
    negotiation = command(DO, SGA) + command(WONT, NAWS) + command(DO, ECHO)
    password = b"password b\r\n" if name == "bob" else b"\r\n"
    other = connect(CRLF)
    typed = negotiation + name.encode() + b"\r\n" + password + b"tea\r\nhello\r\nagain\r\n"
    other.door.dataReceived(typed)
    other.door.readConnectionLost()
    other.waits(5)
    assert f"{name}: hello\n{name}: again\n" in carol.sees()
    assert other.wire.closed
