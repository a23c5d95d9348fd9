"""Output: the lines to one client, with the label of the command that they answer.

The answer to a labelled command is one line, a batch of lines, or ACK (IRCv3 labeled-response).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pyconchat.render.irc_lines import escaped, line

__all__ = ["Output", "with_tag"]


class Output:
    """The output of a client of the server *name*; *write* sends a block to it.

    *begins* is called when an answer begins, which has to come before the output of others.
    """

    def __init__(
        self, write: Callable[[bytes], None], name: str, begins: Callable[[], None]
    ) -> None:
        self._write = write
        self._begins = begins
        self._name = name
        self._lines: list[str] = []
        self._held: list[bytes] = []  # output of others since the first line of the answer
        self._label = ""
        self._running = False
        self._batches = 0
        self._open = ""  # reference of the answer's batch, of which pages were sent

    def close(self) -> None:
        """Send nothing any more: the connection is closed."""
        # Break the reference cycle here: the cyclic GC runs rarely.
        self._write = _nothing
        self._begins = lambda: None

    @property
    def answering(self) -> bool:
        """Return whether there is an answer that was not sent yet."""
        return bool(self._lines)

    def begin(self, label: str) -> None:
        """Collect the answer to a command with this *label*; empty: it has none."""
        self._label = label
        self._running = True

    def defer(self) -> None:
        """Let the answer come later, with its label: none is sent at the end of the command."""
        self._label = ""

    def end(self) -> None:
        """Send the answer."""
        label, self._label, self._running = self._label, "", False
        lines, self._lines = self._lines, []
        held, self._held = self._held, []
        if self._open:
            reference, self._open = self._open, ""
            lines = [*_within(reference, lines), line(self._name, "BATCH", f"-{reference}")]
        elif label:
            lines = self._labelled(label, lines)
        block = "".join(lines).encode() + b"".join(held)
        if block:
            self._write(block)

    def add(self, piece: str) -> None:
        """Send *piece*, one or more whole lines; within a command, with its answer."""
        if self._running:
            if not self._lines:
                self._begins()
            self._lines.append(piece)
        else:
            self._write(piece.encode())

    def flush(self) -> None:
        """Send the answer so far, unless it has a label: that is for a complete answer."""
        if self._lines and not self._label:
            lines, self._lines = self._lines, []
            self._write("".join(lines).encode())

    def send_page(self) -> None:
        """Send the answer so far, a page of a long one; with a label, as a part of its batch."""
        lines, self._lines = self._lines, []
        held, self._held = self._held, []
        if self._label:
            begin: list[str] = []
            if not self._open:
                self._open = self._reference()
                words = ("BATCH", f"+{self._open}", "labeled-response")
                begin = [with_tag("label", self._label, line(self._name, *words))]
            lines = [*begin, *_within(self._open, lines)]
        if lines or held:
            self._write("".join(lines).encode() + b"".join(held))

    def pass_on(self, block: bytes) -> None:
        """Send *block*, which has nothing to do with the running command."""
        if self._label and self._lines:
            self._held.append(block)  # its cause is in the answer
            return
        if self._lines:
            lines, self._lines = self._lines, []
            block = "".join(lines).encode() + block
        self._write(block)

    def batch(self, kind: str, params: Sequence[str], pieces: Sequence[str]) -> str:
        """Return *pieces* as a batch of this *kind*. There may be batches in it."""
        reference = self._reference()
        first = line(self._name, "BATCH", f"+{reference}", kind, *params)
        last = line(self._name, "BATCH", f"-{reference}")
        return "".join([first, *_within(reference, pieces), last])

    def _reference(self) -> str:
        self._batches += 1
        return f"b{self._batches}"

    def _labelled(self, label: str, lines: list[str]) -> list[str]:
        if not lines:
            return [with_tag("label", label, line(self._name, "ACK"))]
        whole = "".join(lines)
        is_batch = len(lines) == 1 and lines[0].startswith(f":{self._name} BATCH +")
        if is_batch or whole.count("\n") == 1:
            return [with_tag("label", label, whole)]
        return [with_tag("label", label, self.batch("labeled-response", (), lines))]


def _within(reference: str, pieces: Iterable[str]) -> Iterator[str]:
    """Yield the lines of *pieces* with the tag of the batch *reference*."""
    tag = f"@batch={reference}"
    for piece in pieces:
        if piece.startswith("@time=") and piece.count("\n") == 1:  # fast path for most
            yield f"{tag};{piece[1:]}"
            continue
        for each in piece.split("\n")[:-1]:
            if not each.startswith("@"):
                yield f"{tag} {each}\n"
            elif each.startswith("@batch="):
                yield f"{each}\n"
            else:
                yield f"{tag};{each[1:]}\n"


def _nothing(_block: bytes) -> None:
    """Take the place of a closed connection."""


def with_tag(name: str, value: str, piece: str) -> str:
    """Return *piece* with one more tag on its first line."""
    tag = f"{name}={escaped(value)}"
    return f"@{tag};{piece[1:]}" if piece.startswith("@") else f"@{tag} {piece}"
