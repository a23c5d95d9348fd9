"""Getting in: capabilities, names, passwords, SASL."""

from __future__ import annotations

import base64

import pytest

from tests.support.irc import IrcServer, IrcUser


def plain(name: str, password: str, authzid: str = "") -> str:
    """Return the answer of SASL PLAIN."""
    return base64.b64encode(f"{authzid}\0{name}\0{password}".encode()).decode()


@pytest.fixture
def rita(irc: IrcServer) -> str:
    """A registered name; its password is ``pass word``."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    return "rita"


def sasl(user: IrcUser, answer: str) -> list[str]:
    """Authenticate with *answer*; return the numerics."""
    user.sends("CAP LS 302", "CAP REQ :sasl", "AUTHENTICATE PLAIN")
    assert "AUTHENTICATE +" in user.sees()
    return [each.split()[1] for each in user.gets(f"AUTHENTICATE {answer}")]


def test_a_guest(irc: IrcServer) -> None:
    """A new name needs no password; the welcome names the server."""
    alice = irc.connects()
    lines = alice.gets("NICK alice", "USER al 0 * :Al Ice")
    assert lines[0] == "irc.test 001 alice Welcome to PyconChat, alice."
    assert [each.split()[1] for each in lines[:4]] == ["001", "002", "003", "004"]
    assert any("CASEMAPPING=ascii" in each for each in lines)


def test_sasl(irc: IrcServer, rita: str) -> None:
    """The account's name becomes the nick, whatever was asked for."""
    user = irc.connects()
    assert sasl(user, plain("rita", "pass word")) == ["900", "903"]
    lines = user.gets("NICK other", "USER r 0 * :R", "CAP END")
    assert lines[0].startswith("irc.test 001 rita")


def test_sasl_that_fails(irc: IrcServer, rita: str) -> None:
    """A wrong password is 904, three of them end the connection."""
    user = irc.connects()
    assert sasl(user, plain("rita", "wrong")) == ["904"]
    for answer in ("!!", plain("rita", "pass word", "somebody")):
        user.sends("AUTHENTICATE PLAIN")
        user.receives()
        assert user.gets(f"AUTHENTICATE {answer}")[0].split()[1] == "904"
    user.sends("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('rita', 'wrong')}")
    user.waits(10)
    assert user.sees()[-1] == "ERROR There were too many wrong passwords."
    user.waits(5)
    assert not user.wire.connected


def test_sasl_in_pieces(irc: IrcServer, rita: str) -> None:
    """An answer of 400 characters continues in the next line."""
    answer = plain("rita", "x" * 300)
    user = irc.connects()
    user.sends("CAP REQ :sasl", "AUTHENTICATE PLAIN", f"AUTHENTICATE {answer[:400]}")
    assert "904" not in str(user.sees())
    assert user.gets(f"AUTHENTICATE {answer[400:]}")[0].split()[1] == "904"


@pytest.mark.parametrize("password", ["rita:pass word", "pass word"])
def test_pass(irc: IrcServer, rita: str, password: str) -> None:
    """The password alone, or after the name."""
    user = irc.connects()
    lines = user.gets(f"PASS :{password}", "NICK rita", "USER r 0 * :R")
    assert lines[0].startswith("irc.test 001 rita")


def test_a_wrong_password(irc: IrcServer, rita: str) -> None:
    """464, and the end."""
    user = irc.connects()
    lines = user.gets("PASS wrong", "NICK rita", "USER r 0 * :R")
    assert [each.split()[0] for each in lines] == ["irc.test", "ERROR"]
    assert lines[0].split()[1] == "464"


def test_a_registered_name_without_its_password(irc: IrcServer, rita: str) -> None:
    """433, after which another name may be taken."""
    user = irc.connects()
    assert user.gets("NICK rita", "USER r 0 * :R")[0].startswith("irc.test 433 * rita")
    assert user.gets("NICK rita2")[0].startswith("irc.test 001 rita2")


def test_names_that_nobody_may_have(irc: IrcServer) -> None:
    """Bad ones are 432, those of the service, too."""
    user = irc.connects()
    user.sends("USER r 0 * :R")
    for nick in ("a b"[:1] + "!", "NickServ", "ChanServ", "PyconChat", "#tea"):
        assert user.gets(f"NICK {nick}")[0].split()[1] == "432", nick


def test_the_service_lets_an_account_in_later(irc: IrcServer, rita: str) -> None:
    """The guest goes, the account goes on in the connection."""
    reader, user = irc.enters("reader"), irc.enters("gus")
    reader.sends("JOIN #tea")
    user.sends("JOIN #tea")
    reader.receives()
    lines = user.gets("PRIVMSG NickServ :IDENTIFY rita wrong")
    assert lines == ["PyconChat NOTICE gus That is not the password of rita."]
    lines = user.gets("PRIVMSG NickServ :IDENTIFY rita pass word")
    assert lines[0].startswith("irc.test 900 gus")
    assert lines[1] == "gus NICK rita"
    assert reader.sees() == ["gus QUIT disconnected"]
    assert irc.chat.accounts.get("gus") is None


def test_capabilities(irc: IrcServer) -> None:
    """They are listed with values for 302, requested all or none, and listed again."""
    user = irc.connects()
    assert "sasl=PLAIN" in " ".join(user.gets("CAP LS 302"))
    assert user.gets("CAP REQ :batch nonsense") == ["irc.test CAP * NAK batch nonsense"]
    assert user.gets("CAP LIST") == ["irc.test CAP * LIST cap-notify"]
    assert user.gets("CAP REQ :batch -server-time") == ["irc.test CAP * ACK batch -server-time"]
    assert user.gets("CAP FOO")[0].startswith("irc.test 410 *")
    old = irc.connects()
    (line,) = old.gets("CAP LS")
    assert "sasl" in line.split()
    assert "=" not in line


def test_before_the_login(irc: IrcServer) -> None:
    """Nothing else is carried out, and a PING is answered."""
    user = irc.connects()
    assert user.gets("JOIN #tea")[0].startswith("irc.test 451 *")
    assert user.gets("PING x") == ["irc.test PONG irc.test x"]
    assert user.gets("QUIT") == ["ERROR Bye."]


def test_a_banned_name(irc: IrcServer, rita: str) -> None:
    """465, and the end."""
    operator = irc.at_nc("olga", "pass word")
    code = irc.chat.accounts.claim_code
    operator.types(f"/claim {code}", "/ban rita for good")
    user = irc.connects()
    lines = user.gets("PASS :rita:pass word", "NICK rita", "USER r 0 * :R")
    assert lines[0].split()[1] == "465"
    assert lines[1].startswith("ERROR")


def test_guests_off(irc: IrcServer) -> None:
    """A standard reply says that an account is required."""
    irc.chat.accounts.guests_allowed = False
    lines = irc.connects().gets("NICK gus", "USER g 0 * :G")
    assert lines[0].startswith("irc.test FAIL * ACCOUNT_REQUIRED")


def test_nobody_renames(irc: IrcServer, rita: str) -> None:
    """A guest who is in no group may, others may not."""
    gus, named = irc.enters("gus"), irc.enters("rita", password="pass word")
    assert gus.gets("NICK guy", "NICK GUY", "NICK GUY") == ["gus NICK guy", "guy NICK GUY"]
    assert named.gets("WHOIS guy")[0].split()[3] == "GUY"
    assert gus.gets("NICK rita")[0].split()[1] == "433"
    gus.sends("JOIN #tea")
    gus.receives()
    assert gus.gets("NICK gustav")[0].split()[1] == "447"
    assert named.gets("NICK rita3")[0].split()[1] == "447"


def test_a_refused_connection(irc: IrcServer) -> None:
    """Too many from one address: an ERROR line, as everything else here."""
    most = irc.services.config.limits.connections_per_ip
    users = [irc.connects() for _ in range(most + 1)]
    assert users[-1].sees()[0].startswith("ERROR ")


def test_a_long_password(irc: IrcServer) -> None:
    """One of 400 characters takes two lines of SASL."""
    password = "bars" * 100
    gus = irc.enters("gus")
    assert "yours now" in gus.gets(f"PRIVMSG NickServ :register {password}")[0]
    user = irc.connects()
    answer = plain("gus", password)
    user.sends("CAP REQ :sasl", "AUTHENTICATE PLAIN", f"AUTHENTICATE {answer[:400]}")
    user.receives()
    assert [each.split()[1] for each in user.gets(f"AUTHENTICATE {answer[400:]}")] == ["900", "903"]


def test_an_account_is_registered_before_the_login(irc: IrcServer) -> None:
    """REGISTER makes the nick an account, with which the client logs in."""
    user = irc.connects("draft/account-registration")
    assert user.gets("REGISTER * * :pass word")[0].startswith("irc.test FAIL REGISTER NEED_NICK")
    assert user.gets("NICK rita", "REGISTER zoe * :pass word")[0].startswith(
        "irc.test FAIL REGISTER ACCOUNT_NAME_MUST_BE_NICK zoe"
    )
    assert user.gets("REGISTER * * x")[0].startswith("irc.test FAIL REGISTER WEAK_PASSWORD rita")
    first, second = user.gets("REGISTER * * :pass word")
    assert first == "irc.test REGISTER SUCCESS rita rita is yours now."
    assert second.startswith("irc.test 900 rita rita!rita@pyconchat rita")
    assert "ALREADY_AUTHENTICATED" in user.gets("REGISTER * * :pass word")[0]
    assert user.gets("USER r 0 * :R", "CAP END")[0].startswith("irc.test 001 rita")
    assert "ACCOUNT_EXISTS" in irc.connects().gets("NICK Rita", "REGISTER * * :pass word")[0]
    assert sasl(irc.connects(), plain("rita", "pass word")) == ["900", "903"]


def test_a_guest_registers(irc: IrcServer) -> None:
    """The name of a guest is registered by the guest only; there is nothing to verify."""
    gus, alice = irc.enters("gus"), irc.enters("alice", "account-notify")
    for user in (gus, alice):
        user.gets("JOIN #tea")
    assert "USERNAME_EXISTS" in irc.connects().gets("NICK gus", "REGISTER * * :pass word")[0]
    assert gus.gets("REGISTER gus a@b.example")[0].split()[1] == "461"
    assert "irc.test REGISTER SUCCESS gus gus is yours now." in gus.gets(
        "REGISTER gus * :pass word"
    )
    assert alice.sees() == ["gus ACCOUNT gus"]
    assert "ALREADY_AUTHENTICATED" in gus.gets("REGISTER * * :pass word")[0]
    assert gus.gets("VERIFY gus 1")[0].startswith("irc.test FAIL VERIFY INVALID_CODE gus")


def test_what_is_supported_before_the_login(irc: IrcServer) -> None:
    """With the capability, in a batch if the client knows them."""
    assert irc.connects().gets("ISUPPORT")[0].split()[1] == "451"
    alice = irc.connects("draft/extended-isupport", "batch")
    lines = alice.gets("NICK alice", "ISUPPORT")
    assert lines[0].split()[1:] == ["BATCH", "+b1", "draft/isupport"]
    assert {each.split()[1] for each in lines[1:-1]} == {"005"}
    assert lines[-1] == "irc.test BATCH -b1"
    assert irc.enters("bob").gets("ISUPPORT")[0].split()[1:3] == ["005", "bob"]
