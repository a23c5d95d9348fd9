"""What scripts can and cannot do on the page, and what other pages cannot."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.web_e2e.people import PATIENT, Join
from tests.web_e2e.site import PAGE, Site


def test_the_session(person: Join) -> None:
    """No script sees the cookie or a token; a reload and a new tab need no password."""
    alice = person()
    received: list[str] = []
    alice.page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: received.append(str(frame))),
    )
    alice.logs_in("alice", "hush hush")
    alice.joins("tea")
    assert alice.page.evaluate("document.cookie") == ""
    assert received
    assert not any('"token"' in each for each in received)
    kept = str(alice.page.evaluate("[{...sessionStorage}, {...localStorage}]"))
    assert "hush" not in kept
    (cookie,) = alice.context.cookies()
    assert cookie["value"] not in kept
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    alice.page.reload()
    alice.is_in()
    alice.is_at("tea")
    other = alice.context.new_page()
    other.goto(alice.url)
    expect(other.locator("#me")).to_have_text("alice", timeout=PATIENT)


def test_logging_out(person: Join) -> None:
    """The session ends: another login needs the password."""
    alice = person("anna")
    alice.page.locator("#account summary").click()
    alice.button("Log out").click()
    expect(alice.page.get_by_label("Password")).to_be_visible(timeout=PATIENT)
    alice.page.reload()
    expect(alice.page.get_by_label("Password")).to_be_visible(timeout=PATIENT)
    assert alice.page.locator("#log").inner_text() == ""


def test_a_wrong_password(person: Join) -> None:
    """It is refused with the server's words; the right one still works."""
    person("abby", "the right one")
    mallory = person()
    mallory.expected = re.compile(r"Failed to load resource.* status of 40[013]")
    mallory.opens()
    mallory.page.get_by_label("Name").fill("abby")
    mallory.page.get_by_label("Password").fill("a wrong one")
    mallory.button("Log in").click()
    problem = mallory.page.locator("#loginproblem")
    expect(problem).to_contain_text("password", ignore_case=True, timeout=PATIENT)
    expect(mallory.page.locator("#app")).to_be_hidden()
    mallory.page.get_by_label("Password").fill("the right one")
    mallory.button("Log in").click()
    mallory.is_in()


def test_a_new_password(person: Join) -> None:
    """After /password the page has a new session, and that of another browser has ended."""
    alice, other = person("axel"), person("axel")
    alice.says("/password")
    dialog = alice.page.locator("#question")
    for question, typed in (
        ("Current password:", "hush hush"),
        ("New password:", "another secret"),
        ("The same again:", "another secret"),
    ):
        expect(dialog.locator("#questiontext")).to_have_text(question, timeout=PATIENT)
        dialog.locator("#answer").fill(typed)
        if question.startswith("The same"):
            with alice.page.expect_response("**/session"):
                dialog.locator("#answer").press("Enter")
        else:
            dialog.locator("#answer").press("Enter")
    expect(other.status).to_contain_text("Connect again", timeout=PATIENT)
    alice.page.reload()
    alice.is_in()
    kept = str(alice.page.evaluate("[{...sessionStorage}, {...localStorage}]"))
    assert "secret" not in kept + alice.page.locator("body").inner_text()


MAX_FILES, MAX_BYTES = 10, 100 * 1024
"""Of the page, with its comments; compressed it has a third."""

MARKUP = [
    "document.body.innerHTML = '<b>x</b>'",
    "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
    "document.write('<b>x</b>')",
    "document.createElement('iframe').srcdoc = '<b>x</b>'",
    "document.createElement('script').text = 'alert(1)'",
    "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
]


def test_markup_from_scripts(person: Join) -> None:
    """Trusted Types are required, and no policy makes any: text cannot become markup."""
    alice = person()
    alice.expected = re.compile("Trusted")
    alice.opens()
    for script in MARKUP:
        error = alice.page.evaluate(f"try {{ {script}; '' }} catch (error) {{ String(error) }}")
        assert "TrustedHTML" in error or "TrustedScript" in error, script


def test_inline_and_foreign_code(person: Join, site: Site) -> None:
    """Neither inline scripts and styles nor those of other origins are used."""
    alice = person()
    alice.expected = re.compile(".")
    alice.opens()
    result = alice.page.evaluate(
        """async () => {
            const style = document.createElement("style");
            style.textContent = "body { color: rgb(1, 2, 3); }";
            document.head.append(style);
            const image = document.createElement("img");
            const failed = new Promise((done) => { image.onerror = () => done(true); });
            image.src = "http://localhost:1/x.png";
            document.body.append(image);
            const url = "http://localhost:1/";
            const fetched = await fetch(url).then(() => "fetched", () => "blocked");
            return [getComputedStyle(document.body).color, await failed, fetched];
        }"""
    )
    assert result[0] != "rgb(1, 2, 3)"
    assert result[1:] == [True, "blocked"]
    assert alice.page.locator("[style], [onclick], script:not([src])").count() == 0


def test_another_origin(person: Join, site: Site) -> None:
    """A page on another port of the same host cannot open a WebSocket, though it has the cookie."""
    alice = person("arno")
    alice.expected = re.compile(".")
    page = alice.context.new_page()
    page.route("http://127.0.0.1:9/", lambda route: route.fulfill(body="<p>evil</p>"))
    page.goto("http://127.0.0.1:9/")
    outcome = page.evaluate(
        """(url) => new Promise((done) => {
            const socket = new WebSocket(url);
            socket.onopen = () => done("opened");
            socket.onerror = () => done("refused");
        })""",
        alice.url.replace("http", "ws") + "ws",
    )
    assert outcome == "refused"


def test_the_page_is_small() -> None:
    """It can be read in an afternoon, is not squeezed, and has no third party in it."""
    files = [*PAGE.iterdir()]
    assert len(files) <= MAX_FILES
    assert sum(each.stat().st_size for each in files) <= MAX_BYTES
    for each in files:
        lines = each.read_text().splitlines()
        assert max(len(line) for line in lines) <= 240, each
        urls = re.findall(r"https?://[\w.]+", each.read_text())
        assert {*urls} <= {"http://www.w3.org"}, each
