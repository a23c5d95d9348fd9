"""Absences: which sessions are away. An account is away while all its sessions are."""

from __future__ import annotations

from collections.abc import Callable

from pyconchat.chat.interfaces import ISession
from pyconchat.chat.memory import Memory
from pyconchat.domain.absence import Absence
from pyconchat.domain.accounts import Account
from pyconchat.domain.events import NO_TEXT
from pyconchat.domain.replies import Done
from pyconchat.domain.text import SafeText

__all__ = ["Absences", "readers_of"]

MAX_PRESENCE_SESSIONS = 100
"""Maximum sessions of a group in which comings and goings are announced.

In a larger group the announcements would cost the square of its size.
"""


def readers_of(memory: Memory, account: Account) -> list[ISession]:
    """Return the sessions that are notified when *account* comes, goes, or is away."""
    readers: dict[ISession, None] = {}
    for conversation in memory.groups.memberships(account.key):
        if len(conversation.sessions) <= MAX_PRESENCE_SESSIONS:
            readers.update(conversation.sessions)
    return [
        session
        for session in readers
        if session.account is not account and account.key not in session.account.ignores
    ]


class Absences:
    """The absences of one chat; *now* returns milliseconds since the epoch."""

    def __init__(self, memory: Memory, now: Callable[[], int]) -> None:
        self._memory = memory
        self._now = now
        self._watchers: list[Callable[[Account], None]] = []

    def watch(self, watcher: Callable[[Account], None]) -> None:
        """Call *watcher* with each account that becomes away, or present again."""
        self._watchers.append(watcher)

    def opening(self, session: ISession) -> None:
        """Make a new *session* away, if its account is.

        An IRC client sets its own absence. An unattended session has none.
        """
        absence = session.account.absence
        if absence is not None and session.translator is None and not session.unattended:
            session.away = absence.text

    def set(self, account: Account, text: SafeText | None) -> None:
        """Make all sessions of *account* away, for the reason *text*; None: make them present."""
        for session in self._memory.presence.attended(account.key):
            session.away = text
        self.note(account)

    def set_session(self, session: ISession, text: SafeText | None) -> None:
        """As `set`, for one *session*; *text* may be empty."""
        session.away = text
        self.note(session.account, text or NO_TEXT)

    def end(self, session: ISession) -> None:
        """End the absence of *session*, which has sent a message, and that of its account."""
        account = session.account
        ended = [session]
        if account.absence is not None:
            ended = list(self._memory.presence.attended(account.key))
        for each in ended:
            each.away = None
        self.note(account)
        for each in ended:
            each.send(Done(SafeText("You are back, and no longer away.")))

    def note(self, account: Account, latest: SafeText = NO_TEXT) -> None:
        """Make *account* away, or present, as its sessions are; notify others of a change.

        The text is *latest*, or that of a session.
        """
        texts = [each.away for each in self._memory.presence.attended(account.key)]
        if not texts:
            return  # only unattended sessions: others see it as it is at another node
        away = None not in texts
        texts.insert(0, latest)
        text = next((each for each in texts if each), NO_TEXT) if away else NO_TEXT
        before = account.absence
        if (before is not None) == away and (before is None or before.text == text):
            return
        self._change(account, Absence(text, self._now()) if away else None)
        for watcher in self._watchers:
            watcher(account)

    def changed_elsewhere(self, account: Account, absence: Absence | None) -> None:
        """Make *account*, unless it is online here, as it is at another node."""
        if not self._memory.presence.attended(account.key):
            self._change(account, absence)

    def _change(self, account: Account, absence: Absence | None) -> None:
        account.absence = absence
        for session in readers_of(self._memory, account):
            if session.translator is not None:
                session.translator.absence_changed(account)
