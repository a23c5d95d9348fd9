"""Examples of what a server may send: events and answers with their lines, and invalid values."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pyconchat.client.net.json_protocol import Object
from tests.client.fakes import COMMANDS, message

AT = "2026-11-21T09:30:00.123Z"

HOSTILE = "\x1b[2J\x1b]0;x\x07\x9b31m\x00\x7f\u202eevil\u2066\r\n\x85"

texts = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from("\x1b\x9b\x07\n\r\x00\x7f\x85\u202e\u2066\u2028"),
    max_size=20,
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def event(kind: str, group: str | None = "tea", **fields: Any) -> Object:
    """Return an event in *group*."""
    return {"type": kind, "group": group, "seq": 7, "at": AT, **fields}


def answer(kind: str, **fields: Any) -> Object:
    """Return an answer to the request 1."""
    return {"re": 1, "ok": True, "type": kind, **fields}


EVENTS: list[tuple[Object, str]] = [
    (event("joined", name="bob", via="open", by=None, guest=False), "bob has joined the chat!"),
    (event("joined", name="bob", via="approval", by="carol"), "(approved by carol)"),
    (event("joined", name="alice", via="approval", by="carol"), "carol approved your request"),
    (event("left", name="bob", why="left"), "bob has left the chat."),
    (event("left", name="alice", why="left"), "You have left tea."),
    (event("kicked", name="bob", by="carol", reason="rude"), "bob was kicked by carol: rude"),
    (event("kicked", name="alice", by="carol", reason=""), "You were kicked from tea by carol."),
    (event("banned", name="bob", by="carol", reason=""), "bob was banned by carol."),
    (event("unbanned", name="bob", by="carol"), "bob may join again"),
    (event("registered", name="bob"), "bob is registered now."),
    (event("edit", about=3, by="bob", text="tea"), "* bob corrected: tea"),
    (event("edit", about=3, by="bob", text="tea\nbob: x"), "* bob corrected: tea\n    bob: x"),
    (event("unsay", about=3, by="bob", **{"from": "bob"}), "* bob removed a message."),
    (event("unsay", about=3, by="carol", **{"from": "bob"}), "carol removed a message of bob."),
    (
        event("react", about=3, by="bob", emoji="👍", quote={"from": "carol", "text": "tea"}),
        '* bob reacted 👍 to carol "tea"',
    ),
    (event("react", about=3, by="bob", emoji="👍"), "* bob reacted 👍 to #3"),
    (
        event("pin", about=3, by="bob", quote={"from": "carol", "text": ""}),
        "* bob pinned #3: carol",
    ),
    (event("unpin", about=3, by="bob"), "* bob unpinned #3"),
    (event("requested", name="bob", note="please", guest=False), 'bob asks to join tea: "please"'),
    (event("withdrawn", name="bob", why="left"), "The request of bob to join"),
    (event("rejected", name="bob", by="carol", reason=""), "carol rejected the request of bob."),
    (event("invited", name="alice", by="carol", guest=False), "carol invites you to tea"),
    (event("joined", name="bob", via="code", by=None, code=3), "(with an invite code)"),
    (
        event("code-made", number=3, by="carol", uses=5, until=AT),
        "carol made the invite code 3, for 5 uses until",
    ),
    (
        event("hook-added", name="ci", by="carol"),
        "carol added the hook ci: programs can post here.",
    ),
    (event("hook-removed", name="ci", by="carol"), "carol removed the hook ci."),
    (event("code-ended", number=3, by="carol"), "carol ended the invite code 3."),
    (
        event("code-ended", number=3, by=None),
        "The invite code 3 has ended: who made it can no longer invite.",
    ),
    (
        event("code-ended", number=3, by=None, maker="alice"),
        "Your invite code 3 of tea has ended: you can no longer invite.",
    ),
    (event("uninvited", name="bob"), "bob, who was invited, has disconnected."),
    (event("admin", name="bob", why="left", by=None), "bob is the admin now."),
    (event("quieted", name="bob", by="carol", until=None), "carol made bob quiet."),
    (event("unquieted", name="alice", by="carol"), "You may speak in tea again"),
    (event("slow", seconds=30, by="carol"), "carol made the group slow: one message every 30"),
    (event("moderator", name="bob", by="carol"), "bob is a moderator now, appointed by carol."),
    (event("unmoderator", name="bob", by="carol"), "bob is no longer a moderator"),
    (event("damaged"), "An entry of the log is damaged"),
    (event("operator-removed", None, name="bob", by="root"), "bob is no longer an operator."),
    (event("announced", None, by="root", text="tea at five"), "root announces: tea at five"),
    (event("policy", policy="open", by="carol"), "carol changed the policy to open."),
    (event("topic", topic="green", by="carol"), "carol changed the topic: green"),
    (event("created", number=3, name="tea", by="bob", policy="open", guest=False), "bob created"),
    (event("closed", by=None), "tea is closed"),
    (event("closed", by="bob"), "bob deleted tea."),
    (event("restored", number=3, name="tea", by="bob"), "bob restored tea (number 3)."),
    (
        event("shared", number=3, file="a.txt", by="bob", size=1500, sha256="ab"),
        "bob shared a.txt (1.5 kB), number 3",
    ),
    (event("removed", number=3, file="a.txt", by="bob"), "bob removed the file a.txt, number 3."),
    (event("server-kicked", None, name="bob", by="root", reason=""), "bob was kicked off"),
    (event("server-banned", None, name="bob", by="root", reason=""), "bob was banned from"),
    (event("server-unbanned", None, name="bob", by="root"), "bob may log in again"),
    (event("operator", None, name="bob", by="root"), "bob is an operator now."),
    ({"type": "presence", "name": "bob", "online": True, "reason": ""}, "bob is online."),
    ({"type": "presence", "name": "bob", "online": False, "reason": "ping"}, "offline: ping"),
]


ANSWERS: list[tuple[Object, list[str]]] = [
    (answer("done", text="It is done."), ["* It is done."]),
    (answer("sent", **{"with": "bob", "online": True, "seq": 3}), ["* Sent to bob."]),
    (
        answer(
            "entered",
            group="tea",
            number=1,
            admin="bob",
            topic="green",
            members=2,
            online=1,
            policy="open",
            created=False,
        ),
        ["* You are in tea (number 1): 2 members, 1 online; the admin is bob.", "* Topic: green"],
    ),
    (answer("asked", group="tea", admin="bob"), ["* You asked to join tea; its admin, bob,"]),
    (answer("desk", left="tea"), ["* You are at the front desk; you are still", "* 1 join"]),
    (answer("groups", groups=[]), ["* There are no groups yet"]),
    (
        answer(
            "groups",
            groups=[
                {"group": "tea", "number": 1, "policy": "open", "members": 2, "online": 1}
                | {"unread": None, "topic": "green"}
            ],
        ),
        ["* No.", "*   1  tea"],
    ),
    (
        answer(
            "requests",
            group="tea",
            requests=[{"name": "bob", "at": AT, "note": "x", "guest": False}],
        ),
        ["* 1 asking to join tea", '*   bob, for 2 hours: "x"'],
    ),
    (
        answer(
            "members",
            group="tea",
            online_only=False,
            members=[{"name": "bob", "admin": True, "guest": False, "online": True}],
        ),
        ["* 1 member of tea:", "*   bob (admin, online)"],
    ),
    (answer("admin-is", group="tea", admin="bob", online=False), ["* The admin of tea is bob"]),
    (answer("bans", group=None, bans=[]), ["* Nobody is banned from this server."]),
    (
        answer("bans", group="tea", bans=[{"name": "bob", "by": "carol", "at": AT, "reason": "x"}]),
        ["* 1 banned from tea:", "*   bob, by carol: x"],
    ),
    (
        answer(
            "who", people=[{"name": "bob", "guest": True, "operator": False, "groups": ["tea"]}]
        ),
        ["* Online: 1", "*   bob (guest; in tea)"],
    ),
    (
        answer(
            "whois",
            name="bob",
            online=True,
            guest=False,
            operator=False,
            since="2026-11-20T09:30:00.000Z",
            seen=None,
            idle=125,
            away="lunch",
            away_since="2026-11-21T09:30:00.000Z",
            groups=["tea"],
            more=0,
        ),
        [
            "* bob is online, idle for 2 minutes, registered since Nov 20 2026, with you in tea.",
            "* bob is away since Sat 09:30: lunch",
        ],
    ),
    (
        answer("sent", online=True, seq=1, away="lunch") | {"with": "bob"},
        ["* Sent to bob.", "* bob is away: lunch"],
    ),
    (answer("history", group="tea", entries=[]), ["* Nothing has been said yet."]),
    (answer("history", group="tea", entries=[message(1, "x")]), ["09:30 #1 bob: x"]),
    (
        answer("history", group="tea", entries=[], before="2026-11-20"),
        ["* Nothing was said before 2026-11-20."],
    ),
    (
        answer("matches", group="tea", words="x", more=False, entries=[message(1, "x")]),
        ["* Found for: x", "09:30 #1 bob: x"],
    ),
    (answer("matches", group="tea", words="x", more=False, entries=[]), ["* Nothing found for: x"]),
    (
        answer(
            "files",
            group="tea",
            files=[{"number": 1, "name": "a.txt", "size": 5, "sha256": "a", "by": "bob", "at": AT}],
        ),
        ["* No.", "*   1  a.txt"],
    ),
    (answer("help", commands=COMMANDS), ["*", "* Other:", *["*"] * 3]),
    (answer("help", commands=COMMANDS[:1]), ["* /join", "*   Does join."]),
    (answer("password", text="Changed.", token="t"), ["* Changed."]),
    (
        answer("settings", settings={"times": True, "joins": False}),
        ["* Your settings: times on, bell off, joins off."],
    ),
    (answer("new-thing", text="It is so."), ["* It is so."]),
    (answer("new-thing", count=3), ["* new-thing: count 3"]),
    ({"re": 1, "ok": True}, []),
    ({"re": 1, "ok": True, "seq": 3}, []),
    ({"re": 1, "ok": False, "code": "x", "error": "You cannot."}, ["* You cannot."]),
    ({"re": 1, "ok": False, "code": "x"}, ["* The server refused."]),
]


WRONG: list[Any] = [
    None, True, -1, 10**30, 10**400, 1.5, "", "text", HOSTILE, AT, [], [None], ["x"], [[]], [{}],
    [{"name": "x", "at": 3}], [{"type": "message"}], [{"type": []}], {}, {"x": {"y": 1}},
    {"group": None},
]  # fmt: skip
