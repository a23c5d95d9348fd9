"""Loading: the groups of which one of several nodes has the whole state in memory.

These are the groups that it follows. Of each other group it has a summary (see `GroupState`), which
is enough to find and list the group. The group is read before a request shows or changes its state,
and summarized again some time after its last use.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.following import Following
from pyconchat.chat.incoming import Incoming
from pyconchat.chat.interfaces import IJournal, INodeStore
from pyconchat.chat.memory import Memory
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.group_state import JoinRequest, Member
from pyconchat.domain.names import Key, Name, fold, group_name, group_number

__all__ = ["Loading"]

MAX_SUMMARIZED = 20_000
"""Maximum members of the groups that are summarized at once, which take 20 ms."""

MEMBERS_OF_NONE = 40
"""The number of members that take as long as a group without members."""


class Loading:
    """Reads groups into *memory* by *incoming*, and summarizes unneeded groups.

    *nodes* finds the groups in the store. *refresh* applies the stored state of an account.
    """

    def __init__(
        self,
        memory: Memory,
        following: Following,
        incoming: Incoming,
        nodes: INodeStore,
        journal: IJournal,
        registry: SessionRegistry,
        refresh: Callable[[Key], Awaitable[None]],
    ) -> None:
        self._memory = memory
        self._following = following
        self._incoming = incoming
        self._nodes = nodes
        self._journal = journal
        self._registry = registry
        self._refresh = refresh
        self._unneeded: dict[int, None] = {}  # groups in memory that are not followed
        self._summarizing = False  # the pending decisions are being stored before it

    async def load(self, ids: Collection[int]) -> None:
        """Read the states of those of the groups *ids* of which only summaries are in memory.

        They are followed for some time. Raises `NotSaved`.
        """
        missing = [id for id in ids if self._incoming.is_summary(id)]
        for id in missing:
            self._following.hold(id)
            self._incoming.read(id)
        if missing:
            await self._incoming.when_read(missing)
        for id in missing:
            if self._incoming.is_summary(id):
                raise NotSaved(f"the group {id} could not be read")
            conversation = self._memory.conversations.get(id)
            if isinstance(conversation, GroupConversation):  # else it was closed
                await self._end_absent(conversation)

    async def _end_absent(self, conversation: GroupConversation) -> None:
        """Call `SessionRegistry.end_absent`, which does nothing for a summary.

        Accounts that are not in memory may be new, and are read first.
        """
        group, known = conversation.group, self._memory.accounts.get
        people: list[Member | JoinRequest] = [*group.members.values(), *group.requests.values()]
        people += group.invitations.values()
        names = {each.name for each in people if not each.guest}
        names |= {code.by for code in group.codes.values()}
        for name in names:
            if known(name) is None:
                await self._refresh(fold(name))
        if not (group.closed or conversation.is_summary):
            self._registry.end_absent(conversation)

    # Groups that are needed for requests and logins.

    async def know_conversations(self, key: Key) -> None:
        """Read the groups of *key*, and the new entries of its conversations. Raises `NotSaved`."""
        known = [each.id for each in self._memory.groups.connected_with(key)]
        account = self._memory.accounts.get(key)
        if account is not None:  # a session may begin after an entry that is not known yet
            known += [each.id for each in self._memory.conversations.of_party(account.party)]
        heads = await self._journal.read_in_order(self._nodes.connected, key, known)
        for id, head in heads.items():
            if self._incoming.known(id) < head and not self._incoming.is_summary(id):
                self._incoming.read(id, head - 1)
        await self.load(heads)
        await self._incoming.when_read(heads)

    async def find_group(self, name: str) -> None:
        """Read the group *name*, if another node has just created it.

        Raises `Refused` if that can be no name, or `NotSaved`.
        """
        if group_number(name) is None:
            name = group_name(name)
        found = await self._journal.read_in_order(self._nodes.named, name)
        for id, head in found.items():
            self._incoming.read(id, head - 1)
        if found:
            await self._incoming.when_read(found)
        for id in found:
            await self.know_group(id)

    async def know_group(self, id: int) -> None:
        """Read the state of the group *id*, unless it is followed. Raises `NotSaved`."""
        if self._incoming.is_summary(id):
            await self.load([id])
            return
        if id in self._following:
            return
        heads = await self._journal.read_in_order(self._nodes.heads, [id])
        if self._incoming.known(id) < heads.get(id, 0):
            await self._incoming.refresh(heads)
            await self._incoming.when_read([id])
        self._following.hold(id)  # the session may ask again, or join

    async def know_codes(self, makers: Collection[Name]) -> None:
        """Read the groups that have invite codes of *makers*. Raises `NotSaved`."""
        heads = await self._journal.read_in_order(self._nodes.with_codes, makers)
        await self.load(heads)

    async def count_online(self, ids: Collection[int]) -> dict[int, int]:
        """As `INodeStore.count_online`. Raises `NotSaved`."""
        return await self._journal.read(self._nodes.count_online, ids)

    # Groups that are not needed.

    def unneeded(self, id: int) -> None:
        """Summarize the group *id* soon, if it is not followed then."""
        self._unneeded[id] = None

    async def summarize_unneeded(self) -> None:
        """Summarize unneeded groups when all pending decisions are stored. Raises `NotSaved`.

        `MAX_SUMMARIZED` bounds the work of one call.
        """
        if not self._unneeded or self._summarizing:
            return
        self._summarizing = True
        try:
            await self._journal.settled()
        finally:
            self._summarizing = False
        members = 0
        for id in list(self._unneeded):
            if members > MAX_SUMMARIZED:
                return
            del self._unneeded[id]
            conversation = self._memory.conversations.get(id)
            if not isinstance(conversation, GroupConversation) or id in self._following:
                continue
            if self._may_summarize(conversation):
                members += MEMBERS_OF_NONE + conversation.group.member_count
                self._memory.summarize(conversation)
            elif not (conversation.group.closed or conversation.is_summary):
                self._unneeded[id] = None  # after the others

    def _may_summarize(self, conversation: GroupConversation) -> bool:
        """Return whether the state in memory is the stored one, and no session receives it."""
        group = conversation.group
        return (
            not (conversation.stale or conversation.sessions or group.closed)
            and conversation.version == group.version
            and conversation.published == self._incoming.known(conversation.id)
        )
