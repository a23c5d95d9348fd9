"""Cut connections, a killed server and reloads: what was typed is said once, in order."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.programs import numbers
from tests.web_e2e.people import PATIENT, Connect, Join
from tests.web_e2e.site import Site


def test_a_killed_server(person: Join, site: Site) -> None:
    """Three lines that are typed while the server is killed and started again come once each."""
    alice = person("alice")
    alice.joins("tea")
    alice.says("before")
    alice.sees("before")
    alice.says("one")
    site.server.kill()
    alice.says("two", "three")
    expect(alice.status).to_contain_text("Offline", timeout=PATIENT)
    expect(alice.log.locator(".msg .text", has_text="three")).to_be_visible()
    site.start()
    expect(alice.status).to_be_empty(timeout=PATIENT)
    expect(alice.log.locator(".waiting")).to_have_count(0, timeout=PATIENT)
    assert alice.texts() == ["before", "one", "two", "three"]


def test_a_reload_while_offline(person: Join, site: Site, program: Connect) -> None:
    """What waits is still there after a reload, and is sent once the server can be reached."""
    alice = person("anna")
    alice.joins("kettle")
    carl = program("carl")
    carl.does("/join kettle")
    site.proxy.hold_sockets = True
    site.proxy.cut()
    alice.says("typed offline", "and more")
    expect(alice.status).to_contain_text("2 lines waiting", timeout=PATIENT)
    expect(alice.log.locator(".waiting")).to_have_count(2)
    alice.page.reload()
    carl.does("said meanwhile", "kettle")
    site.proxy.hold_sockets = False
    alice.is_in()
    alice.is_at("kettle")
    alice.sees("typed offline")
    alice.sees("and more")
    alice.sees("said meanwhile")
    expect(alice.log.locator(".waiting")).to_have_count(0, timeout=PATIENT)
    carl.does("/history 10", "kettle")
    assert len(numbers(carl.entries, "kettle")) == len({*numbers(carl.entries, "kettle")})
    said = [each["text"] for each in carl.entries if each["type"] == "message"]
    assert sorted(said) == ["and more", "said meanwhile", "typed offline"]


def test_cuts_while_typing(person: Join, site: Site) -> None:
    """A connection that is cut again and again loses nothing and repeats nothing."""
    alice = person("axel")
    alice.joins("cuts")
    lines = [f"line {number}" for number in range(12)]
    for number, line in enumerate(lines):
        alice.says(line)
        if number % 4 == 1:
            site.proxy.cut()
    expect(alice.log.locator(".waiting")).to_have_count(0, timeout=PATIENT)
    alice.sees(lines[-1])
    assert alice.texts() == lines


def test_taking_back(person: Join, site: Site) -> None:
    """A line that waits can be taken back into the field."""
    alice = person("ada")
    alice.joins("biscuits")
    site.proxy.down = True
    site.proxy.cut()
    alice.says("oops", "kept")
    alice.button("Take back").first.click()
    expect(alice.field).to_have_value("oops")
    site.proxy.down = False
    alice.sees("kept")
    assert alice.texts() == ["kept"]


def test_a_guest(person: Join, site: Site) -> None:
    """A guest needs no password, keeps the name at a reload, and joins their groups again."""
    gus = person("gus", "")
    gus.joins("guests")
    gus.says("hello")
    gus.sees("hello")
    site.proxy.cut()
    gus.says("still here")
    gus.sees("still here")
    gus.page.reload()
    gus.is_in()
    expect(gus.page.locator("#me")).to_have_text("gus (guest)")
