"""One login: its session, its subscriptions, its requests, and its authentication."""
