"""The commands: a table of records, and the actions behind them, by subject."""

from pyconchat.commands.table import TABLE, find_command
from pyconchat.commands.types import Call, Cancelled, Command

__all__ = ["TABLE", "Call", "Cancelled", "Command", "find_command"]
