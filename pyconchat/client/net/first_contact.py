"""FirstContactEndpoint: asks a person about a server whose certificate is unknown."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from pyconchat.client.interfaces import GaveUp
from pyconchat.client.net.known_hosts import ChangedCertificate, KnownHosts, UnknownCertificate
from pyconchat.client.net.login import Ask
from pyconchat.client.net.tls_endpoint import VerifiedTLSEndpoint

__all__ = ["FirstContactEndpoint"]


@implementer(IStreamClientEndpoint)
class FirstContactEndpoint:
    """Connects by *tls*; an unknown certificate that the person accepts is pinned in *known*.

    Fails with `GaveUp` if they do not accept it, and for a certificate that has changed.
    """

    def __init__(self, tls: VerifiedTLSEndpoint, known: KnownHosts, ask: Ask) -> None:
        self._tls = tls
        self._known = known
        self._ask = ask

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        try:
            return await self._tls.connect(factory)
        except ChangedCertificate as changed:
            raise GaveUp(str(changed)) from None
        except UnknownCertificate as unknown:
            answer = await self._ask(f"{unknown}\nIs this the server's? [yes/NO] ", False)
            if answer.strip().lower() not in ("y", "yes"):
                raise GaveUp("The server was not trusted; nothing was sent to it.") from None
            self._known.pin(unknown.host, unknown.port, unknown.fingerprint)
        return await self._tls.connect(factory)
