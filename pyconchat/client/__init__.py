"""The client: a terminal program that talks to a server for the person in front of it."""
