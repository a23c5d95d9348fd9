"""Monitors: the names that clients monitor, and the people who have disconnected lately."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from pyconchat.domain.accounts import Account
from pyconchat.domain.events import Entry
from pyconchat.domain.names import Name, fold
from pyconchat.render.irc_lines import source

__all__ = ["Counts", "Gone", "Monitors", "Watcher"]


class Watcher(Protocol):
    """A client that monitors names."""

    def reply(self, numeric: str, *params: str) -> None:
        """Send a numeric reply."""

    def monitored_is_away(self, account: Account) -> None:
        """Note that *account* is away now, or no longer (IRCv3 extended-monitor)."""

    def monitored_has_changed(self, account: Account, piece: str, capability: str) -> None:
        """Send *piece*, about *account*, if the client has *capability*."""


MAX_GONE = 100
"""Maximum disconnected people that WHOWAS knows."""


MAX_QUITS = 256
"""Maximum guests who are remembered as gone, so that each reader gets one QUIT."""


MAX_COUNTED = 200
"""Maximum people who are counted for each answer to LUSERS, and so for each login. If there are
more, the counts may be up to a second old: thousands would otherwise count each other."""


class Counts(NamedTuple):
    """How many people are *hidden*, and how many are *operators*."""

    hidden: int
    operators: int


class Gone(NamedTuple):
    """Somebody who has disconnected, and the real name and user of their IRC client."""

    name: Name
    user: str
    realname: str


class Monitors:
    """The names that the clients of one server monitor, and the last disconnected people."""

    def __init__(self) -> None:
        self.most = 0  # people who were online at the same time
        self._online = 0
        self._leaving: dict[str, tuple[str, str]] = {}
        self._gone: deque[Gone] = deque(maxlen=MAX_GONE)
        self._names: dict[Watcher, dict[str, str]] = {}
        self._watchers: dict[str, dict[Watcher, None]] = {}
        self._counts = Counts(0, 0)
        self._counted_at = float("-inf")  # seconds
        self._quits: dict[tuple[str, int], list[int]] = {}  # by name and time: conversations

    def of(self, client: Watcher) -> list[str]:
        """Return the names that *client* monitors."""
        return list(self._names.get(client, {}).values())

    def add(self, client: Watcher, name: str) -> None:
        """Let *client* monitor *name*."""
        self._names.setdefault(client, {})[fold(name)] = name
        self._watchers.setdefault(fold(name), {})[client] = None

    def remove(self, client: Watcher, name: str) -> None:
        """Let *client* no longer monitor *name*."""
        key = fold(name)
        self._names.get(client, {}).pop(key, None)
        watchers = self._watchers.get(key, {})
        watchers.pop(client, None)
        if not watchers:
            self._watchers.pop(key, None)

    def clear(self, client: Watcher) -> None:
        """Let *client* monitor nobody."""
        for name in self.of(client):
            self.remove(client, name)
        self._names.pop(client, None)

    def counts(self, count: Callable[[], Counts], people: int, now: float) -> Counts:
        """Return what *count* does of *people*, who are online *now* (seconds), or did lately."""
        if people <= MAX_COUNTED or now - self._counted_at >= 1.0:
            self._counts, self._counted_at = count(), now
        return self._counts

    def leaving(self, account: Account, user: str, realname: str) -> None:
        """Note what an IRC client of *account*, whose session ends, was called."""
        self._leaving[account.key] = user, realname

    def stays(self, account: Account) -> None:
        """Forget that: the account has other sessions."""
        self._leaving.pop(account.key, None)

    def gone(self, name: str) -> list[Gone]:
        """Return the disconnected people with *name*, the last one first."""
        return [each for each in self._gone if fold(each.name) == fold(name)]

    def quit_before(self, name: Name, entry: Entry) -> list[int]:
        """Return the conversations whose members were told before that the guest *name* has gone.

        *entry* says that in one more of them. It ends all memberships at the same time.
        """
        told = self._quits.setdefault((fold(name), entry.at), [])
        if entry.conversation not in told:
            told.append(entry.conversation)
            if len(self._quits) > MAX_QUITS:
                del self._quits[next(iter(self._quits))]
        return told[: told.index(entry.conversation)]

    def absence_changed(self, account: Account) -> None:
        """Tell the clients that monitor *account* that it is away now, or no longer."""
        for client in list(self._watchers.get(account.key, ())):
            client.monitored_is_away(account)

    def relay(self, account: Account, piece: str, capability: str) -> None:
        """Send *piece*, about *account*, to the clients that monitor it and have *capability*."""
        for client in list(self._watchers.get(account.key, ())):
            client.monitored_has_changed(account, piece, capability)

    def changed(self, account: Account, online: bool) -> None:
        """Tell the clients that monitor *account* that it has come, or gone."""
        self._online += 1 if online else -1
        self.most = max(self.most, self._online)
        user, real = self._leaving.pop(account.key, (account.name, account.name))
        if not online:
            self._gone.appendleft(Gone(account.name, user, real))
        for client in list(self._watchers.get(account.key, ())):
            if online:
                client.reply("730", source(account.name))
            else:
                client.reply("731", account.name)
