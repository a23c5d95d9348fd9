"""Publisher: delivers stored entries, and carries out their effects on sessions and groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeAlias

from twisted.logger import Logger

from pyconchat.chat import event_log
from pyconchat.chat.fanout import Fanout
from pyconchat.chat.interfaces import ISession
from pyconchat.chat.memory import Memory
from pyconchat.chat.pending import PendingDecision
from pyconchat.chat.statistics import Statistics
from pyconchat.domain.accounts import Account
from pyconchat.domain.events import (
    Action,
    Entry,
    GroupClosed,
    MemberBanned,
    MemberKicked,
    MemberLeft,
    Message,
    ServerBanned,
    ServerKicked,
)
from pyconchat.domain.names import Name, fold
from pyconchat.domain.replies import EndWhy

__all__ = ["Publisher", "Runs", "runs_of"]

Runs: TypeAlias = dict[int, tuple[list[Entry], list[ISession | None]]]
"""Consecutive entries by conversation, and the session that has typed each of them, if any."""


def runs_of(decisions: Sequence[PendingDecision], stored: Sequence[Sequence[Entry]]) -> Runs:
    """Return the *stored* entries of *decisions*."""
    runs: Runs = {}
    for pending, numbered in zip(decisions, stored, strict=True):
        for entry in numbered:
            run = runs.get(entry.conversation)
            if run is None:
                run = runs[entry.conversation] = [], []
            run[0].append(entry)
            run[1].append(pending.origin)
    return runs


class Publisher:
    """Publishes the stored decisions of one chat, conversation by conversation."""

    _log = Logger()

    def __init__(
        self,
        memory: Memory,
        statistics: Statistics,
        end_sessions: Callable[[Account, EndWhy, str], None],
    ) -> None:
        self.fanout = Fanout(memory.presence, statistics)
        self._memory = memory
        self._end_sessions = end_sessions
        self._statistics = statistics
        self._watchers: list[Callable[[Entry], None]] = []

    def watch(self, watcher: Callable[[Entry], None]) -> None:
        """Call *watcher* with each published entry that is not a message or an action."""
        self._watchers.append(watcher)

    def publish(
        self, decisions: Sequence[PendingDecision], stored: Sequence[Sequence[Entry]]
    ) -> Iterator[int]:
        """Deliver the *stored* entries of *decisions*; in each conversation in order.

        Yields, now and then, the count of connections that it has written to since.
        """
        yield from self.deliver(runs_of(decisions, stored))

    def deliver(
        self, runs: Runs, others: Collection[tuple[int, int]] = frozenset()
    ) -> Iterator[int]:
        """Deliver *runs*; yields as `publish`.

        The entries of *others*, as conversations and numbers, are in the logs of other nodes.
        """
        changes: list[Entry] = []
        for id, (entries, origins) in runs.items():
            self._statistics.entries += len(entries)
            for entry in entries:
                if type(entry.event) is not Message and type(entry.event) is not Action:
                    changes.append(entry)
            try:
                conversation = self._memory.conversations.get(id)
                if conversation is None:
                    continue  # a private one, whose parties have disconnected: the store has it
                yield from self.fanout.publish(conversation, entries, origins)
            except Exception:  # a failure in one conversation must not stop the others
                self._log.failure("publishing to conversation {id} failed", id=id)
        yield from self.fanout.finish()
        for entry in changes:
            try:
                self._follow_up(entry, (entry.conversation, entry.seq) not in others)
            except Exception:
                self._log.failure("the follow-up of an entry failed", seq=entry.seq)

    def _follow_up(self, entry: Entry, own: bool) -> None:
        """Log *entry* if it is our *own*, call the watchers, and carry out its effects."""
        conversation = self._memory.conversations.get(entry.conversation)
        if conversation is not None and own:  # else a private one, whose parties have disconnected
            event_log.published(conversation, entry, self._addresses)
        for watcher in self._watchers:
            watcher(entry)
        match entry.event:
            case GroupClosed():
                self._memory.conversations.drop(entry.conversation)
            case ServerKicked(name=name) | ServerBanned(name=name):
                account = self._memory.accounts.get(name)
                if account is not None:
                    self._end_sessions(account, EndWhy.PUT_OFF, "An operator has disconnected you.")
            case MemberLeft(name=name) | MemberKicked(name=name) | MemberBanned(name=name):
                account = self._memory.accounts.get(name)
                if account is not None:
                    account.detached -= {entry.conversation}
            case _:
                pass

    def _addresses(self, name: Name) -> list[str]:
        """Return the addresses from which *name* is connected."""
        sessions = self._memory.presence.sessions(fold(name))
        return list(dict.fromkeys(session.peer.address for session in sessions))
