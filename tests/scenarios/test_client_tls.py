"""The client and TLS: certificates that are trusted, asked about, or refused."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.processes import run_client
from tests.support.servers import PATIENCE, Server
from tests.support.terminals import (
    PASSWORD,
    StartClient,
    Terminal,
    environment,
    stored_messages,
)

FINGERPRINT = r"SHA256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})"


class TlsServer(Server):
    """A server with a certificate."""

    def fingerprint(self) -> str:
        """Return the fingerprint that it has logged last."""
        self.says(FINGERPRINT)
        return self.log().rpartition("SHA256 ")[2].split("\n")[0]

    def certificate(self) -> tuple[Path, Path]:
        """Return the files of its certificate and its key."""
        return self.state / "tls-certificate.pem", self.state / "tls-key.pem"


pytestmark = pytest.mark.server(type=TlsServer, scope="module", tls=True)


def connects_first(
    start_client: StartClient, server: TlsServer, who: str, *options: str
) -> Terminal:
    """Start the client with no certificate pinned, up to the question about it."""
    someone = start_client(
        who,
        *options,
        f"pyconchats://{who}@127.0.0.1:{server.tls_port}",
        PYCONCHAT_PASSWORD=PASSWORD,
    )
    someone.sees("[yes/NO]")
    someone.sees("SHA256")
    return someone


def known_hosts(folder: Path) -> Path:
    """Return the file of accepted certificates."""
    (path,) = folder.glob("state/pyconchat/**/known_hosts")
    return path


@pytest.mark.parametrize("options", [(), ("--plain",)], ids=["terminal", "plain"])
def test_the_first_connection(
    start_client: StartClient, server: TlsServer, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """The fingerprint that the server logs is shown; yes connects and pins it."""
    name = "alice" + "".join(options)
    alice = connects_first(start_client, server, name, *options)
    assert server.fingerprint() in "".join(alice.rows())
    assert f"user connected: {name} " not in server.whole_log()
    alice.types("yes")
    alice.sees("You are at the front desk")
    path = known_hosts(tmp_path / name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == f"127.0.0.1:{server.tls_port} SHA256 {server.fingerprint()}\n"
    alice.types("/quit")
    assert alice.ends() == 0

    again = start_client(name, *options, "--tls", "127.0.0.1", str(server.tls_port))
    again.sees("You are at the front desk")
    assert again.times_seen("SHA256") == 0
    assert again.times_seen("[yes/NO]") == 0


@pytest.mark.parametrize("answer", ["no\r", "\r", "maybe\r"], ids=["no", "enter", "maybe"])
def test_an_unaccepted_certificate(
    start_client: StartClient, server: TlsServer, tmp_path: Path, answer: str
) -> None:
    """Without a yes the client ends with status 1, and has sent and pinned nothing."""
    bob = connects_first(start_client, server, "bob")
    bob.keys(answer)
    assert bob.ends() == 1
    bob.sees("pyconchat: The server was not trusted; nothing was sent to it.")
    assert bob.settings() == bob.settings_at_first
    assert list(tmp_path.glob("bob/state/pyconchat/**/known_hosts")) == []
    assert "user connected: bob " not in server.whole_log()


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["c-c", "c-d"])
def test_leaving_at_the_question(
    start_client: StartClient, server: TlsServer, tmp_path: Path, key: str
) -> None:
    """Ctrl-C and Ctrl-D end the client, which has sent and pinned nothing."""
    bodo = connects_first(start_client, server, "bodo")
    bodo.keys(key)
    if key == "\x03":
        bodo.sees("Ctrl-C again")
        bodo.keys(key)
    assert bodo.ends() in (0, 1)
    assert bodo.settings() == bodo.settings_at_first
    assert list(tmp_path.glob("bodo/state/pyconchat/**/known_hosts")) == []
    assert "user connected: bodo " not in server.whole_log()


def test_a_changed_certificate(start_client: StartClient, tmp_path: Path, own: TlsServer) -> None:
    """It is refused and explained, and nothing is sent."""
    own.start()
    carol = connects_first(start_client, own, "carol")
    carol.types("yes")
    carol.sees("You are at the front desk")
    carol.types("/quit")
    assert carol.ends() == 0
    old = own.fingerprint()
    for path in own.certificate():
        path.unlink()
    own.restart()
    assert own.fingerprint() != old

    carol = start_client("carol", f"pyconchats://carol@127.0.0.1:{own.tls_port}")
    assert carol.ends() == 1
    shown = "".join(carol.rows())
    for text in ("has changed", old, own.fingerprint(), str(known_hosts(tmp_path / "carol"))):
        assert text in shown
    assert carol.settings() == carol.settings_at_first
    assert "user connected" not in own.whole_log()

    piped = run(own.tls_port, tmp_path / "carol", "--name=carol", "--group=tea")
    assert piped.returncode == 1
    assert piped.stderr.startswith("pyconchat: ")
    assert "has changed" in piped.stderr
    assert "user connected" not in own.whole_log()
    own.stop()


def test_a_certificate_that_changes_while_connected(
    start_client: StartClient, own: TlsServer
) -> None:
    """The client reconnects, refuses it, and sends nothing."""
    own.start()
    dave = connects_first(start_client, own, "dave")
    dave.types("yes")
    dave.sees("You are at the front desk")
    own.kill()
    for path in own.certificate():
        path.unlink()
    own.start()
    assert dave.ends() == 1
    dave.sees("has changed")
    assert dave.settings() == dave.settings_at_first
    assert "user connected" not in own.whole_log()
    own.stop()


def test_a_restart_of_the_server(start_client: StartClient, own: TlsServer) -> None:
    """The client reconnects without a question, and no text is lost."""
    own.start()
    erin = connects_first(start_client, own, "erin")
    erin.types("yes")
    erin.sees("You are at the front desk")
    erin.types("/create tea open")
    erin.sees_below("tea: 1 online")
    own.kill()
    erin.sees_below("reconnecting")
    erin.types("while it was down")
    own.start()
    erin.sees("erin: while it was down")
    assert stored_messages(own, "tea") == ["while it was down"]
    assert erin.times_seen("[yes/NO]") == 1
    own.stop()


# In pipes.


def run(port: int, home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the client in a pipe, over TLS."""
    home.mkdir(exist_ok=True)
    ended = run_client(
        *(*options, f"pyconchats://127.0.0.1:{port}"),
        data=b"secret line\n",
        environ=environment(home, PYCONCHAT_PASSWORD=PASSWORD),
        timeout=PATIENCE * 2,
    )
    out, err = ended.stdout.decode(), ended.stderr.decode()
    return subprocess.CompletedProcess(ended.args, ended.returncode, out, err)


def test_a_pipe_and_a_known_certificate(
    start_client: StartClient, server: TlsServer, tmp_path: Path
) -> None:
    """What a person has accepted is trusted in a pipe too."""
    frank = connects_first(start_client, server, "frank")
    frank.types("yes")
    frank.sees("You are at the front desk")
    frank.types("/quit")
    assert frank.ends() == 0
    ended = run(
        server.tls_port, tmp_path / "frank", "--name=frank", "--group=frank-tea", "--create"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert stored_messages(server, "frank-tea") == ["secret line"]


def test_a_pipe_and_an_unknown_certificate(server: TlsServer, tmp_path: Path) -> None:
    """The client fails with the reason, and sends nothing."""
    certificate, key = server.certificate()
    with RecordingTlsServer(certificate, key) as (port, received):
        ended = run(port, tmp_path / "grace", "--name=grace", "--group=tea")
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("pyconchat: ")
    assert "is unknown" in line
    assert server.fingerprint() in line
    assert received == []


def test_a_server_without_tls(server: TlsServer, start_client: StartClient) -> None:
    """Nothing is sent, and the reason is shown."""
    heidi = start_client("heidi", f"pyconchats://heidi@127.0.0.1:{server.port}")
    heidi.waits(lambda: heidi.times_seen("TLS") > 0, "be told about TLS")


class RecordingTlsServer:
    """A TLS server that only receives; entered, it gives its port and a list of the data."""

    def __init__(self, certificate: Path, key: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._received: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> tuple[int, list[bytes]]:
        self._thread.start()
        return int(self._socket.getsockname()[1]), self._received

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(PATIENCE)

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                peer, _ = self._socket.accept()
                peer.settimeout(PATIENCE)
                with suppress(OSError), self._context.wrap_socket(peer, server_side=True) as tls:
                    while data := tls.recv(65536):
                        self._received.append(data)
