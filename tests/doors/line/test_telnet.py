"""Telnet: commands are removed, options refused, and ECHO negotiated (RFC 854, RFC 1143)."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconchat.doors.line.telnet import MAX_ANSWERS, Client, Telnet, recognize

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
GA, EL, EC, AYT = 249, 248, 247, 246
ECHO, SGA, TIMING_MARK, NAWS, LINEMODE, NEW_ENVIRON = 1, 3, 6, 31, 34, 39

WILL_ECHO, WONT_ECHO = bytes([IAC, WILL, ECHO]), bytes([IAC, WONT, ECHO])
DO_ECHO, DONT_ECHO = bytes([IAC, DO, ECHO]), bytes([IAC, DONT, ECHO])


class Peer:
    """A `Telnet` and the bytes that it has sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.telnet = Telnet(self.sent.append)

    def receives(self, data: bytes) -> bytes:
        return self.telnet.receive(data)

    def sends(self) -> bytes:
        """Return what was sent since the last call."""
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
lone = st.sampled_from([bytes([IAC, command]) for command in (*range(SE, AYT), GA)])
commands = st.one_of(negotiation, subnegotiation, lone)
text = st.binary(min_size=1, max_size=8).map(lambda data: data.translate(None, b"\xff\0\r"))


@given(st.lists(st.one_of(commands, text.map(lambda plain: (plain,)))), st.data())
def test_commands_are_removed_wherever_the_input_is_split(
    stream: list[bytes | tuple[bytes]], data: st.DataObject
) -> None:
    """Typed text is returned whole and commands are removed, at every split."""
    raw = b"".join(each if isinstance(each, bytes) else each[0] for each in stream)
    typed = b"".join(each[0] for each in stream if not isinstance(each, bytes))
    whole, cut, bytewise = Peer(), Peer(), Peer()
    at = data.draw(st.integers(0, len(raw)))
    assert whole.receives(raw) == typed
    assert cut.receives(raw[:at]) + cut.receives(raw[at:]) == typed
    assert b"".join(bytewise.receives(bytes([byte])) for byte in raw) == typed
    assert whole.sends() == cut.sends() == bytewise.sends()


@given(st.binary())
def test_any_bytes_are_accepted(raw: bytes) -> None:
    """No input raises an exception, and the result does not depend on how the input is split."""
    whole, bytewise = Peer(), Peer()
    assert whole.receives(raw) == b"".join(bytewise.receives(bytes([byte])) for byte in raw)
    assert whole.sends() == bytewise.sends()


def test_a_doubled_iac_is_one_byte(peer: Peer) -> None:
    """IAC IAC is the byte 255, both in a line and in a subnegotiation (RFC 854)."""
    assert peer.receives(b"a\xff\xffb") == b"a\xffb"
    assert peer.receives(b"a\xff") == b"a"
    assert peer.receives(b"\xffb") == b"\xffb"
    assert peer.receives(bytes([IAC, SB, NAWS, IAC, IAC, 0, 24, IAC, SE]) + b"c") == b"c"
    assert peer.sends() == b""


def test_cr_nul_is_a_newline(peer: Peer) -> None:
    """CR NUL ends a line as CR LF does (RFC 1123, 3.3.1), also when the two arrive separately."""
    assert peer.receives(b"alice\r\0bob\r\n") == b"alice\r\nbob\r\n"
    assert peer.receives(b"alice\r") == b"alice\r"
    assert peer.receives(b"\0") == b"\n"


def test_any_other_nul_is_skipped(peer: Peer) -> None:
    """A NUL that does not follow a CR is skipped (RFC 854)."""
    assert peer.receives(b"a\0b\0\0c\r\n\0") == b"abc\r\n"


@pytest.mark.parametrize("command", [*range(SE, AYT), GA, *range(1, SE, 40)])
def test_commands_without_option_are_skipped(peer: Peer, command: int) -> None:
    """NOP, Interrupt Process, Go Ahead and all undefined commands are skipped."""
    assert peer.receives(b"a" + bytes([IAC, command]) + b"b") == b"ab"
    assert peer.sends() == b""


@pytest.mark.parametrize(("command", "key"), [(EC, b"\x7f"), (EL, b"\x15")])
def test_erasing_commands_become_keys(peer: Peer, command: int, key: bytes) -> None:
    """EC and EL do what DEL and Ctrl-U do (RFC 854)."""
    assert peer.receives(b"a" + bytes([IAC, command]) + b"b") == b"a" + key + b"b"
    assert peer.sends() == b""


def test_are_you_there_is_answered(peer: Peer) -> None:
    """AYT gets a visible answer (RFC 854), and no more than MAX_ANSWERS of them."""
    assert peer.receives(b"a" + bytes([IAC, AYT]) + b"b") == b"ab"
    assert peer.sends() == b"\r\n[yes]\r\n"
    peer.receives(bytes([IAC, AYT]) * 1000)
    assert peer.sends().count(b"[yes]") < MAX_ANSWERS


def test_an_endless_subnegotiation_is_discarded(peer: Peer) -> None:
    """A subnegotiation without an end discards the input and needs no memory for it."""
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


def test_a_command_does_not_end_a_subnegotiation(peer: Peer) -> None:
    """A command inside a subnegotiation is part of it: only IAC SE ends it."""
    assert peer.receives(bytes([IAC, SB, NAWS, IAC, WILL, ECHO, 7, IAC, SE]) + b"a") == b"a"
    assert peer.sends() == b""


@pytest.mark.parametrize("option", [0, SGA, 24, NAWS, LINEMODE, NEW_ENVIRON, 200, 255])
def test_every_option_is_refused(peer: Peer, option: int) -> None:
    """Options that the client offers or requests are refused; its own refusals are not answered."""
    peer.receives(bytes([IAC, WILL, option]))
    assert peer.sends() == bytes([IAC, DONT, option])
    peer.receives(bytes([IAC, DO, option]))
    assert peer.sends() == bytes([IAC, WONT, option])
    peer.receives(bytes([IAC, WONT, option, IAC, DONT, option]))
    assert peer.sends() == b""


def test_the_client_may_not_echo(peer: Peer) -> None:
    """WILL ECHO, a client's offer to echo, is refused like any other option."""
    peer.receives(WILL_ECHO)
    assert peer.sends() == DONT_ECHO


@pytest.mark.parametrize("flood", [bytes([IAC, WILL, SGA]), bytes([IAC, DO, SGA]), DO_ECHO])
def test_answers_are_limited(peer: Peer, flood: bytes) -> None:
    """10,000 negotiations get a limited number of answers."""
    assert peer.receives(flood * 10_000 + b"hello\r\n") == b"hello\r\n"
    assert 0 < len(peer.sends()) <= 3 * MAX_ANSWERS


def test_timing_marks_are_always_answered(peer: Peer) -> None:
    """Ctrl-C makes telnet discard all output until its DO TIMING-MARK is answered (RFC 860).

    So somebody who has pressed it often must still receive output.
    """
    for press in range(MAX_ANSWERS + 10):
        peer.receives(bytes([IAC, 244, IAC, DO, TIMING_MARK]))
        assert peer.sends() == bytes([IAC, WONT, TIMING_MARK]), f"after {press} times"


def test_the_answer_to_a_ping_is_not_answered(peer: Peer) -> None:
    """WILL and WONT TIMING-MARK are answers to our DO, and need none."""
    peer.telnet.options.ping()
    assert peer.sends() == bytes([IAC, DO, TIMING_MARK])
    peer.receives(bytes([IAC, WILL, TIMING_MARK]))
    peer.receives(bytes([IAC, WONT, TIMING_MARK]))
    assert peer.sends() == b""


@given(st.lists(st.sampled_from(["hide", "show", "ping"]), max_size=6), st.lists(commands))
def test_two_telnets_stop_negotiating(wishes: list[str], opening: list[bytes]) -> None:
    """Two Telnets that are connected to each other never negotiate without end."""
    one, other = Peer(), Peer()
    for wish in wishes:
        if wish == "ping":
            one.telnet.options.ping()
        else:
            one.telnet.options.hide_input(wish == "hide")
    one.receives(b"".join(opening))
    for _ in range(20):
        to_other = one.sends()
        other.receives(to_other)
        to_one = other.sends()
        one.receives(to_one)
        if not to_other and not to_one:
            return
    raise AssertionError("they are still negotiating")


# ECHO, by RFC 1143: our request, the client's answer, our reaction.


def test_hiding_and_showing(peer: Peer) -> None:
    """WILL ECHO is sent once to hide a password, and WONT ECHO once to show input again."""
    peer.telnet.options.hide_input(True)
    assert peer.sends() == WILL_ECHO
    peer.receives(DO_ECHO)
    peer.telnet.options.hide_input(True)
    assert peer.sends() == b""
    peer.telnet.options.hide_input(False)
    assert peer.sends() == WONT_ECHO
    peer.receives(DONT_ECHO)
    peer.telnet.options.hide_input(False)
    assert peer.sends() == b""
    peer.telnet.options.hide_input(True)
    assert peer.sends() == WILL_ECHO


def test_showing_input_before_will_echo_is_answered(peer: Peer) -> None:
    """WONT ECHO is sent as soon as WILL ECHO has been answered, not before."""
    peer.telnet.options.hide_input(True)
    peer.telnet.options.hide_input(False)
    assert peer.sends() == WILL_ECHO
    peer.receives(DO_ECHO)
    assert peer.sends() == WONT_ECHO
    peer.receives(DONT_ECHO)
    assert peer.sends() == b""


def test_hide_show_hide_before_the_answer(peer: Peer) -> None:
    """The result is hide, so nothing more is sent."""
    for hide in (True, False, True):
        peer.telnet.options.hide_input(hide)
    assert peer.sends() == WILL_ECHO
    peer.receives(DO_ECHO)
    assert peer.sends() == b""


def test_hiding_again_before_wont_echo_is_answered(peer: Peer) -> None:
    """A second password is asked at once; WILL ECHO is sent after the client's DONT."""
    peer.telnet.options.hide_input(True)
    peer.receives(DO_ECHO)
    peer.sends()
    peer.telnet.options.hide_input(False)
    peer.telnet.options.hide_input(True)
    assert peer.sends() == WONT_ECHO
    peer.receives(DONT_ECHO)
    assert peer.sends() == WILL_ECHO
    peer.receives(DO_ECHO)
    peer.telnet.options.hide_input(False)
    assert peer.sends() == WONT_ECHO


def test_a_client_refuses_to_hide_input(peer: Peer) -> None:
    """After a refused WILL ECHO nothing has to be undone, and it may be requested again."""
    peer.telnet.options.hide_input(True)
    peer.sends()
    peer.receives(DONT_ECHO)
    peer.telnet.options.hide_input(False)
    assert peer.sends() == b""
    peer.telnet.options.hide_input(True)
    assert peer.sends() == WILL_ECHO


def test_hide_show_before_a_refusal(peer: Peer) -> None:
    """Both sides want to show input, so nothing is sent (RFC 1143, WANTYES)."""
    peer.telnet.options.hide_input(True)
    peer.telnet.options.hide_input(False)
    peer.sends()
    peer.receives(DONT_ECHO)
    assert peer.sends() == b""


def test_a_client_ends_echo_by_itself(peer: Peer) -> None:
    """DONT ECHO while the server echoes is answered by WONT ECHO, as RFC 854 requires."""
    peer.telnet.options.hide_input(True)
    peer.receives(DO_ECHO)
    peer.sends()
    peer.receives(DONT_ECHO)
    assert peer.sends() == WONT_ECHO
    peer.receives(DONT_ECHO)
    assert peer.sends() == b""


def test_an_unexpected_do_echo_is_refused(peer: Peer) -> None:
    """The server does not echo what is typed."""
    peer.receives(DO_ECHO)
    assert peer.sends() == WONT_ECHO


# The kind of client.

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
        (ENVIRON_WITH_LF, Client.TELNET),
        (NAWS_OF_10_LINES, Client.TELNET),
        (bytes([IAC]), Client.UNKNOWN),
        (bytes([IAC, WILL]), Client.UNKNOWN),
        (bytes([IAC, IAC]) + b"alice\n", Client.PLAIN),
        (NAWS_OF_10_LINES + b"alice\r\n", Client.TELNET),
        (ENVIRON_WITH_LF + b"alice\r\n", Client.TELNET),
        (bytes([IAC, WILL, 10]) + b"alice\n", Client.TELNET),
        (b"ali" + bytes([IAC, SB, NAWS, 0, 80, 0, 10, IAC, SE]) + b"ce\r\n", Client.TELNET),
    ],
)
def test_the_opening_shows_the_kind(opening: bytes, client: Client) -> None:
    """A negotiation, or the end of the first line, distinguishes telnet from nc."""
    assert recognize(opening) is client


@given(st.binary(max_size=40).map(lambda name: name.translate(None, b"\n\xff\0\r")))
def test_the_text_of_the_first_line_does_not_matter(name: bytes) -> None:
    """Only the end of the first line shows the kind of client."""
    assert recognize(name + b"\n") is Client.PLAIN
    assert recognize(name + b"\r\n") is Client.TELNET
    assert recognize(ENVIRON_WITH_LF + NAWS_OF_10_LINES + name + b"\r\n") is Client.TELNET
