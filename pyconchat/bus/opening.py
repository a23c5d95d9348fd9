"""Opens the bus that the configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint

from pyconchat.bus.bus import Bus
from pyconchat.bus.interfaces import IEngine
from pyconchat.bus.local import LocalBus
from pyconchat.bus.redis_url import BadBus, RedisUrl
from pyconchat.chat.interfaces import IBus, IBusListener

__all__ = ["BadBus", "bus_name", "open_bus"]


def bus_name(url: str) -> str:
    """Return which bus the setting ``bus.url`` selects, without passwords. Raises `BadBus`."""
    return RedisUrl.parse(url).name if url else "NOTIFY"


def open_bus(
    url: str, conninfo: str, chat: str, node: str, listener: IBusListener, reactor: Any
) -> IBus:
    """Return the bus for *listener*; its `start` connects. Raises `BadBus`.

    *url* is the setting ``bus.url``. *conninfo* is libpq's connection string for the store's
    database; it is empty with SQLite, which has one node only, and no bus. *chat* is the unique id
    of the database, the same on all nodes, and *node* the unique id of this process. *reactor* is
    the running one.
    """
    if not conninfo:
        if url:
            raise BadBus("bus.url: several nodes need PostgreSQL: see store.url")
        return LocalBus()
    engine = _redis(RedisUrl.parse(url), chat, reactor) if url else _notify(conninfo, reactor)
    return Bus(engine, node, listener, reactor)


def _notify(conninfo: str, reactor: Any) -> IEngine:
    from pyconchat.bus.notify import NotifyEngine

    return NotifyEngine(conninfo, reactor)


def _redis(url: RedisUrl, chat: str, reactor: Any) -> IEngine:
    try:
        # Not at the top: it imports the process's reactor, which must be installed before.
        from pyconchat.bus.redis import RedisEngine
    except ModuleNotFoundError as missing:
        raise BadBus(
            f"bus.url: Redis needs {missing.name}: pip install '.[redis]', in the checkout"
        ) from None
    return RedisEngine(_endpoint(url, reactor), url, chat, reactor)


def _endpoint(url: RedisUrl, reactor: Any) -> IStreamClientEndpoint:
    """Return the endpoint for *url*. Raises `BadBus`."""
    endpoint = HostnameEndpoint(reactor, url.host, url.port)
    if not url.tls:
        return endpoint
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificates
    from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates

    trust = None
    if url.ca:
        try:
            found = load_pem_x509_certificates(Path(url.ca).read_bytes())
        except OSError as error:
            raise BadBus(f"bus.url: {url.ca}: {error.strerror}") from None
        except ValueError:
            raise BadBus(f"bus.url: {url.ca} has no certificates in PEM") from None
        pems = [each.public_bytes(Encoding.PEM) for each in found]
        trust = trustRootFromCertificates([Certificate.loadPEM(pem) for pem in pems])
    options = optionsForClientTLS(url.host, trustRoot=trust)
    return wrapClientTLS(options, endpoint)
