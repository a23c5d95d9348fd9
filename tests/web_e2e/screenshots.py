"""The screenshots of docs/web.rst: ``python -m tests.web_e2e.screenshots``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from tests.support.programs import Program
from tests.web_e2e.people import Person
from tests.web_e2e.site import CHROMIUM, OPTIONS, Site

DOCS = Path(__file__).parents[2] / "docs"

STORY = [
    ("bob", "Morning! Is anybody at the office yet?"),
    ("alice", "Since eight. The kettle is on."),
    ("bob", "Then I bring the good biscuits."),
    ("carol", "alice: the slides for Thursday are in the files, could you have a look?"),
    ("alice", "Reading them now: https://example.org/slides"),
    ("alice", "Slide 7 still has the numbers of May:\n    sessions   1,204\n    messages  38,119"),
    ("carol", "Oh. Thank you, I will correct it."),
    ("bob", "/me is looking for the good cups"),
]


def main() -> None:
    """Write both pictures."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Site(Path(folder))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        try:
            site.start()
            people = {name: Program(site.server.port) for name in ("bob", "carol", "dave")}
            for name, each in people.items():
                each.logs_in(name, f"secret of {name}")
            alice = Person(browser, site, viewport={"width": 1180, "height": 740})
            alice.logs_in("alice")
            alice.joins("tea", "approval")
            alice.says("/topic Leaves, cups and everything else")
            people["bob"].does("/create books open")
            people["carol"].does("/create deploys open")
            alice.joins("deploys")
            alice.joins("books")
            for name in ("bob", "carol"):
                people[name].does("/join tea")
                alice.says(f"/approve {name} tea")
                people[name].sees("joined", name=name)
            alice.says("/query bob", "Lunch?")
            alice.is_at("bob")
            alice.page.locator("#groups a", has_text="tea").click()
            alice.is_at("tea")
            for name, text in STORY:
                if name == "alice":
                    alice.says(text)
                    alice.sees(text)
                else:
                    people[name].does(text, "tea")
            people["bob"].does("/msg alice Half past twelve?")
            for text in ("The release is out.", "All is well, alice."):
                people["carol"].does(text, "deploys")
            people["dave"].does("/join tea May I come in? Dave")
            alice.sees('dave asks to join tea: "May I come in? Dave"')
            narrow = Person(
                browser, site, viewport={"width": 390, "height": 780}, color_scheme="dark"
            )
            narrow.logs_in("alice", path="#tea")
            narrow.sees("Oh. Thank you, I will correct it.")
            narrow.page.mouse.move(5, 5)
            narrow.page.wait_for_timeout(500)
            narrow.page.screenshot(path=DOCS / "web-dark.png")
            alice.page.get_by_role("button", name="People").click()
            alice.page.wait_for_timeout(500)
            alice.page.screenshot(path=DOCS / "web-light.png")
            for program in people.values():
                program.close()
        finally:
            browser.close()
            site.stop()


if __name__ == "__main__":
    main()
