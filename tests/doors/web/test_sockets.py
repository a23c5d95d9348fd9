"""WebSockets: the handshake, frames and their limits, and JSON mode in them."""

from __future__ import annotations

import json

import pytest
from twisted.internet.task import Clock

from pyconchat.domain.names import Key
from pyconchat.domain.replies import EndWhy
from pyconchat.doors.door import MAX_STALL
from pyconchat.doors.web.socket import GONE_AFTER, MAX_FRAMES, PING_AFTER
from pyconchat.store import SqlStore
from tests.support.turns import reactor_turn
from tests.support.web import HttpUser, WebServer, masked
from tests.torture.flood import UPGRADE

OWN = "http://localhost:8080"
PASSWORD = "correct horse battery"


HANDSHAKE = UPGRADE.replace(b"localhost", b"localhost:8080")


def say(**fields: object) -> bytes:
    return masked(json.dumps(fields).encode())


def opened(web: WebServer, **headers: str) -> HttpUser:
    user = web.connects()
    assert user.upgrades(**headers).status == 101
    return user


def entered(web: WebServer, name: str) -> HttpUser:
    user = opened(web)
    user.sends(say(hello=1, name=name, guest=True))
    assert user.objects()[0]["ok"]
    return user


def test_the_handshake(web: WebServer) -> None:
    """The answer to the key is that of RFC 6455, 1.3."""
    answer = web.connects().upgrades()
    assert answer.status == 101
    assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upgrade": "h2c"}, 426),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Origin": "http://localhost:8081"}, 403),
        ({"Origin": "https://localhost:8080"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
def test_refused_handshakes(web: WebServer, headers: dict[str, str], status: int) -> None:
    """Another Origin, port or scheme, another Host, or no handshake."""
    assert web.connects().upgrades(**headers).status == status


FRAMES = {
    "binary": (masked(b"{}", 0x2), 1003),
    "not UTF-8": (masked(b"\xff\xfe"), 1007),
    "not masked": (b"\x81\x02{}", 1002),
    "reserved bit": (b"\xc1" + masked(b"{}")[1:], 1002),
    "reserved opcode": (masked(b"", 0x3), 1002),
    "continuation of nothing": (masked(b"", 0x0), 1002),
    "text inside a text": (masked(b"{", 0x1, False) + masked(b"{}"), 1002),
    "long ping": (masked(bytes(126), 0x9), 1002),
    "fragmented ping": (masked(b"", 0x9, False), 1002),
    "too long": (masked(b"a" * (8 * 4096 + 1)), 1009),
    "too long in pieces": (masked(b"a" * 20_000, 0x1, False) + masked(b"a" * 20_000, 0x0), 1009),
    "many pings": (masked(b"", 0x9) * 11, 1008),
    "many pongs": (masked(b"", 0xA) * 11, 1008),
    "goodbye": (masked(b"\x03\xe8", 0x8), 1000),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_frames_that_end_the_connection(web: WebServer, name: str) -> None:
    """The Close frame has the code of RFC 6455, 7.4.1; nothing after it is read."""
    data, code = FRAMES[name]
    user = opened(web)
    user.sends(data + say(hello=1, name="late", guest=True))
    opcode, payload = user.frames()[-1]
    assert (opcode, int.from_bytes(payload[:2], "big")) == (0x8, code)
    assert not list(web.services.presence.everybody())


def test_a_message_in_pieces(web: WebServer) -> None:
    """Empty and split fragments, byte by byte, with a ping between them, are one message."""
    user = opened(web)
    text = json.dumps({"hello": 1, "name": "alicé", "guest": True}, ensure_ascii=False).encode()
    half = text.index("é".encode()) + 1  # inside a character
    stream = masked(text[:half], 0x1, False) + masked(b"", 0x0, False) + masked(b"hi", 0x9)
    for byte in stream + masked(text[half:], 0x0):
        user.protocol.dataReceived(bytes([byte]))
    pong, hello = user.frames()[:2]
    assert pong == (0xA, b"hi")
    assert json.loads(hello[1].splitlines()[0])["ok"]


def test_a_flood_of_fragments(web: WebServer) -> None:
    """They are handled in turns; meanwhile no more are read, and then only as fast as is fair."""
    user = opened(web)
    flood = masked(b"", 0x1, False) + masked(b"", 0x0, False) * 1999
    user.protocol.dataReceived(flood)
    assert user.wire.paused
    for _ in range(2000 // MAX_FRAMES):
        assert user.wire.paused
        user.clock.advance(0)
    assert user.wire.paused, "the budget is overdrawn"
    user.waits(40)
    assert not user.wire.paused
    user.sends(masked(b"", 0x0) + say(hello=1, name="alice", guest=True))
    assert any(each.get("ok") for each in user.objects())


def test_fragments_of_several_clients_are_handled_in_turns(web: WebServer) -> None:
    """Those of one in a turn of the reactor: all together would delay everybody else."""
    users = [opened(web) for _ in range(5)]
    users[0].waits(1)
    handled: list[object] = []
    for user in users:
        door = user.protocol._door
        take = door._frames.next
        door._frames.next = lambda take=take, door=door: (handled.append(door), take())[1]
        user.protocol.dataReceived(masked(b"", 0x1, False) + masked(b"", 0x0, False) * 1999)
    assert len(handled) == len(users) * MAX_FRAMES, "each begins at once"
    for _ in range(20):
        del handled[:]
        reactor_turn(web.clock)
        assert len(handled) <= MAX_FRAMES


def test_handshakes_of_many_clients_are_handled_in_turns(web: WebServer) -> None:
    """Opening a WebSocket takes long: what has come waits, and is read no further until then."""
    users = [web.connects() for _ in range(5)]
    users[0].waits(1)
    for user in users:
        user.protocol.dataReceived(HANDSHAKE + say(hello=1, name="alice", guest=True))
    assert all(user.wire.paused for user in users)
    users[3].wire.loseConnection()
    for most in range(4):
        assert sum(b" 101 " in user.wire.value() for user in users) <= most
        reactor_turn(web.clock)
    users[0].waits(1)
    assert [b" 101 " in user.wire.value() for user in users] == [True, True, True, False, True]
    assert users[4].wire.paused is False
    assert b'"hello"' in users[4].wire.value()


def test_a_handshake_that_waited_may_be_refused(web: WebServer) -> None:
    """As one that did not."""
    users = [web.connects() for _ in range(2)]
    users[0].waits(1)
    for user in users:
        user.protocol.dataReceived(HANDSHAKE.replace(b"Version: 13", b"Version: 8"))
    users[1].waits(1)
    assert users[1].answer().status == 426


def test_silence(web: WebServer) -> None:
    """A silent client is sent a ping; one that does not answer is given up."""
    user = opened(web)
    user.sends(say(hello=1, name="alice", guest=True))
    user.frames()
    user.waits(PING_AFTER + 2)
    assert (0x9, b"") in user.frames()
    user.sends(masked(b"", 0xA))
    user.waits(GONE_AFTER - 2)
    assert user.wire.connected
    user.waits(5)
    assert user.wire.aborted


def test_two_talk(web: WebServer) -> None:
    """Messages come as JSON, each block one frame."""
    alice, bob = entered(web, "alice"), entered(web, "bob")
    alice.sends(say(id=1, line="/create tea open"))
    bob.sends(say(id=1, line="/join tea"))
    bob.receives()
    alice.sends(say(id=2, group="tea", line="<img onerror=alert(1)>"))
    bob.waits(1)
    (message,) = (each for each in bob.objects() if each.get("type") == "message")
    assert message["text"] == "<img onerror=alert(1)>"


def test_a_reader_that_stops(web: WebServer) -> None:
    """It is given up as at the line door, and the others get all."""
    alice, bob = entered(web, "alice"), entered(web, "bob")
    alice.sends(say(id=1, line="/create tea open"))
    bob.sends(say(id=1, line="/join tea"))
    alice.frames()
    bob.wire.stops_reading()
    for number in range(3):
        alice.sends(say(id=number + 2, group="tea", line=f"line {number}"))
    alice.waits(MAX_STALL - 2)
    assert not bob.wire.aborted
    texts = [each["text"] for each in alice.objects() if each.get("type") == "message"]
    assert texts == ["line 0", "line 1", "line 2"]
    bob.waits(4)
    assert bob.wire.aborted
    assert alice.wire.connected


def cookie_of(web: WebServer, name: str) -> str:
    answer = web.connects().logs_in(name=name, password=PASSWORD, register=True)
    assert answer.status == 200, answer
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-pyconchat=")
    assert all(each in cookie for each in ("; HttpOnly", "; Secure", "; SameSite=Strict"))
    return cookie.partition(";")[0]


def test_the_cookie_logs_the_page_in(web: WebServer) -> None:
    """Only with the page's Origin, and no token is sent to it."""
    cookie = cookie_of(web, "alice")
    token = cookie.partition("=")[2]
    page = opened(web, Cookie=cookie, Origin=OWN)
    page.sends(say(hello=1, name="alice"))
    received = page.receives()
    assert b'"ok":true' in received
    assert token.encode() not in received
    program = opened(web, Cookie=cookie)
    program.sends(say(hello=1, name="alice"))
    assert not program.objects()[0]["ok"]


def test_a_new_password_means_a_new_cookie(web: WebServer) -> None:
    """The page trades a ticket for it, once; the old cookie is worth nothing."""
    old = cookie_of(web, "alice")
    page = opened(web, Cookie=old, Origin=OWN)
    page.sends(say(hello=1, name="alice"))
    page.receives()
    page.sends(say(id=1, line="/password", answers=[PASSWORD, *["another long one"] * 2]))
    page.waits(1)
    answer = next((each for each in page.objects() if each.get("re") == 1), None)
    assert answer is not None
    assert "token" not in answer
    assert "ticket" in answer, answer
    traded = web.connects().logs_in(ticket=answer["ticket"])
    new = traded.headers["set-cookie"].partition(";")[0]
    assert new != old
    assert web.connects().logs_in(ticket=answer["ticket"]).status == 403
    assert web.connects().asks("GET", "/session", Cookie=new).body == b'{"name":"alice"}'
    assert web.connects().asks("GET", "/session", Cookie=old).body == b'{"name":null}'


def test_the_end_of_a_session(web: WebServer) -> None:
    """DELETE ends it; another site cannot."""
    cookie = cookie_of(web, "alice")
    foreign = web.connects().asks(
        "DELETE", "/session", Cookie=cookie, Origin="https://evil.example"
    )
    assert foreign.status == 403
    ended = web.connects().asks("DELETE", "/session", Cookie=cookie, Origin=OWN)
    assert ended.status == 204
    assert "Max-Age=0" in ended.headers["set-cookie"]
    assert web.connects().asks("GET", "/session", Cookie=cookie).body == b'{"name":null}'


def test_wrong_passwords(store: SqlStore, clock: Clock) -> None:
    """They are refused; after some of them, from anywhere, each is delayed."""
    web = WebServer(store, clock, trusted_proxies=("127.0.0.1",))
    cookie_of(web, "alice")
    body = b'{"name": "alice", "password": "wrong"}'
    head = f"POST /session HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    request = head.encode() + b"Content-Type: application/json\r\n\r\n" + body
    delayed = False
    for last in range(6):
        user = web.connects()
        user.sends(request.replace(b"\r\n", b"\r\nX-Forwarded-For: 192.0.2.%d\r\n" % last, 1))
        answer = user.receives()
        for _ in range(60):
            if answer:
                break
            delayed = True
            user.waits(1)
            answer = user.receives()
        assert answer[9:12] in (b"403", b"429")
    assert delayed
    web.stop()


def test_a_node_that_stops(web: WebServer) -> None:
    """What was sent is answered before the end, and the Close frame says that the server goes."""
    user = entered(web, "alice")
    user.objects()
    [session] = web.services.presence.sessions(Key("alice"))
    user.protocol.dataReceived(say(id=1, line="/create tea open") + say(id=2, line="/who"))
    session.end_when_idle(EndWhy.STOPPING, "Connect again.")
    for _ in range(10):
        web.clock.advance(0.02)
    frames = user.frames()
    objects = [json.loads(line) for code, text in frames if code == 1 for line in text.splitlines()]
    assert [each["re"] for each in objects if "re" in each] == [1, 2]
    assert objects[-1] == {"type": "end", "why": "stopping", "text": "Connect again."}
    assert frames[-1] == (8, (1001).to_bytes(2, "big"))
