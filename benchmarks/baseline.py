"""Baseline server: a minimal chat relay that stores nothing, checks nothing and has no limits.

It shows what the machine can do in Python. Started as ``python baseline.py PORT``.
"""

from __future__ import annotations

import select
import socket
import sys
from collections import defaultdict

MAX_READ_BYTES = 65_536


class Member:
    """One connection. Its first line contains its name and its group."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.name = b""
        self.group: list[Member] = []
        self.partial_line = b""


def serve(port: int) -> None:
    """Serve until killed. In each turn every member is sent one block with the new messages."""
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    members: dict[int, Member] = {}
    groups: defaultdict[bytes, list[Member]] = defaultdict(list)
    while True:
        messages: list[tuple[Member, bytes]] = []
        for descriptor, _ in epoll.poll():
            if descriptor == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                epoll.register(connection, select.EPOLLIN)
                members[connection.fileno()] = Member(connection)
                continue
            member = members[descriptor]
            data = member.connection.recv(MAX_READ_BYTES, socket.MSG_DONTWAIT)
            if not data:
                if member in member.group:
                    member.group.remove(member)
                members.pop(descriptor).connection.close()
                continue
            *lines, member.partial_line = (member.partial_line + data).split(b"\n")
            if lines and not member.name:
                member.name, _, group = lines.pop(0).partition(b" ")
                member.group = groups[group]
                member.group.append(member)
                member.connection.send(b"in\n")
            messages += [(member, member.name + b": " + line + b"\n") for line in lines]
        deliver(messages)


def deliver(messages: list[tuple[Member, bytes]]) -> None:
    """Send each member the *messages* of the other members of the group, with one call."""
    by_group: defaultdict[int, list[tuple[Member, bytes]]] = defaultdict(list)
    for each in messages:
        by_group[id(each[0].group)].append(each)
    for lines in by_group.values():
        senders = {sender for sender, _ in lines}
        block = b"".join([line for _, line in lines])
        for member in lines[0][0].group:
            if member not in senders:
                member.connection.sendall(block)
            elif len(senders) > 1:
                others = b"".join([line for sender, line in lines if sender is not member])
                member.connection.sendall(others)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
