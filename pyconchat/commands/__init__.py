"""The commands: a table of records, and the actions behind them, by subject."""

from pyconchat.commands.call import Call, Cancelled
from pyconchat.commands.command import Command
from pyconchat.commands.table import (
    TABLE,
    find_command,
    is_command_name,
    names_command,
    works_at_desk,
)

__all__ = [
    "TABLE",
    "Call",
    "Cancelled",
    "Command",
    "find_command",
    "is_command_name",
    "names_command",
    "works_at_desk",
]
