"""Hostile and broken peers at real sockets: those who dawdle, break, or are too many.

What they do, the others do not notice. What they send is in `test_hostile_telnet`.
"""

from __future__ import annotations

import re
import resource
import select
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.peers import (
    EVERYBODY,
    MEGABYTE,
    SOON,
    Friends,
    Peer,
    cpu,
    talk_on,
    talking,
)
from tests.support.programs import Program
from tests.support.servers import PATIENCE, Server, running

pytestmark = pytest.mark.server(scope="module", limits=EVERYBODY)


@pytest.fixture(scope="module")
def friends(shared_server: Server) -> Iterator[Friends]:
    """Two who talk."""
    with talking(shared_server) as friends:
        yield friends


# The time to log in.

LOGIN_SECONDS = 1.0


def client_hello() -> bytes:
    """Return how a handshake of TLS begins."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    wire = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        wire.do_handshake()
    return outgoing.read()


class Dawdler(NamedTuple):
    """Somebody who does not log in: what they send first, then again and again."""

    first: bytes = b""
    then: bytes = b""
    tls: str = ""  # whether the handshake has been, or is what they dawdle with


DAWDLERS = {
    "silent": Dawdler(),
    "name": Dawdler(b"a", b"a"),
    "empty lines": Dawdler(b"\n", b"\n"),
    "password": Dawdler(b"dawdler\n", b"x"),
    "wrong names": Dawdler(b"two words\n", b"two words\n"),
    "telnet": Dawdler(b"two words\r\n", b"\xff\xfd\x06\xff\xf1"),
    "open object": Dawdler(b"{", b" "),
    "open string": Dawdler(b'{"hello": 1, "name": "', b"a"),
    "objects": Dawdler(b"{}\n", b"{}\n"),
    "upload": Dawdler(b"upload ", b"x"),
    "download": Dawdler(b"download ", b"x"),
    "silent handshake": Dawdler(tls="during"),
    "slow handshake": Dawdler(client_hello()[:100], client_hello()[100:101], "during"),
    "silent after the handshake": Dawdler(tls="after"),
    "object after the handshake": Dawdler(b"{", b" ", "after"),
}
SPEECHLESS = ("upload", "download", "silent handshake", "slow handshake")


class CutOff(NamedTuple):
    """After how many seconds somebody was cut off, and all that came."""

    after: float
    received: bytes


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CutOff]:
    """Have all dawdle at once until they are cut off, while two log in and stay."""
    limits = f"{EVERYBODY}login_seconds = {LOGIN_SECONDS}\n"
    server = Server(tmp_path_factory.mktemp("server"), limits=limits, tls=True)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    dawdling: dict[socket.socket, tuple[str, float]] = {}
    received = dict.fromkeys(DAWDLERS, b"")
    ended: dict[str, CutOff] = {}
    with running(server), ExitStack() as stack:
        for name, each in DAWDLERS.items():
            began = time.monotonic()
            peer = socket.create_connection(
                ("127.0.0.1", server.tls_port if each.tls else server.port), PATIENCE
            )
            if each.tls == "after":
                peer = trusting.wrap_socket(peer)
            stack.callback(peer.close)
            peer.sendall(each.first)
            dawdling[peer] = name, began
        friends = stack.enter_context(talking(server))
        while dawdling and time.monotonic() - began < LOGIN_SECONDS + SOON:
            for peer, (name, _) in dawdling.items():
                with suppress(OSError):
                    peer.sendall(DAWDLERS[name].then)
            for peer in select.select(list(dawdling), [], [], 0.03)[0]:
                name, since = dawdling[peer]
                data = b""
                with suppress(OSError):
                    data = peer.recv(65536)
                received[name] += data
                if not data:
                    ended[name] = CutOff(time.monotonic() - since, received[name])
                    del dawdling[peer]
        talk_on(friends)
    return ended


@pytest.mark.parametrize("who", DAWDLERS)
def test_the_time_to_log_in(cut_off: dict[str, CutOff], who: str) -> None:
    """Who has not logged in by then is told so and cut off, whatever they send meanwhile."""
    assert who in cut_off, "still there"
    assert LOGIN_SECONDS - 0.1 < cut_off[who].after < LOGIN_SECONDS + SOON
    if who not in SPEECHLESS:
        assert b"You took too long to log in." in cut_off[who].received


# Those who break.


def breaks(peer: Peer, how: int) -> None:
    """Do one of the things that broken machines and scanners do."""
    match how:
        case 0:
            peer.close()
        case 1:
            peer.resets()
        case 2:
            peer.sends(b"half a na")
            peer.resets()
        case 3:
            peer.sends(b"two words\n" * 10)
            peer.close()  # with all of the answers unread
        case 4:
            peer.shuts_down_writing()  # and never read
        case 5:
            peer.sends(b'{"hello": 1, "na')
            peer.shuts_down_writing()


def test_connections_that_break_by_the_hundred(server: Server, friends: Friends) -> None:
    """Nothing is left of any of them: in the figures, in memory, or in the log."""
    with ExitStack() as stack:
        operator = stack.enter_context(closing(Program(server.port)))
        operator.logs_in("operator", "password o")
        operator.does(server.says(r"/claim \S+").group())
        memory, logged = server.memory(), len(server.log().splitlines())
        for number in range(600):
            peer = stack.enter_context(closing(Peer(server.port, room=4096)))
            breaks(peer, number % 6)
            if number % 100 == 0:
                talk_on(friends, times=1)
        deadline = time.monotonic() + PATIENCE
        while (after := operator.does("/stats"))["connections"] > 3:
            assert time.monotonic() < deadline, after
            time.sleep(0.02)
        assert after["strangers"] == 0
        assert server.memory() - memory < 8 * MEGABYTE
        lines = server.log().splitlines()[logged:]
        assert len(lines) < 10, lines[:5]


# Those who are too many.

ADDRESS = "from your address;"
TOO_MANY = {
    "connections_per_ip": rf"There are too many connections {ADDRESS} close one\.",
    "connections_per_ip_10min": rf"There were too many connections {ADDRESS} try again in \d+ s\.",
    "unauthenticated": r"Too many people are logging in; try again in a minute\.",
}


def strangers(port: int, wanted: int) -> list[Peer]:
    """Connect until so many have been let in, who do not log in."""
    inside: list[Peer] = []
    while len(inside) < wanted:
        peer = Peer(port)
        try:
            peer.types("two words")  # to be answered at once
            peer.sees("A name has")
        except (AssertionError, ConnectionError):
            peer.close()
        else:
            inside.append(peer)
    return inside


def gets_in(port: int) -> None:
    """Have carol log in as soon as the server lets her."""
    deadline = time.monotonic() + PATIENCE
    for number in range(1000):
        with closing(Peer(port)) as peer, suppress(AssertionError, ConnectionError):
            peer.logs_in(f"carol{number}")
            peer.types("/quit")
            assert peer.is_disconnected()
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("cause", TOO_MANY)
def test_too_many_connections(tmp_path: Path, cause: str) -> None:
    """Those above a limit get a line; those who are in, or elsewhere, or come later, do not."""
    settings = {"connections_per_ip": 0, "connections_per_ip_10min": 0, cause: 10}
    limits = "".join(f"{name} = {value}\n" for name, value in settings.items())
    server = Server(tmp_path, limits=f"[limits]\n{limits}messages_per_second = 0\n")
    with running(server), talking(server) as friends:
        others = strangers(server.port, 10 if cause == "unauthenticated" else 8)
        for _ in range(30):
            with closing(Peer(server.port)) as one_more:
                assert one_more.is_disconnected()
                assert re.fullmatch(rf"\* {TOO_MANY[cause]}\n", one_more.everything().decode())
        talk_on(friends)
        if cause != "unauthenticated":
            with closing(Peer(server.port, host="127.0.0.2")) as elsewhere:
                elsewhere.joins("dora")
                elsewhere.types("/quit")
                assert elsewhere.is_disconnected()
        for other in others:
            other.close()
        if cause != "connections_per_ip_10min":
            gets_in(server.port)
        talk_on(friends)
    assert server.log().count(f"turning connections away: {cause}\n") == 1


# Too few descriptors.

DESCRIPTORS = 200


class FewDescriptors(subprocess.Popen[bytes]):
    """A `twistd` that may have few of them, with what `Twistd` has."""

    def __init__(self, arguments: list[str], folder: Path, log: Path) -> None:
        few = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        command = [str(Path(sys.executable).with_name("twistd")), *arguments]
        with log.open("ab") as output:
            super().__init__(command, cwd=folder, stdout=output, stderr=output, preexec_fn=few)


@pytest.mark.parametrize(
    ("by_tls", "spare"),
    [(False, True), (True, True), (False, False)],
    ids=["plain", "tls", "none to spare"],
)
def test_too_few_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_tls: bool, spare: bool
) -> None:
    """Who is in talks on, others wait or are turned away in few words, and get in later."""
    monkeypatch.setattr("tests.support.servers.Twistd", FewDescriptors)
    server = Server(tmp_path, limits=EVERYBODY, tls=True)
    with running(server), talking(server) as friends, ExitStack() as stack:
        assert server.process is not None
        logged = len(server.log().splitlines())
        if not spare:  # something else has taken what was to be kept
            taken = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (taken + 20, DESCRIPTORS))
        crowd = [Peer(server.tls_port if by_tls else server.port) for _ in range(400)]
        for peer in crowd:
            stack.callback(peer.close)
        talk_on(friends)
        friends[0].types("/history 5")
        friends[0].sees("alice: word 4")
        used = cpu(server)
        time.sleep(0.4)  # in which nothing is to be done
        assert cpu(server) - used < 0.2
        for peer in crowd:
            peer.close()
        gets_in(server.port)
        talk_on(friends)
        lines = server.log().splitlines()[logged:]
        assert any(re.search("descriptor|EMFILE", line) for line in lines)
        assert len(lines) < 20, lines[:10]
