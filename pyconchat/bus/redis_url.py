"""The URL of a Redis or Valkey server."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["BadBus", "RedisUrl"]


class BadBus(ValueError):
    """The bus cannot be used; the message is one line that says what to do, without passwords."""


class RedisUrl(NamedTuple):
    """The server's address. *db* separates chats; *ca* is a file with certificates, or empty."""

    host: str
    port: int = 6379
    db: int = 0
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca: str = ""

    @classmethod
    def parse(cls, url: str) -> RedisUrl:
        """Parse *url*: ``redis[s]://[[USER]:PASSWORD@]HOST[:PORT][/DB]``.

        ``rediss`` is TLS, with the option ``?ssl_ca_certs=FILE``. Raises `BadBus`.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            options = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
            db = int(parts.path.strip("/") or 0)
        except ValueError:
            raise BadBus(_EXPECTED) from None
        tls = parts.scheme == "rediss"
        ca = options.pop("ssl_ca_certs", [""])[-1] if tls else ""
        wrong = options or parts.fragment or not 0 <= db < 2**16 or port == 0
        if parts.scheme not in ("redis", "rediss") or not host or wrong:
            raise BadBus(_EXPECTED)
        password = unquote(parts.password) if parts.password else None
        username = unquote(parts.username) if parts.username else None
        if username and password is None:
            raise BadBus("bus.url: a user needs a password: redis://USER:PASSWORD@HOST")
        return cls(host, port or 6379, db, username, password, tls, ca)

    @property
    def name(self) -> str:
        """The server and its database, without anything that only a client needs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis://{host}:{self.port}/{self.db}"


_EXPECTED = "bus.url: expected redis://HOST, as rediss://:PASSWORD@redis.example.org:6380/0"
