"""Telnet: commands are taken out, options refused, and ECHO negotiated, by RFC 854 and RFC 1143."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconchat.doors.line.telnet import MAX_ANSWERS, Client, Telnet, recognize

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
ECHO, SGA, TIMING_MARK, NAWS, LINEMODE, NEW_ENVIRON = 1, 3, 6, 31, 34, 39

WILL_ECHO, WONT_ECHO = bytes([IAC, WILL, ECHO]), bytes([IAC, WONT, ECHO])
DO_ECHO, DONT_ECHO = bytes([IAC, DO, ECHO]), bytes([IAC, DONT, ECHO])


class Peer:
    """A `Telnet` and what it has sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.telnet = Telnet(self.sent.append)

    def receives(self, data: bytes) -> bytes:
        return self.telnet.receive(data)

    def sends(self) -> bytes:
        """Return what was sent since the last look."""
        sent = b"".join(self.sent)
        self.sent.clear()
        return sent


@pytest.fixture
def peer() -> Peer:
    return Peer()


option = st.integers(0, 255).map(lambda number: bytes([number]))
negotiation = st.tuples(st.sampled_from([WILL, WONT, DO, DONT]), option).map(
    lambda parts: bytes([IAC, parts[0]]) + parts[1]
)
subnegotiation = st.tuples(option, st.binary(max_size=12)).map(
    lambda parts: (
        bytes([IAC, SB]) + parts[0].replace(b"\xff", b"\0")
        + parts[1].replace(b"\xff", b"\xff\xff") + bytes([IAC, SE])
    )
)  # fmt: skip
lone = st.sampled_from([bytes([IAC, command]) for command in range(SE, SB)])
commands = st.one_of(negotiation, subnegotiation, lone)
text = st.binary(min_size=1, max_size=8).map(lambda data: data.translate(None, b"\xff\0\r"))


@given(st.lists(st.one_of(commands, text.map(lambda plain: (plain,)))), st.data())
def test_commands_are_taken_out_wherever_they_are_cut(
    stream: list[bytes | tuple[bytes]], data: st.DataObject
) -> None:
    """What is typed comes out whole, and what is a command does not, at every split."""
    raw = b"".join(each if isinstance(each, bytes) else each[0] for each in stream)
    typed = b"".join(each[0] for each in stream if not isinstance(each, bytes))
    whole, cut, bytewise = Peer(), Peer(), Peer()
    at = data.draw(st.integers(0, len(raw)))
    assert whole.receives(raw) == typed
    assert cut.receives(raw[:at]) + cut.receives(raw[at:]) == typed
    assert b"".join(bytewise.receives(bytes([byte])) for byte in raw) == typed
    assert whole.sends() == cut.sends() == bytewise.sends()


@given(st.binary())
def test_anything_at_all_is_read(raw: bytes) -> None:
    """No bytes make it fail, and the pieces in which they come make no difference."""
    whole, bytewise = Peer(), Peer()
    assert whole.receives(raw) == b"".join(bytewise.receives(bytes([byte])) for byte in raw)
    assert whole.sends() == bytewise.sends()


def test_a_doubled_iac_is_one_byte(peer: Peer) -> None:
    """IAC IAC is the byte 255, in a line as in a subnegotiation (RFC 854)."""
    assert peer.receives(b"a\xff\xffb") == b"a\xffb"
    assert peer.receives(b"a\xff") == b"a"
    assert peer.receives(b"\xffb") == b"\xffb"
    assert peer.receives(bytes([IAC, SB, NAWS, IAC, IAC, 0, 24, IAC, SE]) + b"c") == b"c"
    assert peer.sends() == b""


def test_cr_nul_is_a_newline(peer: Peer) -> None:
    """CR NUL ends a line as CR LF does (RFC 1123, 3.3.1), also where the two come apart."""
    assert peer.receives(b"alice\r\0bob\r\n") == b"alice\r\nbob\r\n"
    assert peer.receives(b"alice\r") == b"alice\r"
    assert peer.receives(b"\0") == b"\n"


def test_any_other_nul_is_nothing(peer: Peer) -> None:
    """A NUL that follows no CR does nothing (RFC 854)."""
    assert peer.receives(b"a\0b\0\0c\r\n\0") == b"abc\r\n"


@pytest.mark.parametrize("command", [*range(SE, SB), *range(1, SE, 40)])
def test_commands_without_option_are_skipped(peer: Peer, command: int) -> None:
    """NOP, Interrupt Process, Are You There and all undefined commands give nothing."""
    assert peer.receives(b"a" + bytes([IAC, command]) + b"b") == b"ab"
    assert peer.sends() == b""


def test_an_endless_subnegotiation_gives_nothing(peer: Peer) -> None:
    """A subnegotiation without an end swallows what comes and keeps none of it."""
    assert peer.receives(bytes([IAC, SB, NEW_ENVIRON])) == b""
    chunk = b"line\n" * 1000
    peer.receives(chunk)
    tracemalloc.start()
    try:
        for _ in range(40):
            assert peer.receives(chunk) == b""
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < len(chunk)
    assert peer.receives(bytes([IAC, SE]) + b"hello\r\n") == b"hello\r\n"


def test_a_malformed_subnegotiation_goes_on_to_its_end(peer: Peer) -> None:
    """A command inside of a subnegotiation is part of it: only IAC SE ends it."""
    assert peer.receives(bytes([IAC, SB, NAWS, IAC, WILL, ECHO, 7, IAC, SE]) + b"a") == b"a"
    assert peer.sends() == b""


@pytest.mark.parametrize("option", [0, SGA, 24, NAWS, LINEMODE, NEW_ENVIRON, 200, 255])
def test_every_option_is_refused(peer: Peer, option: int) -> None:
    """What the client offers or asks for is refused; what it refuses itself needs no answer."""
    peer.receives(bytes([IAC, WILL, option]))
    assert peer.sends() == bytes([IAC, DONT, option])
    peer.receives(bytes([IAC, DO, option]))
    assert peer.sends() == bytes([IAC, WONT, option])
    peer.receives(bytes([IAC, WONT, option, IAC, DONT, option]))
    assert peer.sends() == b""


def test_the_client_may_not_echo(peer: Peer) -> None:
    """WILL ECHO, by which the client would echo to us, is refused as any option."""
    peer.receives(WILL_ECHO)
    assert peer.sends() == DONT_ECHO


@pytest.mark.parametrize("flood", [bytes([IAC, WILL, SGA]), bytes([IAC, DO, SGA]), DO_ECHO])
def test_a_flood_is_not_answered_in_kind(peer: Peer, flood: bytes) -> None:
    """10,000 negotiations get a bounded number of answers."""
    assert peer.receives(flood * 10_000 + b"hello\r\n") == b"hello\r\n"
    assert 0 < len(peer.sends()) <= 3 * MAX_ANSWERS


def test_a_timing_mark_is_answered_for_as_long_as_it_is_asked(peer: Peer) -> None:
    """Ctrl-C makes telnet throw away all output until its DO TIMING-MARK is answered (RFC 860).

    So a person who has pressed it often must not be left without output.
    """
    for press in range(MAX_ANSWERS + 10):
        peer.receives(bytes([IAC, 244, IAC, DO, TIMING_MARK]))
        assert peer.sends() == bytes([IAC, WONT, TIMING_MARK]), f"after {press} times"


def test_the_answer_to_a_ping_is_not_answered(peer: Peer) -> None:
    """WILL and WONT TIMING-MARK are the sign of life that was asked for."""
    peer.telnet.ping()
    assert peer.sends() == bytes([IAC, DO, TIMING_MARK])
    peer.receives(bytes([IAC, WILL, TIMING_MARK]))
    peer.receives(bytes([IAC, WONT, TIMING_MARK]))
    assert peer.sends() == b""


@given(st.lists(st.sampled_from(["hide", "show", "ping"]), max_size=6), st.lists(commands))
def test_two_of_them_come_to_rest(wishes: list[str], opening: list[bytes]) -> None:
    """Two Telnets connected to each other never negotiate for ever, whatever began it."""
    one, other = Peer(), Peer()
    for wish in wishes:
        if wish == "ping":
            one.telnet.ping()
        else:
            one.telnet.hide_input(wish == "hide")
    one.receives(b"".join(opening))
    for _ in range(20):
        to_other = one.sends()
        other.receives(to_other)
        to_one = other.sends()
        one.receives(to_one)
        if not to_other and not to_one:
            return
    raise AssertionError("they still talk")


# ECHO, by RFC 1143: what we want, what the client answers, what we send.


def test_hiding_and_showing(peer: Peer) -> None:
    """A password is hidden by WILL ECHO and what follows shown by WONT ECHO, once each."""
    peer.telnet.hide_input(True)
    assert peer.sends() == WILL_ECHO
    peer.receives(DO_ECHO)
    peer.telnet.hide_input(True)
    assert peer.sends() == b""
    peer.telnet.hide_input(False)
    assert peer.sends() == WONT_ECHO
    peer.receives(DONT_ECHO)
    peer.telnet.hide_input(False)
    assert peer.sends() == b""
    peer.telnet.hide_input(True)
    assert peer.sends() == WILL_ECHO


def test_showing_before_the_answer(peer: Peer) -> None:
    """Who types ahead gets WONT ECHO as soon as WILL ECHO has been answered, not before."""
    peer.telnet.hide_input(True)
    peer.telnet.hide_input(False)
    assert peer.sends() == WILL_ECHO
    peer.receives(DO_ECHO)
    assert peer.sends() == WONT_ECHO
    peer.receives(DONT_ECHO)
    assert peer.sends() == b""


def test_changing_the_mind_twice_before_the_answer(peer: Peer) -> None:
    """Hide, show, hide before any answer is hide: nothing more is sent."""
    for hide in (True, False, True):
        peer.telnet.hide_input(hide)
    assert peer.sends() == WILL_ECHO
    peer.receives(DO_ECHO)
    assert peer.sends() == b""


def test_hiding_again_before_the_end_is_answered(peer: Peer) -> None:
    """The second password question follows at once: WILL ECHO goes out after the client's DONT."""
    peer.telnet.hide_input(True)
    peer.receives(DO_ECHO)
    peer.sends()
    peer.telnet.hide_input(False)
    peer.telnet.hide_input(True)
    assert peer.sends() == WONT_ECHO
    peer.receives(DONT_ECHO)
    assert peer.sends() == WILL_ECHO
    peer.receives(DO_ECHO)
    peer.telnet.hide_input(False)
    assert peer.sends() == WONT_ECHO


def test_a_client_that_refuses(peer: Peer) -> None:
    """A refused WILL ECHO is over: nothing has to be taken back, and it may be asked again."""
    peer.telnet.hide_input(True)
    peer.sends()
    peer.receives(DONT_ECHO)
    peer.telnet.hide_input(False)
    assert peer.sends() == b""
    peer.telnet.hide_input(True)
    assert peer.sends() == WILL_ECHO


def test_a_refusal_after_changing_the_mind(peer: Peer) -> None:
    """Hide, show, then a refusal: both want the same, so nothing is sent (RFC 1143, WANTYES)."""
    peer.telnet.hide_input(True)
    peer.telnet.hide_input(False)
    peer.sends()
    peer.receives(DONT_ECHO)
    assert peer.sends() == b""


def test_a_client_that_stops_by_itself(peer: Peer) -> None:
    """DONT ECHO while we echo is agreed to with WONT ECHO, as it must be (RFC 854)."""
    peer.telnet.hide_input(True)
    peer.receives(DO_ECHO)
    peer.sends()
    peer.receives(DONT_ECHO)
    assert peer.sends() == WONT_ECHO
    peer.receives(DONT_ECHO)
    assert peer.sends() == b""


def test_an_echo_that_nobody_offered(peer: Peer) -> None:
    """DO ECHO out of the blue is refused: we do not echo what is typed."""
    peer.receives(DO_ECHO)
    assert peer.sends() == WONT_ECHO


# Who is it?

ENVIRON_WITH_LF = bytes([IAC, WILL, NEW_ENVIRON, IAC, SB, NEW_ENVIRON, 0, 3, 10, 1, 10, IAC, SE])
NAWS_OF_10_LINES = bytes([IAC, WILL, NAWS, IAC, SB, NAWS, 0, 80, 0, 10, IAC, SE])


@pytest.mark.parametrize(
    ("opening", "client"),
    [
        (b"", Client.UNKNOWN),
        (b"alice", Client.UNKNOWN),
        (b"alice\r", Client.UNKNOWN),
        (b"alice\n", Client.PLAIN),
        (b"\n", Client.PLAIN),
        (b"alice\r\n", Client.TELNET),
        (b"\r\n", Client.TELNET),
        (b"alice\n\r\n", Client.PLAIN),
        (b"alice\r\nbob\n", Client.TELNET),
        (ENVIRON_WITH_LF, Client.UNKNOWN),
        (NAWS_OF_10_LINES, Client.UNKNOWN),
        (ENVIRON_WITH_LF[:-3], Client.UNKNOWN),
        (NAWS_OF_10_LINES + b"alice\r\n", Client.TELNET),
        (ENVIRON_WITH_LF + b"alice\r\n", Client.TELNET),
        (bytes([IAC, WILL, 10]) + b"alice\n", Client.PLAIN),
        (b"ali" + bytes([IAC, SB, NAWS, 0, 80, 0, 10, IAC, SE]) + b"ce\r\n", Client.TELNET),
    ],
)
def test_the_end_of_the_first_line_tells(opening: bytes, client: Client) -> None:
    """The first LF that is not inside of a command tells telnet (CRLF) from nc (LF)."""
    assert recognize(opening) is client


@given(st.binary(max_size=40).map(lambda name: name.translate(None, b"\n\xff\0\r")))
def test_no_name_makes_a_difference(name: bytes) -> None:
    """Whatever the first line says, its end alone tells who sent it."""
    assert recognize(name + b"\n") is Client.PLAIN
    assert recognize(name + b"\r\n") is Client.TELNET
    assert recognize(ENVIRON_WITH_LF + NAWS_OF_10_LINES + name + b"\r\n") is Client.TELNET
