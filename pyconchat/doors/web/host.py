"""Where requests come from and go to: proxies, the Host that is ours, the Origin of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from twisted.internet.interfaces import IAddress

from pyconchat.auth.rate_limits import LOCAL, is_local, network_of
from pyconchat.doors.web.exchange import Client, HttpError, Request
from pyconchat.net.connection import plain_address
from pyconchat.net.proxy_protocol import networks

__all__ = ["Hosts"]

_PORTS = {"http": 80, "https": 443}


class Hosts:
    """The addresses of the server at *public_url* (empty: loopback), behind *trusted_proxies*."""

    def __init__(self, public_url: str, trusted_proxies: Sequence[str]) -> None:
        self._public = urlsplit(public_url) if public_url else None
        self._unix = "unix" in trusted_proxies
        self._proxies = networks([each for each in trusted_proxies if each != "unix"])

    def client(self, peer: IAddress | None, headers: Mapping[str, str], tls: bool) -> Client:
        """Return the client of a request from *peer*; what a trusted proxy says counts.

        That is the last address of X-Forwarded-For that is not a trusted proxy's itself.
        """
        host = getattr(peer, "host", "")
        if not self.trusts(host):
            network = network_of(host or LOCAL)
            exposed = not tls and not is_local(network)
            return Client(network, plain_address(host or LOCAL), tls, exposed)
        secure = tls or headers.get("x-forwarded-proto", "").strip().lower() == "https"
        for each in reversed(headers.get("x-forwarded-for", "").split(",")):
            forwarded = each.strip().strip("[]")
            try:
                ip_address(forwarded)
            except ValueError:
                break
            host = forwarded
            if not self.trusts(host):
                break
        return Client(network_of(host or LOCAL), plain_address(host or LOCAL), secure, False)

    def require_safe(self, request: Request) -> None:
        """Raise `HttpError` for an exposed request: nothing secret is sent over it."""
        if not request.client.exposed:
            return
        public = self._public
        if public is not None and public.scheme == "https" and request.method in ("GET", "HEAD"):
            target = f"https://{public.netloc}{request.path}"
            raise HttpError(308, f"The chat is at {target}.", Location=target)
        raise HttpError(403, "Here is no encryption: use https.")

    def require_ours(self, request: Request) -> None:
        """Raise `HttpError` unless the Host is ours: names that lead here by rebinding are not."""
        host, port = _split(request.headers.get("host", ""))
        if _is_loopback(host):
            return
        public = self._public
        if public is None or host != (public.hostname or "").lower():
            raise HttpError(421, "This server has another name; see public_url.")
        if port is not None and port != (public.port or _PORTS.get(public.scheme)):
            raise HttpError(421, "This server has another port; see public_url.")

    def is_own_page(self, request: Request) -> bool:
        """Return whether the request has the Origin of the page, or raise if it is another's.

        It is False without an Origin, as of a program. Raises `HttpError`.
        """
        origin = request.headers.get("origin")
        if origin is None:
            return False
        if origin != self._origin(request):
            raise HttpError(403, "Another site must not do that.")
        return True

    def name_of(self, request: Request) -> str:
        """Return the name, or the address, by which the client of *request* calls this server."""
        host, _ = _split(request.headers["host"])
        return f"[{host}]" if ":" in host else host

    def _origin(self, request: Request) -> str:
        """Return the origin of the page at the Host of *request* (RFC 6454, 6.2)."""
        header = request.headers.get("host", "")
        host, _ = _split(header)
        if _is_loopback(host) or self._public is None:
            return f"{'https' if request.client.secure else 'http'}://{header.lower()}"
        return f"{self._public.scheme}://{self._public.netloc.lower()}"

    def trusts(self, host: str) -> bool:
        """Return whether *host*, empty for a Unix socket, is a trusted proxy."""
        if not host:
            return self._unix
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._proxies)


def _split(host: str) -> tuple[str, int | None]:
    """Return the host and the port of a Host header (RFC 9110, 7.2). Raises `HttpError`."""
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname, parts.port
    except ValueError:
        name, port = None, None
    if not name or parts.path or parts.query or parts.username is not None:
        raise HttpError(400, "The Host is not valid.")
    return name.lower(), port


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
