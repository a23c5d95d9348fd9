"""WebSite: maps paths to handlers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred

from pyconchat.doors.context import DoorContext
from pyconchat.doors.hook_posts import MAX_BODY, HookPosts
from pyconchat.doors.irc.monitors import Monitors
from pyconchat.doors.web.exchange import (
    Handler,
    HttpError,
    Request,
    Response,
    WebSocketHandler,
    json_response,
)
from pyconchat.doors.web.host import Hosts
from pyconchat.doors.web.limits import HttpLimits
from pyconchat.doors.web.responses import RequestLog
from pyconchat.doors.web.sessions import COOKIE, MAX_LOGIN_BODY, WebSessions
from pyconchat.doors.web.static import Page
from pyconchat.doors.web.transfers import Transfer

__all__ = ["WebSite"]

_CHALLENGE = re.compile(r"/\.well-known/acme-challenge/([A-Za-z0-9_-]{1,128})")
_FILE = re.compile(r"/file/([0-9a-f]{1,64})(?:/[^/]*)?")
_HOOK = re.compile(r"/hook/([A-Za-z0-9_-]{1,64})")

_MONITORED = ("/healthz", "/ready", "/metrics")

MAX_CHALLENGE = 1024
"""Maximum bytes of an answer to a challenge of ACME (RFC 8555, 8.3)."""


class WebSite:
    """The paths of the server's web door; *metrics* returns the text for Prometheus.

    *monitors* are those of the IRC door; None if it is off.
    """

    def __init__(
        self,
        context: DoorContext,
        metrics: Callable[[], bytes],
        monitors: Monitors | None = None,
    ) -> None:
        config = context.services.config
        self.context = context
        self.monitors = monitors
        self.hosts = Hosts(config.web_address, config.trusted_proxies)
        self.limits = HttpLimits()
        self.sessions = WebSessions(context, self.hosts)
        self._page = Page()
        self._hooks = HookPosts(context.services)
        self._metrics = metrics
        self.log = RequestLog(context, frozenset({*self._page.paths, *_MONITORED}))

    def handler(self, request: Request) -> Handler | Transfer | WebSocketHandler:
        """Return what answers *request*. Raises `HttpError`."""
        path, method = request.path, request.method
        if path == "/healthz":
            return self._only(request, Handler(self._health))
        if path == "/ready":
            return self._only(request, Handler(self._ready))
        if path == "/metrics":
            return self._only(request, Handler(self._show_metrics))
        if found := _CHALLENGE.fullmatch(path):
            return self._only(request, self._challenge(found[1]))
        self.hosts.require_safe(request)
        if found := _HOOK.fullmatch(path):
            self._require_method(request, "POST")
            return self._hook(found[1])
        self.hosts.require_ours(request)
        if path == "/ws":
            self._require_method(request, "GET")
            is_page = self.hosts.is_own_page(request)
            return WebSocketHandler(is_page, request.cookie(COOKIE) if is_page else "")
        if path == "/session":
            return self._session(method, request)
        if path == "/connect":
            return self._only(request, Handler(self._connect))
        if found := _FILE.fullmatch(path):
            self._require_method(request, "GET", "PUT")
            files = self.context.services.files
            if files is None:
                raise HttpError(404, "This server takes no files.")
            if method == "PUT":
                self.hosts.is_own_page(request)  # or a program, but no other page
            return Transfer(self.context, files, self.log, request, found[1])
        if path in self._page:
            return self._only(request, Handler(self._page.get))
        raise HttpError(404, "There is nothing here.")

    def _session(self, method: str, request: Request) -> Handler:
        self._require_method(request, "GET", "HEAD", "POST", "DELETE")
        if method == "POST":
            return Handler(self.sessions.begin, MAX_LOGIN_BODY)
        return Handler(self.sessions.end if method == "DELETE" else self.sessions.show)

    def _only(self, request: Request, handler: Handler) -> Handler:
        self._require_method(request, "GET", "HEAD")
        return handler

    @staticmethod
    def _require_method(request: Request, *methods: str) -> None:
        if request.method not in methods:
            raise HttpError(
                405, f"This address takes only {', '.join(methods)}.", Allow=", ".join(methods)
            )

    # Hooks.

    def _hook(self, token: str) -> Handler:
        refused = self._hooks.refusal(token)
        if refused is not None:
            wait = {"Retry_After": str(refused.retry_after)} if refused.retry_after else {}
            raise HttpError(refused.status, refused.text, **wait)

        async def post(request: Request, body: bytes) -> Response:
            answer = await self._hooks.post(token, request.headers, body)
            wait = {"Retry-After": str(answer.retry_after)} if answer.retry_after else {}
            return Response(answer.status, f"{answer.text}\n".encode(), wait)

        return Handler(post, MAX_BODY)

    # For monitoring, certificates, and other programs.

    async def _health(self, _request: Request, _body: bytes) -> Response:
        """Return whether messages can be stored."""
        journal = self.context.services.journal
        if journal.failing:
            return Response(503, b"nothing can be stored\n")
        return Response(200, b"ok\n")

    async def _ready(self, _request: Request, _body: bytes) -> Response:
        """Return whether a load balancer should send connections here, or why not."""
        problem = await self.context.services.readiness.problem()
        return Response(503 if problem else 200, f"{problem or 'ready'}\n".encode())

    async def _show_metrics(self, request: Request, _body: bytes) -> Response:
        config = self.context.services.config
        if not config.web.may_read_metrics(request.client.address):
            raise HttpError(404, "There is nothing here.")
        return Response(200, self._metrics(), {}, "text/plain; version=0.0.4; charset=utf-8")

    def _challenge(self, name: str) -> Handler:
        services = self.context.services
        webroot = services.config.web.acme_webroot
        if not webroot or services.files is None:
            raise HttpError(404, "There is nothing here.")
        path = Path(webroot) / ".well-known" / "acme-challenge" / name
        run = services.files.run

        async def read(_request: Request, _body: bytes) -> Response:
            try:
                reading: Deferred[bytes] = run(_read_some, path)
                return Response(200, await reading)
            except OSError:
                raise HttpError(404, "There is nothing here.") from None

        return Handler(read)

    async def _connect(self, request: Request, _body: bytes) -> Response:
        """Return the commands that connect without a browser."""
        config = self.context.services.config
        host = self.hosts.name_of(request)
        public, line = config.public_address, config.doors.line_port
        ways: dict[str, object] = {}
        if public is not None:
            host = public[0]
        if line is not None:
            port, tls = line
            port = public[1] or port if public is not None else port
            ways["client"] = f"pyconchat {'--tls ' if tls else ''}{host} {port}"
            ways["link"] = f"pyconchat{'s' if tls else ''}://{host}:{port}"
            if not tls:
                ways["telnet"] = f"telnet {host} {port}"
        if config.doors.ssh_port is not None:
            ways["ssh"] = f"ssh -p {config.doors.ssh_port} NAME@{host}"
        return json_response(200, ways)


def _read_some(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_CHALLENGE)
