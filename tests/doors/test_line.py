"""The line door: what its callers are shown, and when they are kept waiting or cut off."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport

from pyconchat.domain.names import Key
from pyconchat.doors.door import MAX_STALL
from pyconchat.doors.line.door import MAX_LOGIN_LINE
from tests.support.connections import Call, Open, TestConnection

CRLF = "\r\n"
IAC, DO, TIMING_MARK = 255, 253, 6
PING = bytes([IAC, DO, TIMING_MARK])
WILL_ECHO, WONT_ECHO, DO_ECHO, DONT_ECHO = (
    b"\xff\xfb\1",
    b"\xff\xfc\1",
    b"\xff\xfd\1",
    b"\xff\xfe\1",
)


def group_of_two(call: Call, newline: str = "\n") -> tuple[TestConnection, TestConnection]:
    """Return alice, who talks, and bob, whose lines end in *newline*, both in tea."""
    alice, bob = call().logs_in("alice"), call(newline).logs_in("bob")
    alice.types("/create tea open")
    bob.types("/join tea")
    alice.sees()
    bob.sees()
    return alice, bob


def last_on_screen(seen: str) -> str:
    """Return what the last line of the screen shows."""
    return seen.rpartition("\n")[2].rpartition("\r\x1b[K")[2]


# Order, and peers that read slowly or not at all.


def test_a_slow_peer_gets_everything_in_order(call: Call) -> None:
    """What waits for a slow peer arrives in the order in which it was said."""
    alice, bob = group_of_two(call)
    bob.wire.stops_reading()
    said = [f"line {number}" for number in range(300)]
    for number, line in enumerate(said):
        alice.types(line)
        if number % 50 == 49:
            bob.wire.reads(100)
    bob.wire.reads()
    assert bob.sees().splitlines() == [f"alice: {line}" for line in said]


def test_a_peer_with_too_much_unread_is_cut_off(open_door: Open) -> None:
    """Past the hard limit the connection is aborted, not closed: closing would wait for ever."""
    call = open_door(unsent_soft_bytes=2000, unsent_hard_bytes=10_000, messages_per_second=0)
    alice, bob = group_of_two(call)
    bob.wire.stops_reading()
    for _ in range(9):
        alice.types("x" * 1000)
    assert not bob.wire.aborted
    alice.types("x" * 1000, "x" * 1000)
    assert bob.wire.aborted
    assert "bob" in alice.sees()
    alice.types("/online")
    assert alice.sees().splitlines()[0] == "* 1 member of tea online:"


def test_a_peer_that_stops_reading_is_cut_off(call: Call) -> None:
    """A peer that takes nothing of what waits for it is dropped after 30 s."""
    alice, bob = group_of_two(call)
    bob.wire.stops_reading()
    alice.types("one", "two")
    bob.waits(MAX_STALL - 2)
    assert not bob.wire.aborted
    bob.waits(4)
    assert bob.wire.aborted


def test_a_peer_that_stops_reading_is_cut_off_while_others_talk(call: Call) -> None:
    """The 30 s run although ever more is said: only what the peer takes is progress."""
    alice, bob = group_of_two(call)
    bob.wire.stops_reading()
    alice.types("one", "two")
    for _ in range(int(MAX_STALL) + 4):
        alice.types("more")
        alice.waits(1)
    assert bob.wire.aborted
    assert not alice.wire.aborted


def test_a_peer_that_reads_slowly_is_kept(call: Call) -> None:
    """A peer that takes a little now and then is not dropped, however long it takes."""
    alice, bob = group_of_two(call)
    bob.wire.stops_reading()
    alice.types(*(f"{number} {'x' * 3000}" for number in range(30)))
    for _ in range(12):
        bob.wire.reads(6000)
        bob.waits(MAX_STALL - 5)
        assert not bob.wire.aborted
    bob.wire.reads()
    assert len(bob.sees().splitlines()) == 30


def test_a_peer_for_whom_nothing_waits_is_kept(call: Call) -> None:
    """Somebody at nc who neither says nor hears anything stays for as long as they like."""
    alice = call().logs_in("alice")
    alice.waits(1000)
    assert alice.wire.connected
    assert alice.receives() == b""


def test_a_peer_that_does_not_read_may_not_ask_for_more(open_door: Open) -> None:
    """Past the soft limit commands wait, in their order, until the peer has read."""
    call = open_door(unsent_soft_bytes=2000, messages_per_second=0)
    bob = call().logs_in("bob")
    bob.wire.stops_reading()
    bob.types("/help", "/help", "/help", "/who", "/nosuch")
    assert bob.wire.paused
    waiting = bob.door.door._output.queued
    bob.types("/help", "/who")
    assert bob.door.door._output.queued == waiting
    bob.wire.reads()
    seen = bob.sees()
    assert seen.count("* /join GROUP") == 4
    assert seen.index("* Online: 1") < seen.index("There is no command /nosuch")
    assert not bob.wire.paused


# The message rate.


def test_the_message_rate_delays_and_loses_nothing(open_door: Open) -> None:
    """After a burst of 10, lines pass 5 a second; the excess waits unread, none is lost."""
    call = open_door()
    alice, bob = group_of_two(call)
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


def test_the_rate_is_the_accounts(open_door: Open) -> None:
    """Two connections of one account share its rate."""
    call = open_door()
    bob = call().logs_in("bob")
    one = call().logs_in("alice", "password a")
    other = call()
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


def test_answers_are_not_slowed_down(open_door: Open) -> None:
    """The answers to questions are no messages: the login needs none of the burst."""
    call = open_door(message_burst=1, messages_per_second=0.01)
    alice = call()
    alice.sends(b"alice\n\n\n/who\n")
    assert "* Online: 1" in alice.sees()


# Deadlines.


@pytest.mark.parametrize(
    "typed", [b"", b"a", b"\xff\xfb\x01", b"bad name\r\n", b"abc\n", b"abc\r\n"]
)
def test_the_login_deadline_holds(call: Call, typed: bytes) -> None:
    """After 60 s without a login the connection ends, whatever was sent in the meantime."""
    alice = call()
    for _ in range(59):
        if typed:
            alice.sends(typed)
        alice.waits(1)
    assert alice.wire.connected
    alice.waits(2)
    assert not alice.wire.connected
    assert "* You took too long to log in." in alice.sees()


def test_the_last_words_stand_on_a_line_of_their_own(call: Call) -> None:
    """The end of the time to log in does not run into the question that waits."""
    alice = call()
    assert alice.sees().endswith("Username: ")
    alice.waits(61)
    alice.receives()
    assert alice.everything.decode().splitlines()[-1] == "* You took too long to log in."


def test_the_deadline_ends_with_the_login(call: Call) -> None:
    """Who has logged in, even if the question for a group still waits, may take their time."""
    alice = call()
    alice.types("alice", "")
    assert alice.sees().endswith("Group: ")
    alice.waits(500)
    assert alice.wire.connected
    alice.types("tea")
    assert "You are in tea" in alice.sees()


def test_no_deadline(open_door: Open) -> None:
    """0 turns the deadline off."""
    alice = open_door(login_seconds=0)()
    alice.waits(500)
    assert alice.wire.connected


def test_a_silent_telnet_is_asked_once_and_dropped(call: Call) -> None:
    """After 90 s a telnet client gets one DO TIMING-MARK, after 150 s without a byte its end."""
    alice = call(CRLF).logs_in("alice")
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


def test_a_telnet_that_answers_is_kept(call: Call) -> None:
    """A client that answers each ping stays, and is asked again after each 90 s."""
    alice = call(CRLF).logs_in("alice")
    alice.sees()
    for _ in range(5):
        alice.waits(91)
        assert alice.receives() == PING
        alice.sends(b"\xff\xfb\x06")
        assert alice.receives() == b""
    assert alice.wire.connected


def test_talk_is_a_sign_of_life(call: Call) -> None:
    """Who types is not asked whether they are there."""
    alice = call(CRLF).logs_in("alice")
    alice.sees()
    for _ in range(10):
        alice.waits(80)
        alice.types("/desk")
    assert PING not in alice.receives()
    assert alice.wire.connected


# Prompts.


def test_the_prompt_shows_where_you_are(call: Call) -> None:
    """A telnet user sees `> ` at the front desk and the group's name in a group."""
    alice = call(CRLF).logs_in("alice")
    assert alice.everything.endswith(b"\r\n> ")
    alice.types("/create tea open")
    assert alice.sees().endswith("\r\n[tea] ")
    alice.types("hello")
    assert alice.sees() == "[tea] "
    alice.types("/create green open")
    assert alice.sees().endswith("\r\n[green] ")
    alice.types("leave")
    assert alice.sees().endswith("\r\n> ")


def test_a_prompt_makes_way_for_a_message(call: Call) -> None:
    """The prompt is erased, the message shown, and the prompt shown again."""
    alice, bob = group_of_two(call, CRLF)
    alice.types("hello")
    erased = "\r\x1b[K"
    assert bob.sees() == f"{erased}alice: hello\r\n[tea] "
    alice.types("again")
    assert bob.sees() == f"{erased}alice: again\r\n[tea] "


def test_the_prompt_follows_what_others_do(call: Call) -> None:
    """Who is kicked sees the prompt of the front desk."""
    alice, bob = group_of_two(call, CRLF)
    alice.types("/kick bob")
    seen = bob.sees()
    assert "You were kicked from tea by alice." in seen
    assert last_on_screen(seen) == "> "


def test_the_prompt_follows_an_approval(call: Call) -> None:
    """Who was waiting and is let in sees the prompt of the group."""
    alice, bob = call().logs_in("alice"), call(CRLF).logs_in("bob")
    alice.types("/create tea")
    bob.types("/join tea")
    bob.sees()
    alice.types("/approve")
    seen = bob.sees()
    assert "You are in tea: alice approved your request." in seen
    assert last_on_screen(seen) == "[tea] "


def test_a_question_makes_way_for_a_message(call: Call) -> None:
    """A message does not run into a question that waits, at telnet or at nc."""
    for newline, gap in (("\n", "\n"), (CRLF, "\r\x1b[K")):
        alice, bob = group_of_two(call, newline)
        bob.types("/msg")
        assert bob.sees() == "Recipient: "
        alice.types("hello")
        assert bob.sees() == f"{gap}alice: hello{newline}Recipient: "
        for each in (alice, bob):
            each.types("")
            each.types("/leave", "/quit")
            each.waits(3)


def test_there_is_no_prompt_at_nc(call: Call) -> None:
    """A client whose lines end in LF sees questions, and otherwise whole lines only."""
    alice, bob = group_of_two(call)
    bob.types("/create green open", "/desk", "/join tea")
    alice.types("hello")
    seen = bob.sees()
    assert seen.endswith("alice: hello\n")
    assert "[" not in seen
    assert "> " not in seen


# Telnet, and what is not telnet.


def test_a_telnet_password_is_hidden(call: Call) -> None:
    """ECHO is taken over for a password, given back after it, and asked for the second time."""
    alice = call(CRLF)
    alice.types("alice")
    assert alice.receives().endswith(b"Password: ")
    assert alice.everything.count(WILL_ECHO) == 1
    alice.sends(DO_ECHO)
    alice.types("password a")
    assert alice.receives().endswith(WONT_ECHO + b"\r\nThe same again: ")
    alice.sends(DONT_ECHO)
    assert alice.receives() == WILL_ECHO
    alice.sends(DO_ECHO)
    alice.types("password a")
    seen = alice.receives()
    assert seen.startswith(WONT_ECHO + b"\r\n")
    assert b"Hello alice." in seen


def test_a_slip_in_a_hidden_password_registers_nothing(call: Call) -> None:
    """Two different passwords are refused, and both are asked for once more."""
    alice = call(CRLF)
    alice.types("alice", "password a", "password b")
    assert b"* The two passwords differ. Once more:\r\n" in alice.receives()
    alice.types("password a")
    assert b"The same again: " in alice.receives()
    alice.types("password a")
    assert b"Group: " in alice.receives()


def test_what_cannot_be_read_stands_on_its_own_line_after_a_hidden_question(call: Call) -> None:
    """While ECHO is ours, the refusal of a line begins a line, for the client showed no end."""
    alice = call(CRLF)
    alice.types("alice")
    alice.receives()
    alice.sends(DO_ECHO + b"\xc3(\r\n")
    assert alice.receives().startswith(b"\r\n* The line is not UTF-8")


def test_nc_never_sees_an_iac(call: Call) -> None:
    """A client whose first line ends in LF gets no IAC, whatever it sends and however long."""
    alice = call()
    alice.sends(b"\xff\xfb\x18\xff\xfd\x01\xff\xfa\x18\x00xterm\n\xff\xf0alice\n")
    alice.types("alice", "password a", "")
    alice.sends(b"\xff\xf6\xff\xfd\x06\xff\xfd\x01\n")
    alice.types("/password", "password a", "another one", "/create tea password", "secret")
    alice.sends(b"hello\r\n")
    alice.waits(300)
    alice.types("/quit")
    alice.waits(3)
    alice.receives()
    assert b"You are in tea" in alice.everything
    assert b"Bye." in alice.everything
    assert b"\xff" not in alice.everything


def test_nothing_is_negotiated_before_the_first_line(call: Call) -> None:
    """Until it is known who calls, nothing of telnet is sent; afterwards all is answered."""
    alice = call(CRLF)
    alice.sends(b"\xff\xfb\x18\xff\xfb\x27\xff\xfa\x27\x00\x03\n\n\xff\xf0")
    assert b"\xff" not in alice.receives()
    alice.sends(b"alice\r\n")
    seen = alice.receives()
    assert b"\xff\xfe\x18" in seen
    assert b"\xff\xfe\x27" in seen
    assert b"alice is new here" in seen


def test_lines_end_as_the_clients_do(call: Call) -> None:
    """Telnet gets CRLF at the end of each line, nc gets LF."""
    telnet, nc = call(CRLF).logs_in("alice"), call().logs_in("bob")
    telnet.types("/help")
    nc.types("/help")
    shown = telnet.everything.partition(b"is new here")[2] + telnet.receives()
    assert shown.count(b"\n") == shown.count(b"\r\n") > 10
    assert b"\r" not in nc.everything + nc.receives()


# The length of lines.


def test_a_line_before_login_is_short(call: Call) -> None:
    """Before login a line has at most 512 bytes; one more is refused, and asked again."""
    alice = call()
    alice.sees()
    alice.sends(b"a" * (MAX_LOGIN_LINE + 1) + b"\n")
    assert alice.sees() == "* A line has at most 512 bytes.\nUsername: "
    alice.sends(b"b" * MAX_LOGIN_LINE + b"\n")
    assert alice.sees().startswith("* A name has 1 to 32")


def test_a_message_of_the_whole_length(call: Call) -> None:
    """A message of 4,096 bytes arrives; one byte more is one refusal and nobody sees any of it."""
    alice, bob = group_of_two(call)
    alice.types("x" * 4096)
    assert bob.sees() == f"alice: {'x' * 4096}\n"
    alice.types("y" * 4097)
    assert alice.sees() == "* A line has at most 4096 bytes.\n"
    assert bob.sees() == ""


def test_a_long_message_in_one_packet_with_the_login(call: Call) -> None:
    """A program that sends everything at once has its messages measured as messages."""
    alice = call().logs_in("alice")
    alice.types("/create tea open")
    alice.sees()
    bob = call()
    bob.sends(b"bob\n\ntea\n" + b"x" * 2000 + b"\n")
    assert "A line has at most" not in bob.sees()
    assert f"bob: {'x' * 2000}\n" in alice.sees()


# The end of the input.


@pytest.mark.parametrize("newline", ["\n", CRLF])
def test_what_was_typed_before_the_end_is_done(call: Call, newline: str) -> None:
    """When the input ends, all lines are carried out and answered; then the connection ends."""
    alice = call().logs_in("alice")
    alice.types("/create tea open")
    alice.sees()
    bob = call(newline)
    lines = ["bob", "", "tea", "hello", "/members", "/nosuch"]
    bob.door.dataReceived("".join(line + newline for line in lines).encode())
    bob.ends_input()
    bob.waits(1)
    assert bob.wire.closed
    seen = bob.receives()
    assert b"* 2 members of tea:" in seen
    assert b"There is no command /nosuch" in seen
    said = alice.sees().splitlines()
    assert said.index("* bob has joined the chat!") < said.index("bob: hello")


def test_the_end_waits_for_the_message_rate(open_door: Open) -> None:
    """Lines that the message rate delays are still carried out after the input has ended."""
    call = open_door()
    alice = call().logs_in("alice")
    alice.types("/create tea open")
    bob = call()
    bob.sends(b"bob\n\ntea\n" + b"".join(b"line %d\n" % number for number in range(30)))
    bob.ends_input()
    bob.waits(3)
    assert bob.wire.connected
    bob.waits(4)
    assert bob.wire.closed
    assert "bob: line 29\n" in alice.sees()


@pytest.mark.parametrize("typed", [b"", b"alice\n", b"alice", b"alice\n\n"])
def test_an_end_at_a_question_is_the_end(call: Call, typed: bytes) -> None:
    """When the input ends and a question is open, nobody can answer: the connection ends."""
    alice = call()
    alice.sends(typed)
    alice.ends_input()
    alice.waits(1)
    assert alice.wire.closed


def test_an_end_in_a_command_is_the_end(call: Call) -> None:
    """A question of a command that nobody can answer changes nothing and ends the connection."""
    alice, bob = group_of_two(call)
    bob.types("/msg alice")
    bob.ends_input()
    bob.waits(1)
    assert bob.wire.closed
    assert "private" not in alice.sees()


def test_quit_ends_what_follows(call: Call) -> None:
    """What was typed after /quit is not carried out."""
    alice, bob = group_of_two(call)
    bob.sends(b"before\n/quit\nafter\n")
    bob.waits(1)
    assert bob.wire.closed
    assert bob.sees() == "* Bye.\n"
    seen = alice.sees()
    assert "bob: before\n" in seen
    assert "after" not in seen


def test_last_words_do_not_wait_for_ever(call: Call) -> None:
    """Who does not read the goodbye is cut off after a moment."""
    _, bob = group_of_two(call)
    bob.wire.stops_reading()
    bob.types("/who", "/who", "/quit")
    bob.waits(1)
    assert bob.wire.connected
    bob.waits(2)
    assert bob.wire.aborted


# Limits of connections.


def refused(caller: TestConnection) -> str:
    """Return the one line with which *caller* was turned away."""
    assert caller.wire.closed or not caller.wire.connected
    (line,) = caller.sees().splitlines()
    return line


def test_connections_of_one_address(open_door: Open) -> None:
    """The 17th connection from one address gets one line; a place that is free is given again."""
    call = open_door(connections_per_ip_10min=0)
    callers = [call() for _ in range(16)]
    assert all("Username: " in each.sees() for each in callers)
    sentence = "* There are too many connections from your address; close one."
    assert refused(call()) == sentence
    assert refused(call()) == sentence
    assert "Username: " in call(host="192.0.2.2").sees()
    callers[3].wire.loseConnection()
    assert "Username: " in call().sees()
    assert refused(call()) == sentence


def test_an_ipv6_network_counts_as_one(open_door: Open) -> None:
    """All addresses of a /64 are counted together, those of another are not."""
    call = open_door(connections_per_ip=2)
    call(host="2001:db8:0:1::1")
    call(host="2001:db8:0:1:ffff::2")
    assert "too many connections" in refused(call(host="2001:db8:0:1:1234:5678:9abc:def0"))
    assert "Username: " in call(host="2001:db8:0:2::1").sees()
    assert "Username: " in call(host="192.0.2.1").sees()


def test_an_ipv4_address_in_ipv6_clothes(open_door: Open) -> None:
    """An IPv4 address counts as itself where it comes through an IPv6 socket."""
    call = open_door(connections_per_ip=1)
    call(host="::ffff:192.0.2.1")
    assert "too many connections" in refused(call(host="192.0.2.1"))
    assert "Username: " in call(host="::ffff:192.0.2.2").sees()


def test_connections_within_ten_minutes(open_door: Open) -> None:
    """The 33rd connection within 10 minutes is refused, with how long to wait; then one passes."""
    call = open_door()
    for _ in range(32):
        caller = call()
        caller.wire.loseConnection()
        caller.waits(1)
    assert refused(call()) == (
        "* There were too many connections from your address; try again in 569 s."
    )
    caller.waits(566)
    assert "try again in 2 s" in refused(call())
    caller.waits(2)
    assert "Username: " in call().sees()
    assert "try again in 1 s" in refused(call())
    caller.waits(1)
    assert "Username: " in call().sees()


def test_strangers_are_few(open_door: Open) -> None:
    """Of those who have not logged in, no more than the limit are let on to the door at once."""
    call = open_door(unauthenticated=2, connections_per_ip=0)
    one, other = call(), call()
    assert refused(call()) == "* Too many people are logging in; try again in a minute."
    one.logs_in("alice")
    third = call()
    assert "Username: " in third.sees()
    assert "logging in" in refused(call())
    other.wire.loseConnection()
    one.wire.loseConnection()
    assert "Username: " in call().sees()
    assert "logging in" in refused(call())


def test_a_refused_connection_does_nothing(open_door: Open) -> None:
    """What somebody types who was turned away is not looked at."""
    call = open_door(connections_per_ip=1)
    call()
    turned_away = call()
    turned_away.sends(b"alice\n\n\n")
    turned_away.sends(b"\xff\xfd\x01\r\n")
    assert refused(turned_away).startswith("* There are too many")


def test_limits_can_be_off(open_door: Open) -> None:
    """0 turns each limit of connections off."""
    call = open_door(connections_per_ip=0, connections_per_ip_10min=0, unauthenticated=0)
    callers = [call() for _ in range(120)]
    assert all("Username: " in each.sees() for each in callers)


def test_a_connection_without_an_address(open_door: Open) -> None:
    """A door on a Unix socket counts its callers together."""
    call = open_door(connections_per_ip=1)
    factory = call().factory
    transports = []
    for _ in range(2):
        door = factory.buildProtocol(None)
        transports.append(StringTransport())
        door.makeConnection(transports[-1])
        door.readConnectionLost()
    assert b"Username: " in transports[0].value()
    assert b"too many connections" in transports[1].value()


def test_who_goes_while_the_password_is_checked_was_never_here(call: Call) -> None:
    """A peer that is gone when the login succeeds leaves no session and no count behind."""
    call().logs_in("alice", "secret")
    alice = call()
    chat = alice.factory.services.chat
    answer: Deferred[bool] = Deferred()
    chat.hasher.verify = lambda _hash, _password: answer
    before = len(chat.presence.sessions(Key("alice")))
    alice.types("alice", "secret")
    alice.wire.abortConnection()
    answer.callback(True)
    alice.tick()
    assert len(chat.presence.sessions(Key("alice"))) == before


def test_a_long_first_packet_from_telnet(call: Call) -> None:
    """A first line that ends in CRLF is telnet's, however much comes with it."""
    alice = call()
    alice.sends(b"alice\r\n\r\n/create tea open\r\n" + b"x" * 1000 + b"\r\n")
    assert "[tea] " in alice.sees()


# What is sent ahead of a login that is refused.


@pytest.mark.parametrize("newline", ["\n", CRLF])
@pytest.mark.parametrize(
    ("ahead", "question"),
    [
        (["alice", "MySecretPw1", "MySecretPw2", "tea", "MySecretPw3"], "Password: "),
        (["not a name", "MySecretPw1", "tea"], "Username: "),
        (["bob", "abc", "MySecretPw1", "tea"], "Password: "),
        (["gus", "MySecretPw1", "tea"], "Username: "),
    ],
)
def test_a_password_never_becomes_something_else(
    call: Call, newline: str, ahead: list[str], question: str
) -> None:
    """After a refusal the lines sent ahead are discarded, and the question is repeated."""
    call().logs_in("alice", "secret of alice")
    watcher = call().logs_in("gus")
    door = call(newline)
    door.sends("".join(line + newline for line in ahead).encode())
    assert door.sees().rstrip().endswith(question.rstrip())
    assert len(watcher.factory.services.presence.sessions(Key("gus"))) == 1
    online = {each.account.name for each in watcher.factory.services.presence.everybody()}
    assert online == {"alice", "gus"}


def test_a_wrong_password_is_asked_for_again_three_times(call: Call) -> None:
    """For the same name; then the connection is closed."""
    call().logs_in("alice", "secret of alice")
    door = call()
    door.types("alice")
    for _ in range(2):
        door.types("wrong one")
        assert door.sees().endswith("* That is not the password of alice.\nPassword: ")
    door.types("wrong one")
    door.waits(3)
    assert "* There were too many wrong passwords." in door.sees()
    assert not door.wire.connected


def test_an_empty_password_leads_back_to_the_name(call: Call) -> None:
    """Whoever has typed the wrong name is not stuck with it."""
    call().logs_in("alice", "secret of alice")
    door = call()
    door.types("alice", "")
    assert door.sees().endswith("Username: ")
    door.logs_in("bob")


def test_a_banned_name_is_told_so_and_closed(call: Call) -> None:
    """At the name, before a password is asked for."""
    olga = call().logs_in("olga", "secret of olga")
    olga.types(f"/claim {olga.factory.services.accounts.claim_code}", "/ban mallory too loud")
    door = call()
    door.types("mallory")
    door.waits(3)
    assert "* mallory is banned from this server by olga: too loud." in door.sees()
    assert "Password" not in door.everything.decode()
    assert not door.wire.connected


def test_the_question_for_a_group_names_the_groups(call: Call) -> None:
    """Those that one could enter: an invite-only group is named only to those it invited."""
    alice = call().logs_in("alice", "secret of alice")
    alice.types("/create tea open", "/create den invite", "/create vault password x")
    bob = call()
    bob.types("bob", "")
    assert "Groups: 1 tea (open), 3 vault (by password). Which one?" in bob.sees()
    alice.types("/join den", "/invite carol")
    carol = call()
    carol.types("carol", "secret of carol")
    carol.waits(1)
    assert "den" not in carol.sees()
