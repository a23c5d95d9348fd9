"""The client's screens: the terminal, plain output, and pipes."""
