"""One login: what it follows, what it asks for, and how it began."""
