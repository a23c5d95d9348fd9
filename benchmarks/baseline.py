"""A bare server: what is left of a chat when it stores nothing, checks nothing and knows no limits.

It shows what the machine can do, in Python. Started as ``python bare.py PORT``.
"""

from __future__ import annotations

import select
import socket
import sys
from collections import defaultdict

READ = 65_536


class Member:
    """One connection. Its first line is its name and its group."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.name = b""
        self.group: list[Member] = []
        self.rest = b""


def serve(port: int) -> None:
    """Serve until killed: what is said goes to the others of the group, a block for each turn."""
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    members: dict[int, Member] = {}
    groups: defaultdict[bytes, list[Member]] = defaultdict(list)
    while True:
        said: list[tuple[Member, bytes]] = []
        for descriptor, _ in epoll.poll():
            if descriptor == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                epoll.register(connection, select.EPOLLIN)
                members[connection.fileno()] = Member(connection)
                continue
            member = members[descriptor]
            data = member.connection.recv(READ, socket.MSG_DONTWAIT)
            if not data:
                if member in member.group:
                    member.group.remove(member)
                members.pop(descriptor).connection.close()
                continue
            *lines, member.rest = (member.rest + data).split(b"\n")
            if lines and not member.name:
                member.name, _, group = lines.pop(0).partition(b" ")
                member.group = groups[group]
                member.group.append(member)
                member.connection.send(b"in\n")
            said += [(member, member.name + b": " + line + b"\n") for line in lines]
        deliver(said)


def deliver(said: list[tuple[Member, bytes]]) -> None:
    """Give each member of each group what the others have *said*, with one call."""
    by_group: defaultdict[int, list[tuple[Member, bytes]]] = defaultdict(list)
    for each in said:
        by_group[id(each[0].group)].append(each)
    for lines in by_group.values():
        speakers = {speaker for speaker, _ in lines}
        block = b"".join([line for _, line in lines])
        for member in lines[0][0].group:
            if member not in speakers:
                member.connection.sendall(block)
            elif len(speakers) > 1:
                own = b"".join([line for speaker, line in lines if speaker is not member])
                member.connection.sendall(own)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
