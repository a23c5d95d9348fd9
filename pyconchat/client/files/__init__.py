"""Files that the client sends and fetches."""
