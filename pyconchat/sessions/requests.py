"""Requests: the requests of programs, as records, and their execution.

A door decodes its bytes to these records, and encodes the answers. docs/line-protocol.rst has their
fields.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from twisted.internet.defer import Deferred

from pyconchat.chat.conversations import Conversation
from pyconchat.chat.interfaces import ISession
from pyconchat.chat.places import Place, Private
from pyconchat.commands.services import Services
from pyconchat.domain.decisions import RequestKey
from pyconchat.domain.errors import BadField, Code, NotSaved, Refused
from pyconchat.domain.names import person_name
from pyconchat.domain.refusals import empty_message, line_too_long, not_saved
from pyconchat.domain.replies import Reply, Said, Sent
from pyconchat.domain.text import safe_line
from pyconchat.sessions.typed import message_in, text_of

__all__ = ["Hello", "Request", "Requests"]

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
    replace: bool = False
    since: dict[str, object] = {}
    missed: Annotated[int, Meta(ge=1, le=1000)] | None = None
    reads: bool = False
    words: bool = False

    @property
    def received(self) -> dict[str, int]:
        """Return *since*, checked. Raises `BadField` with the name of the conversation."""
        received: dict[str, int] = {}
        for name, seq in self.since.items():
            try:
                received[name] = msgspec.convert(seq, Seq)
            except msgspec.ValidationError as error:
                raise BadField(f"since.{safe_line(name)}", f"{error}.") from None
        return received


class Request(msgspec.Struct, frozen=True):
    """A request of a program: docs/line-protocol.rst, "Requests"."""

    id: int | Short
    group: str | None = None
    partner: str | None = msgspec.field(default=None, name="with")
    line: str | None = None
    text: str | None = None
    reply_to: Seq = 0
    key: RequestName | None = None
    read: Seq | None = None
    answers: Annotated[list[str], Meta(max_length=8)] = []

    @property
    def message(self) -> str | None:
        """Return the message that the request posts to its place; None if it is a command."""
        at_desk = self.group is None and self.partner is None
        if self.text is not None or self.line is None or at_desk:
            return self.text
        return message_in(self.line)


class Requests:
    """Executes the requests of one *session*.

    Both methods return the answer. They raise `PeerGone`, or `Refused`, also for a request that
    could not be stored.
    """

    def __init__(self, services: Services, session: ISession) -> None:
        self._services = services
        self._chat = services.chat
        self._session = session

    async def post(self, request: Request, message: str) -> Reply:
        """Post *message*, the one of *request*.

        It is appended to the journal before the first await, so further messages need not
        wait for this one. Commands have to wait for the messages before them.
        """
        key = self._key_of(request)
        try:
            return await self._post(request, message, key)
        except Refused as refused:
            return await self._earlier_answer(key, refused)
        except NotSaved:
            raise not_saved() from None

    async def execute(self, request: Request) -> Reply | None:
        """Execute the command of *request*; return its answer, None if it has none."""
        key = self._key_of(request)
        try:
            return await self._execute(request, key)
        except Refused as refused:
            return await self._earlier_answer(key, refused)
        except NotSaved:
            raise not_saved() from None

    async def _earlier_answer(self, key: RequestKey | None, refused: Refused) -> Reply:
        """Return the answer to an earlier request with *key*; raise *refused* if there is none.

        A repeated request may be refused only because it was executed before, or because it was
        not stored then and is not undone yet. The second raises `Refused` as not saved.
        """
        if key is not None and self._chat.recovering and refused.code is not Code.UNKNOWN:
            refused = not_saved()
        try:
            seq = None if key is None else await self._earlier(key)
        except NotSaved:
            raise refused if refused.code is Code.UNKNOWN else not_saved() from None
        if seq is None:
            raise refused
        return Said(seq)

    async def _post(self, request: Request, message: str, key: RequestKey | None) -> Reply:
        self._session.require_welcome()
        self._session.note_activity()
        place = self._place_of(request)
        if place is None:
            raise BadField("group", "A text needs a group.")
        self._require_short(message)
        text = text_of(message, request.line or "")
        if not text:
            raise empty_message()
        if isinstance(place, Private):
            receiver, seq, away = await self._chat.private.post(
                self._session, place.partner, text, key, reply_to=request.reply_to
            )
            return Sent(receiver.name, self._services.presence.online(receiver.key), seq, away)
        done: Deferred[int] = Deferred()
        self._chat.posting.post(self._session, place, text, done, key, request.reply_to)
        return Said(await done)

    async def _execute(self, request: Request, key: RequestKey | None) -> Reply | None:
        self._session.require_welcome()
        if request.read is not None:
            await self._mark(request, request.read)
            return None
        line = request.line or ""
        if not line.strip():
            return None
        self._session.note_activity()
        self._require_short(line)
        if key is not None:
            seq = await self._earlier(key)
            if seq is not None:
                return Said(seq)
        answers: list[Reply] = []
        await self._session.command(line, self._place_of(request), answers.append, key)
        return answers[-1] if answers else None

    async def _mark(self, request: Request, seq: int) -> None:
        """Record that the program has displayed a conversation up to *seq*."""
        conversation: Conversation | None = None
        if request.partner is not None:
            known_with = self._chat.private.known_with
            conversation = await known_with(self._session.account, request.partner)
        elif request.group is not None:
            conversation = self._services.groups.find(self._session.account.actor, request.group)
        if conversation is None or conversation not in self._session.subscriptions:
            raise BadField("read", "You do not receive that conversation.")
        if seq > conversation.published:
            raise BadField("read", f"The newest entry is {conversation.published}.")
        self._services.registry.mark(self._session, conversation, seq)

    async def _earlier(self, key: RequestKey) -> int | None:
        """Return the number of an earlier request with *key*, even if it is not stored yet."""
        await self._chat.settled()
        return await self._chat.answered(key)

    def _key_of(self, request: Request) -> RequestKey | None:
        if request.key is None:
            return None
        return RequestKey(self._session.account.party, request.key)

    def _place_of(self, request: Request) -> Place:
        if request.partner is None:
            if request.group is None:
                return None
            return self._services.groups.find(self._session.account.actor, request.group)
        if request.group is not None:
            raise BadField("with", "A request has a group or a person, not both.")
        partner = self._services.accounts.find(person_name(request.partner))
        self._chat.private.require_partner(self._session.account, partner)
        return Private(partner)

    def _require_short(self, line: str) -> None:
        limit = self._services.config.limits.line_bytes
        if len(line.encode()) > limit:
            raise line_too_long(limit)
