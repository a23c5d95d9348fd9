"""Accessibility: axe-core finds nothing, everything works by keyboard, and on a narrow page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.skips import missing
from tests.web_e2e.people import PATIENT, Connect, Join, Person

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"

WIDE, NARROW = {"width": 1100, "height": 720}, {"width": 390, "height": 780}

AXE_RUN = """
async () => (await axe.run(document, {resultTypes: ["violations"], preload: false})).violations
"""
"""Only the violations: to return all results takes longer than to find them.

Without `preload`, audio, video and the sheets for a locked orientation, which axe-core leaves out
by default, are not fetched: the page has no media.
"""


def check(person: Person) -> None:
    """Check what is shown with axe-core, by all of its rules: light, then dark and narrow."""
    if not AXE.exists():
        missing("axe-core")
    page = person.page
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    assert page.evaluate(AXE_RUN) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(NARROW)
    assert page.evaluate(AXE_RUN) == []
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")


def test_axe(person: Join, program: Connect) -> None:
    """No violation at the login, in a conversation, in each panel and in each dialog."""
    alice = person(color_scheme="light")
    alice.opens()
    expect(alice.page.get_by_label("Name")).to_be_visible()
    check(alice)
    alice.logs_in("alice")
    check(alice)
    alice.joins("tea", "approval")
    carl = program("carl")
    carl.does("/join tea Please")
    alice.sees('carl asks to join tea: "Please"')
    check(alice)
    alice.button("Approve carl").first.click()
    alice.sees("carl has joined the chat! (approved by alice)")
    alice.says("hello https://example.org/", "second", "/nonsense", "/members", "/topic Tea")
    carl.does("hi alice", "tea")
    carl.does("/react 5 👍", "tea")
    carl.does("an answer", "tea", reply_to=5)
    alice.sees("an answer")
    alice.message("second").focus()
    check(alice)
    for button, shown in (("People 2/2", ".on"), ("Files", ".primary"), ("Search", "")):
        alice.button(button).click()
        expect(alice.page.locator(f"#panelbody {shown}").first).to_be_attached()
        check(alice)
        alice.button("Close").click()
    alice.field.press_sequentially("/re")
    expect(alice.page.get_by_role("option").first).to_be_visible()
    check(alice)
    alice.field.press("Escape")
    alice.page.keyboard.press("Control+k")
    check(alice)
    alice.page.keyboard.press("Escape")
    alice.page.locator("#account summary").click()
    alice.button("Keys").click()
    check(alice)
    alice.button("Close").click()
    alice.button("Join or create a group").click()
    expect(alice.page.locator(".directory li").first).to_be_visible()
    check(alice)
    alice.button("Close").click()
    alice.page.set_viewport_size(NARROW)
    alice.button("Places").click()
    assert alice.page.evaluate(AXE_RUN) == []


def tabs_to(person: Person, name: str) -> None:
    """Press Tab until the element with that name has the focus."""
    for _ in range(40):
        focused = person.page.evaluate(
            "document.activeElement === document.body ? '' :"
            " document.activeElement.getAttribute('aria-label')"
            " || document.activeElement.labels?.[0]?.innerText || document.activeElement.innerText"
        )
        if focused and name in focused:
            return
        person.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {name}")


def test_keyboard_alone(person: Join, program: Connect) -> None:
    """Log in, create, approve, talk, react, search, change places and log out without a pointer."""
    alice = person()
    alice.opens()
    keys = alice.page.keyboard
    expect(alice.page.get_by_label("Name")).to_be_focused(timeout=PATIENT)
    keys.type("keyla")
    keys.press("Tab")
    keys.type("hush hush")
    keys.press("Enter")
    register = alice.button("Register this name")
    expect(register).to_be_focused(timeout=PATIENT)
    keys.press("Enter")
    expect(alice.field).to_be_focused(timeout=PATIENT)
    keys.type("/cre")
    expect(alice.page.get_by_role("option", name="/create")).to_be_visible()
    keys.press("Tab")
    keys.type("keys approval")
    keys.press("Enter")
    alice.is_at("keys")
    carl = program("klaus")
    carl.does("/join keys")
    alice.sees("klaus asks to join keys.")
    expect(alice.field).to_be_focused()
    keys.press("Shift+Tab")
    tabs_to(alice, "Approve klaus")
    keys.press("Enter")
    alice.sees("klaus has joined the chat! (approved by keyla)")
    keys.press("Escape")
    expect(alice.field).to_be_focused()
    keys.type("hello")
    keys.press("Enter")
    alice.sees("hello")
    expect(alice.log.locator(".waiting")).to_have_count(0)
    keys.press("ArrowUp")
    expect(alice.field).to_have_value("hello")
    keys.press("Control+a")
    keys.press("Delete")
    alice.log.focus()
    keys.press("ArrowUp")
    expect(alice.message("hello")).to_be_focused()
    keys.press("ArrowRight")
    expect(alice.button("React 👍")).to_be_focused()
    keys.press("Enter")
    expect(alice.message("hello").locator(".chip")).to_contain_text("1")
    keys.press("Escape")
    keys.press("Alt+ArrowUp")
    alice.is_at("Front desk")
    keys.press(f"Alt+{alice.page.locator('#groups .mark').inner_text()}")
    alice.is_at("keys")
    keys.press("Control+k")
    keys.type("front")
    keys.press("Enter")
    alice.is_at("Front desk")
    expect(alice.field).to_be_focused()
    keys.press("Alt+ArrowDown")
    alice.is_at("keys")
    tabs_to(alice, "Find a group")
    keys.press("?")
    expect(alice.page.locator("#sheet")).to_contain_text("Ctrl-K")
    keys.press("Escape")
    expect(alice.page.locator("#sheet")).to_be_hidden()
    tabs_to(alice, "Search")
    keys.press("Enter")
    keys.type("hello")
    keys.press("Enter")
    expect(alice.page.locator(".hit")).to_have_count(1, timeout=PATIENT)
    keys.press("Escape")
    expect(alice.page.locator("#panel")).to_be_hidden()
    tabs_to(alice, "keyla")
    keys.press("Enter")
    tabs_to(alice, "Log out")
    keys.press("Enter")
    expect(alice.page.get_by_label("Password")).to_be_focused(timeout=PATIENT)


@pytest.mark.parametrize(
    ("width", "height"), [(320, 640), (550, 360)], ids=["320 px", "200 % zoom"]
)
def test_narrow(person: Join, width: int, height: int) -> None:
    """Nothing is wider than the page, and everything can be reached."""
    alice = person(viewport={"width": width, "height": height})
    name = f"alice-{width}"
    alice.logs_in(name)
    alice.joins(f"tea-{width}")
    alice.says("a" * 300, "https://example.org/" + "b" * 300, "/help", f"/topic {'long ' * 30}")
    alice.sees("a" * 300)
    for button in ("People 1/1", "Files", "Search"):
        alice.button(button).click()
        assert alice.page.evaluate("document.documentElement.scrollWidth") <= width
        assert alice.log.evaluate("(log) => log.scrollWidth - log.clientWidth") <= 0
        alice.button("Close").click()
    expect(alice.field).to_be_in_viewport(ratio=1)
    expect(alice.button("Send")).to_be_in_viewport(ratio=1)
    alice.button("Places").click()
    alice.page.locator("#desk a").click()
    alice.is_at("Front desk")
    expect(alice.page.locator("#side")).to_be_hidden()


def test_reduced_motion(person: Join) -> None:
    """Nothing moves, for somebody who has asked for that."""
    alice = person("alma")
    assert alice.page.evaluate("document.getAnimations().length") == 0
    moving = alice.page.evaluate(
        """[...document.querySelectorAll("*")].filter((each) => {
            const style = getComputedStyle(each);
            return style.transitionDuration !== "0s" || style.animationName !== "none";
        }).length"""
    )
    assert moving == 0
