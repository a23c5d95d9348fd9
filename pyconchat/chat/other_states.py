"""OtherStates: applies the changes of other nodes to the memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from pyconchat.chat.conversations import (
    Conversation,
    DirectConversation,
    GroupConversation,
    account_key,
)
from pyconchat.chat.memory import Memory
from pyconchat.domain.accounts import correspond
from pyconchat.domain.decisions import SERVER
from pyconchat.domain.events import Entry, Talk, changes_version
from pyconchat.domain.group_state import JoinRequest, Member
from pyconchat.domain.names import fold
from pyconchat.domain.stored import Caught

__all__ = ["OtherStates"]


class OtherStates:
    """Changes the conversations in *memory* as other nodes have stored them."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def replay(self, conversation: Conversation, entry: Entry, version: int | None) -> bool:
        """Change the state as *entry* says, decided on *version*. Returns whether that is done."""
        if conversation.id == SERVER:
            self._memory.replay_server(entry)
        elif isinstance(conversation, GroupConversation) and changes_version(entry.event):
            group = conversation.group
            if version is None or version > conversation.version:
                return False
            if version == conversation.version:
                # Otherwise decisions of ours are not stored yet. They will be conflicts.
                if group.version != version or conversation.stale:
                    return False
                self._memory.replay(conversation, entry)
                conversation.version += 1
        return True

    def match(
        self,
        conversation: Conversation,
        caught: Caught,
        known: int,
        own: Collection[int] = (),
        refused: bool = False,
    ) -> None:
        """Set the state in memory to the *caught* one, unless that is not newer.

        Also if a decision of this node was *refused*: it was applied to the state in memory. The
        entries *own*, and those up to *known*, are applied already.
        """
        if isinstance(conversation, GroupConversation):
            group = caught.group
            if group is not None and (refused or group.version > conversation.version):
                self._memory.restore_group(conversation, group)
        elif conversation.id == SERVER:
            for entry in caught.entries:
                if entry.seq > known and entry.seq not in own:
                    self._memory.replay_server(entry)

    def may_pass(self, conversation: GroupConversation, caught: Caught) -> bool:
        """Return whether the new entries of a group need not be published.

        That is so if no person of the group is online here, and the shared files are the same. The
        files of a summary are not in memory.
        """
        if conversation.sessions:
            return False
        if caught.group is None:
            return True
        state = caught.group.state
        people: list[Member | JoinRequest] = [*state.members, *state.requests]
        people += state.invitations
        sessions = self._memory.presence.sessions
        return (
            not state.closed
            and not any(sessions(fold(each.name)) for each in people)
            and (
                conversation.is_summary
                or {file.id for file in state.files}
                == {file.id for file in conversation.group.files.values()}
            )
        )

    def add(self, id: int, caught: Caught) -> Conversation | None:
        """Add a conversation that another node has created, if anybody here may need it."""
        known = caught.entries[0].seq - 1 if caught.entries else caught.head
        if caught.group is not None:
            if caught.group.state.closed:
                return None
            return self._memory.add_group(id, caught.group, known)
        if caught.parties is None:
            return None
        if not any(map(self.is_here, caught.parties)):
            return None  # they find it in the store when they log in
        return self._memory.conversations.add_private(caught.parties, id, known)

    def load(self, conversation: GroupConversation, caught: Caught) -> None:
        """Set a group, of which a summary is in memory, to the *caught* state.

        The entries before the caught ones are passed over: they have no receivers here.
        """
        known = caught.entries[0].seq - 1 if caught.entries else caught.head
        conversation.pass_over(known)
        if caught.group is not None:
            self._memory.restore_group(conversation, caught.group)

    def renew_summary(self, conversation: GroupConversation, caught: Caught) -> None:
        """Set the summary of a group to that of the *caught* state."""
        conversation.pass_over(caught.head)
        if caught.group is not None:
            summary = replace(caught.group, state=caught.group.state.summary())
            self._memory.restore_group(conversation, summary)

    def note_correspondents(
        self, conversation: DirectConversation, entries: Sequence[Entry]
    ) -> None:
        for entry in entries:
            if isinstance(entry.event, Talk):
                key = fold(entry.event.sender)
                sender = self._memory.accounts.get(key)
                receiver = self._memory.accounts.get(conversation.partner_of(key))
                if sender is not None and receiver is not None:
                    correspond(sender, receiver)

    def is_here(self, party: str) -> bool:
        """Return whether *party* has a session here: not another guest who has the name now."""
        sessions = self._memory.presence.sessions(account_key(party))
        return bool(sessions) and sessions[0].account.party == party
