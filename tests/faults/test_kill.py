"""The state after the server was killed."""

from __future__ import annotations

import re
import sqlite3

from tests.support.servers import Server
from tests.support.users import UserOf

REST = f" {'x' * 150}"
"""Makes the messages so long that the kill comes before the last of them."""


def test_messages_that_were_seen_are_stored(user: UserOf, server: Server) -> None:
    """After a kill during a conversation, what bob saw is in the log, numbered without gaps."""
    for round in range(3):
        alice, bob = user("nc", "alice", "secret of alice"), user("nc", "bob", "secret of bob")
        alice.types("/create tea open" if round == 0 else "/join tea")
        alice.sees("You are in tea")
        bob.types("/join tea")
        bob.sees("You are in tea")
        alice.types(*(f"round {round} line {number}{REST}" for number in range(2000)))
        bob.sees(f"alice: round {round} line 700{REST}\n")
        server.kill()
        # With the time before it while bob was still catching up.
        said = re.findall(rf"alice: round {round} line (\d+){REST}\n", bob.everything().decode())
        last = max(map(int, said))
        with sqlite3.connect(server.state / "pyconchat.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = database.execute(
                "SELECT seq, json_extract(body, '$.text') FROM entries"
                " WHERE conversation = (SELECT conversation FROM groups) ORDER BY seq"
            ).fetchall()
        database.close()
        assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
        kept = [text for _, text in rows if text and text.startswith(f"round {round} ")]
        assert kept == [f"round {round} line {number}{REST}" for number in range(len(kept))]
        assert len(kept) > last
        server.start()
