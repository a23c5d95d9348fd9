"""A line editor for terminals, without I/O, clock or Twisted: bytes in, bytes and events out."""
