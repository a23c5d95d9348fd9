"""Requests that are answered, and those that are refused with a status and one line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from pyconchat.config import BadConfig, Config, DoorsConfig, LimitsConfig, WebConfig
from pyconchat.doors.web.connection import MAX_REQUESTS
from pyconchat.doors.web.deadlines import MAX_HEAD_SECONDS, MAX_IDLE, MAX_STALL
from pyconchat.doors.web.limits import BURST, MAX_OPEN
from pyconchat.store import SqlStore
from tests.support.web import WebServer

HOST = "Host: localhost:8080\r\n"

BAD = {
    "two lengths": (f"POST /session HTTP/1.1\r\n{HOST}Content-Length: 3\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "different lengths": (f"POST /session HTTP/1.1\r\n{HOST}Content-Length: 3\r\n"
                          "Content-Length: 4\r\n\r\nabcd", 400),
    "folded": (f"GET / HTTP/1.1\r\n{HOST}A: b\r\n c\r\n\r\n", 400),
    "bad chunk": (f"POST /session HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
                  "xyz\r\n", 400),
    "no host": ("GET / HTTP/1.1\r\n\r\n", 400),
    "space before colon": (f"GET / HTTP/1.1\r\n{HOST}A : b\r\n\r\n", 400),
    "not a path": (f"GET http://evil.example/ HTTP/1.1\r\n{HOST}\r\n", 400),
    "other coding": (f"POST /session HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip\r\n\r\n", 501),
    "old version": (f"GET / HTTP/1.0\r\n{HOST}\r\n", 505),
    "garbage": ("\x16\x03\x01\r\n\r\n", 400),
    "long head": (f"GET / HTTP/1.1\r\n{HOST}A: {'b' * 17_000}\r\n\r\n", 431),
    "endless head": ("GET / HTTP/1.1\r\n" + "A: b\r\n" * 4_000, 431),
    "many fields": (f"GET / HTTP/1.1\r\n{HOST}" + "A: b\r\n" * 64 + "\r\n", 431),
    "body too long": (f"POST /session HTTP/1.1\r\n{HOST}Content-Length: 99999\r\n\r\n", 413),
    "chunks too long": (f"POST /session HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
                        f"4e20\r\n{'a' * 20_000}\r\n", 413),
    "body of a GET": (f"GET / HTTP/1.1\r\n{HOST}Content-Length: 1\r\n\r\na", 413),
    "other method": (f"PATCH / HTTP/1.1\r\n{HOST}\r\n", 405),
    "rebound name": ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_requests(web: WebServer, name: str) -> None:
    """A request that could be read in two ways, or is too long, ends the connection."""
    request, status = BAD[name]
    user = web.connects()
    answer = user.sends(request.encode("latin-1")).answer()
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    assert answer.body.endswith(b".\n")
    assert answer.body.count(b"\n") == 1
    user.sends(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert user.receives() == b"", "what follows is not a request"
    user.waits(3)
    assert not user.wire.connected


def test_the_page_is_protected(web: WebServer) -> None:
    """Each response has the headers that keep foreign script and framing away."""
    for path, status in (("/", 200), ("/nothing", 404)):
        answer = web.connects().asks("GET", path)
        assert answer.status == status
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_file_that_the_browser_has(web: WebServer) -> None:
    """The page is sent once."""
    user = web.connects()
    first = user.asks("GET", "/")
    assert first.headers["cache-control"] == "no-cache"
    second = user.asks("GET", "/", If_None_Match=first.headers["etag"])
    assert (second.status, second.body) == (304, b"")


@pytest.mark.parametrize(
    ("takes", "coding"),
    [
        ("gzip, deflate, br, zstd", "gzip"),
        ("br, GZIP ; q=0.5", "gzip"),
        ("gzip;q=0.0, br", None),
        ("br", None),
        ("", None),
    ],
)
def test_a_compressed_file(web: WebServer, takes: str, coding: str | None) -> None:
    """The page is compressed for those who take that, and each form has its own tag."""
    user = web.connects()
    plain = user.asks("GET", "/main.js")
    answer = user.asks("GET", "/main.js", Accept_Encoding=takes)
    assert answer.headers.get("content-encoding") == coding
    assert (gzip.decompress(answer.body) if coding else answer.body) == plain.body
    assert (answer.headers["etag"] != plain.headers["etag"]) == bool(coding)
    assert answer.headers["vary"] == "Accept-Encoding"
    tag = answer.headers["etag"]
    again = user.asks("GET", "/main.js", Accept_Encoding=takes, If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["/../config.py", "/page/index.html", "//index.html", "/%2e%2e/"])
def test_only_the_pages_files(web: WebServer, path: str) -> None:
    """There is no way to other files."""
    assert web.connects().asks("GET", path).status == 404


def test_one_request_after_another(web: WebServer) -> None:
    """Requests that are sent at once are answered in order; after MAX_REQUESTS the end."""
    user = web.connects()
    user.sends(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * (MAX_REQUESTS + 5))
    user.waits(5)
    received = user.receives()
    assert received.count(b"HTTP/1.1 200 OK\r\n") == MAX_REQUESTS
    assert not user.wire.connected


def test_slow_requests(web: WebServer) -> None:
    """A head or a body that takes too long is answered by 408; a silent connection is closed."""
    idle, head, body = (web.connects() for _ in range(3))
    head.sends(b"GET / HTTP/1.1\r\n")
    body.sends(b"POST /session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
    for _ in range(int(MAX_HEAD_SECONDS) + 2):
        head.sends(b"A: b\r\n")
        head.waits(1)
    assert head.answer().status == body.answer().status == 408
    assert idle.wire.connected
    idle.waits(MAX_IDLE - MAX_HEAD_SECONDS + 1)
    assert idle.wire.closed
    assert not head.wire.connected
    assert not body.wire.connected


def test_connections_and_requests_of_a_network(web: WebServer) -> None:
    """They are limited, without counting as logins; others and loopback are not concerned."""
    users = [web.connects("192.0.2.1") for _ in range(MAX_OPEN)]
    assert not web.connects("192.0.2.1").accepted
    assert web.connects("192.0.2.2").accepted
    assert all(web.connects().accepted for _ in range(MAX_OPEN + 1))
    users[0].wire.loseConnection()
    assert web.connects("192.0.2.1").accepted
    statuses = [users[1].asks("GET", "/healthz").status for _ in range(int(BURST) + 1)]
    assert statuses == [200] * int(BURST) + [429]


def test_what_counts_as_a_login(store: SqlStore, clock: Clock) -> None:
    """A page takes none of the connections of a network at the line door; a WebSocket one."""
    server = WebServer(
        store,
        clock,
        limits=LimitsConfig(connections_per_ip=2),
        public_url="https://chat.example",
        trusted_proxies=("10.0.0.1",),
    )
    browser = {
        "Host": "chat.example",
        "X_Forwarded_For": "192.0.2.9",
        "X_Forwarded_Proto": "https",
    }
    for _ in range(20):
        assert server.connects("10.0.0.1").asks("GET", "/", **browser).status == 200
    assert [server.connects("10.0.0.1").upgrades(**browser).status for _ in range(2)] == [101] * 2
    refused = server.connects("10.0.0.1").upgrades(**browser)
    assert (refused.status, refused.headers["retry-after"]) == (503, "60")
    assert server.connects("10.0.0.1").asks("GET", "/", **browser).status == 200
    browser["X_Forwarded_For"] = "198.51.100.9"
    assert server.connects("10.0.0.1").upgrades(**browser).status == 101
    server.stop()


def test_health(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says whether messages can be stored."""
    user = web.connects()
    assert user.asks("GET", "/healthz").status == 200
    monkeypatch.setattr(web.services.journal, "failing", True)
    assert user.asks("GET", "/healthz").status == 503


def test_readiness(web: WebServer) -> None:
    """It says in one word why a load balancer should send nobody here."""
    user = web.connects()
    ready = user.asks("GET", "/ready")
    assert (ready.status, ready.body) == (200, b"ready\n")
    web.services.registry.stopping = True
    ready = user.asks("GET", "/ready")
    assert (ready.status, ready.body) == (503, b"draining\n")
    assert user.asks("HEAD", "/ready").body == b""
    assert user.asks("GET", "/healthz").status == 200
    assert user.asks("POST", "/ready").status == 405


def test_metrics_are_for_listed_networks(store: SqlStore, clock: Clock) -> None:
    """For all others there is no such path."""
    server = WebServer(store, clock, web=WebConfig(metrics=("192.0.2.0/24",)))
    assert server.connects("192.0.2.9").asks("GET", "/metrics").body == b"pyconchat_up 1\n"
    assert server.connects().asks("GET", "/metrics").status == 404
    server.stop()


def test_what_a_proxy_says_counts_if_it_is_trusted(store: SqlStore, clock: Clock) -> None:
    """The client is the last address that is no trusted proxy; others may claim what they like."""
    server = WebServer(
        store, clock, web=WebConfig(metrics=("203.0.113.5",)), trusted_proxies=("10.0.0.0/8",)
    )
    claims = {"X_Forwarded_For": "203.0.113.5"}
    assert server.connects("192.0.2.9").asks("GET", "/metrics", **claims).status == 404
    assert server.connects("10.0.0.1").asks("GET", "/metrics", **claims).status == 200
    spoofed = {"X_Forwarded_For": "203.0.113.5, 198.51.100.1, 10.0.0.2"}
    assert server.connects("10.0.0.1").asks("GET", "/metrics", **spoofed).status == 404
    secure = server.connects("10.0.0.1").asks("GET", "/", X_Forwarded_Proto="https")
    assert "strict-transport-security" in secure.headers
    assert all(server.connects("10.0.0.1").accepted for _ in range(MAX_OPEN + 1))
    server.stop()


@pytest.mark.parametrize("endpoint", ["tcp:8080", "tcp:8080:interface=192.0.2.1", "tcp6:8080"])
def test_http_in_the_open_is_refused(endpoint: str) -> None:
    """Passwords are not sent without encryption over a network."""
    doors = DoorsConfig(web=(endpoint,))
    with pytest.raises(BadConfig, match="without encryption"):
        Config(doors=doors, public_url="http://chat.example").check()
    Config(doors=doors, trusted_proxies=("10.0.0.1",)).check()
    certbot = WebConfig(acme_webroot="/var/www")
    Config(doors=doors, public_url="https://chat.example", web=certbot).check()


def test_a_request_without_encryption(store: SqlStore, clock: Clock, tmp_path: Path) -> None:
    """Over a network only challenges and health are served, unless a trusted proxy passes it on."""
    folder = tmp_path / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token-1").write_text("token-1.key")
    server = WebServer(
        store,
        clock,
        tmp_path / "files",
        web=WebConfig(acme_webroot=str(tmp_path)),
        public_url="https://chat.example",
        trusted_proxies=("10.0.0.1",),
    )
    client = server.connects("192.0.2.9")
    page = client.asks("GET", "/main.js", Host="chat.example")
    assert (page.status, page.headers["location"]) == (308, "https://chat.example/main.js")
    for method, path in (("POST", "/session"), ("DELETE", "/session"), ("POST", "/hook/abc")):
        assert server.connects("192.0.2.9").asks(method, path, Host="chat.example").status == 403
    assert server.connects("192.0.2.9").upgrades(Host="chat.example").status == 308
    challenge = server.connects("192.0.2.9").asks("GET", "/.well-known/acme-challenge/token-1")
    assert (challenge.status, challenge.body) == (200, b"token-1.key")
    for other in ("token-2", "..%2Fsecret", "a/b"):
        path = f"/.well-known/acme-challenge/{other}"
        assert server.connects("192.0.2.9").asks("GET", path).status in (308, 404)
    assert server.connects("192.0.2.9").asks("GET", "/healthz").status == 200
    assert server.connects("10.0.0.1").asks("GET", "/", Host="chat.example").status == 200
    assert server.connects("127.0.0.1").asks("GET", "/").status == 200
    server.stop()


def test_other_ways_to_connect(store: SqlStore, clock: Clock) -> None:
    """The page shows the commands of the other doors."""
    doors = DoorsConfig(line=("ssl:8443:privateKey=a",), ssh=("tcp:2222",), web=("tcp:8080",))
    server = WebServer(store, clock, doors=doors, public_host="chat.example.org")
    assert json.loads(server.connects().asks("GET", "/connect").body) == {
        "client": "pyconchat --tls chat.example.org 8443",
        "link": "pyconchats://chat.example.org:8443",
        "ssh": "ssh -p 2222 NAME@chat.example.org",
    }
    server.stop()


def test_a_client_that_does_not_read(web: WebServer) -> None:
    """It gets no further responses before it has read, and is given up if it never does."""
    request = f"GET /page.css HTTP/1.1\r\n{HOST}\r\n".encode()
    slow, stuck = web.connects(), web.connects()
    for each in (slow, stuck):
        each.wire.stops_reading()
        each.sends(request * 5)
        assert each.receives().count(b"HTTP/1.1 200 OK") == 1
    slow.wire.reads()
    assert slow.receives().count(b"HTTP/1.1 200 OK") == 4
    stuck.waits(MAX_STALL + 2)
    assert stuck.wire.aborted


def test_what_is_logged(web: WebServer, log: Callable[[], list[str]]) -> None:
    """Method, path and status; no token, no query, no text, and not each file of the page."""
    for path in ("/", "/page.css", "/healthz", "/connect?secret=1", "/nothing"):
        web.connects().asks("GET", path)
    answer = web.connects().logs_in(name="alice", password="secret of alice", register=True)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    token = "Kq3vd8mzqx2tapw7hZ_b4A"
    web.connects().asks("POST", f"/hook/{token}", b"secret", Content_Type="text/plain")
    web.connects().asks("GET", "/session", Cookie=cookie)
    web.connects().upgrades(Origin="https://evil.example")
    web.connects().upgrades()
    lines = "".join(log()).splitlines()
    assert [each for each in lines if each.startswith("web: ")] == [
        f"web: {each} for 127.0.0.1"
        for each in (
            "GET /connect 200",
            "POST /session 200",
            "GET /session 200",
            "GET /ws 101",
        )
    ]
    assert "connection refused: from 127.0.0.1 (http 403)" in lines
    assert not any(each in "".join(lines) for each in ("secret", token, cookie.partition("=")[2]))
