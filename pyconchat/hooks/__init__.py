"""Translates the requests of programs to hooks into messages. Pure: no I/O, clock or Twisted."""
