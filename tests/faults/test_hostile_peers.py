"""Hostile and broken peers at real sockets: slow logins, broken connections, too many of them.

The other users do not notice. Hostile bytes are in `test_hostile_telnet`.
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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pyconchat.config import LimitsConfig
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
    """Two users who talk."""
    with talking(shared_server) as friends:
        yield friends


# The time limit of logins.

LOGIN_SECONDS = 1.0


def client_hello() -> bytes:
    """Return the first message of a TLS handshake (ClientHello)."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    wire = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        wire.do_handshake()
    return outgoing.read()


class SlowLogin(NamedTuple):
    """A peer that does not log in: what it sends first, and then repeatedly."""

    first: bytes = b""
    then: bytes = b""
    tls: str = ""  # "during" the handshake, or "after" it


SLOW_LOGINS = {
    "silent": SlowLogin(),
    "name": SlowLogin(b"a", b"a"),
    "empty lines": SlowLogin(b"\n", b"\n"),
    "password": SlowLogin(b"slowpoke\n", b"x"),
    "wrong names": SlowLogin(b"two words\n", b"two words\n"),
    "telnet": SlowLogin(b"two words\r\n", b"\xff\xfd\x06\xff\xf1"),
    "open object": SlowLogin(b"{", b" "),
    "open string": SlowLogin(b'{"hello": 1, "name": "', b"a"),
    "objects": SlowLogin(b"{}\n", b"{}\n"),
    "upload": SlowLogin(b"upload ", b"x"),
    "download": SlowLogin(b"download ", b"x"),
    "silent handshake": SlowLogin(tls="during"),
    "slow handshake": SlowLogin(client_hello()[:100], client_hello()[100:101], "during"),
    "silent after the handshake": SlowLogin(tls="after"),
    "object after the handshake": SlowLogin(b"{", b" ", "after"),
}
UNTOLD = ("upload", "download", "silent handshake", "slow handshake")


class TimedOut(NamedTuple):
    """After how many seconds a peer was disconnected, and what it received."""

    after: float
    received: bytes


@pytest.fixture(scope="module")
def timed_out(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TimedOut]:
    """Connect all slow peers at once, until they are disconnected, while two users talk."""
    limits = f"{EVERYBODY}login_seconds = {LOGIN_SECONDS}\n"
    server = Server(tmp_path_factory.mktemp("server"), limits=limits, tls=True)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    waiting: dict[socket.socket, tuple[str, float]] = {}
    received = dict.fromkeys(SLOW_LOGINS, b"")
    ended: dict[str, TimedOut] = {}
    with running(server), ExitStack() as stack:
        for name, each in SLOW_LOGINS.items():
            began = time.monotonic()
            peer = socket.create_connection(
                ("127.0.0.1", server.tls_port if each.tls else server.port), PATIENCE
            )
            if each.tls == "after":
                peer = trusting.wrap_socket(peer)
            stack.callback(peer.close)
            peer.sendall(each.first)
            waiting[peer] = name, began
        friends = stack.enter_context(talking(server))
        while waiting and time.monotonic() - began < LOGIN_SECONDS + SOON:
            for peer, (name, _) in waiting.items():
                with suppress(OSError):
                    peer.sendall(SLOW_LOGINS[name].then)
            for peer in select.select(list(waiting), [], [], 0.03)[0]:
                name, since = waiting[peer]
                data = b""
                with suppress(OSError):
                    data = peer.recv(65536)
                received[name] += data
                if not data:
                    ended[name] = TimedOut(time.monotonic() - since, received[name])
                    del waiting[peer]
        talk_on(friends)
    return ended


@pytest.mark.parametrize("who", SLOW_LOGINS)
def test_the_time_to_log_in(timed_out: dict[str, TimedOut], who: str) -> None:
    """A peer that has not logged in by then is told so and disconnected, whatever it sends."""
    assert who in timed_out, "still connected"
    assert LOGIN_SECONDS - 0.1 < timed_out[who].after < LOGIN_SECONDS + SOON
    if who not in UNTOLD:
        assert b"You took too long to log in." in timed_out[who].received


# Broken connections.


def breaks(peer: Peer, how: int) -> None:
    """Break the connection in one of the ways of broken machines and scanners."""
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
    """Nothing is left of any of them in the figures, in memory, or in the log."""
    with ExitStack() as stack:
        operator = stack.enter_context(closing(Program(server.port)))
        operator.logs_in("operator", "password o")
        operator.does(server.says(r"/claim \S+").group())
        memory, logged = server.memory(), len(server.whole_log())
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
        lines = server.whole_log()[logged:].splitlines()
        assert len(lines) < 10, lines[:5]


# Too many connections.

ADDRESS = "from your address that"
TOO_MANY = {
    "connections_per_ip": (
        rf"There are too many connections {ADDRESS} have not logged in; close one\."
    ),
    "connections_per_ip_10min": (
        rf"There were too many connections {ADDRESS} did not log in; try again in \d+ s\."
    ),
}


PROXY = "127.0.0.3"
"""The address of a trusted proxy: connections of this machine have no limits by address."""

Arrive = Callable[[str], Peer]


@contextmanager
def behind_a_proxy(folder: Path, **limits: int) -> Iterator[tuple[Server, Arrive]]:
    """Run a server with *limits*, and connect to it from any address."""
    settings = {"connections_per_ip": 0, "connections_per_ip_10min": 0, "unauthenticated": 0}
    text = "".join(f"{name} = {value}\n" for name, value in {**settings, **limits}.items())
    server = Server(
        folder,
        toml=f'trusted_proxies = ["{PROXY}"]',
        limits=f"[limits]\n{text}messages_per_second = 0\n",
        real_hashes=True,  # closed connections are gone before so many passwords are checked
    )
    with running(server), ExitStack() as stack:

        def arrive(client: str) -> Peer:
            return stack.enter_context(closing(Peer(server.port, host=PROXY, client=client)))

        yield server, arrive


BY_ADDRESS = ("connections_per_ip", "connections_per_ip_10min", "sessions_per_ip")


def test_a_class_behind_one_address(tmp_path: Path) -> None:
    """With the default limits, 40 people register at once, and are back at once after a cut.

    Some have been cut off before their login.
    """
    limits = {name: getattr(LimitsConfig(), name) for name in (*BY_ADDRESS, "unauthenticated")}
    with behind_a_proxy(tmp_path, **limits) as (_, arrive):
        for is_cut in (True, False):
            pupils = [arrive("203.0.113.1") for _ in range(40)]
            for pupil in pupils:
                pupil.sees("Username: ")
            if is_cut:
                for pupil in pupils:
                    pupil.close()
        for _ in range(2):
            for number, pupil in enumerate(pupils):
                pupil.types(f"pupil{number}", f"password of {number}")
            for pupil in pupils:
                pupil.sees("Group: ")
            for pupil in pupils:
                pupil.close()
            pupils = [arrive("203.0.113.1") for _ in range(40)]


def gets_in(port: int) -> None:
    """Log carol in as soon as the server accepts the connection."""
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
    """Connections above a limit are refused in one line; others and later ones are not."""
    with behind_a_proxy(tmp_path, **{cause: 10}) as (server, arrive), talking(server) as friends:
        strangers = [arrive("203.0.113.1") for _ in range(10)]
        for stranger in strangers:
            stranger.sees("Username: ")
            if cause == "connections_per_ip_10min":
                stranger.shuts_down_writing()
                assert stranger.is_disconnected()
        for _ in range(30):
            one_more = arrive("203.0.113.1")
            assert one_more.is_disconnected()
            assert re.fullmatch(rf"\* {TOO_MANY[cause]}\n", one_more.everything().decode())
        talk_on(friends)
        arrive("203.0.113.2").joins("dora")
        if cause == "connections_per_ip":
            strangers[0].types("eric", "")
            strangers[0].sees("Group: ")
            arrive("203.0.113.1").logs_in("fred")
        talk_on(friends)
        line = f"connection refused: from 203.0.113.1 ({cause})\n"
        assert server.whole_log().count(line) == 1


def test_silent_strangers_keep_nobody_out(tmp_path: Path) -> None:
    """A hundred silent connections from ten addresses: all newcomers get in."""
    with behind_a_proxy(tmp_path, unauthenticated=100) as (_, arrive):
        silent = [arrive(f"198.51.100.{number % 10}") for number in range(100)]
        silent[-1].sees("Username: ")
        for number in range(30):
            arrive(f"203.0.113.{number}").logs_in(f"newcomer{number}")


# Too few descriptors.

DESCRIPTORS = 200


class FewDescriptors(subprocess.Popen[bytes]):
    """A `Twistd` that may have few descriptors."""

    def __init__(self, arguments: list[str], folder: Path, log: Path, **_constants: Any) -> None:
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
    """Users talk on; further connections wait or are refused in one line, and succeed later."""
    monkeypatch.setattr("tests.support.servers.Twistd", FewDescriptors)
    server = Server(tmp_path, limits=EVERYBODY, tls=True)
    with running(server), talking(server) as friends, ExitStack() as stack:
        assert server.process is not None
        logged = len(server.whole_log())
        if not spare:  # something else has used the reserve
            taken = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (taken + 20, DESCRIPTORS))
        crowd = [Peer(server.tls_port if by_tls else server.port) for _ in range(400)]
        for peer in crowd:
            stack.callback(peer.close)
        talk_on(friends)
        friends[0].types("/history 5")
        friends[0].sees("alice: word 4")
        used = cpu(server)
        time.sleep(0.4)  # in which there is nothing to do
        assert cpu(server) - used < 0.2
        for peer in crowd:
            peer.close()
        gets_in(server.port)
        talk_on(friends)
        server.says("descriptor|EMFILE", logged)
        lines = server.whole_log()[logged:].splitlines()
        assert len(lines) < 20, lines[:10]
