"""FirstContactEndpoint: asks a person about a server whose certificate is unknown."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from pyconchat.client.interfaces import GaveUp
from pyconchat.client.net.known_hosts import (
    ChangedCertificate,
    KnownHosts,
    ReplacedCertificate,
    UnknownCertificate,
)
from pyconchat.client.net.login import Ask
from pyconchat.client.net.tls_endpoint import HandshakeFailed, VerifiedTLSEndpoint

__all__ = ["FirstContactEndpoint"]


@implementer(IStreamClientEndpoint)
class FirstContactEndpoint:
    """Connects by *tls*; an unknown certificate that the person accepts is pinned in *known*.

    They also decide whether a trusted certificate replaces a pinned one. Fails with `GaveUp` if
    they do not accept it, if the certificate has changed, and if the server does not use TLS.
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
        except HandshakeFailed as failed:
            if failed.final:
                raise GaveUp(f"{failed}.") from None
            raise
        except ReplacedCertificate as replaced:
            await self._require_yes(f"{replaced}\nAccept it instead? [yes/NO] ")
            self._known.forget(replaced.host, replaced.port)
        except UnknownCertificate as unknown:
            await self._require_yes(f"{unknown}\nIs this the server's? [yes/NO] ")
            self._known.pin(unknown.host, unknown.port, unknown.fingerprint)
        return await self._tls.connect(factory)

    async def _require_yes(self, question: str) -> None:
        answer = await self._ask(question, False)
        if answer.strip().lower() not in ("y", "yes"):
            raise GaveUp("The server was not trusted; nothing was sent to it.") from None
