"""The log: older entries, jumps, search, what is new, links to places, and speech."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.support.programs import Program
from tests.web_e2e.people import PATIENT, Join, Person
from tests.web_e2e.site import Site


@pytest.fixture(scope="module")
def carl(site: Site) -> Iterator[Program]:
    """Somebody who has said 350 lines in the group tea."""
    carl = Program(site.server.port)
    carl.logs_in("carl", "secret of carl")
    carl.does("/create tea open")
    for number in range(1, 351):
        carl.requests(text=f"line {number} of many", group="tea")
    carl.does("/topic All about tea", "tea")
    yield carl
    carl.close()


def test_scrolling_up(person: Join, carl: Program) -> None:
    """Older entries are fetched, 100 at once, and what is seen stays where it is."""
    alice = person("alice")
    alice.says("/join tea")
    alice.sees("line 350 of many")
    assert alice.message("line 350 of many").evaluate(
        "(node) => node.getBoundingClientRect().bottom <= log.getBoundingClientRect().bottom + 1"
    )
    for number in (255, 155, 55):
        text = f"line {number} of many"
        expect(alice.message(text)).to_be_attached(timeout=PATIENT)
        moved = alice.page.evaluate(
            """async (text) => {
                const all = () => [...log.querySelectorAll(".msg")];
                const node = all().find((each) => each.innerText.includes(text));
                node.scrollIntoView({block: "start"});
                const before = node.getBoundingClientRect().top, count = log.children.length;
                for (let i = 0; i < 600 && log.children.length === count; i += 1)
                    await new Promise((done) => setTimeout(done, 50));
                const now = all().find((each) => each.innerText.includes(text));
                return now.getBoundingClientRect().top - before;
            }""",
            text,
        )
        assert abs(moved) < 3, number
    expect(alice.log.locator(".begin")).to_have_text("This is the beginning of tea.")
    alice.says("said from above")
    expect(alice.message("said from above")).to_be_in_viewport()
    alice.log.evaluate("(log) => { log.scrollTop = 0; }")
    expect(alice.message("said from above")).not_to_be_in_viewport()
    alice.field.focus()
    alice.page.keyboard.press("Escape")
    expect(alice.message("said from above")).to_be_in_viewport()


def test_a_draw_before_the_event_of_a_scroll(person: Join, carl: Program) -> None:
    """A reader who has just scrolled up is not taken back to the end."""
    alice = person("aline")
    alice.says("/join tea")
    alice.sees("line 350 of many")
    top = alice.log.evaluate(
        """async (log) => {
            const { draw } = await import(new URL("log.js", document.querySelector("script").src));
            log.scrollTop -= 400;
            const before = log.scrollTop;
            draw();
            return log.scrollTop - before;
        }"""
    )
    assert abs(top) < 3


def test_search(person: Join, carl: Program) -> None:
    """A hit opens the log there; from there it can be read on in both directions."""
    alice = person("anna")
    alice.says("/join tea")
    alice.sees("line 350 of many")
    alice.button("Search").click()
    alice.page.get_by_label("Search here").fill('"line 40"')
    alice.page.keyboard.press("Enter")
    hit = alice.page.locator(".hit")
    expect(hit).to_have_count(1, timeout=PATIENT)
    hit.click()
    expect(alice.message("line 40 of many")).to_be_in_viewport(timeout=PATIENT)
    expect(alice.message("line 350 of many")).not_to_be_attached()
    assert alice.page.url.endswith("#tea/41")
    carl.does("said while reading the log", "tea")
    expect(alice.page.get_by_role("button", name="Newest")).to_be_visible()
    for _ in range(30):
        alice.log.evaluate("(log) => { log.scrollTop = log.scrollHeight; }")
        alice.page.wait_for_timeout(100)
        if "said while reading the log" in alice.texts():
            break
    alice.sees("said while reading the log")
    numbers = [int(t.split()[1]) for t in alice.texts() if t.startswith("line")]
    assert numbers == list(range(numbers[0], 351))


def test_a_link_to_an_entry(person: Join, carl: Program) -> None:
    """The address #tea/101 opens the group at that entry, also before the login.

    That of a group that one is not in leads to the front desk, where one can join it, and then to
    the entry, once.
    """
    alice = person()
    alice.logs_in("abby", path="#tea/101")
    alice.button("Join tea").click()
    alice.is_at("tea")
    expect(alice.message("line 100 of many")).to_be_in_viewport(timeout=PATIENT)
    alice.page.locator("#desk a").click()
    alice.is_at("Front desk")
    alice.page.locator("#groups a").click()
    alice.is_at("tea")
    expect(alice.message("line 350 of many")).to_be_in_viewport(timeout=PATIENT)
    alice.page.goto("about:blank")
    alice.opens("#tea/101")
    alice.is_in()
    expect(alice.message("line 100 of many")).to_be_in_viewport(timeout=PATIENT)
    alice.page.evaluate("location.hash = '#tea/11'")
    expect(alice.message("line 10 of many")).to_be_in_viewport(timeout=PATIENT)
    alice.page.evaluate("location.hash = '#'")
    alice.is_at("Front desk")
    alice.page.go_back()
    alice.is_at("tea")


def test_links_that_lead_nowhere(person: Join, carl: Program) -> None:
    """One line says so: of a message, at the end of the conversation; of a place, at the desk."""
    alice = person("aida")
    alice.says("/join tea")
    alice.is_at("tea")
    for number in ("999999", "-5"):
        alice.page.evaluate("number => { location.hash = `#tea/${number}`; }", number)
        alice.sees(f"There is no message {number} here that you can see.")
        expect(alice.message("line 350 of many")).to_be_in_viewport(timeout=PATIENT)
        assert alice.page.url.endswith("#tea")
    expect(alice.log.locator(".error")).to_have_count(2)
    alice.page.evaluate("location.hash = '#nowhere/5'")
    alice.is_at("Front desk")
    alice.sees("There is no group nowhere that you can see.")
    expect(alice.button("Join nowhere")).to_have_count(0)
    carl.does("/create cocoa open")
    alice.page.evaluate("location.hash = '#Cocoa'")
    alice.sees("You are not in cocoa.")
    alice.button("Join cocoa").click()
    alice.is_at("cocoa")


def test_unread(person: Join, carl: Program) -> None:
    """What is said elsewhere is counted in the list and the title, until the place is opened."""
    alice = person("arno")
    alice.says("/join tea")
    alice.sees("line 350 of many")
    alice.says("/desk")
    alice.is_at("Front desk")
    carl.does("one", "tea")
    carl.does("two for arno", "tea")
    carl.does("/msg arno psst")
    badge = alice.page.locator("#groups .badge")
    expect(badge).to_have_text("2 unread, 1 mention", timeout=PATIENT)
    expect(alice.page).to_have_title("(3) PyconChat")
    alice.page.reload()
    expect(badge).to_have_text("2 unread, 1 mention", timeout=PATIENT)
    alice.page.locator("#groups a").click()
    alice.sees("two for arno")
    expect(alice.log.locator(".new")).to_contain_text("2 new since")
    expect(badge).to_have_count(0)
    expect(alice.page).to_have_title("(1) tea \u2013 PyconChat")
    alice.page.locator("#talks a").click()
    alice.sees("psst")
    expect(alice.page).to_have_title("carl \u2013 PyconChat")
    alice.page.wait_for_timeout(1200)  # the mark is reported once a second
    alice.page.reload()
    expect(alice.page).to_have_title("carl \u2013 PyconChat", timeout=PATIENT)
    alice.sees("psst")


def test_a_press_while_something_arrives(person: Join, carl: Program) -> None:
    """Nothing is drawn between press and release: else the pressed element would get no click."""
    alice = person("anton")
    alice.says("/join tea")
    alice.sees("line 350 of many")
    alice.says("/desk")
    alice.is_at("Front desk")
    tea = alice.page.locator("#groups a")
    tea.hover()
    alice.page.mouse.down()
    carl.does("said during the press", "tea")
    alice.page.wait_for_timeout(400)
    alice.page.mouse.up()
    alice.is_at("tea")
    alice.sees("said during the press")


def speech_of(person: Person) -> list[str]:
    return list(person.page.evaluate("window.spoken"))


def test_speech(person: Join, carl: Program) -> None:
    """The log is silent; another region says who said what, at most once a second."""
    alice = person("ava")
    alice.says("/join tea")
    alice.sees("line 350 of many")
    assert alice.log.get_attribute("aria-live") == "off"
    region = alice.page.locator("#speech")
    assert region.get_attribute("aria-live") == "polite"
    alice.page.wait_for_timeout(1500)
    alice.page.evaluate(
        """() => { window.spoken = []; new MutationObserver(() => spoken.push(speech.textContent))
        .observe(document.getElementById("speech"), {childList: true}); }""".replace(
            "speech.text", "document.getElementById('speech').text"
        )
    )
    for text in ("first", "second", "third", "fourth"):
        carl.does(text, "tea")
    expect(region).to_have_text("3 new messages", timeout=PATIENT)
    assert speech_of(alice) == ["carl: first", "3 new messages"]
    # The time is hidden, and name and text are in the order in which they are read.
    assert alice.message("fourth").locator(".time").get_attribute("aria-hidden") == "true"
    assert alice.message("first").evaluate(
        "(node) => node.querySelector('.who').compareDocumentPosition("
        "node.querySelector('.text')) & Node.DOCUMENT_POSITION_FOLLOWING"
    )


NOTIFIED = """
window.notified = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() {
    return (this.permission = "granted");
  }
  constructor(title, { body, tag }) {
    window.notified.push([title, body, tag]);
    window.latest = this;
  }
};
for (const [name, away] of [["visibilityState", "hidden"], ["hidden", true]]) {
  const seen = name === "hidden" ? false : "visible";
  Object.defineProperty(document, name, { get: () => (window.away ? away : seen) });
}
"""


def test_notifications(person: Join, carl: Program) -> None:
    """On request, of mentions and private messages, while the page is hidden; as plain text."""
    alice = person()
    alice.page.add_init_script(NOTIFIED)
    alice.logs_in("anna")
    alice.says("/join tea")
    alice.is_at("tea")

    def carl_says(*texts: str) -> list[list[str]]:
        """Have carl say this while the page is hidden; return what was notified since the start."""
        alice.page.evaluate("window.away = true")
        for text in texts:
            carl.does(text, "tea")
        alice.sees(texts[-1])
        found: list[list[str]] = alice.page.evaluate("window.notified")
        alice.page.evaluate("window.away = false")
        return found

    assert carl_says("before, anna") == [], "nobody has asked for them"
    alice.page.locator("#account summary").click()
    alice.button("Notify me of mentions").click()
    expect(alice.button("Do not notify me")).to_be_visible()
    carl.does("anna: you see this", "tea")
    alice.sees("anna: you see this")
    assert alice.page.evaluate("window.notified") == [], "the page is seen"
    assert carl_says("for all", "<b>anna</b>") == [["carl", "<b>anna</b>", "tea"]]
    alice.says("/desk")
    alice.is_at("Front desk")
    alice.page.evaluate("window.away = true")
    carl.does("/msg anna psst")
    expect(alice.page.locator("#talks .badge")).to_be_visible(timeout=PATIENT)
    assert alice.page.evaluate("window.notified[1]") == ["carl", "psst", "@carl"]
    alice.page.evaluate("window.away = false; window.latest.onclick()")
    alice.is_at("carl")
    alice.button("Do not notify me").click()
    alice.page.locator("#groups a").click()
    assert len(carl_says("anna, the last one")) == 2


def test_many_messages(person: Join, carl: Program) -> None:
    """1,250 messages at once are drawn within seconds, and no more than 300 are kept.

    The others are fetched again, in both directions.
    """
    alice = person("alba")
    carl.does("/create flood open")
    alice.says("/join flood")
    alice.is_at("flood")
    for number in range(1250):
        carl.requests(text=f"flood {number}", group="flood")
    carl.does("the end", "flood")
    alice.sees("the end")
    assert alice.log.locator("> *").count() <= 320
    alice.page.evaluate(
        """() => {
            window.added = 0;
            new MutationObserver((changes) => {
                for (const each of changes) window.added += each.addedNodes.length;
            }).observe(document.getElementById("log"), {childList: true});
        }"""
    )
    alice.says("one more")
    alice.sees("one more")
    expect(alice.log.locator(".waiting")).to_have_count(0)
    assert alice.page.evaluate("window.added") < 20, "the others stay where they are"
    alice.page.evaluate(
        """async () => {
            const first = () => Number(log.querySelector(".msg .text").textContent.slice(6));
            window.most = 0;
            for (let i = 0; i < 400 && first() > 500; i += 1) {
                log.scrollTop = 0;
                await new Promise((done) => setTimeout(done, 50));
                window.most = Math.max(window.most, log.children.length);
            }
        }"""
    )
    alice.sees("flood 500")
    assert alice.page.evaluate("window.most") <= 420
    expect(alice.message("the end")).not_to_be_attached()
    carl.does("said meanwhile", "flood")
    alice.button("↓ Newest").click()
    alice.sees("said meanwhile")
    expect(alice.message("said meanwhile")).to_be_in_viewport()
