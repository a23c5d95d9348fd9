"""WHO, WHOIS, AWAY, MONITOR and the like."""

from __future__ import annotations

from tests.support.irc import IrcServer


def test_whois(irc: IrcServer) -> None:
    """Who somebody is, with the groups that one shares; the service, too."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    rita, gus = irc.enters("rita", password="pass word"), irc.enters("gus")
    rita.sends("JOIN #tea", "JOIN #secret")
    gus.sends("JOIN #tea")
    lines = gus.gets("WHOIS rita")
    assert lines[0] == "irc.test 311 gus rita rita pyconchat * Real rita"
    assert "irc.test 319 gus rita ~#tea" in lines
    assert "irc.test 330 gus rita rita is logged in as" in lines
    assert "secret" not in str(lines)
    assert lines[-1].split()[1] == "318"
    assert gus.gets("WHOIS zoe")[0].split()[1] == "401"
    assert gus.gets("WHOIS nickserv")[0].split()[1] == "311"
    rita.leaves()
    assert "irc.test 301 gus rita is offline" in gus.gets("WHOIS rita")


def test_away(irc: IrcServer) -> None:
    """306 and 305; others see it by away-notify, and when they write."""
    alice, bob = irc.enters("alice", "away-notify"), irc.enters("bob")
    for user in (alice, bob):
        user.sends("JOIN #tea")
    alice.receives()
    assert bob.gets("AWAY :gone fishing")[-1].split()[1] == "306"
    assert alice.sees() == ["bob AWAY gone fishing"]
    assert alice.gets("PRIVMSG bob :hi") == ["irc.test 301 alice bob gone fishing"]
    bob.receives()
    assert bob.gets("AWAY")[0].split()[1] == "305"
    assert alice.sees() == ["bob AWAY"]
    nc = irc.at_nc("carol")
    nc.types("/join tea", "/away tea time")
    assert alice.sees()[-1] == "carol AWAY tea time"
    nc.types("hello")
    assert alice.sees() == ["carol AWAY", "carol PRIVMSG #tea hello"]


def test_an_account_is_away_when_all_its_clients_are(irc: IrcServer) -> None:
    """AWAY is of the client; the account is away until one of its clients is not."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    one, two = irc.enters("rita", password="pass word"), irc.enters("rita", password="pass word")
    alice = irc.enters("alice", "away-notify", "extended-monitor")
    for user in (one, alice):
        user.sends("JOIN #tea")
    alice.receives()
    one.sends("AWAY :lunch")
    assert alice.sees() == []
    assert alice.gets("WHO rita")[0].split()[8] == "H"
    two.sends("AWAY *")
    assert alice.sees() == ["rita AWAY lunch"]
    assert alice.gets("PRIVMSG rita :hi") == ["irc.test 301 alice rita lunch"]
    three = irc.enters("rita", password="pass word")
    assert alice.sees() == ["rita AWAY"]
    three.leaves()
    assert alice.sees() == ["rita AWAY lunch"]
    one.leaves()
    assert alice.sees() == ["rita AWAY away"]
    assert "irc.test 301 alice rita away" in alice.gets("WHOIS rita")
    assert two.gets("PRIVMSG #tea :back")[-1].split()[1] == "305"
    assert alice.sees()[0] == "rita AWAY"


def test_a_message_ends_the_absence_of_its_client(irc: IrcServer) -> None:
    """If the account is not away, the other clients stay as they are."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    one, two, three = (irc.enters("rita", password="pass word") for _ in range(3))
    one.sends("JOIN #tea", "AWAY :one")
    two.sends("AWAY :two")
    assert one.gets("PRIVMSG #tea :hi")[-1].split()[1] == "305"
    one.sends("AWAY :one")
    three.leaves()
    alice = irc.enters("alice")
    assert alice.gets("WHO rita")[0].split()[8] == "G"


def test_away_before_the_login(irc: IrcServer) -> None:
    """With draft/pre-away, nobody sees the client without its being away."""
    alice = irc.enters("alice", "away-notify")
    alice.gets("JOIN #tea")
    early = irc.connects("draft/pre-away")
    assert irc.connects().gets("AWAY :early")[0].split()[1] == "451"
    assert early.gets("AWAY :early")[0].split()[1:3] == ["306", "*"]
    early.sends("NICK gus", "USER gus 0 * :Gus", "CAP END", "JOIN #tea")
    assert alice.sees() == ["gus JOIN #tea", "gus AWAY early"]
    assert "irc.test 301 alice gus early" in alice.gets("WHOIS gus")
    assert early.gets("AWAY")[0].split()[1] == "305"


def test_bots(irc: IrcServer) -> None:
    """Mode +B: who looks sees that it is a bot, and what it says has the tag."""
    alice, bot = irc.enters("alice", "message-tags"), irc.enters("beep")
    for user in (alice, bot):
        user.sends("JOIN #tea")
    assert bot.gets("MODE beep +iB", "MODE beep") == ["beep MODE beep +iB", "irc.test 221 beep +Bi"]
    assert "irc.test 335 alice beep is a bot" in alice.gets("WHOIS beep")
    assert alice.gets("WHO #tea")[1].split()[8] == "HB"
    bot.sends("PRIVMSG #tea :boop", "PRIVMSG alice :boop", "PRIVMSG #tea :\x01ACTION boops\x01")
    said = alice.receives()
    assert [each.tags is not None and "bot" in each.tags for each in said] == [True] * 3
    assert bot.gets("MODE beep -B")[0] == "beep MODE beep -B"
    bot.sends("PRIVMSG #tea :human")
    assert "bot" not in (alice.receives()[0].tags or {})
    assert alice.gets("WHO beep")[0].split()[8] == "H"


def test_the_invisible(irc: IrcServer) -> None:
    """Mode +i: only those who share a group, or know the name, find them."""
    alice, eve = irc.enters("alice"), irc.enters("eve")
    eve.gets("MODE eve +i")
    assert alice.gets("WHO ev*") == ["irc.test 315 alice ev* End of WHO."]
    assert len(alice.gets("WHO eve")) == 2
    assert alice.gets("LUSERS")[0].endswith("There are 1 users and 1 invisible on 1 servers")
    for user in (alice, eve):
        user.gets("JOIN #tea")
    assert len(alice.gets("WHO ev*")) == 2
    assert eve.gets("MODE eve -i+o", "MODE eve") == ["eve MODE eve -i", "irc.test 221 eve +"]


def test_monitor(irc: IrcServer) -> None:
    """Who is online, now and when that changes, whatever groups are shared."""
    alice = irc.enters("alice")
    assert alice.gets("MONITOR + bob,alice") == [
        "irc.test 730 alice alice!alice@pyconchat",
        "irc.test 731 alice bob",
    ]
    bob = irc.enters("bob")
    assert alice.sees() == ["irc.test 730 alice bob!bob@pyconchat"]
    bob.leaves()
    assert alice.sees() == ["irc.test 731 alice bob"]
    assert alice.gets("MONITOR L")[0] == "irc.test 732 alice bob,alice"
    assert alice.gets("MONITOR - bob") == []
    irc.enters("bob")
    assert alice.sees() == []
    assert alice.gets("MONITOR C", "MONITOR S") == []
    many = ",".join(f"n{number}" for number in range(101))
    assert "734" in str(alice.gets(f"MONITOR + {many}"))


def test_extended_monitor(irc: IrcServer) -> None:
    """Whether a monitored person is away, once, also where a group is shared."""
    caps = ("extended-monitor", "away-notify")
    alice, carol, bob = irc.enters("alice", *caps), irc.enters("carol"), irc.enters("bob")
    alice.sends("MONITOR + bob")
    carol.sends("MONITOR + bob")
    alice.receives()
    carol.receives()
    bob.sends("AWAY :lunch", "AWAY")
    assert alice.sees() == ["bob AWAY lunch", "bob AWAY"]
    assert carol.sees() == []
    for user in (alice, bob):
        user.sends("JOIN #tea")
    alice.receives()
    bob.sends("AWAY :tea")
    assert alice.sees() == ["bob AWAY tea"]


def test_whowas(irc: IrcServer) -> None:
    """Who has gone lately, the last one first, with what their clients were called."""
    alice = irc.enters("alice")
    for user in ("ident1", "ident2"):
        gus = irc.connects()
        gus.sends("NICK gus", f"USER {user} 0 * :Gus of {user}")
        gus.sends("QUIT :bye")
        gus.waits(3)
    lines = alice.gets("WHOWAS GUS")
    assert lines[0] == "irc.test 314 alice gus ident2 pyconchat * Gus of ident2"
    assert lines[1].startswith("irc.test 312 alice gus irc.test")
    assert lines[2] == "irc.test 314 alice gus ident1 pyconchat * Gus of ident1"
    assert lines[4:] == ["irc.test 369 alice GUS End of WHOWAS."]
    assert len(alice.gets("WHOWAS gus 1")) == 3
    assert len(alice.gets("WHOWAS gus -1")) == 5
    assert alice.gets("WHOWAS zoe")[0].split()[1] == "406"
    irc.at_nc("rita", "pass word").wire.loseConnection()
    alice.waits(1)
    assert alice.gets("WHOWAS rita")[0] == "irc.test 314 alice rita rita pyconchat * rita"


def test_setname(irc: IrcServer) -> None:
    """The new real name is shown to those who understand it."""
    alice, bob = irc.enters("alice", "setname"), irc.enters("bob", "setname")
    for user in (alice, bob):
        user.sends("JOIN #tea")
    bob.receives()
    alice.receives()
    assert alice.gets("SETNAME :Al the Great") == ["alice SETNAME Al the Great"]
    assert bob.sees() == ["alice SETNAME Al the Great"]
    assert bob.gets("WHOIS alice")[0].endswith("Al the Great")
    assert alice.gets("SETNAME :\x02")[0].startswith("irc.test FAIL SETNAME INVALID_REALNAME")


def test_operators(irc: IrcServer) -> None:
    """381 and +o at the login; KILL is for them only."""
    irc.at_nc("olga", "pass word").types(f"/claim {irc.chat.accounts.claim_code}")
    olga, gus = irc.enters("olga", password="pass word"), irc.enters("gus")
    assert " 381 olga " in olga.raw.decode()
    assert gus.gets("KILL olga :no")[0].split()[1] == "481"
    assert gus.gets("OPER olga wrong")[0].split()[1] == "464"
    assert gus.gets("OPER gus x")[0].split()[1] == "464"
    zoe = irc.enters("zoe")
    assert zoe.gets("OPER olga :pass word") == [
        "irc.test 381 zoe You are an operator of this server.",
        "zoe MODE zoe +o",
    ]
    assert "irc.test 313 gus zoe is an operator of this server" in gus.gets("WHOIS zoe")
    assert gus.gets("WHO zoe")[0].split()[8] == "H*"
    assert "irc.test 252 gus 2 operators online" in gus.gets("LUSERS")
    zoe.sends("KILL gus :spam")
    assert gus.sees()[-1].startswith("ERROR")
    assert zoe.gets("MODE zoe -o", "MODE zoe") == ["zoe MODE zoe -o", "irc.test 221 zoe +"]
    assert zoe.gets("KILL olga :no")[0].split()[1] == "481"
    assert olga.gets("MODE olga -o", "MODE olga")[-1] == "irc.test 221 olga +o"
    zoe.sends("OPER olga :pass word")
    gus = irc.enters("gus")
    nc = irc.at_nc("olga", "pass word")
    nc.types("/password", "pass word", "another password", "another password")
    assert zoe.gets("KILL gus :spam")[0].split()[1] == "481"
    assert not irc.chat.accounts.find("zoe").actor.operator  # type: ignore[arg-type]


def test_what_operators_do(irc: IrcServer) -> None:
    """Everybody is told, each by their own name."""
    irc.at_nc("olga", "pass word").types(f"/claim {irc.chat.accounts.claim_code}")
    olga, gus, zoe = irc.enters("olga", password="pass word"), irc.enters("gus"), irc.enters("zoe")
    gus.receives()
    zoe.receives()
    olga.sends("PRIVMSG PyconChat :ban dora spam")
    assert gus.sees() == ["PyconChat NOTICE gus dora was banned from this server by olga: spam"]
    assert zoe.sees() == ["PyconChat NOTICE zoe dora was banned from this server by olga: spam"]
    olga.sends("PRIVMSG PyconChat :operator zoe")
    olga.receives()
    zoe.sends("PRIVMSG NickServ :register pass-word")
    olga.sends("PRIVMSG PyconChat :operator zoe")
    assert "zoe MODE zoe +o" in zoe.sees()


def test_about_the_server(irc: IrcServer) -> None:
    """Each command has its numerics."""
    alice = irc.enters("alice")
    for command, numeric in {
        "MOTD": "422",
        "LUSERS": "251",
        "VERSION": "351",
        "TIME": "391",
        "INFO": "371",
        "HELP": "704",
        "HELP privmsg": "704",
        "HELP nonsense": "524",
        "ISON bob": "303",
        "USERHOST alice": "302",
        "WHOWAS zoe": "406",
        "NAMES #tea": "366",
        "STATS": "421",
        "LINKS": "421",
        "WALLOPS x": "421",
        "JOIN": "461",
        "PRIVMSG": "411",
        "PRIVMSG bob": "412",
        "NICK": "431",
        "USER a b c d": "462",
    }.items():
        assert alice.gets(command)[0].split()[1] == numeric, command


def test_text_of_ignored_people(irc: IrcServer) -> None:
    """Their away texts, real names and topics are not shown, whatever the client follows."""
    caps = ("away-notify", "extended-join", "extended-monitor", "setname", "invite-notify")
    alice, eve = irc.enters("alice", *caps), irc.enters("eve")
    alice.sends("JOIN #tea", "MONITOR + eve", "ignore eve")
    eve.sends("SETNAME :rude name", "AWAY :rude text", "JOIN #tea", "PART #tea", "JOIN #den")
    eve.sends("TOPIC #den :rude topic", "SETNAME :rude again", "JOIN #tea", "AWAY :rude once more")
    seen = alice.sees()
    assert "eve JOIN #tea * eve" in seen
    for command in ("WHOIS eve", "WHO #tea", "WHO eve", "LIST", "PRIVMSG eve :hi", "JOIN #den"):
        seen += alice.gets(command)
    seen += alice.gets("TOPIC #den")
    eve.leaves()
    seen += alice.gets("WHOWAS eve")
    assert [line for line in seen if "rude" in line] == []
    assert any(" 331 " in line for line in seen)


def test_the_time_of_the_login(irc: IrcServer) -> None:
    """WHOIS has it beside the idle time, which begins anew with each command."""
    alice, bob = irc.enters("alice"), irc.enters("bob")
    first = next(each for each in alice.gets("WHOIS bob") if " 317 " in each).split()
    irc.clock.advance(60)
    bob.sends("LIST")
    irc.clock.advance(5)
    last = next(each for each in alice.gets("WHOIS bob") if " 317 " in each).split()
    assert last[4] == "5"
    assert last[5] == first[5]
