"""BATCH (IRCv3 draft multiline): a message of several lines, which is one entry of the log."""

from __future__ import annotations

from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.message import Message
from pyconchat.doors.irc.messages import privmsg
from pyconchat.doors.irc.open_batch import Invalid, OpenBatch
from pyconchat.doors.irc.posts import Posts
from pyconchat.doors.irc.service import is_service

__all__ = ["CAPABILITY", "TALK", "batch", "takes"]

CAPABILITY = "draft/multiline"
"""The name of the capability, and of the kind of batches."""

TALK = frozenset({"PRIVMSG", "NOTICE"})
"""Commands of which a batch may consist."""

_FREE = frozenset({"CAP", "PING", "PONG", "QUIT"})


async def takes(client: Client, message: Message) -> bool:
    """Return whether *message* is a line of a batch, and was handled as such."""
    reference, open = message.tags.get("batch"), client.batch
    if CAPABILITY not in client.caps or message.command in _FREE or message.command == "BATCH":
        return False
    if open is not None and open.failed and reference is None:
        client.batch = open = None  # the client does not finish it
    if open is None:
        if reference is None or message.command not in TALK:
            return False
        _fail(client, None, Invalid("MULTILINE_INVALID", "There is no such batch."))
    elif open.failed:
        pass  # the refusal was answered
    elif reference != open.reference or message.command not in TALK:
        _fail(client, open, Invalid("MULTILINE_INVALID", "A batch has only its own lines."))
    else:
        try:
            open.add(message)
        except Invalid as invalid:
            _fail(client, open, invalid)
    return True


async def batch(client: Client, posts: Posts, message: Message) -> None:
    """BATCH: begin a message of several lines, or send it."""
    sign, reference = message.param(0)[:1], message.param(0)[1:]
    if sign == "-":
        await _end(client, posts, reference)
        return
    open, client.batch = client.batch, None
    if open is not None and not open.failed:
        _fail(client, open, Invalid("MULTILINE_INVALID", "There is an open batch already."))
        return
    kind, target = message.param(1), message.param(2)
    one = target and "," not in target and not is_service(target)
    if sign != "+" or not reference or kind != CAPABILITY or not one:
        sentence = f"That is BATCH +REFERENCE {CAPABILITY} TARGET, for one group or person."
        _fail(client, None, Invalid("MULTILINE_INVALID", sentence))
        return
    label = message.label if "labeled-response" in client.caps else ""
    client.batch = OpenBatch(reference, target, label, message.tags)
    if label:
        client.output.defer()


async def _end(client: Client, posts: Posts, reference: str) -> None:
    """Send the message whose batch ends."""
    open, client.batch = client.batch, None
    if open is not None and open.failed:
        return
    if open is None or open.reference != reference:
        _fail(client, open, Invalid("MULTILINE_INVALID", "There is no such batch."))
        return
    try:
        said = open.text()
    except Invalid as invalid:
        _fail(client, open, invalid)
        client.batch = None
        return
    client.output.begin(open.label)
    tags = {**open.tags, "label": open.label}
    await privmsg(client, posts, Message(open.command, (open.target, said[0]), tags), said)


def _fail(client: Client, open: OpenBatch | None, invalid: Invalid) -> None:
    """Refuse the batch *open*, if it is one; the answer has its label."""
    if open is not None:
        open.failed = True
        client.batch = open
        if open.label:
            client.output.begin(open.label)
    client.fail("FAIL", "BATCH", invalid.code, *invalid.context)
