"""How quick the page is in Chromium, on loopback: ``python -m tests.web_e2e.speed``.

Neither the proxy of the tests, nor questions whether it is done, are in what is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from tests.support.programs import Program
from tests.web_e2e.people import Person
from tests.web_e2e.site import CHROMIUM, OPTIONS, Site

MANY = 2000
"""Messages in a long log: more than the page shows."""

MESSAGES = 100
RELOADS = 20

# From the key to the end of the frame in which the message of the server, not the waiting one, is
# drawn: the page draws before a frame, so the next task follows its layout and paint.
WATCH = """() => {
  window.times = [];
  let pressed = 0, drawn = null;
  window.nextTime = () => new Promise((done) => { drawn = done; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter") pressed = performance.now();
  }, true);
  new MutationObserver(() => {
    const last = document.querySelector("#log > .msg:last-child");
    if (!pressed || !last || last.classList.contains("waiting")) return;
    const from = pressed;
    pressed = 0;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      window.times.push(performance.now() - from);
      drawn();
    };
    port2.postMessage(null);
  }).observe(document.getElementById("log"), { childList: true });
}"""

# The field takes keys, and the log is there.
USABLE = """
let isUsable;
window.usable = new Promise((done) => { isUsable = done; });
const look = () => {
  const field = document.getElementById("field");
  const ready = field?.checkVisibility() && !field.disabled &&
    document.querySelector("#log .msg") && document.activeElement === field;
  if (ready) isUsable(performance.now());
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def main() -> None:
    """Print the times, in milliseconds."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Site(Path(folder))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        try:
            site.start()
            alice = Person(browser, site)
            alice.url = site.direct
            alice.logs_in("alice")
            alice.joins("tea")
            alice.page.evaluate(WATCH)
            show("Enter to the own message", times(alice))
            carl = Program(site.server.port)
            carl.logs_in("carl", "secret of carl")
            carl.does("/join tea")
            for number in range(MANY):
                carl.requests(text=f"line {number}", group="tea")
            carl.does("the last line", "tea")
            alice.sees("the last line")
            show("the same in a long log", times(alice))
            carl.close()
            usable = []
            alice.page.add_init_script(USABLE)
            for _ in range(RELOADS):
                alice.page.reload()
                usable.append(float(alice.page.evaluate("window.usable")))
            show("opened until usable", usable)
        finally:
            browser.close()
            site.stop()


def times(person: Person) -> list[float]:
    """Return the times of messages that *person* types."""
    person.page.evaluate("() => { window.times = []; }")
    for number in range(MESSAGES):
        person.page.evaluate("() => { window.next = window.nextTime(); }")
        person.says(f"message {number}")
        person.page.evaluate("window.next")
    return list(person.page.evaluate("window.times"))


def show(what: str, times: Sequence[float]) -> None:
    """Print the median, the 95th percentile and the maximum of *times*."""
    ordered = sorted(times)
    p50, p95 = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95))
    print(f"{what}: p50 {p50:.0f} ms, p95 {p95:.0f} ms, maximum {ordered[-1]:.0f} ms")


if __name__ == "__main__":
    main()
