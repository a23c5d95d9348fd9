"""certbot gets a certificate by way of the web door, from Pebble; SIGHUP loads it."""

from __future__ import annotations

import json
import os
import shlex
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from cryptography import x509

from tests.support.certificates import make_certificate
from tests.support.servers import PATIENCE, Server, free_port, running
from tests.support.skips import require_program

DOMAIN = "chat.example.org"


class Secured(Server):
    """A server with a port for challenges, and one with TLS, whose certificate is made here."""

    def __init__(self, folder: Path) -> None:
        self.plain_port, self.secure_port = free_port(), free_port()
        self.webroot, self.key, self.chain = folder / "www", folder / "key", folder / "chain"
        super().__init__(
            folder,
            f'public_url = "https://{DOMAIN}"\n[web]\nacme_webroot = "{self.webroot}"',
        )
        self.webroot.mkdir()
        both = folder / "both"
        make_certificate(both)
        for each in (self.key, self.chain):
            each.write_bytes(both.read_bytes())

    def start(self, *options: str) -> None:
        secure = f"ssl:{self.secure_port}:interface=127.0.0.1"
        files = f"privateKey={self.key}:certKey={self.chain}"
        plain = f"tcp:{self.plain_port}:interface=127.0.0.1"
        super().start("--web", plain, "--web", f"{secure}:{files}", *options)

    def presents(self) -> x509.Certificate:
        """Return the certificate of the port with TLS."""
        pem = ssl.get_server_certificate(("127.0.0.1", self.secure_port))
        return x509.load_pem_x509_certificate(pem.encode())


@contextmanager
def pebble(folder: Path, challenges: int) -> Iterator[str]:
    """Run Pebble, to which all domains lead here, at port *challenges*; yield its directory."""
    certificate, names = folder / "pebble.pem", free_port()
    make_certificate(certificate)
    ports = {name: f"127.0.0.1:{free_port()}" for name in ("listen", "managementListen")}
    config = {f"{name}Address": address for name, address in ports.items()}
    files = {"certificate": str(certificate), "privateKey": str(certificate)}
    (folder / "pebble.json").write_text(
        json.dumps({"pebble": {**config, **files, "httpPort": challenges, "tlsPort": 1}})
    )
    dns = f"127.0.0.1:{names}"
    off = [f"-{each}=" for each in ("http01", "https01", "tlsalpn01")]
    resolver = ["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", dns, *off]
    management = ["-management", f"127.0.0.1:{free_port()}"]
    environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    with ExitStack() as stack:
        log = stack.enter_context((folder / "pebble.log").open("wb"))
        for command in (
            [require_program("pebble-challtestsrv"), *resolver, *management],
            [require_program("pebble"), "-config", str(folder / "pebble.json"), "-dnsserver", dns],
        ):
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            stack.callback(process.wait, PATIENCE)
            stack.callback(process.terminate)
        _wait_for(int(ports["listen"].rpartition(":")[2]))
        yield f"https://{ports['listen']}/dir"


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on {port}")


def test_certbot(tmp_path: Path) -> None:
    """A certificate for the domain of `public_url`, which new connections get after a SIGHUP."""
    certbot = require_program("certbot")
    with running(Secured(tmp_path)) as server, pebble(tmp_path, server.plain_port) as directory:
        assert server.process is not None
        lineage = tmp_path / "config" / "live" / DOMAIN
        hook = " && ".join(
            [
                f"cp {lineage}/privkey.pem {shlex.quote(str(server.key))}",
                f"cp {lineage}/fullchain.pem {shlex.quote(str(server.chain))}",
                f"kill -HUP {server.process.pid}",
            ]
        )
        folders = [f"--{each}-dir={tmp_path}/{each}" for each in ("config", "work", "logs")]
        subprocess.run(
            [
                *(certbot, "certonly", "--webroot", "-w", str(server.webroot), "-d", DOMAIN),
                *("--server", directory, "--no-verify-ssl", "--deploy-hook", hook, *folders),
                *("--non-interactive", "--agree-tos", "--register-unsafely-without-email"),
            ],
            check=True,
            capture_output=True,
            timeout=PATIENCE * 2,
        )
        server.says(f"reloaded the certificate of ssl:{server.secure_port}")
        certificate = server.presents()
        assert "Pebble" in certificate.issuer.rfc4514_string()
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert names.value.get_values_for_type(x509.DNSName) == [DOMAIN]
        server.says(r"web: GET /\.well-known/acme-challenge/\S+ 200")
        _is_secured(server)


def _is_secured(server: Secured) -> None:
    """Check that browsers are led to TLS, and told to stay there."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    page = urllib.request.Request(
        f"https://127.0.0.1:{server.secure_port}/", headers={"Host": DOMAIN}
    )
    with urllib.request.urlopen(page, context=context, timeout=PATIENCE) as answer:
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
