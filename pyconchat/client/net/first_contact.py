"""Meeting: the first time with a server whose certificate nobody vouches for."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from pyconchat.client.net.connection import GaveUp
from pyconchat.client.net.known_hosts import (
    ChangedCertificate,
    KnownHosts,
    TrustEndpoint,
    UnknownCertificate,
)
from pyconchat.client.net.login import Ask

__all__ = ["MeetingEndpoint"]


@implementer(IStreamClientEndpoint)
class MeetingEndpoint:
    """As *trusting*, but a person is asked about an unknown certificate, which is then *known*.

    Fails with `GaveUp` where nobody says yes, and for one that has changed.
    """

    def __init__(self, trusting: TrustEndpoint, known: KnownHosts, ask: Ask) -> None:
        self._trusting = trusting
        self._known = known
        self._ask = ask

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        try:
            return await self._trusting.connect(factory)
        except ChangedCertificate as changed:
            raise GaveUp(str(changed)) from None
        except UnknownCertificate as unknown:
            answer = await self._ask(f"{unknown}\nIs that the server's? [yes/NO] ", False)
            if answer.strip().lower() not in ("y", "yes"):
                raise GaveUp("The server was not trusted; nothing was sent to it.") from None
            self._known.pin(unknown.host, unknown.port, unknown.fingerprint)
        return await self._trusting.connect(factory)
