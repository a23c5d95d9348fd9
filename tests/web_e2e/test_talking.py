"""People talk: on the page, at nc, and with hostile text."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.faults.hostile import C0, EVIL
from tests.support.safety import unsafe
from tests.support.users import UserOf
from tests.web_e2e.people import PATIENT, Connect, Join
from tests.web_e2e.site import Site

MARKUP = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "<style>*{display:none}</style><b>bold</b>&lt;i&gt;&amp;",
    "javascript:alert(1) data:text/html,<svg/onload=alert(2)>",
    "\u202egnp.exe\u2066 and \u200fback",
]


def test_approval(person: Join, user: UserOf) -> None:
    """Alice creates tea; bob, at nc, asks to join, is approved by a button, and both talk."""
    alice = person("alice")
    alice.joins("tea", "approval")
    bob = user("nc", "bob", "secret of bob")
    bob.types("join tea")
    alice.sees("bob asks to join tea.")
    alice.button("Approve bob").first.click()
    bob.sees("You are in tea")
    expect(alice.button("Approve bob")).to_have_count(0)
    bob.types("hello from nc")
    alice.sees("hello from nc")
    alice.says("hello from the page")
    bob.sees("alice: hello from the page")
    expect(alice.page.locator("#showpeople")).to_have_text("People 2/2")


def test_rejection(person: Join, user: UserOf) -> None:
    """A moderator rejects by a button of the panel."""
    alice = person("ann")
    alice.joins("cups", "approval")
    bob = user("nc", "ben", "secret of ben")
    bob.types("join cups Please")
    alice.sees('ben asks to join cups: "Please"')
    alice.button("People 1/1, 1 asking").click()
    alice.page.locator("#panel").get_by_role("button", name="Reject ben").click()
    bob.sees("was rejected by ann")
    alice.sees("ann rejected the request of ben.")


def test_markup_is_text(person: Join, site: Site) -> None:
    """Markup, scripts and bidirectional text are shown as they were typed; nothing of it runs."""
    alice = person("amy")
    alice.joins("markup")
    alice.says(*MARKUP[:-1])
    for text in MARKUP[:-1]:
        alice.sees(text)
    alice.says(MARKUP[-1])
    alice.sees("gnp.exe and \u200fback")
    alice.says(f"/topic {MARKUP[0]}")
    expect(alice.page.locator("#topic")).to_have_text(MARKUP[0])
    assert "owned" not in alice.page.title()
    assert alice.log.locator("img, script, style, b, svg").count() == 0
    assert alice.log.locator("a[href^='javascript:'], a[href^='data:']").count() == 0


def test_hostile_text(person: Join, program: Connect) -> None:
    """What is removed for terminals does not reach the page either, in all kinds of events."""
    alice = person("eve")
    alice.joins("evil")
    mallory = program("mallory")
    mallory.does("/join evil")
    for text in (EVIL, f"{C0}\n{EVIL}", "a" + "\u0301" * 500):
        mallory.requests(text=f"{text}mark", group="evil")
    mallory.does(f"/me {EVIL}mark", "evil")
    mallory.does(f"/away {EVIL}mark")
    mallory.does(f"/send {EVIL}mark", "evil")
    mallory.does("/leave evil")
    mallory.does(f"/msg eve {EVIL}mark")
    alice.sees("mallory has left the chat.")
    alice.page.locator("#talks a").click()
    expect(alice.log.get_by_text("mark").first).to_be_visible(timeout=PATIENT)
    assert unsafe(alice.page.locator("body").inner_text(), "\n\t") == []


def test_links(person: Join) -> None:
    """Addresses become links that tell nothing to where they lead; punctuation is no part."""
    alice = person("lea")
    alice.joins("links")
    alice.says("see https://example.org/a?b=c#d, or (http://example.org/x).")
    links = alice.message("see https://example.org/a?b=c#d, or (http://example.org/x).").locator(
        ".text a"
    )
    expect(links).to_have_count(2)
    assert [each.get_attribute("href") for each in links.all()] == [
        "https://example.org/a?b=c#d",
        "http://example.org/x",
    ]
    assert {each.get_attribute("rel") for each in links.all()} == {"noopener noreferrer"}


def test_several_lines(person: Join) -> None:
    """Shift-Enter makes one message of several lines; pasted lines are sent after a question."""
    alice = person("liz")
    alice.joins("paragraphs")
    alice.field.press_sequentially("one")
    alice.field.press("Shift+Enter")
    alice.field.press_sequentially("two")
    alice.field.press("Enter")
    alice.sees("one\ntwo")
    alice.page.evaluate(
        """() => { const data = new DataTransfer(); data.setData("text", "x\\ny");
        field.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data})); }"""
    )
    alice.field.fill("three\n  four")
    alice.field.press("Enter")
    expect(alice.page.locator("#asking")).to_contain_text("Send 2 lines as one message?")
    alice.field.press("Escape")
    expect(alice.page.locator("#asking")).to_be_hidden()
    expect(alice.field).to_have_value("three\n  four")
    alice.field.press("Enter")
    alice.field.press("Enter")
    alice.sees("three\n  four")
    alice.field.fill("\n".join(map(str, range(100))))
    alice.field.press("Enter")
    expect(alice.page.locator("#asking")).to_contain_text("Send 100 lines as 2 messages?")
    alice.field.press("Enter")
    expect(alice.log.locator(".msg:not(.waiting) .text", has_text="99")).to_have_count(1)


def test_amendments(person: Join) -> None:
    """Editing, removing, answering and reacting, by buttons and commands, change what is shown."""
    alice = person("amelie")
    alice.joins("amend")
    alice.says("frist", "second")
    alice.message("frist").hover()
    alice.button("Edit").click()
    expect(alice.field).to_have_value("frist")
    alice.says("first")
    alice.sees("first")
    expect(alice.message("first").locator(".edited")).to_have_text(" (edited)")
    alice.message("first").hover()
    alice.button("Reply").click()
    alice.says("an answer")
    expect(alice.message("an answer").locator(".quote")).to_have_text('↪ amelie "first"')
    alice.message("second").hover()
    alice.button("React ❤️").click()
    expect(alice.message("second").locator(".chip")).to_contain_text("❤️ 1")
    alice.message("second").hover()
    alice.button("Remove").click()
    expect(alice.log.get_by_text("removed by amelie")).to_be_visible()
    assert alice.texts() == ["first", "an answer"]


def test_questions(person: Join, user: UserOf) -> None:
    """A command that lacks an argument asks for it in a dialog; a password is hidden."""
    bob = user("nc", "quincy")
    alice = person("quinn")
    alice.joins("asks")
    alice.says("/topic")
    alice.says("/msg")
    dialog = alice.page.locator("#question")
    dialog.get_by_role("textbox").fill("nobody-here")
    dialog.get_by_role("textbox").press("Enter")
    expect(alice.log.locator(".notice.error")).to_contain_text("nobody-here")
    alice.says("/msg")
    for answer in ("quincy", "hi there"):
        dialog.get_by_role("textbox").fill(answer)
        dialog.get_by_role("textbox").press("Enter")
    bob.sees("hi there")
    alice.says("/policy password")
    expect(dialog.locator("#answer")).to_have_attribute("type", "password")
    dialog.locator("#answer").fill("very secret")
    alice.button("OK").click()
    alice.sees("quinn changed the policy to password.")
    kept = json.dumps(alice.page.evaluate("[{...sessionStorage}, {...localStorage}]"))
    assert "very secret" not in kept
    assert "very secret" not in alice.page.locator("body").inner_text()


def test_membership(person: Join, user: UserOf) -> None:
    """Who is kicked can read and not type, and joins again by a button; leaving is one too."""
    alice = person("anton")
    alice.joins("saucers")
    boss = user("nc", "boss", "secret of boss", "saucers")
    alice.sees("boss has joined the chat!")
    alice.says("/transfer boss")
    alice.sees("boss is the admin now, appointed by anton.")
    boss.types("/kick anton enough")
    alice.sees("You were kicked from saucers by boss: enough")
    expect(alice.field).to_be_disabled()
    alice.button("Join").click()
    alice.sees("You are in saucers.")
    expect(alice.field).to_be_enabled()
    alice.says("again")
    boss.sees("anton: again")
    alice.button("Leave").click()
    boss.sees("anton has left the chat")
    alice.page.locator("#desk a").click()
    alice.is_at("Front desk")
    expect(alice.page.locator("#groups a")).to_have_count(0)


def test_joining_by_buttons(person: Join) -> None:
    """A group is created and joined in a dialog; ``/go`` and numbers lead to places."""
    alice, bob = person("ariel"), person("bela")
    alice.button("Join or create a group").click()
    alice.page.get_by_label("Name or number of a group").fill("spoons")
    alice.page.get_by_label("Who can join").select_option("open")
    alice.button("Create").click()
    alice.is_at("spoons")
    bob.button("Join or create a group").click()
    row = bob.page.locator(".directory li", has_text="spoons")
    row.get_by_role("button").click()
    bob.is_at("spoons")
    bob.button("Write to a person").click()
    bob.page.locator(".directory li", has_text="ariel").get_by_role("button").click()
    bob.is_at("ariel")
    bob.says("psst", "/go spoons")
    bob.is_at("spoons")
    bob.says("/go @ariel")
    bob.is_at("ariel")
    alice.page.locator("#talks a", has_text="bela").click()
    alice.sees("psst")
