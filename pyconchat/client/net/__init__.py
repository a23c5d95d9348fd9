"""The client's side of the network: connection, protocol, login, and trust."""
