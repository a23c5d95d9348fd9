"""UnansweredRequests: the requests that may have to be sent again.

Each has a key: the server carries out a request with a key once, however often it is sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TypeAlias

from pyconchat.client.net.json_protocol import JsonProtocol, Object

__all__ = ["AnswerCallback", "Request", "UnansweredRequests"]

AnswerCallback: TypeAlias = Callable[[Object], None]


class Request:
    """A request that was not answered yet. A *quiet* one is the client's own."""

    def __init__(self, fields: Object, answered: AnswerCallback, quiet: bool) -> None:
        self.fields = fields
        self.answered = answered
        self.quiet = quiet
        self.sent_on: JsonProtocol | None = None

    def send(self, protocol: JsonProtocol) -> None:
        """Send it on *protocol*."""
        self.sent_on = protocol
        protocol.send(self.fields)


class UnansweredRequests:
    """The requests that were not answered yet, in the order in which they were made."""

    def __init__(self) -> None:
        self._requests: dict[int, Request] = {}
        self._quiet = 0  # of them
        self._last_id = 0
        self._key_prefix = secrets.token_hex(6)

    def __len__(self) -> int:
        """Return how many there are, without the quiet ones."""
        return len(self._requests) - self._quiet

    def add(self, fields: Object, answered: AnswerCallback, quiet: bool) -> Request:
        """Make a request of *fields*, with an id and a key."""
        self._last_id += 1
        fields = {"id": self._last_id, "key": f"{self._key_prefix}-{self._last_id}", **fields}
        request = self._requests[self._last_id] = Request(fields, answered, quiet)
        self._quiet += quiet
        return request

    def take(self, number: object) -> Request | None:
        """Return the request with the id *number*, if there is one, and remove it."""
        if not isinstance(number, int) or isinstance(number, bool) or number not in self._requests:
            return None
        request = self._requests.pop(number)
        self._quiet -= request.quiet
        return request

    def take_sent_before(self, protocol: JsonProtocol | None) -> list[Request]:
        """Return the requests that were sent on another connection than *protocol*; remove them."""
        sent = {
            number: each
            for number, each in self._requests.items()
            if each.sent_on is not None and each.sent_on is not protocol
        }
        for number in sent:
            self.take(number)
        return [*sent.values()]

    def send_all(self, protocol: JsonProtocol) -> None:
        """Send all requests on *protocol*, in order, except those that were sent on it."""
        for request in [*self._requests.values()]:
            if request.sent_on is not protocol:
                request.send(protocol)
