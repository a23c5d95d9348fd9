"""The client: a terminal program with which a person uses a server."""
