"""Posts: the messages of one client that are on their way, and their echoes."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from pyconchat.domain.events import Entry
from pyconchat.domain.names import fold
from pyconchat.domain.replies import Where
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.output import with_tag

__all__ = ["Post", "Posts", "echo"]


class Post(NamedTuple):
    """A message on its way. *label* is that of its command.

    A command with several targets has *echoes*, which become one answer.
    """

    label: str
    echoes: list[str] | None


class Posts:
    """The messages of one client that are not published yet, by the key of their target.

    Each conversation publishes them in the order in which they were sent.
    """

    def __init__(self) -> None:
        self._posts: dict[str, deque[Post]] = {}

    def add(self, target: str, post: Post) -> Post:
        """Add *post*, a message to *target*, and return it."""
        self._posts.setdefault(target, deque()).append(post)
        return post

    def take(self, target: str) -> Post | None:
        """Remove the oldest message to *target*."""
        posts = self._posts.get(target)
        post = posts.popleft() if posts else None
        if not posts:
            self._posts.pop(target, None)
        return post

    def drop(self, target: str, post: Post) -> bool:
        """Remove *post*, which was not published here; return whether it was still there."""
        posts = self._posts.get(target, deque())
        for number, each in enumerate(posts):
            if each is post:
                del posts[number]
                return True
        return False


def echo(client: Client, posts: Posts, entry: Entry, where: Where) -> str:
    """Return the lines of a message of the client itself; empty without echo-message.

    A message that a command of the service has sent, such as ``reply``, is shown to all clients:
    they know nothing of it.
    """
    target = f"#{fold(where.group)}" if where.group is not None else f"{fold(where.other or '')}"
    post, echoes = posts.take(target), "echo-message" in client.caps
    if post is None and not echoes:
        (piece,) = client.renderer.talk([entry], where)
        return piece
    label = post.label if post is not None else ""
    if where.other is None and not label and not echoes:
        return ""  # for most messages nothing has to be rendered
    (piece,) = client.renderer.talk([entry], where)
    received = piece if where.other == client.account.name else ""  # a message to oneself
    if echoes and post is not None and post.echoes is not None:
        post.echoes.append(piece)
        return received
    if echoes:
        return (with_tag("label", label, piece) if label else piece) + received
    if label:
        client.send(with_tag("label", label, f":{client.server} ACK\r\n"))
    return received
