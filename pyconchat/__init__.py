"""PyconChat: group chat for the terminal that needs nothing but telnet or nc."""

__version__ = "0.1.0"
