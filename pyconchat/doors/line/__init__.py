"""The line door, for people at nc and telnet."""
