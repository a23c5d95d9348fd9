"""Cursors: the last entry that the client has received of each conversation."""

from __future__ import annotations

from collections.abc import Sequence

from pyconchat.client.net.json_protocol import Object

__all__ = ["Cursors"]


MAX_HELLO_BYTES = 8192
"""Maximum bytes of the conversations in a hello: a server refuses a line that is too long."""


class Cursors:
    """The last sequence numbers, by conversation: the name of a group, or @ and a name."""

    def __init__(self) -> None:
        self.since: dict[str, int] = {}
        self._times: dict[str, str] = {}  # of the last entries

    def is_new(self, event: Object) -> bool:
        """Return whether *event* was not received before, and record its number."""
        if event.get("type") == "read":
            return True  # no entry: its number is that of one
        seq, conversation = event.get("seq"), _conversation(event)
        if conversation is None or not isinstance(seq, int) or isinstance(seq, bool):
            return True
        at = str(event.get("at"))
        # A later first entry belongs to a new conversation of the same name.
        restarted = seq == 1 and (
            event["type"] == "created" or at > self._times.get(conversation, "")
        )
        if seq <= self.since.get(conversation, 0) and not restarted:
            return False
        self.since.pop(conversation, None)  # the newest is the last
        self.since[conversation], self._times[conversation] = seq, at
        return True

    def for_hello(self) -> dict[str, int]:
        """Return the numbers of as many of the newest conversations as fit in a hello.

        For the others the server has the account's cursors.
        """
        chosen: dict[str, int] = {}
        left = MAX_HELLO_BYTES
        for conversation, seq in reversed(self.since.items()):
            left -= len(conversation.encode()) + len(str(seq)) + 4  # quotes, colon and comma
            if left < 0:
                break
            chosen[conversation] = seq
        return chosen

    def forget_replaced(self, groups: Sequence[Object]) -> None:
        """Remove the groups whose last entry, in the *groups* of a hello, is before ours.

        Such a group is another one of the same name.
        """
        for group in groups:
            name, head = str(group.get("group")), group.get("head")
            if isinstance(head, int) and head < self.since.get(name, 0):
                del self.since[name]

    def clear(self) -> None:
        """Remove all conversations, which have ended."""
        self.since.clear()


def _conversation(event: Object) -> str | None:
    """Return the conversation of *event*, as the hello's ``since`` names it."""
    partner, group = event.get("with"), event.get("group")
    if isinstance(partner, str):
        return f"@{partner}"
    return group if isinstance(group, str) else None
