"""Files: dropped, pasted or chosen; progress, cancel, and going on after a cut."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

from playwright.sync_api import expect

from tests.support.skips import require_program
from tests.web_e2e.people import AWAY, PATIENT, Connect, Join, Person
from tests.web_e2e.site import Site

SIZE = 100_000_000

DROP = """(input) => {
    const data = new DataTransfer();
    for (const file of input.files) data.items.add(file);
    document.getElementById("room").dispatchEvent(
        new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


def drops(person: Person, *files: Path) -> None:
    """Drop *files* on the page, as a person does with the pointer."""
    person.page.evaluate(
        """() => {
            const input = document.createElement("input");
            [input.type, input.id, input.multiple] = ["file", "dropped", true];
            document.body.append(input);
        }"""
    )
    person.page.set_input_files("#dropped", list(files))
    person.page.locator("#dropped").evaluate(DROP)
    person.page.evaluate("document.getElementById('dropped').remove()")


def test_a_large_file(person: Join, site: Site, program: Connect, tmp_path: Path) -> None:
    """100 MB are dropped, cut, and go on by themselves; what is fetched has the same hash."""
    curl = require_program("curl")
    file = tmp_path / "large.bin"
    block = bytes(range(256)) * 3907
    with file.open("wb") as large:
        for number in range(100):
            large.write(number.to_bytes(4, "big") + block[: SIZE // 100 - 4])
    with file.open("rb") as large:
        digest = hashlib.file_digest(large, "sha256").hexdigest()
    alice = person("alice")
    # While the server has not noticed the cut, the file is still being uploaded.
    alice.expected = re.compile(f"{AWAY.pattern}|status of 503")
    alice.joins("tea")
    site.proxy.limit = 30_000_000
    drops(alice, file)
    progress = alice.page.locator("#uploads li")
    expect(progress).to_contain_text("large.bin", timeout=PATIENT)
    alice.sees("alice shared large.bin (100 MB), number 1")
    assert site.proxy.limit is None  # it was cut
    expect(progress).to_have_count(0)
    carl = program("carl")
    carl.does("/join tea")
    answer = carl.asks("/get 1", "tea")
    assert answer["sha256"] == digest
    url = f"{site.url}file/{answer['ticket']}/large.bin"
    fetched = tmp_path / "fetched"
    fetched.write_bytes(file.read_bytes()[:1000])
    subprocess.run([curl, "-sSf", "-C", "-", "-o", fetched, url], check=True, timeout=PATIENT)
    with fetched.open("rb") as large:
        assert hashlib.file_digest(large, "sha256").hexdigest() == digest


def test_choosing_and_fetching(person: Join, tmp_path: Path) -> None:
    """A file is chosen by a button or ``/send``, shown in the log and the panel, and fetched."""
    alice = person("anna")
    alice.joins("cups")
    notes = tmp_path / "the notes ü.txt"
    notes.write_text("hello")
    empty = tmp_path / "empty"
    empty.touch()
    with alice.page.expect_file_chooser() as chooser:
        alice.button("Share files").first.click()
    chooser.value.set_files([notes, empty])
    alice.sees("anna shared empty (0 bytes), number", 0)
    expect(alice.log.get_by_text("anna shared the notes ü.txt")).to_be_visible(timeout=PATIENT)
    expect(alice.log.get_by_text("anna shared empty")).to_be_visible(timeout=PATIENT)
    with alice.page.expect_file_chooser() as chooser:
        alice.says("/send")
    chooser.value.set_files([])
    with alice.page.expect_download() as download:
        alice.button("Download the notes ü.txt").first.click()
    assert Path(download.value.path()).read_text() == "hello"
    assert download.value.suggested_filename == "the notes ü.txt"
    alice.button("Files").click()
    panel = alice.page.locator("#panel")
    expect(panel.get_by_text("the notes ü.txt", exact=True)).to_be_visible(timeout=PATIENT)
    panel.get_by_role("button", name="Remove the notes ü.txt").click()
    expect(panel.get_by_text("the notes ü.txt", exact=True)).to_have_count(0, timeout=PATIENT)


def test_cancelling(person: Join, site: Site, tmp_path: Path) -> None:
    """A cancelled upload is shared with nobody; the others go on."""
    alice = person("abby")
    alice.joins("plates")
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"x" * 20_000_000)
    second.write_text("short")
    site.proxy.stall = True
    drops(alice, first, second)
    alice.button("Cancel first").click()
    site.proxy.stall = False
    expect(alice.log.get_by_text("abby shared second")).to_be_visible(timeout=PATIENT)
    expect(alice.page.locator("#uploads li")).to_have_count(0)
    assert alice.log.get_by_text("abby shared first").count() == 0


def test_a_private_file(person: Join, tmp_path: Path) -> None:
    """Files are shared in private talks too, and not at the front desk."""
    alice, bob = person("axel"), person("bert")
    alice.says("/query bert")
    alice.is_at("bert")
    alice.says("hi")
    file = tmp_path / "plan"
    file.write_text("secret")
    drops(alice, file)
    expect(alice.log.get_by_text("axel shared plan")).to_be_visible(timeout=PATIENT)
    bob.page.locator("#talks a").click()
    with bob.page.expect_download() as download:
        bob.button("Download plan").click()
    assert Path(download.value.path()).read_text() == "secret"
    alice.page.locator("#desk a").click()
    drops(alice, file)
    alice.sees("Files are shared in a group or a private talk.")
