"""Telling: the stored entries of this node, as blocks for the other nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pyconchat.chat.blocks import (
    SERVER_TOPIC,
    BlockEntry,
    Head,
    account_topic,
    conversation_topic,
    encode_block,
    encode_entries,
)
from pyconchat.chat.conversations import DirectConversation, account_key
from pyconchat.chat.interfaces import IBus
from pyconchat.chat.memory import Memory
from pyconchat.chat.pending import PendingDecision
from pyconchat.chat.publisher import Runs
from pyconchat.domain.decisions import SERVER
from pyconchat.domain.events import (
    Entry,
    GroupClosed,
    GroupCreated,
    HookAdded,
    HookRemoved,
    JoinRequested,
    MemberInvited,
    MemberJoined,
    changes_version,
    encode,
)
from pyconchat.domain.names import fold

__all__ = ["Versions", "tell", "versions_of"]

Versions = dict[int, dict[int, int | None]]
"""The versions on which changes of state were decided, by conversation and number of entry."""


def versions_of(
    decisions: Sequence[PendingDecision], stored: Sequence[Sequence[Entry]]
) -> Versions:
    """Return the versions of the *stored* entries of *decisions*."""
    found: Versions = {}
    for pending, numbered in zip(decisions, stored, strict=True):
        for new, entry in zip(pending.decision.entries, numbered, strict=True):
            version = new.version if changes_version(entry.event) else None
            found.setdefault(entry.conversation, {})[entry.seq] = version
    return found


def tell(bus: IBus, node: str, memory: Memory, runs: Runs, versions: Versions) -> None:
    """Publish the stored entries of *node* to the other nodes."""
    for id, (entries, _) in runs.items():
        block = encode_entries(node, id, entries[0].seq, _of(entries, versions[id]))
        for topic in _topics(memory, id, entries):
            bus.tell(topic, block)
        changes = [each for each in entries if versions[id].get(each.seq) is not None]
        if changes:
            head = encode_block(Head(node, id, entries[-1].seq))
            for topic in dict.fromkeys(_others_of(changes)):
                bus.tell(topic, head)


def _of(entries: Sequence[Entry], versions: Mapping[int, int | None]) -> list[BlockEntry]:
    return [
        BlockEntry(entry.at, encode(entry.event).encode(), versions.get(entry.seq))
        for entry in entries
    ]


def _topics(memory: Memory, id: int, entries: Sequence[Entry]) -> list[str]:
    """Return the topics of the nodes that need *entries*."""
    if id == SERVER or type(entries[0].event) is GroupCreated:
        return [SERVER_TOPIC]
    conversation = memory.conversations.get(id)
    if isinstance(conversation, DirectConversation):
        return [account_topic(account_key(each)) for each in dict.fromkeys(conversation.parties)]
    return [conversation_topic(id)]


def _others_of(changes: Sequence[Entry]) -> Iterator[str]:
    """Yield the topics of nodes that need *changes* of a group, and may not follow it."""
    for entry in changes:
        match entry.event:
            case MemberJoined(name=name) | JoinRequested(name=name) | MemberInvited(name=name):
                yield account_topic(fold(name))
            case GroupClosed() | HookAdded() | HookRemoved():
                yield SERVER_TOPIC  # the name is free; any node may receive posts for the hook
            case _:
                pass
