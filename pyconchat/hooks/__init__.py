"""What programs post to hooks, as messages: pure functions, without I/O, clock or Twisted."""
