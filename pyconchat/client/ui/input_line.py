"""InputLine: the line in which a person types: completion, history, search, hidden secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.completion import Completer as ToolkitCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Filter
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.layout import Window
from prompt_toolkit.layout.controls import BufferControl
from prompt_toolkit.layout.processors import (
    BeforeInput,
    ConditionalProcessor,
    HighlightIncrementalSearchProcessor,
    Processor,
    TabsProcessor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.widgets import SearchToolbar

from pyconchat.client.completer import Completer

__all__ = ["InputLine"]


class InputLine:
    """A *buffer* with its *window*, and the *search* toolbar that Ctrl-R opens.

    Lines are kept in the file *history*, except those that *may_have_secret*, or only in memory if
    it is None. *accept* is called when
    Enter is pressed, and returns whether to keep the text. The input is not displayed while
    *hidden*, and Up and Down do not search the history while *asked*.
    """

    def __init__(
        self,
        completer: Completer,
        history: Path | None,
        may_have_secret: Callable[[str], bool],
        prompt: Callable[[], StyleAndTextTuples],
        accept: Callable[[Buffer], bool],
        asked: Filter,
        hidden: Filter,
    ) -> None:
        self.search = SearchToolbar(ignore_case=True)
        self.buffer = Buffer(
            completer=_Completer(completer),
            history=InMemoryHistory() if history is None else _History(history, may_have_secret),
            multiline=False,
            accept_handler=accept,
            enable_history_search=~asked,
        )
        control = BufferControl(
            self.buffer,
            search_buffer_control=self.search.control,
            preview_search=True,
            input_processors=[
                HighlightIncrementalSearchProcessor(),
                ConditionalProcessor(_Hidden(), hidden),
                TabsProcessor(tabstop=8, char1=" ", char2=" "),
                BeforeInput(prompt),
            ],
        )
        self.window = Window(control, wrap_lines=True, dont_extend_height=True)


class _Completer(ToolkitCompleter):
    """The client's completer for prompt_toolkit."""

    def __init__(self, completer: Completer) -> None:
        self._completer = completer

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        word, found = self._completer.completions(document.text_before_cursor)
        for each in found:
            yield Completion(each, start_position=-len(word), display=each.rstrip(": "))


class _History(FileHistory):
    """A history without the lines that *may_have_secret*."""

    def __init__(self, path: Path, may_have_secret: Callable[[str], bool]) -> None:
        super().__init__(str(path))
        self._may_have_secret = may_have_secret

    def store_string(self, string: str) -> None:
        if not self._may_have_secret(string):
            super().store_string(string)


class _Hidden(Processor):
    """Displays nothing of the input, not even its length."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        return Transformation([], lambda _source: 0, lambda _display: 0)
