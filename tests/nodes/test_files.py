"""Files at two nodes with one folder: tickets, private files and quotas."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.config import Config, DoorsConfig, FilesConfig, LimitsConfig
from pyconchat.domain.errors import NotSaved
from pyconchat.files import FileSharing, Storage
from tests.nodes.cluster import Cluster
from tests.support.connections import TestConnection
from tests.support.programs import UNLIMITED, WiredProgram

QUOTA = 10
"""Bytes that an account may share."""

INVALID = b"refused bad-token:"
QUOTA_REFUSED = b"refused quota:"


@pytest.fixture
def cluster(tmp_path: Path, clock: Clock) -> Iterator[Cluster]:
    def files(chat: Chat) -> FileSharing:
        sharing = FileSharing(chat, Storage(tmp_path / "files"), maybeDeferred)
        loaded = chat.store.load()
        sharing.start(loaded.closed_files, loaded.direct_files)
        return sharing

    config = Config(
        limits=LimitsConfig(**UNLIMITED),
        files=FilesConfig(account_bytes=QUOTA, free_disk=0),
        doors=DoorsConfig(web=("tcp:8080:interface=127.0.0.1",)),
    )
    cluster = Cluster(tmp_path, clock, files=files, config=config)
    yield cluster
    cluster.stop()


def of_two(cluster: Cluster) -> tuple[WiredProgram, WiredProgram]:
    """Return alice at the first node and bob at the second one, both in tea."""
    alice = cluster.program(0, "alice", "password")
    bob = cluster.program(1, "bob", "password")
    alice.does("/create tea open")
    cluster.settle()
    bob.does("/join tea")
    cluster.settle()
    return alice, bob


def begin(cluster: Cluster, node: int, head: str, data: bytes = b"") -> TestConnection:
    """Send the line *head* and *data* to the node with that number."""
    connection = cluster.nodes[node].connect().sends(head.encode() + b"\n" + data)
    cluster.settle()
    return connection


def transfer(cluster: Cluster, node: int, head: str, data: bytes = b"") -> bytes:
    """As `begin`; return what is sent in answer."""
    return begin(cluster, node, head, data).receives()


def share(cluster: Cluster, node: int, ticket: str, data: bytes = b"abc") -> bytes:
    """Upload *data* at the node with that number, and return the answer."""
    return transfer(cluster, node, f"upload {ticket} 0 {len(data)}", data)


def ticket_of(who: WiredProgram, line: str = "/send a.txt", **place: str) -> str:
    return str(who.does(line, **(place or {"group": "tea"}))["ticket"])


def names(who: WiredProgram, **place: str) -> list[str]:
    """Return the names of the files of a place."""
    return [each["name"] for each in who.does("/files", **place)["files"]]


# Tickets.


def test_a_ticket_is_valid_at_both_nodes(cluster: Cluster) -> None:
    alice, bob = of_two(cluster)
    ticket = ticket_of(alice)
    assert (
        share(cluster, 1, ticket) == f"shared 1 3 {hashlib.sha256(b'abc').hexdigest()}\n".encode()
    )
    assert bob.sees("shared", file="a.txt")["by"] == "alice"
    for node in (0, 1):
        assert share(cluster, node, ticket).startswith(INVALID), "it was for one file"
    fetching = ticket_of(bob, "/get 1")
    for node in (0, 1):
        assert transfer(cluster, node, f"download {fetching}") == b"abc"
        assert transfer(cluster, node, f"upload {fetching} 0 1", b"a").startswith(INVALID)


@pytest.mark.parametrize(
    ("line", "group"),
    [
        ("/kick bob", None),
        ("/ban bob", None),
        ("/kick bob", "tea"),
        ("/ban bob", "tea"),
        ("/remove 1", "tea"),
    ],
)
def test_a_ticket_ends_with_the_right_to_it(cluster: Cluster, line: str, group: str | None) -> None:
    """At all nodes at once, whether or not they hear of each other."""
    alice, bob = of_two(cluster)
    code = cluster.nodes[0].chat.accounts.claim_code
    alice.does(f"/claim {code}")
    assert share(cluster, 0, ticket_of(alice)).startswith(b"shared")
    tickets = [ticket_of(bob), ticket_of(bob, "/get 1")]
    cluster.cut()
    alice.does(line, group)
    for node in (0, 1):
        assert transfer(cluster, node, f"download {tickets[1]}").startswith(b"refused")
    if line != "/remove 1":
        for node in (1, 0):
            assert share(cluster, node, tickets[0], b"x").startswith(b"refused")
        assert names(alice, group="tea") == ["a.txt"]


def test_a_new_password_at_the_other_node(cluster: Cluster) -> None:
    alice, bob = of_two(cluster)
    ticket = ticket_of(bob)
    tablet = cluster.person(0, "bob", "password")
    cluster.cut()
    tablet.types("/password", "password", "another1", "another1")
    cluster.settle()
    assert share(cluster, 1, ticket).startswith(INVALID)
    assert names(alice, group="tea") == []


def test_the_ticket_of_a_guest(cluster: Cluster) -> None:
    """It ends with the guest's connection; one who registers keeps it."""
    alice, _ = of_two(cluster)
    gus = cluster.program(0, "gus")
    gus.does("/join tea")
    cluster.settle()
    first, second, last = (ticket_of(gus) for _ in range(3))
    assert share(cluster, 1, first, b"x").startswith(b"shared")
    gus.does("/password", answers=["another1", "another1"])
    cluster.settle()
    assert share(cluster, 1, second, b"x").startswith(b"shared")
    assert share(cluster, 0, last, b"x").startswith(b"shared")
    ann = cluster.program(0, "ann")
    ann.does("/join tea")
    cluster.settle()
    ticket = ticket_of(ann)
    ann.cut()
    cluster.settle()
    other = cluster.program(1, "ann")
    other.does("/join tea")
    cluster.settle()
    for node in (0, 1):
        assert share(cluster, node, ticket, b"x").startswith(INVALID)
    assert len(names(alice, group="tea")) == 3


def test_a_ticket_while_the_database_fails(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused, and valid again afterwards."""
    alice, _ = of_two(cluster)
    ticket = ticket_of(alice)

    def fail(*_: object) -> None:
        raise NotSaved("the database is away")

    with monkeypatch.context() as away:
        for node in cluster.nodes:
            away.setattr(node.own_store.nodes, "ticket", fail)
            away.setattr(node.own_store.nodes, "add_ticket", fail)
        assert share(cluster, 0, ticket).startswith(b"refused not-saved:")
        assert alice.is_refused("/send a.txt", "tea") == "not-saved"
    assert share(cluster, 1, ticket).startswith(b"shared")


# Private files.


def test_private_files_are_known_where_nobody_was_connected(cluster: Cluster) -> None:
    """The third node has heard nothing of them."""
    alice = cluster.program(0, "alice", "password")
    bob = cluster.program(0, "bob", "password")
    alice.does("hello", **{"with": "bob"})
    third = cluster.add("c")
    cluster.cut()
    with_bob, with_alice = {"with": "bob"}, {"with": "alice"}
    assert share(cluster, 0, ticket_of(alice, **with_bob)).startswith(b"shared 1 ")
    assert share(cluster, 0, ticket_of(alice, **with_bob)).startswith(b"shared 2 ")
    elsewhere = third.program("bob", "password")
    assert names(elsewhere, **with_alice) == ["a.txt", "a.txt"]
    assert transfer(cluster, 2, f"download {ticket_of(bob, '/get 1', **with_alice)}") == b"abc"
    assert share(cluster, 2, ticket_of(elsewhere, **with_alice)).startswith(b"shared 3 ")
    assert len(names(alice, **with_bob)) == 3
    alice.does("/remove 1", **with_bob)
    assert len(names(elsewhere, **with_alice)) == 2
    fetching = elsewhere.is_refused("/get 1", **with_alice)
    assert fetching == "no-such-file"
    assert share(cluster, 1, ticket_of(elsewhere, **with_alice)).startswith(b"shared 4 ")


def test_what_another_node_has_shared_is_not_cleaned(cluster: Cluster, tmp_path: Path) -> None:
    """A node that has not heard of a file finds it in the store; orphans go."""
    alice = cluster.program(0, "alice", "password")
    cluster.program(0, "bob", "password")
    cluster.cut()
    assert share(cluster, 0, ticket_of(alice, **{"with": "bob"})).startswith(b"shared")
    orphan = tmp_path / "files" / "ab" / ("ab" * 16)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"orphan")
    for path in (tmp_path / "files").glob("??/*"):
        os.utime(path, (0, 0))
    sharing = cluster.nodes[1].factory.services.files
    assert sharing is not None
    cleaning = sharing.clean(1e12)
    cluster.settle()
    assert cleaning.result == 1
    assert not orphan.exists()
    fetching = ticket_of(alice, "/get 1", **{"with": "bob"})
    assert transfer(cluster, 1, f"download {fetching}") == b"abc"


# Quotas.


def test_a_quota_counts_the_files_of_all_nodes(cluster: Cluster) -> None:
    """Also those of which a node has not heard, and those that were removed."""
    alice, _ = of_two(cluster)
    tablet = cluster.program(1, "alice", "password")
    cluster.settle()
    cluster.cut()
    alice.does("hello", **{"with": "bob"})
    assert share(cluster, 0, ticket_of(alice, **{"with": "bob"}), b"123456").startswith(b"shared")
    ticket = tablet.does("/send b.txt", "tea")
    assert ticket["most"] == 4
    assert share(cluster, 1, ticket["ticket"], b"12345").startswith(QUOTA_REFUSED)
    assert share(cluster, 1, ticket["ticket"], b"1234").startswith(b"shared")
    assert alice.is_refused("/send c.txt", "tea") == "quota"
    alice.does("/remove 1", **{"with": "bob"})
    assert tablet.does("/send c.txt", "tea")["most"] == 6


def test_two_uploads_at_once(cluster: Cluster) -> None:
    """The one that is complete last does not fit any more."""
    alice, _ = of_two(cluster)
    tickets = ticket_of(alice), ticket_of(alice, "/send b.txt")
    uploads = [
        begin(cluster, node, f"upload {ticket} 0 6", b"123") for node, ticket in enumerate(tickets)
    ]
    answers = []
    for each in uploads:
        each.sends(b"456")
        cluster.settle()
        answers.append(each.receives())
    assert answers[0].startswith(b"shared")
    assert answers[1].startswith(QUOTA_REFUSED)
    assert len(names(alice, group="tea")) == 1
