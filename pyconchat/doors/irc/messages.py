"""PRIVMSG and NOTICE: messages to groups and to people.

With the tag ``+draft/reply``, a message is an answer, as `/reply` sends it.
"""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from pyconchat.chat.conversations import Conversation, GroupConversation
from pyconchat.domain import amending
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, PeerGone, Refused
from pyconchat.domain.events import Action, Tags
from pyconchat.domain.events import Message as Said
from pyconchat.domain.names import Key, fold, person_name
from pyconchat.domain.refusals import empty_message
from pyconchat.domain.text import SafeText, safe_text
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.message import Message, strip_formatting
from pyconchat.doors.irc.output import with_tag
from pyconchat.doors.irc.posts import Post, Posts
from pyconchat.doors.irc.references import seq_in
from pyconchat.doors.irc.refusals import refuse
from pyconchat.doors.irc.service import is_service, serve
from pyconchat.doors.irc.tags import REPLY, stored_tags
from pyconchat.doors.irc.welcome import MAX_TARGETS

__all__ = ["privmsg", "say_at_once"]

Batched = tuple[SafeText, tuple[int, ...]]
"""The text of a message of several lines, and the *cuts* that the log's `Message` has."""

_ACTION = "\x01ACTION "


class _Words(NamedTuple):
    """A text to send: a notice if *is_notice*, with *tags*, as an answer to *reply_to*, if any.

    *cuts* are as in the log's `Message`.
    """

    text: SafeText
    kind: type[Said] | type[Action]
    is_notice: bool
    tags: Tags
    reply_to: int = 0
    cuts: tuple[int, ...] = ()

    @property
    def has_reference(self) -> bool:
        """Return whether a tag names a message that they can answer."""
        return self.kind is Said and any(name == REPLY for name, _ in self.tags)


async def privmsg(
    client: Client, posts: Posts, message: Message, batched: Batched | None = None
) -> None:
    """Send a message to each target; *batched* is its text, if it has several lines."""
    targets = message.param(0).split(",")
    if len(targets) > MAX_TARGETS:
        client.reply("407", targets[MAX_TARGETS], "Too many targets.")
    client.charge(len(targets[1:MAX_TARGETS]))
    echoes: list[str] | None = None
    if message.label and len(targets) > 1:  # one answer: the label is on a batch of the echoes
        echoes, message = [], message._replace(tags={**message.tags, "label": ""})
    for target in targets[:MAX_TARGETS]:
        try:
            await _send(client, posts, target, message, echoes, batched)
        except Refused as refused:
            one = message._replace(params=(target, *message.params[1:]))
            refuse(client, refused, one)
    if echoes is not None:
        await client.all_posted.wait(client.posting == 0)
        for piece in echoes:
            client.send(piece)


def say_at_once(client: Client, posts: Posts, message: Message) -> bool:
    """Send *message* if it is plain and to one group; return whether it is. Raises `Refused`.

    Most messages are: without coroutines they take half of the time.
    """
    target, text = message.params
    if not target.startswith("#") or "," in target or not text or text.startswith("\x01"):
        return False
    client.login.require_welcome()
    client.login.note_activity()
    safe = _shown(safe_text(strip_formatting(text)))
    words = _Words(safe, Said, False, stored_tags(client, message))
    _post(client, posts, Post("", None), client.group_joined(target), words)
    return True


def _shown(text: SafeText) -> SafeText:
    """Return *text*. Raises `Refused` if nothing of it is seen."""
    if not text or text.isspace():
        raise empty_message()
    return text


async def _send(
    client: Client,
    posts: Posts,
    target: str,
    message: Message,
    echoes: list[str] | None,
    batched: Batched | None,
) -> None:
    text = message.param(1)
    is_notice = message.command == "NOTICE"
    if not text:
        client.reply("412", "There is no text.")
        return
    if is_service(target):
        if not is_notice and not text.startswith("\x01"):
            await serve(client, text)
        return
    client.login.require_welcome()
    client.login.note_activity()
    kind: type[Said] | type[Action] = Said
    if text.startswith("\x01"):
        if not text.startswith(_ACTION) or is_notice:
            if is_notice:
                return
            raise Refused(Code.QUIET, "Of CTCP, only ACTION is passed on.")
        kind, text = Action, text.removeprefix(_ACTION).rstrip("\x01")
    safe, cuts = batched or (safe_text(strip_formatting(text)), ())
    words = _Words(_shown(safe), kind, is_notice, stored_tags(client, message), cuts=cuts)
    if target.startswith("#"):
        group = client.group_joined(target)
        words = await _answering(client, group, words)
        _post(client, posts, Post(message.label, echoes), group, words)
        return
    partner = client.services.accounts.find(person_name(target))
    if words.has_reference:
        private = client.services.chat.private
        known = await private.conversation(client.account, partner, or_self=True)
        words = await _answering(client, known, words)
    post = posts.add(partner.key, Post(message.label, echoes))
    await _tell(client, posts, post, partner, words)


async def _answering(client: Client, conversation: Conversation | None, words: _Words) -> _Words:
    """Return *words* as an answer to the message that their tag names, if there is one.

    Otherwise the tag stays as it is. Raises `NotSaved`.
    """
    tags = dict(words.tags)
    seq = seq_in(tags.pop(REPLY, ""), conversation) if words.has_reference else 0
    if conversation is None or not seq:
        return words
    try:
        said = await client.services.chat.amending.target(client.login, conversation, seq)
        amending.require_said(said)
    except Refused:
        return words
    return words._replace(reply_to=seq, tags=tuple(tags.items()))


def _post(
    client: Client,
    posts: Posts,
    post: Post,
    conversation: GroupConversation,
    words: _Words,
) -> None:
    """Post to a group, without waiting until it is stored. Raises `Refused`."""
    chat, session, label = client.services.chat, client.login, post.label
    target = f"#{fold(conversation.group.name)}"
    posts.add(target, post)
    done: Deferred[int] = Deferred()
    try:
        if words.kind is Action:
            done = chat.posting.act(session, conversation, words.text, tags=words.tags)
        else:
            chat.posting.post(
                session, conversation, words.text, done, None, words.reply_to, words.is_notice,
                words.tags, words.cuts,
            )  # fmt: skip
    except Refused:
        posts.drop(target, post)
        raise
    client.posts()
    if label:
        client.output.defer()

    def lost(failure: Failure) -> None:
        message = Message("PRIVMSG", (f"#{conversation.group.name}",), {})
        refused = client.refused(failure.value, message)
        if posts.drop(target, post) and refused is not None and not words.is_notice:
            client.output.begin(label)
            refuse(client, refused, message)
            client.output.end()

    def stored(_seq: int) -> None:
        if posts.drop(target, post) and label:  # not shown here: not live yet
            client.send(with_tag("label", label, f":{client.server} ACK\r\n"))

    done.addCallbacks(stored, lost)
    done.addBoth(client.posted)


async def _tell(
    client: Client,
    posts: Posts,
    post: Post,
    partner: Account,
    words: _Words,
) -> None:
    """Send a private message, and say if it has to wait. Raises `Refused` or `NotSaved`."""
    services, label = client.services, post.label
    try:
        delivered = await services.chat.private.post(
            client.login, partner, words.text, None, words.kind, words.reply_to, words.is_notice,
            words.tags, words.cuts,
        )  # fmt: skip
    except PeerGone:
        raise
    finally:
        shown = not posts.drop(partner.key, post)
    if label and shown:
        client.output.defer()
    if words.is_notice:
        return
    receiver, away = delivered.receiver, delivered.away
    if away is not None:
        client.reply("301", receiver.name, away or "away")
    elif not services.presence.online(Key(receiver.key)):
        client.reply("301", receiver.name, "is offline, and will read it at the next login.")
