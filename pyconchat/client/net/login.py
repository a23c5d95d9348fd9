"""Login at the client's side: the token of last time, a password, or a person who is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

from pyconchat.client.net.address import Address
from pyconchat.client.net.connection import GaveUp
from pyconchat.client.net.json_protocol import Object
from pyconchat.client.net.saved import Folder
from pyconchat.domain.errors import Refused
from pyconchat.domain.names import person_name

__all__ = ["Ask", "ClientLogin"]

Ask: TypeAlias = Callable[[str, bool], Awaitable[str]]
"""Puts a question; True says that the answer is a secret. Raises `GaveUp` where nobody answers."""

TRIED_AGAIN = ("busy", "too-many", "not-saved", "trouble")
"""Codes of refusals that may be different in a moment."""


class ClientLogin:
    """Says hello at *address* for as long as the client runs. *ask* asks the person.

    *guest* says that a name without a password need not be asked about.
    """

    def __init__(
        self,
        address: Address,
        folder: Folder,
        ask: Ask,
        tell: Callable[[str], None],
        password: str | None = None,
        guest: bool = False,
    ) -> None:
        self._address = address
        self._folder = folder
        self._ask = ask
        self._tell = tell
        self._name = address.name
        self._password = password
        self._given = password is not None  # not to be asked for again
        self._guest = guest  # at once, without asking
        self._been_in = False
        self._token: str | None = None
        self._looked = False  # for a token that was kept

    async def hello(self, refused: Object | None) -> Object:
        """Return the hello to try, or to try after *refused*. Raises `GaveUp`."""
        if refused is not None:
            await self._answer(refused)
        if not self._name:
            self._name = await self._ask_name()
        if not self._looked:
            self._looked, self._token = True, self._folder.token(self._address, self._name)
        if self._token is not None:
            return {"name": self._name, "token": self._token}
        if self._password is not None:
            return {"name": self._name, "password": self._password}
        return {"name": self._name, "guest": self._guest}

    def accepted(self, hello: Object) -> None:
        """Keep the token of the server's answer, for the next time."""
        self._been_in = True
        self._name = str(hello.get("name") or self._name)
        token = hello.get("token")
        if isinstance(token, str) and token:
            self._keep(token)

    def renewed(self, token: str) -> None:
        """The password was changed; use *token* from now on."""
        self._password, self._given = None, False
        self._keep(token)

    def _keep(self, token: str) -> None:
        self._token = token
        with suppress(OSError):  # then the password is asked for next time
            self._folder.keep_token(self._address, self._name, token)

    async def _answer(self, refused: Object) -> None:
        """Find something else to try. Raises `GaveUp` if there is nothing."""
        code, error = refused.get("code"), str(refused.get("error") or "The server said no.")
        if code == "bad-token":
            self._token = None
            with suppress(OSError):
                self._folder.forget_token(self._address, self._name)
        elif code == "password-needed":
            self._password = await self._ask(f"Password of {self._name}: ", True)
        elif code == "new-name":
            await self._choose(error)
        elif code == "wrong-password" and not self._given:
            self._tell(error)
            self._password = await self._ask(f"Password of {self._name}: ", True)
        elif code in TRIED_AGAIN or (code == "taken" and self._been_in):
            # Taken: by our own connection, of which the server does not know yet that it is cut.
            raise ConnectionError(error)
        elif code in ("taken", "bad-name") and not self._address.name:
            self._tell(error)
            self._name, self._password, self._guest, self._looked = "", None, False, False
        elif code == "bad-argument" and self._password is not None and not self._given:
            self._tell(error)
            await self._choose("")
        else:
            raise GaveUp(error)

    async def _choose(self, why: str) -> None:
        """Have a new name registered, or be a guest."""
        if why:
            self._tell(why)
        offer = f"Choose a password to keep the name {self._name}, or press Enter to be a guest: "
        while True:
            password = await self._ask(offer, True)
            if not password:
                self._password, self._guest = None, True
                return
            if await self._ask("The same again: ", True) == password:
                self._password = password
                return
            self._tell("The two were not the same.")

    async def _ask_name(self) -> str:
        while True:
            typed = (await self._ask("Username: ", False)).strip()
            try:
                return person_name(typed)
            except Refused as refused:
                self._tell(refused.sentence)
