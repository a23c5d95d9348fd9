"""ClientLogin: logs in with the saved token, a password, or the person's answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

from pyconchat.client.interfaces import GaveUp, LoginRefused
from pyconchat.client.net.address import Address
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.saved import SavedState
from pyconchat.domain.errors import Refused
from pyconchat.domain.names import person_name
from pyconchat.domain.password_rules import check_password

__all__ = ["Ask", "ClientLogin"]

Ask: TypeAlias = Callable[[str, bool], Awaitable[str]]
"""Asks a question; True: the answer is a secret. Raises `GaveUp` if there is no answer."""

TEMPORARY = {"busy": 3.0, "too-many": 20.0, "not-saved": 5.0, "trouble": 5.0, "unknown": 5.0}
"""Codes of refusals after which the same hello may be accepted later, and the seconds until then.

After ``unknown`` the new account may exist, with the same password.
"""


class ClientLogin:
    """Logs in at *address* for as long as the client runs, also after each reconnection.

    *ask* asks the person, *notify* displays a line. With *guest*, a new name without a password
    becomes a guest without a question. From a question for a password until the server accepts one,
    *expects_secret* is True: input may be a password then.
    """

    def __init__(
        self,
        address: Address,
        saved: SavedState,
        ask: Ask,
        notify: Callable[[str], None],
        password: str | None = None,
        guest: bool = False,
    ) -> None:
        self._address = address
        self._saved = saved
        self.expects_secret = False
        self._ask = ask
        self._notify = notify
        self._name = address.name
        self._password = password
        self._password_given = password is not None  # so nobody is asked for another
        self._guest = guest
        self._was_accepted = False
        self._token: str | None = None
        self._token_read = False

    async def hello(self, refused: Object | None) -> Object:
        """Return the fields of the hello to send first, or after the answer *refused*.

        Raises `GaveUp`.
        """
        if refused is not None:
            await self._handle_refusal(refused)
        if not self._name:
            self._name = await self._ask_name()
        if not self._token_read:
            self._token_read, self._token = True, self._saved.token(self._address, self._name)
        if self._token is not None:
            return {"name": self._name, "token": self._token}
        if self._password is not None:
            return {"name": self._name, "password": self._password}
        # After a lost connection the server may still have the old session.
        replace = {"replace": True} if self._was_accepted else {}
        return {"name": self._name, "guest": self._guest, **replace}

    def accepted(self, hello: Object) -> None:
        """Save the token of the server's answer."""
        self._was_accepted = True
        self.expects_secret = False
        self._name = str(hello.get("name") or self._name)
        token = hello.get("token")
        if isinstance(token, str) and token:
            self._save(token)

    def password_changed(self, token: str) -> None:
        """Use *token* from now on: the old password and token are no longer valid."""
        self._password, self._password_given = None, False
        self._save(token)

    def _save(self, token: str) -> None:
        self._token = token
        with suppress(OSError):  # the password will be asked for at the next start
            self._saved.save_token(self._address, self._name, token)

    async def _handle_refusal(self, refused: Object) -> None:
        """Change the fields of the next hello. Raises `GaveUp` if there is nothing left to try."""
        code, error = str(refused.get("code")), str(refused.get("error") or "The server refused.")
        if code == "bad-token":
            self._token = None
            with suppress(OSError):
                self._saved.delete_token(self._address, self._name)
        elif code == "password-needed":
            self._password = await self._ask_password()
        elif code == "new-name":
            await self._register_or_guest(error)
        elif code == "wrong-password" and not self._password_given:
            self._notify(error)
            self._password = await self._ask_password()
        elif code in TEMPORARY:
            raise LoginRefused(error, TEMPORARY[code])
        elif code == "taken" and self._was_accepted:
            # The name is taken by our own old connection until the server notices its end.
            raise ConnectionError(error)
        elif code in ("taken", "bad-name") and not self._address.name:
            self._notify(error)
            self._name, self._password, self._guest, self._token_read = "", None, False, False
        elif code == "bad-argument" and self._password is not None and not self._password_given:
            self._notify(error)
            await self._register_or_guest("")
        else:
            raise GaveUp(error)

    async def _ask_password(self) -> str:
        return await self._ask_secret(f"Password of {self._name}: ")

    async def _ask_secret(self, question: str) -> str:
        """Ask for a password. Raises `GaveUp` for ``/quit``: no password begins with a slash."""
        self.expects_secret = True
        answer = await self._ask(question, True)
        if answer.strip().lower() == "/quit":
            raise GaveUp("")
        return answer

    async def _register_or_guest(self, why: str) -> None:
        """Ask for a password to register the new name; without one it is a guest's."""
        if why:
            self._notify(why)
        offer = f"Choose a password to keep the name {self._name}, or press Enter to be a guest: "
        while True:
            password = await self._ask_secret(offer)
            if not password:
                self._password, self._guest = None, True
                return
            try:
                check_password(password)  # before it is typed twice
            except Refused as refused:
                self._notify(refused.sentence)
                continue
            if await self._ask_secret("Repeat the password: ") == password:
                self._password = password
                return
            self._notify("The passwords are not the same.")

    async def _ask_name(self) -> str:
        while True:
            typed = (await self._ask("Username: ", False)).strip()
            if typed.lower() == "/quit":
                raise GaveUp("")
            if not typed:
                continue
            try:
                return person_name(typed)
            except Refused as refused:
                self._notify(refused.sentence)
