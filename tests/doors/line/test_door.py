"""The line door: delivery to slow peers, rates, deadlines, long lines, and the end of the input."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from pyconchat.domain.names import Key
from pyconchat.doors.door import MAX_STALL
from pyconchat.doors.line.door import MAX_LOGIN_LINE
from tests.support.connections import Connect, OpenDoor, group_of_two

CRLF = "\r\n"


IAC, DO, TIMING_MARK = 255, 253, 6


PING = bytes([IAC, DO, TIMING_MARK])


# Peers that read slowly or not at all.


def test_a_slow_peer_gets_everything_in_order(connect: Connect) -> None:
    """Queued output arrives in the order in which it was posted."""
    alice, bob = group_of_two(connect)
    bob.wire.stops_reading()
    posted = [f"line {number}" for number in range(300)]
    for number, line in enumerate(posted):
        alice.types(line)
        if number % 50 == 49:
            bob.wire.reads(100)
    bob.wire.reads()
    assert bob.sees().splitlines() == [f"alice: {line}" for line in posted]


def test_a_peer_with_too_much_unread_is_cut_off(open_door: OpenDoor) -> None:
    """Over the hard limit the connection is aborted: an orderly close would wait for the peer."""
    connect = open_door(unsent_soft_bytes=2000, unsent_hard_bytes=10_000, messages_per_second=0)
    alice, bob = group_of_two(connect)
    bob.wire.stops_reading()
    for _ in range(9):
        alice.types("x" * 1000)
    assert not bob.wire.aborted
    alice.types("x" * 1000, "x" * 1000)
    assert bob.wire.aborted
    assert "bob" in alice.sees()
    alice.types("/online")
    assert alice.sees().splitlines()[0] == "* 1 member of tea online:"


def test_a_peer_that_stops_reading_is_cut_off(connect: Connect) -> None:
    """A peer that reads nothing of its queued output is dropped after 30 s."""
    alice, bob = group_of_two(connect)
    bob.wire.stops_reading()
    alice.types("one", "two")
    bob.waits(MAX_STALL - 2)
    assert not bob.wire.aborted
    bob.waits(4)
    assert bob.wire.aborted


def test_further_output_does_not_extend_the_time_to_read(connect: Connect) -> None:
    """The 30 s count although output is added: only reading is progress."""
    alice, bob = group_of_two(connect)
    bob.wire.stops_reading()
    alice.types("one", "two")
    for _ in range(int(MAX_STALL) + 4):
        alice.types("more")
        alice.waits(1)
    assert bob.wire.aborted
    assert not alice.wire.aborted


def test_a_peer_that_reads_slowly_is_kept(connect: Connect) -> None:
    """A peer that reads a little now and then is not dropped, however long it takes."""
    alice, bob = group_of_two(connect)
    bob.wire.stops_reading()
    alice.types(*(f"{number} {'x' * 3000}" for number in range(30)))
    for _ in range(12):
        bob.wire.reads(6000)
        bob.waits(MAX_STALL - 5)
        assert not bob.wire.aborted
    bob.wire.reads()
    assert len(bob.sees().splitlines()) == 30


def test_an_idle_peer_is_kept(connect: Connect) -> None:
    """A person at nc who sends and receives nothing stays connected."""
    alice = connect().logs_in("alice")
    alice.waits(1000)
    assert alice.wire.connected
    assert alice.receives() == b""


def test_commands_wait_until_the_peer_has_read(open_door: OpenDoor) -> None:
    """Over the soft limit commands are delayed, in order, until the peer has read."""
    connect = open_door(unsent_soft_bytes=1000, messages_per_second=0)
    bob = connect().logs_in("bob")
    bob.wire.stops_reading()
    bob.types("/help", "/help", "/help", "/who", "/nosuch")
    assert bob.wire.paused
    waiting = bob.door.door._output.queued
    bob.types("/help", "/who")
    assert bob.door.door._output.queued == waiting
    bob.wire.reads()
    seen = bob.sees()
    assert seen.count("Groups:     /join GROUP") == 4
    assert seen.index("* Online: 1") < seen.index("There is no command /nosuch")
    assert not bob.wire.paused


# The message rate.


def test_the_message_rate_delays_and_loses_nothing(open_door: OpenDoor) -> None:
    """After a burst of 10, 5 lines a second are accepted; the others wait, and none is lost."""
    connect = open_door()
    alice, bob = group_of_two(connect)
    alice.waits(10)
    alice.sends(b"".join(b"line %d\n" % number for number in range(30)))
    assert len(bob.sees().splitlines()) == 10
    assert alice.wire.paused
    alice.waits(1)
    assert len(bob.sees().splitlines()) == 5
    alice.waits(2)
    assert len(bob.sees().splitlines()) == 10
    assert alice.wire.paused
    alice.waits(1)
    assert bob.sees().splitlines() == [f"alice: line {number}" for number in range(25, 30)]
    assert not alice.wire.paused


def test_the_message_rate_is_per_account(open_door: OpenDoor) -> None:
    """Two connections of one account share its rate."""
    connect = open_door()
    bob = connect().logs_in("bob")
    one = connect().logs_in("alice", "password a")
    other = connect()
    other.types("alice", "password a", "")
    one.types("/create tea open")
    other.types("/join tea")
    bob.types("/join tea")
    one.waits(10)
    bob.sees()
    one.sends(b"one\n" * 9)
    other.sends(b"other\n" * 9)
    assert len(bob.sees().splitlines()) == 10
    one.waits(2)
    assert len(bob.sees().splitlines()) == 8


def test_the_login_does_not_count_for_the_message_rate(open_door: OpenDoor) -> None:
    """Answers to questions are not messages."""
    connect = open_door(message_burst=1, messages_per_second=0.01)
    alice = connect()
    alice.sends(b"alice\n\n\n/who\n")
    assert "* Online: 1" in alice.sees()


def test_answers_to_questions_of_commands_count_for_the_message_rate(open_door: OpenDoor) -> None:
    """A command whose argument is asked for costs as much as two."""
    connect = open_door(message_burst=4, messages_per_second=1)
    alice = connect().logs_in("alice")
    alice.waits(10)
    alice.sends(b"/whois\nalice\n" * 4)
    assert alice.sees().count("alice is online") == 2
    alice.waits(2)
    assert alice.sees().count("alice is online") == 1
    alice.waits(2)
    assert alice.sees().count("alice is online") == 1


# The budget of input.


@pytest.mark.parametrize("line", [b"two words\n", b"\n", b'{"hello":1,"name":"a b"}\n'])
def test_lines_before_the_login_are_answered_at_a_bounded_rate(
    connect: Connect, line: bytes
) -> None:
    """Twenty at once, then four a second; reading is paused until then."""
    flood = connect()
    flood.waits(0)
    flood.sends(line)
    for _ in range(60):
        if not flood.wire.paused:
            flood.sends(line)
    flood.receives()
    assert flood.wire.paused
    flood.waits(0.3)
    assert not flood.wire.paused


def test_telnet_commands_are_handled_at_a_bounded_rate(connect: Connect) -> None:
    """Also those that came before the end of the input, which waits for them."""
    bob = connect("\r\n").logs_in("bob")
    bob.sends(b"\xff\xf1" * 5000 + b"/who\r\n")
    assert bob.wire.paused
    bob.ends_input()
    bob.waits(1)
    assert "Online" not in bob.sees()
    bob.waits(10)
    assert "Online" in bob.sees()
    bob.waits(5)
    assert bob.wire.closed


def test_erasing_keys_are_paid_for(open_door: OpenDoor) -> None:
    """Lines full of them are cheap to send, and not to handle."""
    bob = open_door(messages_per_second=0)().logs_in("bob")
    bob.sends(b"a\x7f" * 2000 + b"\n")
    assert not bob.wire.paused
    bob.sends(b"a\x7f" * 2000 + b"\n")
    assert bob.wire.paused
    bob.waits(2)
    assert not bob.wire.paused


# Deadlines.


@pytest.mark.parametrize(
    "typed", [b"", b"a", b"\xff\xfb\x01", b"bad name\r\n", b"abc\n", b"abc\r\n"]
)
def test_the_login_deadline_holds(connect: Connect, typed: bytes) -> None:
    """The connection ends after 60 s without a login, whatever was sent."""
    alice = connect()
    for _ in range(59):
        if typed:
            alice.sends(typed)
        alice.waits(1)
    assert alice.wire.connected
    alice.waits(2)
    assert not alice.wire.connected
    assert "* You took too long to log in." in alice.sees()


def test_the_reason_for_the_end_is_on_a_line_of_its_own(connect: Connect) -> None:
    """It does not continue the line of the open question."""
    alice = connect()
    assert alice.sees().endswith("Username: ")
    alice.waits(61)
    alice.receives()
    assert alice.everything.decode().splitlines()[-1] == "* You took too long to log in."


def test_the_deadline_ends_with_the_login(connect: Connect) -> None:
    """After the login there is no deadline, even while the question for a group is open."""
    alice = connect()
    alice.types("alice", "")
    assert alice.sees().endswith("Group: ")
    alice.waits(500)
    assert alice.wire.connected
    alice.types("tea")
    assert "You are in tea" in alice.sees()


def test_no_deadline(open_door: OpenDoor) -> None:
    """With 0 there is no deadline."""
    alice = open_door(login_seconds=0)()
    alice.waits(500)
    assert alice.wire.connected


def test_a_silent_telnet_client_is_pinged_and_dropped(connect: Connect) -> None:
    """After 90 s it gets one DO TIMING-MARK; after 150 s without a byte it is dropped."""
    alice = connect(CRLF).logs_in("alice")
    alice.sees()
    alice.waits(88)
    assert alice.receives() == b""
    alice.waits(3)
    assert alice.receives() == PING
    alice.waits(57)
    assert alice.receives() == b""
    assert alice.wire.connected
    alice.waits(4)
    assert alice.wire.aborted


def test_a_telnet_client_that_answers_the_ping_is_kept(connect: Connect) -> None:
    """It is pinged again after each 90 s."""
    alice = connect(CRLF).logs_in("alice")
    alice.sees()
    for _ in range(5):
        alice.waits(91)
        assert alice.receives() == PING
        alice.sends(b"\xff\xfb\x06")
        assert alice.receives() == b""
    assert alice.wire.connected


def test_input_counts_as_a_sign_of_life(connect: Connect) -> None:
    """A peer that sends lines is not pinged."""
    alice = connect(CRLF).logs_in("alice")
    alice.sees()
    for _ in range(10):
        alice.waits(80)
        alice.types("/desk")
    assert PING not in alice.receives()
    assert alice.wire.connected


def test_disconnect_during_the_password_check_leaves_no_session(connect: Connect) -> None:
    """A login that succeeds after the disconnect opens no session."""
    connect().logs_in("alice", "secret")
    alice = connect()
    chat = alice.factory.services.chat
    answer: Deferred[bool] = Deferred()
    chat.hasher.verify = lambda _hash, _password: answer
    before = len(chat.presence.sessions(Key("alice")))
    alice.types("alice", "secret")
    alice.wire.abortConnection()
    answer.callback(True)
    alice.tick()
    assert len(chat.presence.sessions(Key("alice"))) == before


# The length of lines.


def test_maximum_line_before_login(connect: Connect) -> None:
    """A line has at most 512 bytes; a longer one is refused, and the question asked again."""
    alice = connect()
    alice.sees()
    alice.sends(b"a" * (MAX_LOGIN_LINE + 1) + b"\n")
    assert alice.sees() == "* A line has at most 512 bytes.\nUsername: "
    alice.sends(b"b" * MAX_LOGIN_LINE + b"\n")
    assert alice.sees().startswith("* A name has 1 to 32")


def test_maximum_message(connect: Connect) -> None:
    """A message of 4,096 bytes is delivered; a longer one is refused whole."""
    alice, bob = group_of_two(connect)
    alice.types("x" * 4096)
    assert bob.sees() == f"alice: {'x' * 4096}\n"
    alice.types("y" * 4097)
    assert alice.sees() == "* A line has at most 4096 bytes.\n"
    assert bob.sees() == ""


def test_a_long_message_in_one_packet_with_the_login(connect: Connect) -> None:
    """The limit before login does not apply to messages that arrive with the login."""
    alice = connect().logs_in("alice")
    alice.types("/create tea open")
    alice.sees()
    bob = connect()
    bob.sends(b"bob\n\ntea\n" + b"x" * 2000 + b"\n")
    assert "A line has at most" not in bob.sees()
    assert f"bob: {'x' * 2000}\n" in alice.sees()


# The end of the input.


@pytest.mark.parametrize("newline", ["\n", CRLF])
def test_all_lines_before_the_end_of_the_input_are_executed(connect: Connect, newline: str) -> None:
    """They are answered; then the connection is closed."""
    alice = connect().logs_in("alice")
    alice.types("/create tea open")
    alice.sees()
    bob = connect(newline)
    lines = ["bob", "", "tea", "hello", "/members", "/nosuch"]
    bob.door.dataReceived("".join(line + newline for line in lines).encode())
    bob.ends_input()
    bob.waits(1)
    assert bob.wire.closed
    seen = bob.receives()
    assert b"* 2 members of tea:" in seen
    assert b"There is no command /nosuch" in seen
    received = alice.sees().splitlines()
    assert received.index("* bob has joined the chat!") < received.index("bob: hello")


def test_the_end_waits_for_the_message_rate(open_door: OpenDoor) -> None:
    """Lines that the message rate delays are executed after the input has ended."""
    connect = open_door()
    alice = connect().logs_in("alice")
    alice.types("/create tea open")
    bob = connect()
    bob.sends(b"bob\n\ntea\n" + b"".join(b"line %d\n" % number for number in range(30)))
    bob.ends_input()
    bob.waits(3)
    assert bob.wire.connected
    bob.waits(4)
    assert bob.wire.closed
    assert "bob: line 29\n" in alice.sees()


@pytest.mark.parametrize("typed", [b"", b"alice\n", b"alice", b"alice\n\n"])
def test_the_end_of_the_input_at_a_question_closes_the_connection(
    connect: Connect, typed: bytes
) -> None:
    """Nobody can answer the question any more."""
    alice = connect()
    alice.sends(typed)
    alice.ends_input()
    alice.waits(1)
    assert alice.wire.closed


def test_the_end_of_the_input_cancels_a_command_that_asks(connect: Connect) -> None:
    """The command changes nothing, and the connection is closed."""
    alice, bob = group_of_two(connect)
    bob.types("/msg alice")
    bob.ends_input()
    bob.waits(1)
    assert bob.wire.closed
    assert "private" not in alice.sees()


def test_lines_after_quit_are_discarded(connect: Connect) -> None:
    """Lines before /quit are executed."""
    alice, bob = group_of_two(connect)
    bob.sends(b"before\n/quit\nafter\n")
    bob.waits(1)
    assert bob.wire.closed
    assert bob.sees() == "* Bye.\n"
    seen = alice.sees()
    assert "bob: before\n" in seen
    assert "after" not in seen


def test_a_peer_that_does_not_read_the_goodbye_is_cut_off(connect: Connect) -> None:
    """The connection is aborted after two seconds."""
    _, bob = group_of_two(connect)
    bob.wire.stops_reading()
    bob.types("/who", "/who", "/quit")
    bob.waits(1)
    assert bob.wire.connected
    bob.waits(2)
    assert bob.wire.aborted
