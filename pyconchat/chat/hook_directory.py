"""HookDirectory: the hooks of all open groups, by the hashes of their tokens."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from pyconchat.chat.conversations import GroupConversation
from pyconchat.domain.hooks import Hook
from pyconchat.domain.lookalikes import Lookalikes
from pyconchat.domain.names import Name

__all__ = ["FoundHook", "HookDirectory"]


class FoundHook(NamedTuple):
    """A hook, and its group."""

    hook: Hook
    conversation: GroupConversation


class HookDirectory:
    """Finds hooks, and keeps *names*, those that no new account may have.

    Hooks of several groups may have the same name.
    """

    def __init__(self, names: Lookalikes) -> None:
        self._names = names
        self._uses: Counter[Name] = Counter()
        self._by_digest: dict[str, FoundHook] = {}
        self._of_group: dict[int, list[Hook]] = {}

    def find(self, digest: str) -> FoundHook | None:
        """Return the hook whose token has the hash *digest*, or None."""
        return self._by_digest.get(digest)

    def note(self, conversation: GroupConversation) -> None:
        """Read the hooks of the group again; hooks of a closed group have ended.

        A hook stays the same object, by which others find its rate, unless it has changed.
        """
        before = {hook: hook for hook in self._of_group.get(conversation.id, ())}
        for hook in self._of_group.pop(conversation.id, ()):
            self._by_digest.pop(hook.digest, None)
            self._uses[hook.name] -= 1
            if not self._uses[hook.name]:
                del self._uses[hook.name]
                self._names.remove(hook.name)
        group = conversation.group
        now = () if group.closed else group.hooks.values()
        hooks = [before.get(hook, hook) for hook in now]
        for hook in hooks:
            self._by_digest[hook.digest] = FoundHook(hook, conversation)
            self._uses[hook.name] += 1
            self._names.add(hook.name)
        if hooks:
            self._of_group[conversation.id] = hooks
