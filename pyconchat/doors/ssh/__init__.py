"""The SSH door, on Twisted Conch: the chat in the terminal that everybody has."""
