"""EventFeed: the events that one client receives, live.

What a client gets of an event of somebody else depends on its capabilities only. So the lines are
made once for each set of them, and shared by all members of a group.
"""

from __future__ import annotations

from pyconchat.chat.conversations import GroupConversation
from pyconchat.domain.events import (
    Entry,
    GroupClosed,
    GroupCreated,
    JoinRequested,
    MemberJoined,
    MemberLeft,
    OperatorMade,
    OperatorRemoved,
    Why,
    actor,
    subject,
)
from pyconchat.domain.names import Key, fold
from pyconchat.domain.replies import Where
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.events import event_lines, tagged_lines, to_client
from pyconchat.doors.irc.joins import show_group
from pyconchat.doors.irc.requests import note_live
from pyconchat.render.irc_lines import line

__all__ = ["EventFeed"]

_NAMING_READER = GroupClosed | JoinRequested
"""Events of groups whose lines name the reader."""

_QUIT = frozenset({Why.GUEST_GONE, Why.SERVER_BAN})
"""Why the end of a membership is one of all that a guest had: it is one line for each reader."""


class _Shared:
    """The last event: whom it is about, who did it, and its lines by the readers' capabilities."""

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.about: Key | None = None
        self.by: Key | None = None
        self._blocks: dict[tuple[bool, ...], bytes] = {}

    def of(self, entry: Entry) -> _Shared:
        """Return self, for *entry*."""
        if entry is not self.entry:
            about, by = subject(entry.event), actor(entry.event)
            self.entry = entry
            self.about = None if about is None else fold(about)
            self.by = None if by is None else fold(by)
            self._blocks = {}
        return self

    def block(self, client: Client, entry: Entry, where: Where) -> bytes:
        """Return the lines for *client*, whom the event does not concern."""
        if where.group is None or isinstance(entry.event, _NAMING_READER):
            return "".join(_stamped(client, entry, where, False)).encode()
        block = self._blocks.get(client.event_style)
        if block is None:
            block = "".join(_stamped(client, entry, where, False)).encode()
            self._blocks[client.event_style] = block
        return block


_shared = _Shared()  # entries are compared by identity, so servers in one process may share it


class EventFeed:
    """The events that *client* receives."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def shared(self, entry: Entry, where: Where) -> bytes | None:
        """Return the lines that clients with the same capabilities share; as `ITranslator.shared`.

        A guest's second QUIT is only for clients that have not received the first one.
        """
        if isinstance(entry.event, _NAMING_READER) or self._quit_before(entry):
            return None
        return _shared.of(entry).block(self._client, entry, where)

    def happened(self, entry: Entry, where: Where) -> None:
        """Send what *entry* means to the client."""
        client, shared = self._client, _shared.of(entry)
        account = client.account
        if shared.about == account.key:
            self._happened_to_client(entry, where)
            return
        if entry.conversation in account.detached or self._is_known(entry):
            return
        block = shared.block(client, entry, where)
        note_live(client, entry)
        if client.own_event is not None and entry.event == client.own_event:
            self._echo(block, where)
        elif block and shared.by == account.key:
            client.send(block.decode())
        elif block:
            client.output.pass_on(block)

    def _echo(self, block: bytes, where: Where) -> None:
        """Send the tags in *block*, which the client itself has sent here, as other echoes."""
        client = self._client
        client.own_event = None
        if "echo-message" in client.caps:
            client.send(block.decode())
        if where.other == client.account.name:
            client.output.pass_on(block)  # after the echo, which has the label

    def _happened_to_client(self, entry: Entry, where: Where) -> None:
        client, event = self._client, entry.event
        conversation = client.services.conversations.get(entry.conversation)
        is_group = isinstance(conversation, GroupConversation)
        if isinstance(conversation, GroupConversation) and isinstance(
            event, MemberJoined | GroupCreated
        ):
            client.account.detached -= {conversation.id}
            show_group(client, conversation)
            client.output.flush()  # JOIN is complete only when it was delivered to all members
        elif is_group and entry.conversation in client.account.detached:
            client.send("".join(to_client(client, entry, where)))  # the group itself is hidden
        else:
            client.send("".join(self._own_lines(entry, where)))

    def caught_up(self, entry: Entry, where: Where) -> list[str]:
        """Return the lines of *entry*, which was published just before it could be sent live."""
        if _shared.of(entry).about == self._client.account.key:
            return self._own_lines(entry, where)
        if self._is_known(entry):
            return []
        return _stamped(self._client, entry, where, False)

    def _own_lines(self, entry: Entry, where: Where) -> list[str]:
        client = self._client
        match entry.event:
            case OperatorMade():
                client.reply("381", "You are an operator of this server.")
                return [line(client.nick, "MODE", client.nick, "+o")]
            case OperatorRemoved():
                return [line(client.nick, "MODE", client.nick, "-o")]
            case MemberLeft(why=why) if why in _QUIT:
                return []
            case _:
                return _stamped(client, entry, where, True)

    def _is_known(self, entry: Entry) -> bool:
        """Return whether *entry* ends one more membership of a guest who has quit already."""
        find = self._client.services.conversations.get
        conversations = map(find, self._quit_before(entry))
        receives = self._client.login.subscriptions
        return any(each is not None and each in receives for each in conversations)

    def _quit_before(self, entry: Entry) -> list[int]:
        """Return the conversations whose members know that the guest of *entry* has quit."""
        event = entry.event
        if type(event) is not MemberLeft or event.why not in _QUIT:
            return []
        return self._client.monitors.quit_before(event.name, entry)


def _stamped(client: Client, entry: Entry, where: Where, own: bool) -> list[str]:
    """Return the lines of *entry*, with its tags."""
    return tagged_lines(client, entry, where, event_lines(client, entry, where, own), live=True)
