"""GroupEntry: enters a group for a script, and determines whether it is temporary."""

from __future__ import annotations

from collections.abc import Callable

from pyconchat.client.interfaces import UNCONFIRMED
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object, objects_in
from pyconchat.domain.names import fold

__all__ = ["GroupEntry"]

NEEDS_PASSWORD = "log in with a password"


class GroupEntry:
    """Enters *group*; with *create*, creates it if it does not exist.

    *entered* is called with the group's name, and the reason why the group will end, or "":
    a group that has only guests ends with the last of them. *failed* is called with the reason.
    """

    def __init__(
        self,
        connection: ServerConnection,
        group: str,
        create: bool,
        entered: Callable[[str, str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._group = group
        self._create = create
        self._entered = entered
        self._failed = failed
        self._attempt = 0

    def start(self) -> None:
        """Enter the group, after each login."""
        self._attempt += 1  # the answers to an earlier attempt do not count
        self._ask(self._listed, line=f"/groups {self._group}")

    def _ask(self, answered: Callable[[Object], None], **fields: str) -> None:
        attempt = self._attempt

        def checked(answer: Object) -> None:
            # After UNCONFIRMED the next login starts again.
            if attempt == self._attempt and answer.get("code") != UNCONFIRMED:
                answered(answer)

        self._connection.ask_quietly(checked, **fields)

    def _listed(self, answer: Object) -> None:
        names = [fold(str(each.get("group"))) for each in objects_in(answer.get("groups"))]
        # A number never names a new group, and a list that was cut may leave the group out.
        exists = fold(self._group) in names or self._group.isdecimal() or answer.get("more")
        if exists or answer.get("ok") is not True:
            self._ask(self._joined, line=f"/join {self._group}")
        elif not self._create:
            self._failed(f"there is no group {self._group}; --create creates it")
        elif self._connection.guest:
            self._failed(f"a guest's group would end with this connection: {NEEDS_PASSWORD}")
        else:
            self._ask(self._joined, line=f"/create {self._group}")

    def _joined(self, answer: Object) -> None:
        if answer.get("type") == "entered":
            group = str(answer.get("group"))
            temporary = answer.get("temporary") is True
            why = f"{group} has only guests, and ends with them: {NEEDS_PASSWORD}"
            self._entered(group, why if temporary else "")
        elif answer.get("ok") is True and "type" not in answer:
            # It was executed on an earlier connection, and the answer was lost.
            self._ask(self._joined, line=f"/join {self._group}")
        else:
            self._failed(str(answer.get("error") or "the group's admin has to approve first"))
