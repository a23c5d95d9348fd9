"""Connections that send as much as the server takes: ``python -m tests.torture.flood PORT KIND``.

They read and discard all answers. A connection that is closed is opened again.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import sys
from contextlib import suppress

CONNECTIONS = 45
SIZE = 65_536

LOGIN, TELNET_LOGIN, HELLO = (
    b"flood%d\n\n\n",
    b"\xff\xf1flood%d\r\n\r\n\r\n",
    b'{"hello":1,"name":"flood%d","guest":true}\n',
)
# DO SUPPRESS-GO-AHEAD, WONT NAWS and DO ECHO: character mode.
EDITED_LOGIN = b"\xff\xfd\x03\xff\xfc\x1f\xff\xfd\x01flood%d\r\n\r\n\r\n"
NEGOTIATION = bytes([255, 251, 3, 255, 253, 24, 255, 252, 1])
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
}


class Flooder:
    """One connection; *number* is part of its name."""

    def __init__(self, port: int, first: bytes, then: bytes, number: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self._waiting = first.replace(b"%d", b"%d" % number)
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
