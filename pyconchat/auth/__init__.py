"""Authentication and its limits: passwords, tokens, and rate limits."""
