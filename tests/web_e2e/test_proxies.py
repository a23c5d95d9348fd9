"""The web door behind nginx, haproxy and Caddy, each as docs/web.rst says."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import make_certificate
from tests.support.servers import PATIENCE, Server, free_port, running
from tests.support.skips import require_program
from tests.support.web import UPGRADE, masked

DOCS = (Path(__file__).parents[2] / "docs" / "web.rst").read_text()

CLIENT = "127.0.0.2"
"""Where the browser is: not where the proxy is, which alone is trusted."""

BYTES = 3_000_000
"""More than a proxy would keep in memory."""


def example(heading: str) -> str:
    """Return the example that follows *heading* in the documentation."""
    block = DOCS.partition(f"{heading}::\n\n")[2]
    indented = re.match(r"(?:   .*\n|\n)+", block)
    assert indented is not None, heading
    return textwrap.dedent(indented[0])


def nginx(folder: Path, port: int, web: int, pem: Path) -> list[str]:
    location = example("nginx").replace("127.0.0.1:8080", f"127.0.0.1:{web}")
    temporary = "".join(
        f"{each}_temp_path {folder}/{each};"
        for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; user root; pid {folder}/nginx.pid; events {{}}\n"
        f"http {{ access_log off; {temporary}\n"
        "map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n"
        f"server {{ listen 127.0.0.1:{port} ssl;\n"
        f"ssl_certificate {pem}; ssl_certificate_key {pem};\n{location}}} }}\n"
    )
    return ["-e", "stderr", "-c", str(folder / "nginx.conf")]


def haproxy(folder: Path, port: int, web: int, pem: Path) -> list[str]:
    text = example("haproxy").replace(":8080", f":{web}").replace(":443", f"127.0.0.1:{port}")
    text = text.replace("/etc/haproxy/chat.pem", str(pem))
    # As in Debian's configuration.
    defaults = "defaults\n    mode http\n    timeout connect 5s\n    timeout server 50s\n"
    (folder / "haproxy.cfg").write_text(defaults + text)
    return ["-db", "-f", str(folder / "haproxy.cfg")]


def caddy(folder: Path, port: int, web: int, pem: Path) -> list[str]:
    text = example("Caddy sets these headers by itself").replace(":8080", f":{web}")
    site = f"https://localhost:{port} {{\n    bind 127.0.0.1\n    tls {pem} {pem}\n"
    text = text.replace("chat.example.org {\n", site)
    (folder / "Caddyfile").write_text("{\n admin off\n auto_https disable_redirects\n}\n" + text)
    return ["run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


class Visitor:
    """A browser at *port* of a proxy."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    def asks(
        self, method: str, path: str, body: bytes | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return the status, the headers and the body of the answer."""
        connection = http.client.HTTPSConnection(
            "localhost",
            self._port,
            timeout=PATIENCE,
            source_address=(CLIENT, 0),
            context=self._tls,
        )
        with closing(connection):
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def opens_socket(self) -> Talk:
        """Open the WebSocket."""
        plain = socket.create_connection(("localhost", self._port), PATIENCE, (CLIENT, 0))
        return Talk(self._tls.wrap_socket(plain, server_hostname="localhost"), self._port)


class Talk:
    """A WebSocket."""

    def __init__(self, connection: ssl.SSLSocket, port: int) -> None:
        self._connection = connection
        self._input = connection.makefile("rb")
        fields = "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
        head = f"GET /ws HTTP/1.1\r\nHost: localhost:{port}\r\n{fields}\r\n"
        connection.sendall(head.encode())
        assert b" 101 " in self._input.readline()
        while self._input.readline().strip():
            pass

    def asks(self, **fields: object) -> dict[str, Any]:
        """Send an object, and return the answer to it."""
        self._connection.sendall(masked(json.dumps(fields).encode()))
        while True:
            for each in self._objects():
                if "hello" in each or each.get("re") == fields.get("id"):
                    return each

    def _objects(self) -> list[dict[str, Any]]:
        _opcode, size = self._input.read(2)
        if size >= 126:
            size = int.from_bytes(self._input.read(2 if size == 126 else 8), "big")
        return [json.loads(line) for line in self._input.read(size).splitlines()]

    def close(self) -> None:
        self._input.close()
        self._connection.close()


class Trusting(Server):
    """A server that trusts a proxy at 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 'trusted_proxies = ["127.0.0.1"]', web=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trusting]:
    """The server of all these proxies."""
    with running(Trusting(tmp_path_factory.mktemp("server"))) as server:
        yield server


@pytest.mark.parametrize("configure", [nginx, haproxy, caddy])
def test_behind(
    server: Trusting, tmp_path: Path, configure: Callable[[Path, int, int, Path], list[str]]
) -> None:
    """The page, a WebSocket and an upload, all for the browser's own address and with HSTS."""
    name = configure.__name__
    program = require_program(name)
    port, pem, before = free_port(), tmp_path / "chat.pem", len(server.log())
    make_certificate(pem)
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    command = [program, *configure(tmp_path, port, server.web_port, pem)]
    with (tmp_path / "log").open("wb") as log:
        proxy = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(port, proxy, tmp_path / "log")
        _visit(Visitor(port), name)
    finally:
        proxy.terminate()
        proxy.wait(PATIENCE)
    server.says(f"web: GET /ws 101 for {CLIENT}", before)
    server.says(f"web: PUT /file/… 201 for {CLIENT}", before)


def _visit(visitor: Visitor, name: str) -> None:
    status, headers, _ = visitor.asks("GET", "/")
    assert (status, headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
    talk = visitor.opens_socket()
    assert talk.asks(hello=1, name=f"by-{name}", password="hush hush")["ok"]
    assert talk.asks(id=1, line=f"/create {name}-tea open")["ok"]
    ticket = talk.asks(id=2, group=f"{name}-tea", line="/send it")["ticket"]
    body = os.urandom(BYTES)
    status, _, answer = visitor.asks("PUT", f"/file/{ticket}", body)
    assert (status, json.loads(answer)["sha256"]) == (201, hashlib.sha256(body).hexdigest())
    ticket = talk.asks(id=3, group=f"{name}-tea", line="/get 1")["ticket"]
    assert visitor.asks("GET", f"/file/{ticket}/it")[2] == body
    talk.close()


def _wait_for(port: int, proxy: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until *proxy* listens."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and proxy.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError(log.read_text(errors="replace"))
