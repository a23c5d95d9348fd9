"""Files at real nodes: what is sent to one is fetched from the other."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.support.administration import FILE, exchange
from tests.support.clusters import ServerCluster
from tests.support.programs import Program


@pytest.mark.nodes(count=2)
def test_tickets_at_the_other_node(cluster: ServerCluster) -> None:
    """For a group, and in private; bytes that come with the first line are not lost."""
    here, there = cluster.nodes
    with closing(Program(here.port)) as alice, closing(Program(there.port)) as bob:
        alice.logs_in("alice", "secret of alice")
        bob.logs_in("bob", "secret of bob")
        alice.does("/create tea open")
        bob.does("/join tea")
        ticket = alice.does("/send notes.pdf", "tea")["ticket"]
        upload = f"upload {ticket} 0 {len(FILE)}\n".encode() + FILE
        assert exchange(there, upload).startswith(b"shared 1 ")
        for who in (bob, alice):  # until then the node may not have heard of it
            assert who.sees("shared", file="notes.pdf")["by"] == "alice"
        assert exchange(here, upload).startswith(b"refused bad-token:")
        for who, node in ((alice, there), (bob, here)):
            ticket = who.does("/get 1", "tea")["ticket"]
            assert exchange(node, f"download {ticket}\n".encode()) == FILE
        ticket = bob.does("/send notes.pdf", **{"with": "alice"})["ticket"]
        upload = f"upload {ticket} 0 {len(FILE)}\n".encode() + FILE
        assert exchange(here, upload).startswith(b"shared 1 ")
        files = bob.does("/files", **{"with": "alice"})["files"]
        assert [each["name"] for each in files] == ["notes.pdf"]
        alice.does("/quit everywhere")
        ticket = bob.does("/get 1", **{"with": "alice"})["ticket"]
        bob.does("/quit everywhere")
        assert exchange(here, f"download {ticket}\n".encode()).startswith(b"refused")
