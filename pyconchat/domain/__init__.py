"""The rules and the records of a chat. Pure: no I/O, no clock, no Twisted."""
