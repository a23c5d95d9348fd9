"""Registration: CAP, NICK, USER, PASS and SASL, and the login that they lead to."""

from __future__ import annotations

import base64
import binascii

from pyconchat.chat.interfaces import ISession
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import Name, fold, person_name
from pyconchat.domain.refusals import (
    TOO_MANY_WRONG_PASSWORDS,
    name_in_use,
)
from pyconchat.domain.text import safe_line
from pyconchat.doors.irc.account_registration import register
from pyconchat.doors.irc.capabilities import CAPABILITIES, listed, requested
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.hints import sentence_of
from pyconchat.doors.irc.login import begin, log_in, switch
from pyconchat.doors.irc.message import Message
from pyconchat.doors.irc.welcome import EXTENDED_ISUPPORT, isupport
from pyconchat.render.irc_lines import line
from pyconchat.sessions.portal import GuestName, Password

__all__ = ["Registration"]

MAX_WRONG_PASSWORDS = 3
"""Maximum wrong passwords on one connection; then it is closed."""

CHUNK = 400
"""Characters of each but the last piece of a SASL answer (IRCv3 sasl)."""

MAX_SASL = 4096
"""Maximum characters of a SASL answer: passwords have at most 1,024 bytes."""


class Registration:
    """The registration of one client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._negotiating = False  # CAP LS or REQ was sent, and CAP END was not
        self._password = ""
        self._asked = ""  # the last name, folded
        self._wrong = 0
        self._sasl = ""  # pieces of an answer; " " before the first one
        self._session: ISession | None = None  # of a client that has authenticated by SASL
        self._proof = ("", 0)  # what that rests on

    @property
    def authenticated(self) -> bool:
        """Return whether the client has authenticated, and its login is not complete."""
        return self._session is not None

    def close(self) -> None:
        """Drop what a client that has disconnected would have become."""
        if self._session is not None and self._session is not self._client.session:
            self._session.close()
            self._session = None

    # Commands.

    async def cap(self, message: Message) -> None:
        """CAP: list, request and end the negotiation of capabilities."""
        client, what = self._client, message.param(0).upper()
        match what:
            case "LS":
                if not client.registered:
                    self._negotiating = True
                client.version_302 |= message.param(1).isdigit() and int(message.param(1)) >= 302
                if client.version_302:
                    client.caps.add("cap-notify")
                listed(client, "LS", CAPABILITIES)
            case "LIST":
                listed(client, "LIST", [each for each in CAPABILITIES if each in client.caps])
            case "REQ":
                if not client.registered:
                    self._negotiating = True
                requested(client, message.param(1))
            case "END":
                self._negotiating = False
                if self._sasl and not client.registered:
                    self._sasl = ""
                    client.reply("906", "SASL was aborted by the end of the registration.")
                await self._complete()
            case _:
                client.send(
                    line(client.server, "410", client.display, what or "*", "Unknown CAP command.")
                )

    async def nick(self, message: Message) -> None:
        """NICK: the name to log in with, or another one for a guest in no group."""
        client = self._client
        if not message.param(0):
            client.reply("431", "Which nick?")
            return
        if client.registered:
            await self._rename(message.param(0))
            return
        name = person_name(message.param(0))
        if fold(name) != self._asked and self._asked:
            client.services.throttle.ask_name(client.door.network)
        self._asked = fold(name)
        client.nick = name
        await self._complete()

    async def user(self, message: Message) -> None:
        """USER: the user and the real name, which others see in WHOIS."""
        client = self._client
        if client.registered or client.user:
            client.reply("462", "You are registered already.")
            return
        client.user = _word(message.param(0)) or "user"
        client.realname = safe_line(message.param(3))[:MAX_REALNAME] or client.user
        await self._complete()

    async def pass_(self, message: Message) -> None:
        """PASS: the password, or ``NAME:PASSWORD``."""
        if self._client.registered:
            self._client.reply("462", "You are registered already.")
            return
        self._password = message.param(0)

    async def register(self, message: Message) -> None:
        """REGISTER: make the nick an account."""
        session = await register(self._client, message, self.authenticated)
        if session is not None:
            self._authenticated_as(session)

    async def isupport(self, _message: Message) -> None:
        """ISUPPORT: the supported features, also before the login is complete."""
        client = self._client
        if client.registered or EXTENDED_ISUPPORT in client.caps:
            isupport(client)
        else:
            client.reply("451", "You have not registered.")

    async def authenticate(self, message: Message) -> None:
        """AUTHENTICATE: SASL PLAIN (RFC 4616)."""
        client, piece = self._client, message.param(0)
        if self._session is not None and not client.registered:
            client.reply("907", "You have authenticated already.")
        elif piece == "*":
            self._sasl = ""
            client.reply("906", "SASL was aborted.")
        elif not self._sasl:
            if piece.upper() != "PLAIN":
                client.reply("908", "PLAIN", "is the only mechanism.")
                client.reply("904", "SASL failed: the mechanism is not known.")
                return
            self._sasl = " "
            client.send("AUTHENTICATE +\r\n")
        elif len(piece) > CHUNK or len(self._sasl) + len(piece) > MAX_SASL:
            self._sasl = ""
            client.reply("905", "SASL failed: the answer is too long.")
        else:
            self._sasl += "" if piece == "+" else piece
            if len(piece) < CHUNK:
                answer, self._sasl = self._sasl.strip(), ""
                await self._authenticate(answer)

    async def _authenticate(self, answer: str) -> None:
        client = self._client
        try:
            authzid, name, password = base64.b64decode(answer, validate=True).decode().split("\0")
        except (binascii.Error, ValueError):
            client.reply("904", "SASL failed: that is no answer of PLAIN.")
            return
        try:
            if authzid and fold(authzid) != fold(name):
                raise Refused(Code.WRONG_PASSWORD, "Nobody may log in as somebody else.")
            session = await log_in(client, Password(name, password, client.door.network))
        except Refused as refused:
            if refused.code not in (Code.BUSY, Code.NOT_SAVED):  # which say nothing of the password
                client.reply("904", f"SASL failed: {sentence_of(refused)}")
            self._count_wrong(refused)
            return
        account = session.account.name
        if client.registered:
            client.reply("900", client.source, account, f"You are logged in as {account}.")
            client.reply("903", "SASL succeeded.")
            await switch(client, session)
            return
        self._authenticated_as(session)
        client.reply("900", f"{account}!{account}@pyconchat", account, f"You are {account}.")
        client.reply("903", "SASL succeeded.")

    # The login.

    async def _complete(self) -> None:
        """Log in, once the nick, the user and the capabilities are known."""
        client = self._client
        if client.registered or self._negotiating or not client.nick or not client.user:
            return
        try:
            if self._session is not None:
                self._require_valid(self._session)
            session = self._session or await self._enter(Name(client.nick))
        except Refused as refused:
            self._turn_away(refused)
            return
        self._session = None
        await begin(client, session)

    def _authenticated_as(self, session: ISession) -> None:
        """Complete the login with *session*, as soon as the client is ready for that."""
        self._session, self._proof = session, session.account.proof

    def _require_valid(self, session: ISession) -> None:
        """Raise `Refused` if *session* would have ended since, had it begun at once."""
        self._client.services.memory.require_present(session.account)
        if session.account.proof != self._proof:
            raise Refused(Code.WRONG_PASSWORD, "That login has ended: connect again.")

    async def _enter(self, name: Name) -> ISession:
        """Return a session of *name*, by its password, or of a guest. Raises `Refused`."""
        client, password = self._client, self._password
        if password:
            account, colon, rest = password.partition(":")
            if colon and client.services.accounts.get(account) is not None:
                name, password = Name(account), rest
            return await log_in(client, Password(name, password, client.door.network))
        services = client.services
        services.memory.admit(name)
        await services.registration.refresh(Name(name))
        known = services.accounts.get(name)
        if known is not None and known.registered:
            raise Refused(
                Code.PASSWORD_NEEDED,
                "{name} is registered: send its password by SASL or PASS.",
                name=known.name,
            )
        if known is not None:
            raise name_in_use(known.name)
        return await log_in(client, GuestName(name, client.door.network))

    def _turn_away(self, refused: Refused) -> None:
        """Answer a login that was refused; close where another name would not help."""
        client, sentence = self._client, sentence_of(refused)
        name, client.nick = client.nick, ""
        match refused.code:
            case Code.TAKEN | Code.PASSWORD_NEEDED | Code.NO_SUCH_NAME:
                client.send(line(client.server, "433", "*", name, sentence))
            case Code.BAD_NAME:
                client.send(line(client.server, "432", "*", name, sentence))
            case Code.BANNED:
                client.reply("465", sentence)
                client.close(sentence)
            case Code.GUESTS_OFF:
                client.fail("FAIL", "*", "ACCOUNT_REQUIRED", sentence)
                client.close(sentence)
            case Code.WRONG_PASSWORD:
                client.reply("464", sentence)
                client.close(sentence)
            case _:
                client.close(sentence)

    def _count_wrong(self, refused: Refused) -> None:
        if refused.code is Code.BANNED:
            self._turn_away(refused)
        elif refused.code is Code.WRONG_PASSWORD:
            self._wrong += 1
            if self._wrong == MAX_WRONG_PASSWORDS:
                self._client.close(TOO_MANY_WRONG_PASSWORDS)
        elif refused.code in (Code.BUSY, Code.NOT_SAVED):
            self._client.close(sentence_of(refused))

    # After the login.

    async def _rename(self, raw: str) -> None:
        """Give a guest in no group another name; nobody else's name changes."""
        client = self._client
        name, account = person_name(raw), client.account
        if name == account.name:
            return
        other = client.services.accounts.get(name)
        if other is not None and other is not account:
            raise name_in_use(other.name)
        known = client.services.groups.connected_with(account.key)
        if account.registered or client.groups() or (other is account and known):
            client.reply("447", "A name stays as it is while you are registered or in a group.")
            return
        if other is account:  # in other letters
            old, client.nick = client.source, name
            client.services.accounts.respell(account, name)
            client.send(line(old, "NICK", name))
            return
        session = await log_in(client, GuestName(name, client.door.network))
        await switch(client, session)


MAX_REALNAME = 150
"""Maximum characters of a real name."""


def _word(raw: str) -> str:
    """Return the user name *raw* without what could not stand in a source."""
    return "".join(char for char in safe_line(raw) if char.isalnum() or char in "-_.~")[:16]
