"""One running chat: it decides, stores, and publishes."""
