"""Groups as channels: joining, leaving, modes, topics, kicks and invitations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from pyconchat.store import SqlStore
from tests.support.irc import IrcServer, IrcUser


@pytest.fixture
def closed(store: SqlStore, clock: Clock) -> Iterator[IrcServer]:
    """A server where a join has to be approved."""
    server = IrcServer(store, clock)
    yield server
    server.stop()


def named(server: IrcServer, name: str, *caps: str) -> IrcUser:
    """Return a client of the account *name*, which is registered first."""
    server.at_nc(name, "pass word").wire.loseConnection()
    return server.enters(name, *caps, password="pass word")


def together(server: IrcServer, *users: IrcUser, group: str = "#tea") -> None:
    """Let *users* join a group, and read everything."""
    for user in users:
        user.sends(f"JOIN {group}")
    for user in users:
        user.receives()


def test_a_join(irc: IrcServer) -> None:
    """JOIN, the topic and the names; the group's number joins it as well."""
    alice, bob = irc.enters("alice"), irc.enters("bob")
    assert alice.gets("JOIN #Tea") == [
        "alice JOIN #Tea",
        "irc.test 353 alice = #Tea ~alice",
        "irc.test 366 alice #Tea End of NAMES.",
    ]
    alice.sends("TOPIC #tea :leaves")
    now = int(irc.chat.now() / 1000)
    assert bob.gets("JOIN #1")[:4] == [
        "bob JOIN #Tea",
        "irc.test 332 bob #Tea leaves",
        f"irc.test 333 bob #Tea alice!alice@pyconchat {now}",
        "irc.test 353 bob = #Tea ~alice bob",
    ]
    assert alice.sees()[-1] == "bob JOIN #Tea"
    assert bob.gets("JOIN #tea") == []


def test_a_join_that_needs_approval(closed: IrcServer) -> None:
    """473 and a notice; the admin is told how to answer; the approval is a JOIN."""
    alice, bob = named(closed, "alice"), closed.enters("bob")
    alice.sends("JOIN #tea")
    alice.receives()
    lines = bob.gets("JOIN #tea")
    assert lines[0].startswith("irc.test 473 bob #tea You asked to join tea")
    assert lines[1].startswith("PyconChat NOTICE bob You asked to join tea")
    knock, asked = alice.sees()
    assert knock == "irc.test 710 alice #tea bob!bob@pyconchat asks to join."
    assert asked.startswith("PyconChat NOTICE #tea bob asks to join. Answer:")
    assert bob.gets("JOIN #tea")[0].startswith("irc.test 473 bob #tea")
    alice.sends("PRIVMSG PyconChat :approve #tea bob")
    assert "bob JOIN #tea" in alice.sees()
    assert bob.sees()[:2] == ["bob JOIN #tea", "irc.test 353 bob = #tea ~alice bob"]


def test_a_knock_and_a_raw_command(closed: IrcServer) -> None:
    """KNOCK carries a note; what IRC lacks works without the service, too."""
    alice, bob = named(closed, "alice"), closed.enters("bob")
    together(closed, alice)
    assert bob.gets("KNOCK #tea :let me in")[0].startswith("irc.test 711 bob #tea")
    assert "bob asks to join: let me in" in alice.sees()[1]
    assert alice.gets("APPROVE #tea bob") == ["bob JOIN #tea"]
    assert alice.gets("KNOCK #tea")[0].split()[1] == "714"


def test_joins_that_are_refused(irc: IrcServer) -> None:
    """475 without the password, 473 without an invitation, 474 for the banned, 403."""
    alice, bob = named(irc, "alice"), named(irc, "bob")
    together(irc, alice)
    alice.sends("MODE #tea +k sesame")
    assert alice.sees() == ["alice MODE #tea +k *"]
    assert bob.gets("JOIN #tea")[0].split()[1] == "475"
    assert bob.gets("JOIN #tea wrong")[0].split()[1] == "475"
    assert bob.gets("JOIN #tea sesame")[0] == "bob JOIN #tea"
    alice.sends("KICK #tea bob", "MODE #tea +i")
    alice.receives()
    bob.receives()
    assert bob.gets("JOIN #tea")[0].split()[1] == "473"
    assert alice.gets("INVITE bob #tea") == ["irc.test 341 alice bob #tea"]
    assert bob.sees() == ["alice INVITE bob #tea"]
    assert bob.gets("INVITE")[0] == "irc.test 336 bob #tea"
    assert bob.gets("JOIN #tea")[0] == "bob JOIN #tea"
    alice.sends("MODE #tea +b bob!*@*")
    assert bob.sees() == ["alice MODE #tea +b bob!*@*", "alice KICK #tea bob alice"]
    assert bob.gets("JOIN #tea")[0].split()[1] == "474"
    assert bob.gets("JOIN tea")[0].split()[1] == "403"
    assert bob.gets("JOIN #77")[0].split()[1] == "403"


def test_part_detaches_a_registered_member(irc: IrcServer, store: SqlStore) -> None:
    """Nobody else sees it, nothing of the group is shown, and a restart changes nothing."""
    alice, bob = irc.enters("alice"), named(irc, "bob")
    together(irc, alice, bob)
    lines = bob.gets("PART #tea :later")
    assert lines[0] == "bob PART #tea later"
    assert "still a member" in lines[1]
    alice.sends("PRIVMSG #tea :hello", "TOPIC #tea :new", "PRIVMSG #tea :bob: hello")
    assert alice.sees() == ["alice TOPIC #tea new"]
    assert bob.sees() == []
    assert bob.gets("PRIVMSG #tea :x")[0].split()[1] == "404"
    assert bob.gets("PART #tea")[0].split()[1] == "442"
    again = IrcServer(store, irc.clock, new_groups="open")
    device = again.enters("bob", password="pass word")
    assert " JOIN #" not in device.raw.decode()
    lines = device.gets("JOIN #tea")
    assert lines[0] == "bob JOIN #tea"
    assert any(each.endswith("] hello") for each in lines)
    third = again.enters("bob", password="pass word")
    assert ":bob!bob@pyconchat JOIN #tea\r\n" in third.raw.decode()
    again.stop()


def test_part_for_good(irc: IrcServer) -> None:
    """A guest leaves; a member gives it up by the word leave, or by the service."""
    alice, bob, gus = irc.enters("alice"), named(irc, "bob"), irc.enters("gus")
    together(irc, alice, bob, gus)
    gus.sends("PART #tea :so long")
    assert alice.sees() == ["gus PART #tea so long"]
    bob.receives()
    assert bob.gets("PART #tea :leave") == ["bob PART #tea"]
    assert alice.sees() == ["bob PART #tea"]
    bob.sends("JOIN #tea")
    bob.receives()
    assert "bob PART #tea" in bob.gets("PRIVMSG PyconChat :leave #tea")


def test_after_the_end_of_a_membership_the_group_is_attached_again(irc: IrcServer) -> None:
    """Who was put out, and joins by another door, has the group in IRC."""
    alice, bob = irc.enters("alice"), named(irc, "bob")
    together(irc, alice, bob)
    bob.sends("PART #tea")
    alice.sends("KICK #tea bob")
    bob.receives()
    nc = irc.at_nc("bob", "pass word")
    nc.types("/join tea")
    assert bob.sees()[0] == "bob JOIN #tea"


def test_a_guest_quits_once(irc: IrcServer) -> None:
    """One QUIT to each reader, however many groups they share, with the reason."""
    alice, gus = irc.enters("alice"), irc.enters("gus")
    together(irc, alice, gus)
    together(irc, alice, gus, group="#coffee")
    gus.sends("QUIT :off to bed")
    gus.waits(3)
    assert alice.sees() == ["gus QUIT off to bed"]
    together(irc, irc.enters("gus"))
    assert alice.sees() == ["gus JOIN #tea"]


def test_registered_people_stay_in_the_names(irc: IrcServer) -> None:
    """Without a session they are away."""
    alice, bob = irc.enters("alice", "away-notify"), named(irc, "bob")
    together(irc, alice, bob)
    bob.leaves()
    assert alice.sees() == ["bob AWAY is offline"]
    assert alice.gets("WHO #tea")[1].split()[8] == "G"
    assert "bob" in alice.gets("NAMES #tea")[0]
    irc.enters("bob", password="pass word")
    assert alice.sees() == ["bob AWAY"]


def test_modes(irc: IrcServer) -> None:
    """Those that there are, those that are always so, and those that are another command's."""
    alice, bob = named(irc, "alice"), named(irc, "bob")
    together(irc, alice, bob)
    assert alice.gets("MODE #tea") == ["irc.test 324 alice #tea +nt"]
    assert alice.gets("MODE #tea +A") == ["alice MODE #tea +A"]
    assert alice.gets("MODE #tea") == ["irc.test 324 alice #tea +Ant"]
    assert alice.gets("MODE #tea +i-A") == ["alice MODE #tea -A+i"]
    assert alice.gets("MODE #tea -i") == ["alice MODE #tea -i"]
    assert alice.gets("MODE #tea +o bob") == ["alice MODE #tea +o bob"]
    assert alice.gets("MODE #tea -o bob") == ["alice MODE #tea -o bob"]
    for change in ("-n", "-t", "+q bob", "+v bob", "+b *!*@example.org"):
        assert alice.gets(f"MODE #tea {change}")[0].split()[1] == "696", change
    assert alice.gets("MODE #tea +z")[0].split()[1] == "472"
    bob.receives()
    assert bob.gets("MODE #tea +i")[0].split()[1] == "482"
    assert bob.gets("MODE #tea +o bob")[0].split()[1] == "482"
    assert alice.gets("MODE #tea +b m:bob!*@*") == ["alice MODE #tea +b m:bob!*@*"]
    assert alice.gets("MODE #tea b")[0].startswith("irc.test 367 alice #tea m:bob!*@* alice")
    assert bob.gets("PRIVMSG #tea :x")[-1].split()[1] == "404"
    assert alice.gets("MODE alice") == ["irc.test 221 alice +"]
    assert alice.gets("MODE bob")[0].split()[1] == "502"


def test_who_is_no_member(irc: IrcServer) -> None:
    """442 is about the client itself, 441 about the one that it names."""
    alice, bob, zoe = irc.enters("alice"), irc.enters("bob"), irc.enters("zoe")
    together(irc, alice)
    assert zoe.gets("KICK #tea alice")[0].split()[1:4] == ["442", "zoe", "#tea"]
    assert zoe.gets("INVITE bob #tea")[0].split()[1:4] == ["442", "zoe", "#tea"]
    assert zoe.gets("INVITE bob #none")[0].split()[1:4] == ["403", "zoe", "#none"]
    assert alice.gets("KICK #tea bob")[0].split()[1:5] == ["441", "alice", "bob", "#tea"]
    together(irc, bob)
    alice.gets("MODE #tea +i")
    assert bob.gets("INVITE zoe #tea")[-1].split()[1:4] == ["482", "bob", "#tea"]


def test_topics_and_kicks(irc: IrcServer) -> None:
    """Who may, and what others see; a kick without a reason has the kicker's name."""
    alice, bob = irc.enters("alice"), irc.enters("bob")
    together(irc, alice, bob)
    assert alice.gets("TOPIC #tea")[0].split()[1] == "331"
    assert alice.gets("TOPIC #tea :a b") == ["alice TOPIC #tea a b"]
    setter, set_at = "alice!alice@pyconchat", int(irc.chat.now() / 1000)
    assert bob.gets("TOPIC #tea")[-2:] == [
        "irc.test 332 bob #tea a b",
        f"irc.test 333 bob #tea {setter} {set_at}",
    ]
    assert bob.gets("TOPIC #tea :mine")[0].split()[1] == "482"
    assert alice.gets("TOPIC #tea :")[0] == "alice TOPIC #tea "[:-1]
    assert bob.gets("KICK #tea alice")[-1].split()[1] == "482"
    assert alice.gets("KICK #tea zoe")[0].split()[1] == "401"
    assert alice.gets("KICK #tea bob") == ["alice KICK #tea bob alice"]
    assert alice.gets("KICK #tea bob")[0].split()[1] == "441"
    assert bob.gets("TOPIC #tea :mine")[-1].split()[1] == "442"


def test_kicks_of_several(irc: IrcServer) -> None:
    """One KICK line for each, whether the channel is repeated or not; 403 for one that is none."""
    alice, *others = (irc.enters(name) for name in ("alice", "ann", "ben", "cid", "dan"))
    together(irc, alice, *others)
    assert alice.gets("KICK #tea ann,ben :bye") == [
        "alice KICK #tea ann bye",
        "alice KICK #tea ben bye",
    ]
    lines = alice.gets("KICK #tea,#no,#tea cid,dan,dan :bye")
    assert lines[0].startswith("irc.test 403 alice #no") or lines[1].startswith("irc.test 403")
    assert {"alice KICK #tea cid bye", "alice KICK #tea dan bye"} <= set(lines)


def test_what_nc_does(irc: IrcServer) -> None:
    """Changes by other doors are MODE, TOPIC, KICK and notices."""
    olga = irc.at_nc("olga", "pass word")
    olga.types("/create tea open")
    alice = named(irc, "alice")
    together(irc, alice)
    olga.types("/topic leaves", "/policy invite", "/moderator alice", "/slow 5", "/transfer alice")
    assert alice.sees() == [
        "olga TOPIC #tea leaves",
        "olga MODE #tea +i",
        "olga MODE #tea +o alice",
        "PyconChat NOTICE #tea olga made the group slow: one message every 5 seconds.",
        "olga MODE #tea -q olga",
        "olga MODE #tea +q alice",
    ]
    alice.sends("PRIVMSG PyconChat :policy #tea password very-secret")
    assert "alice MODE #tea -i+k *" in alice.sees()
    assert "very-secret" not in alice.raw.decode()


def test_lists_of_groups(irc: IrcServer) -> None:
    """All, by a pattern, by their size; hidden ones are not listed."""
    alice, bob = irc.enters("alice"), irc.enters("bob")
    together(irc, alice, bob)
    together(irc, alice, group="#coffee")
    together(irc, alice, group="#hidden")
    alice.sends("MODE #hidden +i")

    def listed(mask: str = "") -> list[str]:
        return [each.split()[3] for each in bob.gets(f"LIST {mask}") if " 322 " in each]

    assert listed() == ["#tea", "#coffee"]
    assert listed(">1") == ["#tea"]
    assert listed("<2") == ["#coffee"]
    assert listed("#c*") == ["#coffee"]
    assert listed("#tea,#nothing") == ["#tea"]


def test_what_happens_while_the_history_is_read(irc: IrcServer) -> None:
    """What follows the JOIN is as live, although it comes with what was read from the store."""
    alice, bob = irc.enters("alice"), irc.enters("bob")
    together(irc, alice)
    alice.sends("PRIVMSG #tea :before")
    conversation = irc.chat.groups.get("tea")
    assert conversation is not None
    bob.sends("JOIN #tea")
    bob.receives()
    door = bob.door.door
    session = door.session  # type: ignore[union-attr]
    alice.sends("PRIVMSG #tea :after", "TOPIC #tea :new", "KICK #tea bob")
    bob.receives()
    entries = irc.chat.store.entries(conversation.id, 0, 99, 99)
    block = door.past(entries, session.view_of(conversation), session.account.key, "Earlier")  # type: ignore[union-attr]
    lines = block.decode().split("\r\n")
    assert lines[0].endswith("] before")
    assert lines[1:] == [
        ":alice!alice@pyconchat PRIVMSG #tea :after",
        ":alice!alice@pyconchat TOPIC #tea new",
        ":alice!alice@pyconchat KICK #tea bob alice",
        "",
    ]


def test_what_happens_to_somebody_in_a_group_that_they_have_left_by_part(irc: IrcServer) -> None:
    """A kick, a ban or an office is a notice: the group is not shown."""
    alice, bob = named(irc, "alice"), named(irc, "bob")
    together(irc, alice, bob)
    bob.gets("PART #tea")
    alice.sends("MODE #tea +o bob", "MODE #tea -o bob", "KICK #tea bob :out")
    assert bob.sees() == [
        "PyconChat NOTICE bob You are a moderator of tea now, appointed by alice.",
        "PyconChat NOTICE bob You are no longer a moderator of tea: alice ended that.",
        "PyconChat NOTICE bob You were kicked from tea by alice: out",
    ]
    bob.gets("JOIN #tea", "PART #tea")
    lines = bob.gets("PRIVMSG PyconChat :leave #tea")
    assert lines == ["PyconChat NOTICE bob You have left tea."]


def test_lines_are_shared_by_capabilities(irc: IrcServer) -> None:
    """Each reader gets the form that it has asked for, although they are made once for each."""
    users = [
        irc.enters("a1"),
        irc.enters("a2", "extended-join"),
        irc.enters("a3", "server-time"),
        irc.enters("a4"),
        irc.enters("a5", "extended-join", "server-time"),
    ]
    together(irc, *users)
    irc.enters("new").sends("JOIN #tea")
    lines = []
    for user in users:
        user.receives()
        lines.append(user.raw.decode())
    plain, extended = (
        ":new!new@pyconchat JOIN #tea\r\n",
        ":new!new@pyconchat JOIN #tea * :Real new\r\n",
    )
    assert lines[0] == lines[3] == plain
    assert lines[1] == extended
    assert lines[2].startswith("@time=")
    assert lines[2].endswith(plain)
    assert lines[4].startswith("@time=")
    assert lines[4].endswith(extended)


def test_an_invite_code_is_a_key(irc: IrcServer) -> None:
    """The service issues it, and JOIN takes it where a password would stand."""
    alice, bob = named(irc, "alice"), irc.enters("bob")
    together(irc, alice)
    alice.sends("MODE #tea +i")
    alice.receives()
    lines = alice.gets("PRIVMSG PyconChat :invite #tea code")
    code = next(word for word in " ".join(lines).split() if "-" in word and word.count("-") > 1)
    assert bob.gets("JOIN #tea wrong")[0].split()[1] == "473"
    assert bob.gets(f"JOIN #tea {code.strip('.,:;')}")[0] == "bob JOIN #tea"
