"""What the client shows a person: the terminal, plain output, and pipes."""
