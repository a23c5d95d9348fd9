"""CurrentStates: reads the groups that a request needs, if another node may have changed them."""

from __future__ import annotations

from collections.abc import Iterable

from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.memory import Memory
from pyconchat.chat.nodes import Nodes
from pyconchat.domain.names import Name, fold

__all__ = ["CurrentStates"]


class CurrentStates:
    """Brings groups in *memory* to their stored state.

    *nodes* is None at a server that has its database alone: then there is nothing to read.
    """

    def __init__(self, memory: Memory, nodes: Nodes | None) -> None:
        self._memory = memory
        self._nodes = nodes

    async def know_group(self, name: str) -> None:
        """Read the changes of other nodes to a group *name*. Raises `NotSaved`."""
        if self._nodes is not None:
            conversation = self._memory.groups.get(name)
            if conversation is None:
                await self._nodes.loading.find_group(name)
            else:
                await self._nodes.loading.know_group(conversation.id)

    async def know(self, conversation: GroupConversation) -> None:
        """Read the state of a group, if this node does not follow it. Raises `NotSaved`."""
        if self._nodes is not None:
            await self._nodes.loading.know_group(conversation.id)

    async def know_all(self, conversations: Iterable[GroupConversation]) -> None:
        """Read the states of those groups of which there are only summaries. Raises `NotSaved`."""
        if self._nodes is not None:
            await self._nodes.loading.load([each.id for each in conversations])

    async def know_people(self, names: Iterable[Name]) -> None:
        """Read the groups of the people *names*, for the limits on their number.

        Raises `NotSaved`.
        """
        if self._nodes is not None:
            for name in names:
                if not self._memory.presence.sessions(fold(name)):
                    await self._nodes.loading.know_conversations(fold(name))

    async def count_online(self, conversations: Iterable[GroupConversation]) -> dict[int, int]:
        """Return the numbers of members online in those groups of which there are only summaries.

        Groups without members online are left out. Raises `NotSaved`.
        """
        ids = [each.id for each in conversations if each.is_summary]
        if not ids or self._nodes is None:
            return {}
        return await self._nodes.loading.count_online(ids)
