"""WebFactory: makes the protocol of each connection to a web port."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from pyconchat.auth.rate_limits import LOCAL, network_of
from pyconchat.doors.factory import ChatFactory
from pyconchat.doors.irc.monitors import Monitors
from pyconchat.doors.web.connection import HttpConnection
from pyconchat.doors.web.site import WebSite

__all__ = ["WebFactory"]


class WebFactory(Factory):
    """The web door of the server of *chat*; *metrics* returns the text for Prometheus.

    *monitors* are those of the IRC door; None if it is off.
    """

    noisy = False

    def __init__(
        self,
        chat: ChatFactory,
        metrics: Callable[[], bytes],
        monitors: Monitors | None = None,
    ) -> None:
        self._chat = chat
        self.site = WebSite(chat.context, metrics, monitors)

    def buildProtocol(self, addr: IAddress | None) -> HttpConnection | None:
        host = getattr(addr, "host", "")
        # The connections of a proxy are those of all its clients.
        network = LOCAL if self.site.hosts.trusts(host) else network_of(host or LOCAL)
        if self._chat.is_full() or not self.site.limits.opened(network):
            return None  # closed at once
        return HttpConnection(self.site, addr, network)
