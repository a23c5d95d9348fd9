"""Address: a server, and the name and the group that a person wants there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconchat.client.net.address import Address, BadAddress, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host", Address("host", 8000)),
        ("host:9000", Address("host", 9000)),
        ("host:1", Address("host", 1)),
        ("host:65535", Address("host", 65535)),
        ("alice@host", Address("host", 8000, "alice")),
        ("alice@host/tea", Address("host", 8000, "alice", "tea")),
        ("host/tea", Address("host", 8000, "", "tea")),
        ("host/tea/", Address("host", 8000, "", "tea")),
        ("host/", Address("host", 8000)),
        ("host/12", Address("host", 8000, "", "12")),
        ("chat.example.org:80/tea.time", Address("chat.example.org", 80, "", "tea.time")),
        ("192.0.2.1:9000", Address("192.0.2.1", 9000)),
        ("[::1]", Address("::1", 8000)),
        ("[2001:db8::1]:9000", Address("2001:db8::1", 9000)),
        ("a.b-c_1@[::1]:9000/tea", Address("::1", 9000, "a.b-c_1", "tea")),
        ("::1", Address("::1", 8000)),
        ("alice@2001:db8::1/tea", Address("2001:db8::1", 8000, "alice", "tea")),
        ("bücher.example", Address("xn--bcher-kva.example", 8000)),
        ("BÜCHER.example:9", Address("xn--bcher-kva.example", 9)),
        ("例え.jp", Address("xn--r8jz45g.jp", 8000)),
        ("my_host.local.", Address("my_host.local.", 8000)),
        ("pyconchat://host", Address("host", 8000)),
        ("PyconChat://alice@host:9/tea", Address("host", 9, "alice", "tea")),
        ("pyconchats://host", Address("host", 8443, tls=True)),
        ("pyconchats://alice@host:9/tea", Address("host", 9, "alice", "tea", True)),
        ("pyconchats://[::1]/tea", Address("::1", 8443, "", "tea", True)),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    """A name, a host, a port, a group and TLS: everything except the host may be left out."""
    assert parse_address(text) == expected


def test_port_and_tls_arguments() -> None:
    """They may be given apart from the text; a scheme without TLS does not override them."""
    assert parse_address("alice@host/tea", "9000") == Address("host", 9000, "alice", "tea")
    assert parse_address("[::1]", "9000") == Address("::1", 9000)
    assert parse_address("::1", "23001") == Address("::1", 23001)
    assert parse_address("host", tls=True) == Address("host", 8443, tls=True)
    assert parse_address("host", "9000", tls=True) == Address("host", 9000, tls=True)
    assert parse_address("pyconchat://host", tls=True).tls


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", ""),
        ("@", "@"),
        ("/", "/"),
        (":", ":"),
        (":9000", ":9000"),
        ("@host", "@host"),
        ("alice@", "alice@"),
        ("alice@/tea", "alice@"),
        ("ho st", "ho st"),
        ("host:0", "1 to 65535"),
        ("host:65536", "1 to 65535"),
        ("host:99999", "1 to 65535"),
        ("host:000000000080", "1 to 65535"),
        ("host:-1", "1 to 65535"),
        ("host:+80", "1 to 65535"),
        ("host:eighty", "1 to 65535"),
        ("host:80x", "1 to 65535"),
        ("host:٨٠", "1 to 65535"),
        ("::1:", "IPv6"),
        ("1::2::3", "IPv6"),
        ("host:80:90", "IPv6"),
        ("..", "host name"),
        ("a..b", "host name"),
        ("-a.example", "host name"),
        ("a!b", "host name"),
        ("192.0.2.256", "host name"),
        ("a" * 64, "host name"),
        (".".join(["a" * 60] * 5), "host name"),
        ("xn--ls8ha.st", "host name"),
        ("bü\u200bcher..example", "host name"),
        ("[::1", "]"),
        ("[::1]x", "]"),
        ("[::1]9000", "]"),
        ("[]", "[]"),
        ("[]:9000", "[]"),
        ("-alice@host", "A name"),
        ("al ice@host", "A name"),
        ("quit@host", "quit"),
        (f"{'a' * 33}@host", "A name"),
        ("a@b@host", "A name"),
        ("å山@host", "A name"),
        ("host/te a", "A group's name"),
        ("host/tea/coffee", "A group's name"),
        ("host/-tea", "A group's name"),
        ("host/007", "A group's number"),
        ("host/help", "help"),
        ("http://host", "http"),
        ("ssh://alice@host", "ssh"),
        ("pyconchat:host", "pyconchat:host"),
        ("pyconchat://", "pyconchat://"),
    ],
)
def test_invalid_addresses(text: str, named: str) -> None:
    """Each is refused in one line that names the problem."""
    with pytest.raises(BadAddress) as caught:
        parse_address(text)
    sentence = str(caught.value)
    assert len(sentence.splitlines()) == 1
    assert named in sentence


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "80 ", "\uff18\uff10"])
def test_invalid_ports(port: str) -> None:
    """A port that is given apart from the text is checked as well."""
    with pytest.raises(BadAddress, match="1 to 65535"):
        parse_address("host", port)


@pytest.mark.parametrize("text", ["host:9000", "[::1]:9000", "alice@host:9000/tea"])
def test_two_ports(text: str) -> None:
    """Two ports are refused."""
    with pytest.raises(BadAddress, match="two ports"):
        parse_address(text, "9000")


@pytest.mark.parametrize("text", ["host:9000", "[::1]:8000", "[2001:db8::1]:443"])
def test_str(text: str) -> None:
    """An address as text is an address of the same server."""
    assert str(parse_address(text)) == text


@given(st.text(max_size=30) | st.text("ab1@:/[]. -", max_size=20), st.text("0189x", max_size=6))
def test_random_texts(text: str, port: str) -> None:
    """They are valid addresses, or refused."""
    try:
        address = parse_address(text, port)
    except BadAddress:
        return
    assert address.host
    assert 0 < address.port < 65536
    assert not any(char.isspace() for char in address.host)
