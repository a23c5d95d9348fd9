"""IRC in a WebSocket: the subprotocols, lines as messages, and the bounds of both doors."""

from __future__ import annotations

import pytest

from pyconchat.doors.factory import IrcFactory
from pyconchat.doors.web.door import IRC_BINARY, IRC_TEXT
from pyconchat.doors.web.factory import WebFactory
from pyconchat.doors.web.socket import GONE_AFTER, PING_AFTER
from tests.support.web import HttpUser, WebServer, masked


@pytest.fixture
def irc(web: WebServer) -> WebServer:
    """A server whose IRC door is open."""
    web.web = WebFactory(web.lines, lambda: b"", IrcFactory(web.lines).monitors)
    return web


def opened(server: WebServer, offered: str, **headers: str) -> HttpUser:
    user = server.connects()
    answer = user.upgrades(Sec_WebSocket_Protocol=offered, **headers)
    assert answer.status == 101
    assert answer.headers["sec-websocket-protocol"] in offered
    return user


def lines(user: HttpUser, opcode: int = 0x1) -> list[str]:
    """Return the lines that have come, each in a message of its own."""
    found = user.frames()
    assert {kind for kind, _ in found} <= {opcode}
    texts = [payload.decode() for _, payload in found]
    assert not any("\n" in text or "\r" in text for text in texts)
    return texts


def entered(server: WebServer, nick: str, offered: str = IRC_TEXT) -> HttpUser:
    opcode = 0x2 if offered == IRC_BINARY else 0x1
    user = opened(server, offered)
    for text in (f"NICK {nick}", f"USER {nick} 0 * :{nick}"):
        user.sends(masked(text.encode(), opcode))
    assert f"001 {nick}" in lines(user, opcode)[0]
    return user


@pytest.mark.parametrize("offered", [IRC_TEXT, IRC_BINARY])
def test_talking(irc: WebServer, offered: str) -> None:
    """Two users of one channel, in text and in bytes; what one says is one message."""
    opcode = 0x2 if offered == IRC_BINARY else 0x1
    alice, bob = entered(irc, "alice", offered), entered(irc, "bob")
    alice.sends(masked(b"JOIN #tea", opcode)).sends(masked(b"MODE #tea -A", opcode))
    bob.sends(masked(b"JOIN #tea"))
    lines(alice, opcode), lines(bob)
    bob.sends(masked("PRIVMSG #tea :grüße".encode()))
    assert lines(alice, opcode) == [":bob!bob@pyconchat PRIVMSG #tea :grüße"]
    alice.sends(masked(b"PRIVMSG #tea :hi\r\n", opcode))
    assert lines(bob) == [":alice!alice@pyconchat PRIVMSG #tea :hi"]


def test_the_choice(irc: WebServer) -> None:
    """The first that is known; unknown ones alone are JSON mode."""
    user = irc.connects()
    answer = user.upgrades(Sec_WebSocket_Protocol=f"chat, {IRC_BINARY} ,{IRC_TEXT}")
    assert answer.headers["sec-websocket-protocol"] == IRC_BINARY
    user = irc.connects()
    assert "sec-websocket-protocol" not in user.upgrades(Sec_WebSocket_Protocol="chat").headers
    user.sends(masked(b'{"hello": 1, "name": "carl", "guest": true}'))
    assert user.objects()[0]["ok"]


def test_another_origin(irc: WebServer) -> None:
    """Pages of other sites are refused, as in JSON mode."""
    answer = irc.connects().upgrades(Sec_WebSocket_Protocol=IRC_TEXT, Origin="https://evil.example")
    assert answer.status == 403


def test_without_an_irc_door(web: WebServer) -> None:
    """IRC that is off is off here, too."""
    assert web.connects().upgrades(Sec_WebSocket_Protocol=IRC_TEXT).status == 400


def test_the_end(irc: WebServer) -> None:
    """QUIT has its ERROR, and then the Close frame."""
    user = entered(irc, "alice")
    user.sends(masked(b"QUIT :bye"))
    frames = user.frames()
    assert frames[-2][1].startswith(b"ERROR ")
    assert frames[-1] == (0x8, (1001).to_bytes(2, "big"))


def test_long_messages(irc: WebServer) -> None:
    """A message that no line can be ends the connection with 1009, also in pieces."""
    for data in (
        masked(b"x" * 20_000),
        masked(b"x" * 10_000, 0x1, False) + masked(b"x" * 10_000, 0x0),
    ):
        user = entered(irc, "alice")
        assert user.sends(data).frames()[-1] == (0x8, (1009).to_bytes(2, "big"))
        user.waits(5)


def test_silence(irc: WebServer) -> None:
    """A silent client is sent a ping of the WebSocket, and given up."""
    user = entered(irc, "alice")
    user.waits(PING_AFTER + 2)
    assert (0x9, b"") in user.frames()
    user.waits(GONE_AFTER - PING_AFTER)
    assert not user.wire.connected
