"""JoinedGroup: a group that the account is in: its members, and its count of new entries."""

from __future__ import annotations

from collections import deque

from pyconchat.client.net.json_protocol import Object

__all__ = ["JoinedGroup", "count", "news_in"]

MAX_COUNTED = 1000
"""Maximum new entries that are counted one by one."""


class JoinedGroup:
    """A group that the account is in. *members* maps names to whether they are online.

    *head* is the number of the newest entry. The entries up to *shown* were displayed to the
    person, here or on another device, and reported to the server up to *reported*. *joined_at* is
    the number of the person's own entry, until the lines before it were displayed; else 0.

    The entries after `_counted_after` were received as events, so the new ones among them are
    counted exactly. For earlier entries, only the server's counts in the hello are known.
    """

    def __init__(self, name: str, number: int = 0, topic: str = "") -> None:
        self.name = name
        self.number = number
        self.topic = topic
        self.members: dict[str, bool] = {}
        self.muted = False
        self.head = 0
        self.shown = 0
        self.reported = 0
        self.joined_at = 0
        self._counted_after = 0
        self._new: deque[int] = deque(maxlen=MAX_COUNTED)  # numbers of new entries
        self._naming: deque[int] = deque(maxlen=MAX_COUNTED)  # with a mention
        self._mentions_before = 0  # in entries that are not counted one by one
        self._head_at_login = 0

    @property
    def online(self) -> int:
        """Return how many members are online."""
        return sum(self.members.values())

    @property
    def unread(self) -> int:
        """Return how many entries are new, without joins and leaves."""
        return max(0, self._counted_after - self.shown) + len(self._new)

    @property
    def mentions(self) -> int:
        """Return how many of the new entries mention the person."""
        return self._mentions_before + len(self._naming)

    def logged_in(self, fields: Object) -> None:
        """Update the group from *fields*, its part of a hello's answer. Missed entries follow."""
        head, unread = count(fields.get("head")), count(fields.get("unread"))
        is_other = 0 < head < self.head  # the group was deleted, and there is another of its name
        is_known = self.head > 0 and not is_other
        self._head_at_login = head
        if is_known:
            if "mentions" in fields:  # the server has read markers
                self.shown_upto(head - unread)
            return
        self._restart(max(0, head - unread), head)
        self._mentions_before = count(fields.get("mentions"))

    def missed(self, older: int, mentions: int) -> None:
        """Only the newest missed entries follow, and not the *older* ones.

        *mentions* is how many of all these mention the person.
        """
        if older and self._counted_after < self._head_at_login:
            self._mentions_before += len(self._naming) + mentions
            self._new.clear()
            self._naming.clear()
            self.head = self._counted_after = self._head_at_login

    def arrived(self, seq: int, is_new: bool, mentions_person: bool) -> None:
        """Count the entry *seq*. *is_new* is whether it counts as new (`is_news`)."""
        if self.head == 0 or seq == 1:
            self._restart(seq - 1, seq - 1)
        self.head = max(self.head, seq)
        self._counted_after = min(self._counted_after, seq - 1)
        if mentions_person and self._mentions_before and seq <= self._head_at_login:
            self._mentions_before -= 1
        if seq > self.shown:
            if is_new:
                self._new.append(seq)
            if mentions_person:
                self._naming.append(seq)

    def joined(self, seq: int, is_first: bool) -> None:
        """The person has joined by the entry *seq*: entries after it can be new.

        If it *is_first*, the lines before it are displayed when the group is entered.
        """
        if seq <= self._head_at_login:
            return  # while they were offline: it is a missed entry
        self._restart(seq, seq)
        self.reported = seq - 1
        self.joined_at = seq if is_first else 0

    def shown_upto(self, seq: int) -> None:
        """All entries up to *seq* were shown."""
        if seq <= self.shown:
            return
        self.shown = seq
        if seq >= self._counted_after:
            self._mentions_before = 0
        for numbers in (self._new, self._naming):
            while numbers and numbers[0] <= seq:
                numbers.popleft()

    def read_elsewhere(self, seq: int) -> None:
        """The entries up to *seq* were displayed on another device."""
        self.shown_upto(seq)
        self.reported = max(self.reported, seq)

    def shown_alone(self, seq: int) -> None:
        """The entry *seq* was displayed, though earlier ones may be new."""
        if seq in self._new:
            self._new.remove(seq)

    def _restart(self, shown: int, head: int) -> None:
        self.shown, self.head, self._counted_after = shown, head, head
        self.reported = shown
        self._mentions_before = 0
        self._new.clear()
        self._naming.clear()


def news_in(group: JoinedGroup) -> str:
    """Return the counts of new entries in *group* in words: ``3, 1 mention, muted``."""
    unread = f"{group.unread}" if group.unread < MAX_COUNTED else f"{MAX_COUNTED - 1}+"
    mentions = f", {group.mentions} mention{'s' * (group.mentions > 1)}" if group.mentions else ""
    return f"{unread}{mentions}{', muted' if group.muted else ''}"


def count(value: object) -> int:
    """Return a number of a server's object; 0 if *value* is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
