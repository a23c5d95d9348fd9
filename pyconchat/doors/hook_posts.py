"""HookPosts: what a request to ``/hook/TOKEN`` does, and its answer. It knows no connection.

The caller reads the body only if `refusal` is None, and at most MAX_BODY bytes of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple
from weakref import WeakKeyDictionary

from twisted.logger import Logger

from pyconchat.commands.services import Services
from pyconchat.domain.errors import Code, NotSaved, Refused
from pyconchat.domain.hooks import Hook, digest_of
from pyconchat.domain.refusals import internal_error, no_such_hook, not_saved
from pyconchat.hooks.delivery import MAX_BODY, Delivery, key_of, read
from pyconchat.hooks.translated import Run

__all__ = ["MAX_BODY", "HookAnswer", "HookPosts"]

MAX_RUNS = 100
"""Maximum failed runs that are remembered of a hook, so that the next good one is news."""

RETRY_SECONDS = 10
"""Seconds after which to try again what could not be stored."""

_STATUS = {
    Code.NO_SUCH_HOOK: 404,
    Code.NO_SUCH_GROUP: 404,
    Code.QUIET: 403,
    Code.BAD_TEXT: 400,
    Code.BAD_JSON: 400,
    Code.TOO_LONG: 413,
    Code.NOT_SAVED: 503,
    Code.UNKNOWN: 503,
}


class HookAnswer(NamedTuple):
    """The HTTP *status* (RFC 9110) and the line *text*; *retry_after* is in seconds, 0: none."""

    status: int
    text: str
    retry_after: int = 0


class HookPosts:
    """Posts what programs send to the hooks of one server."""

    _log = Logger()

    def __init__(self, services: Services) -> None:
        self._services = services
        # The newest failed runs are the last.
        self._failing: WeakKeyDictionary[Hook, dict[str, None]] = WeakKeyDictionary()

    def refusal(self, token: str) -> HookAnswer | None:
        """Return the answer to a request that is refused before its body is read, else None.

        That is one to an unknown hook, or beyond its rate, which is that of an account.
        """
        found = self._services.memory.hooks.find(digest_of(token))
        if found is None:
            return _answer(no_such_hook())
        services = self._services
        wait = services.rates.of(found.hook).take(services.chat.reactor.seconds())
        if wait > 0:
            return HookAnswer(429, "Too many messages: try again later.", math.ceil(wait))
        return None

    async def post(self, token: str, headers: Mapping[str, str], body: bytes) -> HookAnswer:
        """Post *body*, once `refusal` has returned None; answer when it is stored.

        The names of *headers* are in lower case.
        """
        try:
            return await self._post(digest_of(token), Delivery(headers, body))
        except Refused as refused:
            return _answer(refused)
        except NotSaved:
            return _answer(not_saved())
        except Exception:
            self._log.failure("a delivery to a hook failed")
            return HookAnswer(500, internal_error().sentence)

    async def _post(self, digest: str, delivery: Delivery) -> HookAnswer:
        services = self._services
        await services.journal.when_not_full()
        found = services.memory.hooks.find(digest)
        if found is None:  # it was removed while the body was on its way
            raise no_such_hook()
        failing = self._failing.get(found.hook, {})
        post = read(delivery, failing, services.config.limits.line_bytes)
        if not post.text:
            return HookAnswer(200, "ignored")
        await services.chat.states.know(found.conversation)
        await services.chat.posting.post_by_hook(digest, post.text, key_of(delivery.headers))
        if post.run is not None:  # now: the sender repeats posts that were not stored
            self._note(found.hook, post.run)
        return HookAnswer(200, "ok")

    def _note(self, hook: Hook, run: Run) -> None:
        """Note how *run* has ended."""
        failing = self._failing.setdefault(hook, {})
        failing.pop(run.name, None)
        if run.failed:
            failing[run.name] = None
            if len(failing) > MAX_RUNS:
                del failing[next(iter(failing))]


def _answer(refused: Refused) -> HookAnswer:
    status = _STATUS.get(refused.code, 403)
    return HookAnswer(status, refused.sentence, RETRY_SECONDS if status == 503 else 0)
