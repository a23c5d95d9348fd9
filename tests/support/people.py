"""Real servers, and users at real sockets."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import Twistd

__all__ = ["PATIENCE", "UNLIMITED", "Server", "SocketUser", "User", "free_port", "running"]

PATIENCE = 10.0
"""Seconds after which something that was promised is taken not to come."""

# Tests connect from one address and type faster than people.
UNLIMITED = """
[limits]
connections_per_ip = 0
connections_per_ip_10min = 0
login_attempts_per_minute = 0
messages_per_second = 0
"""


def free_port() -> int:
    """Return a TCP port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A `twistd pyconchat` of its own, with its state in *folder*.

    *toml* is more of the configuration file; *limits* replaces its table of limits. With *tls* it
    has a second port, `tls_port`, with a self-signed certificate.
    """

    def __init__(
        self, folder: Path, toml: str = "", limits: str = UNLIMITED, tls: bool = False
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.tls_port = free_port() if tls else 0
        self.state = folder / "state"
        self._log = folder / "server.log"
        self._toml = toml
        self._limits = limits
        self.process: Twistd | None = None

    def start(self, *options: str) -> None:
        """Start, and wait until it listens."""
        config = self.folder / "pyconchat.toml"
        config.write_text(f'state = "{self.state}"\n{self._toml}\n{self._limits}')
        if self.tls_port:
            options = ("--line", f"selfsigned:{self.tls_port}:interface=127.0.0.1", *options)
        address = ("127.0.0.1", str(self.port))
        self.process = Twistd(
            ["--nodaemon", "--pidfile=", "pyconchat", "--config", str(config), *options, *address],
            self.folder,
            self._log,
        )
        self.says(r"connect with: ")

    def says(self, pattern: str) -> re.Match[str]:
        """Wait until the log has a line with *pattern*, and return the match."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = re.search(pattern, self.log())
            if found is not None:
                return found
            assert self.process is None or self.process.poll() is None, self.log()
            time.sleep(0.01)
        raise AssertionError(f"the server did not say {pattern!r}:\n{self.log()}")

    def log(self) -> str:
        """Return all that it printed since it was first started."""
        return self._log.read_text(errors="replace")

    def tracebacks(self) -> list[str]:
        """Return the lines of the log that tell of a failure of ours."""
        bad = re.compile(r"Traceback|Unhandled|#critical|#error")
        return [line for line in self.log().splitlines() if bad.search(line)]

    def stop(self) -> int:
        """Stop it as an administrator would; return the exit status."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.terminate()
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def kill(self) -> None:
        """Kill it without warning."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        self.process = None
        self._log.write_text("")

    def restart(self) -> None:
        """Stop it and start it again, on the same state."""
        self.stop()
        self._log.write_text("")
        self.start()

    def memory(self) -> int:
        """Return its resident memory, in bytes."""
        assert self.process is not None
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def running(server: Server, *options: str) -> Iterator[Server]:
    """Run *server*, which must not log a failure."""
    try:
        server.start(*options)
        yield server
    finally:
        server.stop()
    assert server.tracebacks() == []


class User(ABC):
    """Somebody who types lines and sees lines, whatever their program is."""

    def __init__(self) -> None:
        self.shown = ""  # all text that was ever shown to them
        self._seen = 0  # the part of it that `sees` has passed

    # What differs between programs.

    @abstractmethod
    def logs_in(self, name: str, password: str = "", group: str = "") -> None:
        """Log in: as a guest without a *password*; to the front desk without a *group*.

        A name that is new is registered. `sees` finds what came after the password.
        """

    @abstractmethod
    def cannot_log_in(self, name: str, password: str = "") -> str:
        """Try to log in, and return the server's reason why not."""

    @abstractmethod
    def types(self, *lines: str) -> None:
        """Type *lines*."""

    @abstractmethod
    def everything(self) -> bytes:
        """Return all bytes that were received."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect without a word."""

    @abstractmethod
    def _receive(self) -> bool:
        """Add what is received next to `shown`; return whether more may follow."""

    # What is the same.

    def sees(self, text: str) -> str:
        """Wait for *text* after what was seen last, and return what was shown up to its end."""
        self._waits_for(text)
        at = self.shown.index(text, self._seen) + len(text)
        skipped, self._seen = self.shown[self._seen : at], at
        return skipped

    def sees_all(self) -> str:
        """Wait for all that is on its way, and return it."""
        self.types("/help nosuchcommand")
        end = "* There is no command /nosuchcommand; /help lists them.\n"
        return self.sees(end).removesuffix(end)

    def does_not_see(self, text: str) -> None:
        """Check that *text* is not in what was shown since it was last looked at."""
        shown = self.sees_all()
        assert text not in shown, shown

    def sees_nothing_of(self, text: str) -> None:
        self.does_not_see(text)

    def is_cut_off(self) -> bool:
        return self.is_disconnected()

    def answer_to(self, *lines: str) -> list[str]:
        """Type *lines*, and return the lines that are shown from then on."""
        self.sees_all()
        self.types(*lines)
        return self.sees_all().splitlines()

    def is_disconnected(self) -> bool:
        """Wait until the server has ended the connection."""
        while self._receive():
            pass
        return True

    def _waits_for(self, *texts: str) -> str:
        """Wait for one of *texts* after what was seen last, and return which one it is."""
        while True:
            for text in texts:
                if self.shown.find(text, self._seen) >= 0:
                    return text
            if not self._receive():
                sought = " or ".join(map(repr, texts))
                raise AssertionError(f"did not see {sought} but {self._unseen()!r}")

    def _unseen(self) -> str:
        return self.shown[self._seen :][-500:]


class SocketUser(User):
    """Somebody at a raw socket. *newline* is CRLF for one who seems to be at telnet."""

    def __init__(self, port: int, newline: str = "\n") -> None:
        super().__init__()
        self._socket = self._connect(port)
        self._newline = newline
        self._received = b""
        self._decoder = getincrementaldecoder("utf-8")("surrogateescape")

    def _connect(self, port: int) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)

    def logs_in(self, name: str, password: str = "", group: str = "", at_desk: bool = True) -> None:
        """Answer the questions of the login, or only the first two."""
        self.types(name)  # at once: who waits is greeted a moment later
        self.sees("Username: ")
        self.sees("Password: ")
        self.types(password)
        if at_desk:
            self._enters(group)

    def cannot_log_in(self, name: str, password: str = "") -> str:
        self.types(name, *([password] if password else []))
        self.sees("Username: ")
        if password:
            self.sees("Password: ")
        self.sees("* ")
        reason = self.sees("\n").removesuffix("\n")
        if reason.startswith("That is not the password"):
            self.types("")  # another name, instead of the password that is asked for again
        return reason

    def types(self, *lines: str) -> None:
        self.sends("".join(line + self._newline for line in lines).encode())

    def sends(self, data: bytes) -> None:
        """Send *data* as it is."""
        self._socket.sendall(data)

    def everything(self) -> bytes:
        return self._received

    def close(self) -> None:
        self._socket.close()

    def shuts_down_writing(self) -> None:
        """Send the end of the input, and go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def _enters(self, group: str) -> None:
        self._waits_for("Group: ")
        self.types(group)
        if not group:
            self._waits_for("(help lists the commands)")

    def _receive(self) -> bool:
        try:
            # Acknowledged at once, not 40 ms later: what was seen is known to be received.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            data = self._socket.recv(65536)
        except TimeoutError:
            raise AssertionError(f"nothing came after {self._unseen()!r}") from None
        except ConnectionResetError:
            return False
        self._received += data
        self.shown = self._show(data)
        return bool(data)

    def _show(self, data: bytes) -> str:
        """Return what has been shown, *data* included, which was received last."""
        return self.shown + self._decoder.decode(data)
