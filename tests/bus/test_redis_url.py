"""The URLs of Redis servers."""

from __future__ import annotations

import pytest

from pyconchat.bus.opening import bus_name
from pyconchat.bus.redis_url import BadBus, RedisUrl


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("redis://h", RedisUrl("h")),
        ("redis://h/", RedisUrl("h")),
        ("redis://h:7000/3", RedisUrl("h", 7000, 3)),
        ("redis://:p%40s%2F:@h", RedisUrl("h", password="p@s/:")),
        ("redis://u%20:p@[::1]:7000", RedisUrl("::1", 7000, username="u ", password="p")),
        ("rediss://h", RedisUrl("h", tls=True)),
        (
            "rediss://h/1?ssl_ca_certs=/etc/a%20b.pem",
            RedisUrl("h", db=1, tls=True, ca="/etc/a b.pem"),
        ),
    ],
)
def test_a_url(url: str, parsed: RedisUrl) -> None:
    """Host, port, database, login, and the certificates that are trusted."""
    assert RedisUrl.parse(url) == parsed


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("", "NOTIFY"),
        ("redis://H", "redis://h:6379/0"),
        ("redis://u:secret@h:7000/3", "redis://h:7000/3"),
        ("rediss://:secret@[::1]/1?ssl_ca_certs=/etc/ca.pem", "redis://[::1]:6379/1"),
    ],
)
def test_the_name_of_a_bus(url: str, name: str) -> None:
    """It is the same at all nodes that hear each other, whatever their logins."""
    assert bus_name(url) == name


@pytest.mark.parametrize(
    "url",
    [
        *("redis://", "redis://:secret@", "redis:h", "h", "http://h", "redis://h:x", "redis://h:0"),
        *("redis://h:70000", "redis://h/x", "redis://h/1/2", "redis://h/-1", "redis://h/99999"),
        *("redis://h?ssl_ca_certs=f", "rediss://h?timeout=secret", "rediss://h?x", "redis://h#x"),
        *("redis://[h", "redis://secret@h"),
    ],
)
def test_a_url_that_cannot_be(url: str) -> None:
    """The reason is one line that names the key, and has no password."""
    with pytest.raises(BadBus) as caught:
        RedisUrl.parse(url)
    line = str(caught.value)
    assert line.startswith("bus.url: ")
    assert "secret" not in line
    assert "\n" not in line
