"""A server that runs: its certificates, and its figures."""

from __future__ import annotations

import hashlib
import re
import ssl
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from prometheus_client.parser import text_string_to_metric_families

from tests.support.administration import PASSWORD
from tests.support.certificates import make_certificate
from tests.support.programs import Program
from tests.support.servers import PATIENCE, Server, free_port
from tests.support.users import SocketUser

KEPT = "because the new one cannot be used"

Enter = Callable[..., Program]
Call = Callable[..., Any]


class Equipped(Server):
    """A server with both kinds of TLS doors, and figures for Prometheus."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ssl, self.selfsigned, self.figures = free_port(), free_port(), free_port()
        self.key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        self.renew()

    def start(self, *options: str) -> None:
        own = f"privateKey={self.key}:certKey={self.certificate}"
        super().start(
            *("--line", f"ssl:{self.ssl}:interface=127.0.0.1:{own}"),
            *("--line", f"selfsigned:{self.selfsigned}:interface=127.0.0.1"),
            *("--metrics", f"tcp:{self.figures}:interface=127.0.0.1"),
            *options,
        )

    def tracebacks(self) -> list[str]:
        """Return the failures that were logged, but those of files that could not be used."""
        return [line for line in super().tracebacks() if KEPT not in line]

    def renew(self) -> None:
        """Put another key and certificate into the files of the ``ssl:`` door."""
        both = self.folder / "both.pem"
        make_certificate(both)
        key, certificate = re.findall(r"-----BEGIN.*?-----END[^\n]*\n", both.read_text(), re.DOTALL)
        load_pem_private_key(key.encode(), None)
        self.key.write_text(key)
        self.certificate.write_text(certificate)

    def samples(self) -> dict[tuple[str, ...], float]:
        """Return its figures as Prometheus reads them, by name and labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.figures}/metrics") as page:
            assert page.headers["content-type"].startswith("text/plain")
            text = page.read().decode()
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


pytestmark = pytest.mark.server(type=Equipped, scope="module")


def until(fits: Callable[[], bool]) -> None:
    """Wait until it is so: that somebody has gone, a server hears a moment later."""
    deadline = time.monotonic() + PATIENCE
    while not fits():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def presented(port: int) -> str:
    """Return the fingerprint of the certificate that newcomers at *port* get."""
    pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=PATIENCE)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()


def anybody() -> ssl.SSLContext:
    """Return what trusts every server."""
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    return trust


@pytest.fixture
def enter(server: Equipped) -> Iterator[Enter]:
    """Let a program in, at the port that it names, by TLS unless that is the plain one."""
    programs: list[Program] = []

    def log_in(name: str, port: int = 0) -> Program:
        each = Program(port, anybody()) if port else Program(server.port)
        programs.append(each)
        each.logs_in(name, PASSWORD + name)
        return each

    yield log_in
    for each in programs:
        each.close()


@pytest.fixture
def call(server: Equipped) -> Iterator[Call]:
    """Connect somebody, or something, that has not said anything yet."""
    callers: list[SocketUser | Program] = []

    def connect(kind: type[SocketUser] | type[Program]) -> SocketUser | Program:
        callers.append(kind(server.port))
        return callers[-1]

    yield connect
    for each in callers:
        each.close()


# Certificates.


def test_a_new_certificate(server: Equipped, enter: Enter) -> None:
    """After a SIGHUP newcomers get it, and who is connected goes on."""
    before, alice = presented(server.ssl), enter("alice", server.ssl)
    server.renew()
    assert presented(server.ssl) == before, "nobody has said so yet"
    said = server.hears_a_hangup()
    assert f"reloaded the certificate of ssl:{server.ssl}" in said
    after = presented(server.ssl)
    assert after != before
    assert (
        after
        == hashlib.sha256(ssl.PEM_cert_to_DER_cert(server.certificate.read_text()))
        .hexdigest()
        .upper()
    )
    alice.does("/create renewed open")
    bob = enter("bob", server.ssl)
    bob.does("/join renewed")
    bob.does("hello", "renewed")
    alice.sees("message", text="hello")


@pytest.mark.parametrize("wrong", ["garbage", "empty", "gone", "another key's", "no key"])
def test_a_certificate_that_cannot_be_used(wrong: str, server: Equipped, enter: Enter) -> None:
    """One line says so, the other door is not touched, and newcomers get the one before."""
    before, other = presented(server.ssl), presented(server.selfsigned)
    alice = enter("alice", server.ssl)
    server.whole_log()  # lines about connections are not among those that follow
    match wrong:
        case "garbage":
            server.certificate.write_text("-----BEGIN CERTIFICATE-----\nhello\n")
        case "empty":
            server.certificate.write_text("")
        case "gone":
            server.certificate.unlink()
        case "another key's":
            key = server.key.read_text()
            server.renew()
            server.key.write_text(key)
        case _:
            server.key.write_text("hello")
    said = server.hears_a_hangup().splitlines()
    (told,) = (line for line in said if KEPT in line)
    assert f"ssl:{server.ssl}" in told
    assert len(said) <= 4, said  # that, and what was read
    assert presented(server.ssl) == before
    assert presented(server.selfsigned) == other
    assert alice.does("/who")["people"]
    server.renew()
    assert KEPT not in server.hears_a_hangup()
    assert presented(server.ssl) != before


def test_a_new_certificate_of_its_own(server: Equipped, enter: Enter) -> None:
    """One that was removed is made anew and told of; a broken one changes nothing."""
    before, alice = presented(server.selfsigned), enter("alice", server.selfsigned)
    files = [server.state / name for name in ("tls-key.pem", "tls-certificate.pem")]
    for file in files:
        file.unlink()
    said = server.hears_a_hangup()
    after = presented(server.selfsigned)
    assert after != before
    told = re.search(r"of selfsigned:.* SHA256 (\S+)", said)
    assert told is not None
    assert told.group(1).replace(":", "") == after
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]

    good = files[1].read_text()
    files[1].write_text("hello")
    assert server.hears_a_hangup().count(KEPT) == 1
    assert presented(server.selfsigned) == after
    assert alice.does("/who")["people"]
    files[1].write_text(good)
    assert KEPT not in server.hears_a_hangup()
    assert presented(server.selfsigned) == after


# Figures.


def test_figures_for_prometheus(server: Equipped, enter: Enter, call: Call) -> None:
    """Counters go up with what happens, gauges say what is, drops are told by cause."""
    alice, bob = enter("alice"), enter("bob")
    alice.does("/create counted open")
    bob.does("/join counted")
    until(lambda: server.samples()["pyconchat_connections",] == 2)
    before = server.samples()
    for number in range(5):
        alice.does(f"message {number}", "counted")
    bob.sees("message", text="message 4")
    stranger, guesser, babbler = (call(Program) for _ in range(3))
    for _ in range(3):
        guesser.says_hello("alice", "wrong")
    assert guesser.is_disconnected()
    babbler.logs_in("babbler", PASSWORD)
    babbler.sends(b"{nonsense\n" * 20)
    assert babbler.is_disconnected()
    until(lambda: server.samples()["pyconchat_connections",] == 3)
    after = server.samples()

    def grown(*name: str) -> float:
        return after[name] - before.get(name, 0.0)

    assert grown("pyconchat_messages_total") == 5
    assert grown("pyconchat_deliveries_total") == 10
    assert grown("pyconchat_entries_total") == 5
    assert grown("pyconchat_dropped_total", "wrong-password") == 1
    assert grown("pyconchat_dropped_total", "bad-json") == 1
    assert grown("pyconchat_commit_seconds_count") >= 5
    assert grown("pyconchat_commit_seconds_sum") > 0
    assert grown("pyconchat_reactor_lag_seconds_bucket", "+Inf") >= 0
    assert (
        grown(
            "pyconchat_not_saved_total",
        )
        == 0
    )
    assert after["pyconchat_sessions",] == after["pyconchat_accounts_online",] == 2
    assert after["pyconchat_connections_unauthenticated",] == 1
    assert after["pyconchat_resident_memory_bytes",] > 10_000_000
    assert stranger.says_hello("dave", PASSWORD)["ok"]


def test_figures_are_nowhere_else(server: Equipped) -> None:
    """There is one page; looking at it leaves no line in the log; others are not found."""
    server.samples()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{server.figures}/")
    refused.value.close()
    assert refused.value.code == 404
    lines = server.whole_log().splitlines()
    (told,) = (line for line in lines if re.search("metrics|HTTP|GET", line))
    assert f"metrics at http://localhost:{server.figures}/metrics" in told


def test_stats_are_for_operators(server: Equipped, enter: Enter, call: Call) -> None:
    """Others are refused; an operator sees them at nc, and a program all fields of the document."""
    carol = enter("carol")
    refusal = carol.asks("/stats")
    assert refusal["code"] == "not-operator"
    assert "admin" not in refusal["error"], "in a group it is no other"
    carol.does("/create hers")
    assert carol.is_refused("/stats", "hers") == "not-operator"
    person = call(SocketUser)
    person.logs_in("carol", PASSWORD + "carol")
    person.types("/stats")
    person.sees("* Only operators can see the server's figures")
    person.does_not_see("session")
    code = server.says(r"operator: type /claim (\S+)").group(1)
    carol.does(f"/claim {code}")
    until(lambda: carol.does("/stats")["connections"] == 2)
    stats = carol.does("/stats")
    document = (Path(__file__).parents[2] / "docs" / "line-protocol.rst").read_text()
    row = document.partition("``stats``")[2].partition("====")[0]
    fields = set(" ".join(re.findall(r"``([a-z0-9_ ]+)``", row)).split()) - {"cause", "count"}
    assert stats.keys() - {"re", "ok", "type"} == fields
    assert set(stats["commits"]) == {"count", "p50", "p99", "longest"}
    assert (stats["sessions"], stats["accounts"], stats["strangers"]) == (2, 1, 0)
    assert stats["uptime"] > 0
    person.types("/stats")
    person.sees("2 sessions of 1 person")
    person.sees(f"{stats['messages']:,} message")
    person.sees("Reactor lag: ")
