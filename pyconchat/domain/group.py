"""Group: one group and its rules, put together by subject.

A method such as `post` or `kick` only decides: it checks the rules and returns events, or raises
`Refused`. Events change the group in `LiveState.apply`; `restore` sets it to the stored state.
A group has no clock, store or session, and only the hash of its password. If a rule depends on the
time, it is the argument *now*, in milliseconds since the epoch.
"""

from __future__ import annotations

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    Action,
    AdminChanged,
    FileRemoved,
    FileShared,
    GroupClosed,
    GroupEvent,
    GroupRestored,
    HookAdded,
    HookRemoved,
    JoinRejected,
    Message,
    Policy,
    PolicyChanged,
    Tags,
    TagsSent,
    TopicChanged,
    Why,
)
from pyconchat.domain.group_state import GroupState
from pyconchat.domain.hooks import MAX_HOOKS, Hook
from pyconchat.domain.lookalikes import skeletons
from pyconchat.domain.mentions import NameFinder
from pyconchat.domain.moderation import Moderation
from pyconchat.domain.names import Name, fold
from pyconchat.domain.refusals import looks_like, no_such_hook, require_few_lines
from pyconchat.domain.rights import Actor
from pyconchat.domain.shared_files import SharedFile, find_file
from pyconchat.domain.text import SafeText

__all__ = ["Actor", "Group"]

_DELETED = SafeText("the group was deleted")


class Group(Moderation):
    """One group: its messages, files, hooks and settings, and its end.

    Its rights, its members and its moderators are the subjects of the classes below it.
    """

    __slots__ = ("_names",)

    def __init__(self, id: int, state: GroupState, version: int = 0) -> None:
        super().__init__(id, state, version)
        self._names = NameFinder()

    def post(self, by: Actor, text: SafeText, now: int) -> Message:
        """Decide that *by* says *text*."""
        self._require_turn(by, text, now)
        mentions = self._names.find(text, self.members, self.version, by.name)
        return Message(by.name, text, by.guest, mentions)

    def act(self, by: Actor, text: SafeText, now: int) -> Action:
        """Decide that *by* performs the action *text* (``/me``)."""
        self._require_turn(by, text, now)
        return Action(by.name, text, by.guest, self.mentions_in(by, text))

    def send_tags(self, by: Actor, tags: Tags, now: int) -> TagsSent:
        """Decide that *by* sends *tags* without a text."""
        self.require_member(by)
        self.require_voice(by, now)
        return TagsSent(by.name, tags, by.guest)

    def _require_turn(self, by: Actor, text: SafeText, now: int) -> None:
        self.require_member(by)
        require_few_lines(text)
        if self.slow or self.quieted:
            self.take_turn(by, now)

    def mentions_in(self, by: Actor, text: SafeText) -> tuple[Name, ...]:
        """Return the members whom *text*, a message of *by*, mentions."""
        return self._names.find(text, self.members, self.version, by.name)

    def change_policy(self, by: Actor, policy: Policy, hash: str = "") -> list[GroupEvent]:
        """Decide that *by* sets the policy; *hash* is of the password, if that is the policy."""
        self.require_right(by, "change the policy")
        if policy is self.policy and policy is not Policy.PASSWORD:
            raise Refused(
                Code.UNCHANGED, "The policy is {policy} already.", policy=self.policy.value
            )
        return [PolicyChanged(policy, by.name, hash, self.policy)]

    def change_topic(self, by: Actor, topic: SafeText) -> list[GroupEvent]:
        """Decide that *by* sets the topic."""
        self.require_right(by, "change the topic")
        if topic == self.topic:
            state = "has that topic already" if topic else "has no topic"
            raise Refused(Code.UNCHANGED, "{group} {state}.", group=self.name, state=state)
        return [TopicChanged(topic, by.name)]

    def share(
        self,
        by: Actor,
        name: SafeText,
        size: int,
        sha256: str,
        id: str,
        now: int,
        quota: str = "",
    ) -> list[GroupEvent]:
        """Decide that *by* shares the file *name*, which is on disk under the name *id*.

        *quota* is as in `FileShared`.
        """
        self.require_member(by)
        self.require_voice(by, now)
        return [FileShared(self.last_file + 1, name, by.name, size, sha256, id, by.guest, quota)]

    def remove(self, by: Actor, number: int) -> list[GroupEvent]:
        """Decide that *by*, who owns the file *number* or moderates the group, removes it."""
        self.require_member(by)
        file = self.file(str(number))
        if not by.owns(file) and not by.operator:
            self.require_right(by, "remove the files of others")
        return [FileRemoved(file.number, file.name, by.name)]

    def file(self, which: str) -> SharedFile:
        """Return the file with the number *which*, or the newest with that name.

        Raises `Refused`.
        """
        file = find_file(self.files, which)
        if file is None:
            raise Refused(
                Code.NO_SUCH_FILE,
                "There is no such file in {group}; see /files.",
                group=self.name,
            )
        return file

    def add_hook(self, by: Actor, name: Name, digest: str) -> list[GroupEvent]:
        """Decide that *by* adds the hook *name*; *digest* is the hash of its token.

        That no account has the name, or one that looks like it, is checked in `Accounts`.
        """
        self.require_right(by, "manage hooks")
        if by.guest:
            raise Refused(Code.GUEST, "Hooks are for registered people: /password registers you.")
        if fold(name) in self.hooks:
            raise Refused(
                Code.EXISTS, "{group} has a hook {name} already.", group=self.name, name=name
            )
        for other in self.hooks.values():
            if skeletons(other.name) & skeletons(name):
                raise looks_like(name, other.name)
        if len(self.hooks) >= MAX_HOOKS:
            raise Refused(
                Code.TOO_MANY,
                "{group} has {most} hooks, the maximum: /hook remove NAME ends one.",
                group=self.name,
                most=MAX_HOOKS,
            )
        return [HookAdded(name, by.name, digest)]

    def remove_hook(self, by: Actor, name: Name) -> list[GroupEvent]:
        """Decide that *by* removes the hook *name*."""
        self.require_right(by, "manage hooks")
        hook = self.hooks.get(fold(name))
        if hook is None:
            raise Refused(
                Code.NO_SUCH_HOOK,
                "{group} has no hook {name}; /hook lists them.",
                group=self.name,
                name=name,
            )
        return [HookRemoved(hook.name, by.name)]

    def post_by_hook(self, hook: Hook, text: SafeText, now: int) -> Message:
        """Decide that a program posts *text* at the address of *hook*.

        It is exempt from the limit of a slow group, as the admin is, to whom it belongs.
        """
        if self.hooks.get(fold(hook.name)) != hook:
            raise no_such_hook()
        by = Actor(hook.name)
        self.require_voice(by, now)
        require_few_lines(text)
        mentions = self.mentions_in(by, text)
        return Message(hook.name, text, mentions=mentions, notice=True, hook=True)

    def close(self, by: Actor) -> list[GroupEvent]:
        """Decide that *by* deletes the group; its join requests are rejected."""
        self.require_right(by, "delete the group")
        rejected: list[GroupEvent] = [
            JoinRejected(request.name, by.name, _DELETED) for request in self.requests.values()
        ]
        return [*rejected, GroupClosed(by.name)]

    def reopen(self, by: Name, name: Name, number: int) -> list[GroupEvent]:
        """Decide that *by* restores the group, which is closed, under *name* and *number*."""
        if not self.closed:
            raise Refused(Code.UNCHANGED, "{group} is not closed.", group=self.name)
        return [GroupRestored(number, name, by)]

    def become_lobby(self) -> list[GroupEvent]:
        """Decide that the group is the lobby, which has no admin."""
        if self.admin is None:
            return []
        return self.with_ended_codes([AdminChanged(None, Why.LOBBY)])
