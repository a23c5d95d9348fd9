"""Renderers: events and replies in, bytes out. Pure."""
