"""Connections that send as much as the server takes: ``python -m tests.torture.flood PORT KIND``.

The first word of a kind tells the door, if it is not the line door.

They read and discard all answers. A connection that is closed is opened again.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import ssl
import struct
import sys
from contextlib import suppress

CONNECTIONS = 45
SIZE = 65_536

LOGIN, TELNET_LOGIN, HELLO = (
    b"floodNNNN\n\n\n",
    b"\xff\xf1floodNNNN\r\n\r\n\r\n",
    b'{"hello":1,"name":"floodNNNN","guest":true}\n',
)
GROUP_LOGIN = b"floodNNNN\n\nfloodsNNNN\nword\n"
IRC_LOGIN = b"NICK floodNNNN\r\nUSER a 0 * a\r\n"
# DO SUPPRESS-GO-AHEAD, WONT NAWS and DO ECHO: character mode.
EDITED_LOGIN = b"\xff\xfd\x03\xff\xfc\x1f\xff\xfd\x01floodNNNN\r\n\r\n\r\n"
NEGOTIATION = bytes([255, 251, 3, 255, 253, 24, 255, 252, 1])


def request(line: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a request to the web door (RFC 9112, 3)."""
    fields = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
    lines = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def frame(opcode: int, payload: bytes = b"", fin: int = 0x80) -> bytes:
    """Return a frame of a WebSocket client, masked with zeros (RFC 6455, 5.2)."""
    return bytes([fin | opcode, 0x80 | len(payload)]) + bytes(4) + payload


UPGRADE = request(
    "GET /ws",
    Connection="Upgrade",
    Upgrade="websocket",
    **{"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="},
)


def packet(payload: bytes) -> bytes:
    """Return an SSH packet that is not encrypted (RFC 4253, 6)."""
    padding = 8 - (len(payload) + 5) % 8 + 8
    size = len(payload) + padding + 1
    return struct.pack(">IB", size, padding) + payload + bytes(padding)


def ssh_string(text: bytes) -> bytes:
    """Return *text* with its length (RFC 4251, 5)."""
    return struct.pack(">I", len(text)) + text


ALGORITHMS = (
    *(b"curve25519-sha256", b"ssh-ed25519", b"aes256-ctr", b"aes256-ctr"),
    *(b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none", b"", b""),
)
PROPOSAL = packet(b"\x14" + bytes(16) + b"".join(map(ssh_string, ALGORITHMS)) + bytes(5))
# A whole exchange of keys up to the server's signature (RFC 8731), then nonsense: the server
# disconnects, and is asked for the next signature.
EXCHANGE = b"SSH-2.0-flood\r\n" + PROPOSAL + packet(b"\x1e" + ssh_string(b"\x09" + bytes(31)))


def client_hello() -> bytes:
    """Return how a client of TLS 1.3 begins (RFC 8446, 4.1.2); the server signs in its answer."""
    written = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), written, server_hostname="x")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return written.read()


SINCE = b",".join(b'"@nobody%d":1' % number for number in range(200))
IRC_GROUP_LOGIN = IRC_LOGIN + b"JOIN #floodsNNNN\r\nPRIVMSG #floodsNNNN :word\r\n"

KINDS: dict[str, tuple[bytes, bytes]] = {  # the bytes sent first, and then repeatedly
    "negotiation": (b"", NEGOTIATION),
    "negotiation after a name": (b"\xff\xf1a b\r\n", NEGOTIATION),
    "negotiation, logged in": (TELNET_LOGIN, NEGOTIATION),
    "are you there, logged in": (TELNET_LOGIN, b"\xff\xf6"),
    "subnegotiations, logged in": (TELNET_LOGIN, b"\xff\xfa\x18\x01\xff\xf0"),
    "NULs": (b"", b"\0"),
    "NULs at telnet": (b"\xff\xf1a b\r\n", b"\0"),
    "NULs, logged in": (LOGIN, b"\0"),
    "empty objects": (b"", b"{}\n"),
    "empty objects, logged in": (HELLO, b"{}\n"),
    "hellos": (b"", b'{"hello":1,"name":"a b"}\n'),
    "not JSON": (b"{", b"[\n"),
    "bad names": (b"", b"two words\n"),
    "bad names at telnet": (b"", b"two words\r\n" + NEGOTIATION),
    "blank lines": (b"", b"\n"),
    "blank lines, logged in": (LOGIN, b"\n"),
    "CR": (b"", b"\r"),
    "erasing keys, logged in": (LOGIN, b"a" * 2000 + b"\x7f" * 2000 + b"\n"),
    "keys, in character mode": (EDITED_LOGIN, b"\x1b[D\x7f"),
    "wide text, in character mode": (EDITED_LOGIN, "\x1b[H三".encode()),
    "Tab, in character mode": (EDITED_LOGIN, b"a\t\x15"),
    "not UTF-8, in a question": (LOGIN + b"/msg\n", b"\xff\n"),
    "an endless line": (b"", b"a"),
    "messages, logged in": (LOGIN, b"word\n"),
    "searches, logged in": (GROUP_LOGIN, b"/search word\n"),
    "who, logged in": (LOGIN, b"/who\n"),
    "groups, logged in": (LOGIN, b"/groups\n"),
    "past entries, logged in": (GROUP_LOGIN, b"/history 100 before 2020-01-01\n"),
    "mentions, logged in": (GROUP_LOGIN, b"/mentions\n"),
    "reactions, logged in": (GROUP_LOGIN, "/react 2 👍\n".encode()),
    "hellos with many places": (b"", b'{"hello":1,"name":"a b","since":{%b}}\n' % SINCE),
    "read markers, logged in": (HELLO, b'{"id":1,"group":"a","read":1}\n'),
    "people, in JSON": (HELLO, b'{"id":1,"line":"/who"}\n'),
    "HTTP": (b"", b"GET / HTTP/1.1\r\n\r\n"),
    "TLS": (b"", b"\x16\x03\x01"),
    "IRC nonsense": (b"", b"FOO\r\n"),
    "IRC capabilities": (b"", b"CAP LS 302\r\n"),
    "IRC pings": (IRC_LOGIN, b"PING a\r\n"),
    "IRC queries": (IRC_LOGIN, b"WHO *\r\n"),
    "IRC lists": (IRC_LOGIN, b"LIST *a*,*b* >0\r\n"),
    "IRC names with everything": (IRC_LOGIN, b"WHO * %tcuihsnfdlaor,1\r\n"),
    "IRC history": (IRC_GROUP_LOGIN, b"CHATHISTORY LATEST #floodsNNNN * 100\r\n"),
    "IRC read markers": (IRC_GROUP_LOGIN, b"MARKREAD #floodsNNNN\r\n"),
    "IRC nicks": (IRC_LOGIN, b"NICK a b\r\n"),
    "IRC modes": (IRC_LOGIN, b"MODE floodNNNN +i\r\n"),
    "web page": (b"", request("GET /")),
    "web paths that are not there": (b"", request("GET /nothing")),
    "web logins": (b"", request("POST /session", b"{}", **{"Content-Type": "application/json"})),
    "web hooks": (b"", request("POST /hook/AAAAAAAAAAAAAAAAAAAAAA", b"text")),
    "web nonsense": (b"", b"\0\r\n"),
    "web pings": (UPGRADE, frame(0x9)),
    "web pongs": (UPGRADE, frame(0xA)),
    "web empty messages": (UPGRADE, frame(0x1)),
    "web fragments": (UPGRADE + frame(0x1, b"a", fin=0), frame(0x0, b"a", fin=0)),
    "web upgrades": (UPGRADE + frame(0x8), frame(0x8)),
    "web hellos": (UPGRADE, frame(0x1, b'{"hello":1,"name":"a b"}')),
    "web objects, logged in": (UPGRADE + frame(0x1, HELLO[:-1]), frame(0x1, b"{}")),
    "SSH versions": (b"", b"SSH-1.0-x\r\n"),
    "SSH lines": (b"", b"no version\r\n"),
    "SSH exchanges": (EXCHANGE, b"\0"),
    "secure handshakes": (client_hello(), b"\0"),
    "SSH ignored packets": (b"SSH-2.0-flood\r\n" + PROPOSAL, packet(b"\x02" + ssh_string(b"a"))),
}


class Flooder:
    """One connection; *number* replaces NNNN in what it sends."""

    def __init__(self, port: int, first: bytes, then: bytes, number: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        first, then = (each.replace(b"NNNN", b"%04d" % number) for each in (first, then))
        self._waiting = first
        self._then = then * (SIZE // len(then))

    def sends(self) -> None:
        """Send some more."""
        data = self._waiting or self._then
        self._waiting = data[self.socket.send(data) :]

    def reads(self) -> bool:
        """Discard what has arrived; return whether the connection is open."""
        return bool(self.socket.recv(SIZE))


def main(port: int, kind: str) -> None:
    """Flood until the process is killed."""
    selector, numbers = selectors.DefaultSelector(), itertools.count()

    def connect() -> None:
        each = Flooder(port, *KINDS[kind], next(numbers))
        selector.register(each.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, each)

    for _ in range(CONNECTIONS):
        connect()
    print("flooding", flush=True)
    while True:
        for key, events in selector.select():
            each, going = key.data, False
            with suppress(OSError):
                going = not events & selectors.EVENT_READ or each.reads()
                if going and events & selectors.EVENT_WRITE:
                    with suppress(BlockingIOError):
                        each.sends()
            if not going:
                selector.unregister(each.socket)
                each.socket.close()
                connect()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
