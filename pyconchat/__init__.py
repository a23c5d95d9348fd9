"""PyconChat: group chat for the terminal that needs nothing but telnet or nc."""
