"""Requests: what a program asks, as records, and how it is carried out.

A door turns its bytes into these and the answers into bytes; so far the line door's JSON mode
does.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from twisted.internet.defer import Deferred

from pyconchat.chat.chat import Chat
from pyconchat.chat.conversation import Conversation
from pyconchat.domain.decisions import RequestKey
from pyconchat.domain.errors import BadField, Code, NotSaved, Refused
from pyconchat.domain.replies import Reply, Said
from pyconchat.domain.text import safe_text
from pyconchat.sessions.session import Session, message_in, not_saved

__all__ = ["Hello", "Request", "Requests", "said"]

Short = Annotated[str, Meta(min_length=1, max_length=64)]
RequestName = Annotated[str, Meta(pattern=r"^[ -~]{1,64}\Z")]
Seq = Annotated[int, Meta(ge=0, le=2**62)]


class Hello(msgspec.Struct, frozen=True):
    """The login of a program: docs/line-protocol.rst, "Hello"."""

    hello: Annotated[int, Meta(ge=1, le=1)]
    name: Annotated[str, Meta(max_length=64)]
    password: Annotated[str, Meta(max_length=1024)] | None = None
    token: Annotated[str, Meta(max_length=256)] | None = None
    guest: bool = True
    since: dict[str, object] = {}

    @property
    def seen(self) -> dict[str, int]:
        """Return *since*, checked. Raises `BadField` with the name of the conversation."""
        seen: dict[str, int] = {}
        for place, seq in self.since.items():
            try:
                seen[place] = msgspec.convert(seq, Seq)
            except msgspec.ValidationError as error:
                raise BadField(f"since.{safe_text(place)}", f"{error}.") from None
        return seen


class Request(msgspec.Struct, frozen=True):
    """What a program asks: docs/line-protocol.rst, "Requests"."""

    id: int | Short
    group: str | None = None
    line: str | None = None
    text: str | None = None
    key: RequestName | None = None
    answers: Annotated[list[str], Meta(max_length=8)] = []


class Requests:
    """The requests of one *session*."""

    def __init__(self, chat: Chat, session: Session) -> None:
        self._chat = chat
        self._session = session

    async def perform(self, request: Request) -> Reply | None:
        """Carry *request* out; return its answer. Raises `Refused`, or `PeerGone`.

        What is `said` is on its way to the journal when this first waits, so requests may follow
        each other at once; other requests have to wait for those before them.
        """
        key = None
        if request.key is not None:
            key = RequestKey(self._session.account.party, request.key)
        text = said(request)
        try:
            self._session.require_welcome()
            if text is not None:
                return await self._say(self._place(request), text, key)
            return await self._command(request, key)
        except Refused:
            # It may be refused only because it was carried out before.
            seq = None if key is None else await self._before(key)
            if seq is None:
                raise
            return Said(seq)
        except NotSaved:
            raise not_saved() from None

    async def _say(self, place: Conversation | None, said: str, key: RequestKey | None) -> Reply:
        if place is None:
            raise BadField("group", "A text needs a group.")
        self._require_short(said)
        text = safe_text(said)
        if not text or text.isspace():
            raise Refused(Code.BAD_TEXT, "Nothing in that can be shown.")
        done: Deferred[int] = Deferred()
        self._chat.say(self._session, place, text, done, key)
        return Said(await done)

    async def _command(self, request: Request, key: RequestKey | None) -> Reply | None:
        line = request.line or ""
        if not line.strip():
            return None
        self._require_short(line)
        if key is not None:
            seq = await self._before(key)
            if seq is not None:
                return Said(seq)
        answers: list[Reply] = []
        await self._session.command(line, self._place(request), answers.append, key)
        return answers[-1] if answers else None

    async def _before(self, key: RequestKey) -> int | None:
        """Return the number of an earlier request of *key*, also of one that is under way."""
        await self._chat.settled()
        return await self._chat.answered(key)

    def _place(self, request: Request) -> Conversation | None:
        return None if request.group is None else self._chat.groups.find(request.group)

    def _require_short(self, line: str) -> None:
        limit = self._chat.config.limits.line_bytes
        if len(line.encode()) > limit:
            raise Refused(Code.TOO_LONG, "A line has at most {limit} bytes.", limit=limit)


def said(request: Request) -> str | None:
    """Return what *request* says in a group; None if it is a command."""
    if request.text is not None or request.line is None or request.group is None:
        return request.text
    return message_in(request.line)
