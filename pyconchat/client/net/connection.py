"""ServerConnection: the connection to one server, for as long as the client runs.

It logs in, reconnects, resumes after the last entries that it has received, and repeats each
request until it is answered. Requests are sent in order, with keys, so that none is lost and
none is carried out twice.
"""

from __future__ import annotations

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from pyconchat.client.interfaces import (
    UNCONFIRMED,
    ConnectionListener,
    ConnectionState,
    GaveUp,
    Login,
    LoginRefused,
)
from pyconchat.client.net.cursors import Cursors
from pyconchat.client.net.json_protocol import JsonProtocol, Object, objects_in
from pyconchat.client.net.login_endpoint import LoginEndpoint, problem_of
from pyconchat.client.net.opening import refusal_in
from pyconchat.client.net.requests import AnswerCallback, UnansweredRequests
from pyconchat.client.net.silence import SilenceMonitor

__all__ = ["ServerConnection"]

FIRST_WAIT = 0.3
"""Seconds before the first attempt to reconnect, with jitter."""

MAX_WAIT = 15.0
"""Maximum seconds between two attempts to reconnect, with jitter."""

PING_AFTER = 20.0
"""Seconds without a byte from the server after which the client sends a ping."""

MAX_SILENCE = 35.0
"""Maximum seconds without a byte from the server; then the client reconnects."""

OPTIONS = {"missed": 200, "reads": True}
"""Fields of every hello: the server sends at most so many missed entries of a conversation, and
counts only the entries as displayed that the client reports.
"""

MAX_SILENT_ENDS = 3
"""Maximum connections in a row, before the first login, that the server closes without a byte."""

TEMPORARY = ("stopping", "late", "trouble", "wrong-password")
"""Reasons for which a server ends a connection and the client reconnects.

After too many wrong passwords it asks for another one.
"""


class LostQuietly(ConnectionError):
    """The login was interrupted during a question, or after the server gave a reason."""


class ServerConnection:
    """The connection through *endpoint*, logged in by *login*; *listener* gets answers and events.

    *guest* is True while the account is a guest's, *problem* is the reason why the last attempt
    to connect failed, or "".
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        login: Login,
        listener: ConnectionListener,
    ) -> None:
        self.state = ConnectionState.CONNECTING
        self.guest = False
        self.problem = ""
        self._login = login
        self._listener = listener
        self._protocol: JsonProtocol | None = None
        self._logged_in = False
        self._was_logged_in = False  # since the start
        self._silent_ends = 0  # of connections in a row
        self._end_explained = False  # by the server, on this connection
        self._ending = False
        self._hello_answer: Deferred[Object] | None = None
        self._cursors = Cursors()
        self._requests = UnansweredRequests()
        self._silence = SilenceMonitor(reactor, self._silent)
        self._service = ClientService(
            LoginEndpoint(reactor, endpoint, self._log_in, self._failed, self._end),
            Factory.forProtocol(Protocol),
            self._wait,
            clock=reactor,
        )

        self._backoff = backoffPolicy(FIRST_WAIT, MAX_WAIT, factor=1.6)
        self._refused_wait = 0.0  # seconds, after a refusal

    def start(self) -> None:
        """Begin to connect."""
        self._silence.start()
        self._service.startService()

    def stop(self) -> Deferred[None]:
        """Disconnect; fires when the connection is closed."""
        self._ending = True
        self._silence.stop()
        return self._service.stopService()

    @property
    def unanswered(self) -> int:
        """Return how many requests were not answered yet, without the quiet ones."""
        return len(self._requests)

    def ask(self, answered: AnswerCallback, **fields: object) -> None:
        """Send a request until it is answered; *answered* is called with the answer."""
        self._ask(answered, fields, quiet=False)

    def ask_quietly(self, answered: AnswerCallback, **fields: object) -> None:
        """As `ask`, for a request of the client itself: `unanswered` does not count it."""
        self._ask(answered, fields, quiet=True)

    def _ask(self, answered: AnswerCallback, fields: Object, quiet: bool) -> None:
        request = self._requests.add(fields, answered, quiet)
        if self._logged_in and self._protocol is not None:
            request.send(self._protocol)

    # One connection, from the login to the end.

    async def _log_in(self, protocol: JsonProtocol) -> None:
        """Log in over a new connection, and repeat the requests that were not answered."""
        self._protocol = protocol
        protocol.receive, protocol.lost = self._received, self._lost
        self._silence.watch(protocol)
        self._end_explained = False
        self._change(ConnectionState.LOGGING_IN)
        refused: Object | None = None
        while True:
            hello = await self._login.hello(refused)
            if self._protocol is not protocol:
                raise LostQuietly
            self._hello_answer = Deferred()
            since = self._cursors.for_hello()
            protocol.send({"hello": 1, "since": since, **OPTIONS, **hello})
            answer = await self._hello_answer
            if answer.get("ok") is True:
                break
            refused = answer
        self._login.accepted(answer)
        self._own_groups_received(answer)
        was_guest, self.guest = self.guest, answer.get("registered") is not True
        if was_guest:
            self._give_up_sent()
        self._logged_in = self._was_logged_in = True
        self.problem = ""
        self._change(ConnectionState.CATCHING_UP)
        self._listener.logged_in(answer)
        self._requests.send_all(protocol)

    def _own_groups_received(self, fields: Object) -> None:
        self._cursors.forget_replaced(objects_in(fields.get("groups")))

    def _give_up_sent(self) -> None:
        """Drop the requests that were sent on earlier connections of a guest.

        Their keys are unknown now, so the server might carry out a repeated request twice.
        """
        requests = self._requests.take_sent_before(self._protocol)
        asked = [each.fields for each in requests if not each.quiet]
        lines = [str(each.get("line") or each.get("text") or "") for each in asked]
        if lines:
            self._listener.unconfirmed(lines)
        for each in requests:
            each.answered({"ok": False, "code": UNCONFIRMED})

    def _wait(self, failures: int) -> float:
        """Return the seconds until the next attempt to connect."""
        wait, self._refused_wait = self._refused_wait, 0.0
        return max(wait, self._backoff(failures))

    def _lost(self, _reason: Failure) -> None:
        protocol, self._protocol, self._logged_in = self._protocol, None, False
        self._silence.watch(None)
        if self._waits_for_hello():
            assert self._hello_answer is not None
            assert protocol is not None
            self._hello_answer.errback(self._why_lost(protocol.opening))
        if self.guest:
            self._cursors.clear()  # a guest's conversations end with the connection
        if not self._ending:
            self._change(ConnectionState.WAITING)

    def _why_lost(self, opening: bytes) -> Exception:
        """Return why a login failed. A port for TLS sends no answer to a client without TLS."""
        if self._end_explained:
            return LostQuietly()
        self._silent_ends = 0 if opening else self._silent_ends + 1
        if self._silent_ends == MAX_SILENT_ENDS and not self._was_logged_in:
            return GaveUp("The server closes without an answer. If the port is for TLS, use --tls.")
        lost = ConnectionError("the connection was lost during the login")
        return refusal_in(opening) or lost

    def _failed(self, failure: Exception) -> None:
        """Report why connecting failed, unless the last report was the same."""
        if isinstance(failure, LostQuietly):
            return
        if isinstance(failure, LoginRefused):
            self._refused_wait = failure.wait
        self._report(problem_of(failure))

    def _report(self, problem: str) -> None:
        if self._ending or problem == self.problem:
            return
        self.problem = problem
        self._listener.connecting_failed(problem)
        self._change(ConnectionState.WAITING)

    def _end(self, reason: str) -> None:
        """Do not reconnect."""
        if not self._ending:
            self._ending = True
            self._change(ConnectionState.ENDED)
            self._listener.connection_ended(reason)

    def _change(self, state: ConnectionState) -> None:
        if self.state is not state:
            self.state = state
            self._listener.state_changed(state)

    # Objects from the server.

    def _received(self, fields: Object) -> None:
        """Handle an object. An error while one is handled does not end the connection."""
        self._silence.reset()
        try:
            self._handle(fields)
        except Exception:
            self._log.failure("an object from the server could not be handled")

    def _handle(self, fields: Object) -> None:
        if "hello" in fields:
            if self._waits_for_hello():
                assert self._hello_answer is not None
                self._hello_answer.callback(fields)
        elif "re" in fields:
            request = self._requests.take(fields["re"])
            if fields.get("type") == "password" and fields.get("token"):
                self.guest = False  # the guest has registered
            if request is not None:
                request.answered(fields)
        elif fields.get("type") == "live":
            self._change(ConnectionState.LIVE)
            self._listener.event_received(fields)
        elif fields.get("type") == "end":
            self._end_announced(fields)
        elif fields.get("type") == "own-groups":
            self._own_groups_received(fields)
            self._listener.event_received(fields)
        elif "type" in fields and self._cursors.is_new(fields):
            self._listener.event_received(fields)

    def _end_announced(self, event: Object) -> None:
        why, text = event.get("why"), event.get("text") or "The server ended the connection."
        if why in TEMPORARY:
            self._end_explained = True
            self._report(str(text).rstrip("."))
        else:
            self._end("" if why == "bye" else str(text))

    def _waits_for_hello(self) -> bool:
        return self._hello_answer is not None and not self._hello_answer.called

    def _silent(self, seconds: float) -> None:
        """Send a ping after *seconds* of silence, or disconnect if it lasts too long."""
        assert self._protocol is not None
        if seconds >= MAX_SILENCE and (self._logged_in or self._waits_for_hello()):
            self._protocol.abort()
        elif seconds >= PING_AFTER and self._logged_in:
            self._protocol.send({"id": 0})
