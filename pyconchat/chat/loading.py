"""Loading: the groups of which one of several nodes has the whole state in memory.

These are the groups that it follows. Of all others it has a summary (see `GroupState`): enough to
find and list them. A group is read before anybody here is shown its state, or changes it, and is
forgotten again some time after it is needed.
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


class Loading:
    """Reads groups of *memory* by *incoming*, and forgets those that are not needed any more.

    *nodes* says which ones are asked for. *refresh* applies the stored state of an account.
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
        self._unneeded: dict[int, None] = {}  # groups in memory that nobody here may need

    def _summary(self, id: int) -> GroupConversation | None:
        conversation = self._memory.conversations.get(id)
        if isinstance(conversation, GroupConversation) and conversation.group.is_summary:
            return conversation
        return None

    async def load(self, ids: Collection[int]) -> None:
        """Read the states of those of the groups *ids* of which only summaries are in memory.

        They are followed for some time. Raises `NotSaved`.
        """
        missing = [each for each in map(self._summary, ids) if each is not None]
        for conversation in missing:
            self._following.hold(conversation.id)
            self._incoming.read(conversation.id)
        if missing:
            await self._incoming.when_read([each.id for each in missing])
        for conversation in missing:
            if conversation.group.is_summary:
                raise NotSaved(f"the group {conversation.id} could not be read")
            await self._end_absent(conversation)

    async def _end_absent(self, conversation: GroupConversation) -> None:
        """End what a summary has kept from ending: see `SessionRegistry.end_absent`.

        Accounts that are not known here may be new, and are read first.
        """
        group, known = conversation.group, self._memory.accounts.get
        people: list[Member | JoinRequest] = [*group.members.values(), *group.requests.values()]
        people += group.invitations.values()
        names = {each.name for each in people if not each.guest}
        names |= {code.by for code in group.codes.values()}
        for name in names:
            if known(name) is None:
                await self._refresh(fold(name))
        if not (group.closed or group.is_summary):
            self._registry.end_absent(conversation)

    # What requests and logins need.

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

    # What nobody needs.

    def unneeded(self, id: int) -> None:
        """Forget the group *id* soon, if it is not followed then."""
        self._unneeded[id] = None

    def forget_unneeded(self) -> None:
        """Forget what is not needed any more, when everything that was decided so far is stored."""
        if self._unneeded:
            ids, self._unneeded = list(self._unneeded), {}
            self._journal.settled().addCallbacks(
                lambda _: self._forget(ids), lambda _: self._unneeded.update(dict.fromkeys(ids))
            )

    def _forget(self, ids: Collection[int]) -> None:
        for id in ids:
            conversation = self._memory.conversations.get(id)
            if not isinstance(conversation, GroupConversation) or id in self._following:
                continue
            if self._may_forget(conversation):
                self._memory.summarize(conversation)
            elif not (conversation.group.closed or conversation.group.is_summary):
                self._unneeded[id] = None

    def _may_forget(self, conversation: GroupConversation) -> bool:
        """Return whether the state in memory is the stored one, and nobody here receives it."""
        group = conversation.group
        return (
            not (conversation.stale or conversation.sessions or group.closed)
            and conversation.version == group.version
            and conversation.published == self._incoming.known(conversation.id)
        )
