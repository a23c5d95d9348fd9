"""The transfer door: one shared file as raw bytes on a connection of its own."""
