"""Args: the arguments of a command, in order: asked for if they are missing, and the group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pyconchat.commands.arguments import GROUP, Arg, first_word, optional, several_words
from pyconchat.commands.call import Call, Cancelled
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT
from pyconchat.domain.names import COMMAND_WORDS, MAX_NAME
from pyconchat.domain.replies import ArgumentHelp
from pyconchat.domain.text import SafeText, safe_line

__all__ = ["Args"]

_NAMING = frozenset({"name", "group"})
"""The kinds of arguments that are names."""


class Args:
    """The arguments of a command, in order.

    With *group*, the last word may name the group that the command concerns.
    """

    def __init__(self, *args: Arg, group: bool = False) -> None:
        self._args = args
        self._shown = (*args, optional(GROUP)) if group else args
        self.group = group

    @property
    def usage(self) -> str:
        """Return their form in help."""
        return " ".join(arg.usage for arg in self._shown)

    @property
    def help(self) -> list[ArgumentHelp]:
        """Return the descriptions for completion."""
        return [arg.help for arg in self._shown]

    def take_group(self, call: Call, rest: str, needed: bool) -> str:
        """Move *call* to the group that the last word of *rest* names; return the words before it.

        It returns *rest* if that word is not the name of a group listed for the caller, or can be
        another argument. *needed* is true if the command works in groups only: then, at the front
        desk, a last word that might be a reason, or the only name, is the group.
        """
        words = rest.split()
        if not words or self._has_other_use(words, call.current is None, needed):
            return rest
        conversation = call.services.groups.known_to(call.actor, words[-1])
        if conversation is None:
            return rest
        call.move_to(conversation)
        return rest.rstrip().removesuffix(words[-1])

    def _has_other_use(self, words: list[str], at_desk: bool, needed: bool) -> bool:
        """Return whether the last of *words* is taken for an argument, not for the group."""
        if any(arg.holds(words) for arg in self._args):
            return True
        must_be_group = at_desk and needed
        left = words
        for arg in self._args:
            if arg.rest:
                claimed = not must_be_group and arg.claims(" ".join(left))
                return claimed or len(left) <= bool(arg.prompt)
            if must_be_group and len(left) == 1 and arg.kind == "name" and not arg.prompt:
                return False
            if arg.prompt or arg.accepts(left[0]):
                left = left[1:]
                if not left:
                    return True
        return False

    async def read(
        self,
        call: Call,
        rest: str,
        before_asking: Callable[..., Awaitable[None]] | None = None,
    ) -> list[Any]:
        """Return the values in *rest*; ask for missing ones.

        Before each question, *before_asking* is called with the values that there are, and may
        raise `Refused`.

        Raises `Refused` for a value that cannot be parsed, and `Cancelled` for an empty answer or
        a command as the answer.
        """
        values: list[Any] = []
        for arg in self._args:
            rest = rest.strip()
            typed, behind = (rest, "") if arg.rest else first_word(rest)
            if arg.fits(typed):
                rest = behind
            else:
                typed = ""
            if not typed:
                typed = arg.default(call) or ""
            if not typed and arg.prompt:
                if before_asking is not None:
                    await before_asking(call, *values)
                after = arg.prompt_after
                typed = await call.ask(arg.prompt if after is None else after(values))
                if call.current is None and arg.kind in _NAMING and _is_command_word(typed):
                    raise Cancelled(typed)  # no name can be that word
            values.append(arg.parse(typed) if typed else None)
        if rest.strip():
            raise self._too_many(call, rest)
        return values

    def _too_many(self, call: Call, rest: str) -> Refused:
        """Return the refusal of the words *rest* after the last argument."""
        usage = self.usage or "none"
        word = NO_TEXT if call.named_group else self._unknown(call, rest.split())
        if word and not several_words(rest):
            return Refused(
                Code.BAD_ARGUMENT,
                "There is no group {word}: the command takes {usage}.",
                word=word,
                usage=usage,
            )
        return Refused(
            Code.BAD_ARGUMENT, "Too many arguments: the command takes {usage}.", usage=usage
        )

    def unknown_group(self, call: Call, rest: str) -> SafeText:
        """Return the last word of *rest*, if it may be meant as a group, but names none.

        Otherwise, and if it may be a password, return "". The first words are the arguments that
        are not optional.
        """
        needed = sum(bool(arg.prompt) for arg in self._args)
        return self._unknown(call, rest.split()[needed:])

    def _unknown(self, call: Call, words: list[str]) -> SafeText:
        secret = any(arg.secret for arg in self._args)
        if not self.group or not words or len(words[-1]) > MAX_NAME or secret:
            return NO_TEXT
        known = call.services.groups.known_to(call.actor, words[-1])
        return NO_TEXT if known else safe_line(words[-1])


def _is_command_word(typed: str) -> bool:
    return first_word(typed)[0].lower() in COMMAND_WORDS
