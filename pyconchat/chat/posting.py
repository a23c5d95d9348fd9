"""Posting: the messages, actions and tags that people and hooks post in groups."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from pyconchat.chat.bounds import MAX_TRIES
from pyconchat.chat.conversations import GroupConversation
from pyconchat.chat.interfaces import IJournal, ISession
from pyconchat.chat.memory import Memory
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.domain.decisions import Decision, NewEntry, RequestKey
from pyconchat.domain.errors import Refused
from pyconchat.domain.events import Action, Message, Tags, TagsSent, Talk
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.refusals import no_such_hook, no_such_message
from pyconchat.domain.text import SafeText

__all__ = ["Posting", "retry_of"]


class Posting:
    """Posts in the groups of one chat; *now* returns milliseconds since the epoch.

    If this is one of *several* nodes, each message carries the version of its group: one that was
    decided before another node's change is decided again.
    """

    def __init__(
        self,
        memory: Memory,
        journal: IJournal,
        registry: SessionRegistry,
        now: Callable[[], int],
        several: bool,
    ) -> None:
        self._memory = memory
        self._journal = journal
        self._registry = registry
        self._now = now
        self._several = several

    def post(
        self,
        session: ISession,
        conversation: GroupConversation,
        text: SafeText,
        done: Deferred[int] | None = None,
        key: RequestKey | None = None,
        reply_to: int = 0,
        notice: bool = False,
        tags: Tags = (),
        cuts: tuple[int, ...] = (),
    ) -> None:
        """Post *text* to a group, as an answer to the entry *reply_to*. Raises `Refused`.

        *notice*, *tags* and *cuts* are as in `Message`.

        *done* fires with the message's number; without it, the session is told only if the
        message could not be stored.
        """
        actor = session.account.actor

        def post(group: Group, now: int) -> Message:
            if reply_to > conversation.published:  # before `Group.post` uses up their turn
                group.require_member(actor)
                raise no_such_message(reply_to)
            event = group.post(actor, text, now)
            if reply_to or notice or tags or cuts:
                event = replace(event, reply_to=reply_to, notice=notice, tags=tags, cuts=cuts)
            return event

        self._say(conversation, post, actor, key, session, done)
        if session.away is not None:
            self._registry.absences.end(session)

    def act(
        self,
        session: ISession,
        conversation: GroupConversation,
        text: SafeText,
        key: RequestKey | None = None,
        tags: Tags = (),
    ) -> Deferred[int]:
        """Post *text* to a group as an action; fires with its number. Raises `Refused`."""
        actor = session.account.actor

        def act(group: Group, now: int) -> Action:
            event = group.act(actor, text, now)
            return replace(event, tags=tags) if tags else event

        done: Deferred[int] = Deferred()
        self._say(conversation, act, actor, key, session, done)
        if session.away is not None:
            self._registry.absences.end(session)
        return done

    def _say(
        self,
        conversation: GroupConversation,
        rule: Callable[[Group, int], Talk | TagsSent],
        actor: Actor | None,
        key: RequestKey | None,
        session: ISession | None,
        done: Deferred[int] | None,
        tries: int = MAX_TRIES,
    ) -> None:
        """Post what *rule* decides, as `post`; *actor* has used up a turn. Raises `Refused`.

        If another node has changed the group, *rule* decides again, at most *tries* times.
        """
        now = self._now()
        if conversation.is_summary:  # the author is not a member: *rule* raises `Refused`
            rule(conversation.group, now)
        group = self._memory.usable(conversation)
        event = rule(group, now)
        retry = version = None
        if self._several:
            version = group.version

            def say_again() -> None:
                if actor is not None:
                    group.give_turn_back(actor)
                self._say(conversation, rule, actor, key, session, done, tries - 1)

            retry = retry_of(say_again, done, session, tries)
        decision = Decision(now, (NewEntry(conversation.id, event, version),), (), key)
        origin = None if session is None else _origin(session)
        self._journal.append(decision, origin, done, retry)

    def send_tags(
        self, session: ISession, conversation: GroupConversation, tags: Tags
    ) -> Deferred[int]:
        """Send *tags* to a group, without a text; fires with their number. Raises `Refused`."""
        actor = session.account.actor

        def send(group: Group, now: int) -> TagsSent:
            return group.send_tags(actor, tags, now)

        done: Deferred[int] = Deferred()
        self._say(conversation, send, None, None, None, done)  # tags take no turn
        return done

    def post_by_hook(self, digest: str, text: SafeText, key: str = "") -> Deferred[int]:
        """Post *text* at the hook whose token has the hash *digest*; fires with its number.

        The text is posted once, however often it comes with the same *key* of at most 64
        characters, unless that is empty. Raises `Refused`; fails with `NotSaved`.
        """
        found = self._memory.hooks.find(digest)
        if found is None:
            raise no_such_hook()
        # No account's party has a colon in it.
        request = RequestKey(f"hook:{digest}", key) if key else None

        def post(group: Group, now: int) -> Message:
            return group.post_by_hook(found.hook, text, now)

        done: Deferred[int] = Deferred()
        self._say(found.conversation, post, None, request, None, done)
        return done


def retry_of(
    again: Callable[[], None], done: Deferred[int] | None, session: ISession | None, tries: int
) -> Callable[[], None] | None:
    """Return what decides *again* after a `Conflict`, if it may; refusals go to who waits."""
    if not tries:
        return None

    def retry() -> None:
        try:
            again()
        except Refused as refused:
            if done is not None:
                done.errback()
            elif session is not None:
                session.refuse(refused)

    return retry


def _origin(session: ISession) -> ISession | None:
    """Return *session* if its screen has the typed line, so that it needs no echo."""
    return None if session.peer.echoes else session
