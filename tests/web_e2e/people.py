"""People at the page of the web door: each has a browser context, and so cookies, of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.support.programs import Program
from tests.support.servers import PATIENCE
from tests.web_e2e.site import Site

__all__ = ["AWAY", "PATIENT", "Connect", "Join", "Person"]

PATIENT = PATIENCE * 1000
"""Milliseconds."""

AWAY = re.compile(r"WebSocket connection to .* failed|Failed to load resource: net::ERR_")
"""What Chromium itself writes to the console when a server does not answer."""

REFUSED = re.compile(r"Failed to load resource: .* status of 4")
"""The same for a refused login, as of a name that is not registered yet."""


class Person:
    """Somebody who has the page of *site* open.

    *problems* are the errors in the console, which must be none. Those that *expected* matches are
    left out: Chromium also reports each refused request there.
    """

    def __init__(self, browser: Browser, site: Site, **context: object) -> None:
        self.expected = AWAY
        self.problems: list[str] = []
        options = {"viewport": {"width": 1100, "height": 720}, "reduced_motion": "reduce"}
        self.context = browser.new_context(**{**options, **context})  # type: ignore[arg-type]
        self.context.set_default_timeout(PATIENT)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(error.stack or str(error)))
        self.url = site.url
        self.field = self.page.locator("#field")
        self.log = self.page.get_by_role("log")
        self.status = self.page.locator("#status")

    def _console(self, message: ConsoleMessage) -> None:
        refused = REFUSED.search(message.text) and message.location["url"].endswith("/session")
        if message.type not in ("error", "warning") or refused:
            return
        if not self.expected.search(message.text):
            self.problems.append(f"{message.text} {message.location}")

    def opens(self, path: str = "") -> None:
        """Open the page."""
        self.page.goto(self.url + path)

    def has_session(self, name: str, password: str) -> None:
        """Open the page with the cookie of a login; a new name is registered."""
        fields = json.dumps({"name": name, "password": password, "register": True}).encode()
        request = Request(f"{self.url}session", fields, {"Content-Type": "application/json"})
        with urlopen(request, timeout=PATIENCE) as answer:
            cookie, _, value = answer.headers["Set-Cookie"].partition(";")[0].partition("=")
        # Of a URL with TLS, as browsers take the prefix __Host- only so; they send it to loopback.
        secure = self.url.replace("http:", "https:")
        self.context.add_cookies([{"name": cookie, "value": value, "url": secure, "secure": True}])
        self.opens()
        self.is_in()

    def logs_in(self, name: str, password: str = "hush hush", path: str = "") -> None:
        """Open the page and log in; a new name is registered, or without a *password* a guest."""
        self.opens(path)
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        register = self.page.get_by_role("button", name="Register this name")
        either = self.page.locator("#register:visible, #room:visible")
        expect(either).to_be_visible(timeout=PATIENT)
        if register.is_visible():
            register.click()
        self.is_in()

    def is_in(self) -> None:
        """Wait until the chat is shown, and is live."""
        self.page.locator("#room").wait_for()
        self.page.locator("#me", has_text=re.compile(".")).wait_for(state="attached")

    def says(self, *lines: str) -> None:
        """Type *lines* into the field, each with Enter."""
        for line in lines:
            self.field.fill(line)
            self.field.press("Enter")

    def joins(self, group: str, policy: str = "open") -> None:
        """Create or enter a group."""
        self.says(f"/join {group}")
        self.is_at(group)
        if policy != "approval":
            self.says(f"/policy {policy}")
            answer = re.compile(f"changed the policy to {policy}|Only the admin")
            self.log.locator(".text", has_text=answer).first.wait_for()

    def is_at(self, place: str) -> None:
        """Wait until *place* is shown."""
        self.page.locator("#title", has_text=re.compile(f"^{re.escape(place)}$")).wait_for()

    def sees(self, text: str, times: int = 1) -> Locator:
        """Wait until *text* is *times* in the log, and return where."""
        found = self.log.locator(".text").get_by_text(text, exact=True)
        if times:  # `expect` would look after 0.1, 0.35, 0.85 s; this looks at shorter intervals
            found.nth(times - 1).wait_for(state="attached")
        expect(found).to_have_count(times, timeout=PATIENT)
        return found

    def texts(self) -> list[str]:
        """Return the texts of the messages in the log."""
        return self.log.locator(".msg .text").all_inner_texts()

    def message(self, text: str) -> Locator:
        """Return the stored message with *text*: one that waits has no buttons yet."""
        stored = self.log.locator(".msg:not(.waiting)", has=self.page.get_by_text(text, exact=True))
        return stored.first

    def button(self, name: str) -> Locator:
        """Return the button with that name."""
        return self.page.get_by_role("button", name=name, exact=True)


Connect: TypeAlias = Callable[[str], Program]
"""Logs in a program: ``program("carl")``."""

Join: TypeAlias = Callable[..., Person]
"""Opens the page for somebody: ``person("alice")`` logs in, ``person()`` does not."""
