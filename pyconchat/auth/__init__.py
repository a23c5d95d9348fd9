"""Who may come in, and how often: passwords, tokens, and rate limits."""
