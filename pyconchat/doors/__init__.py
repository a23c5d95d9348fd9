"""Doors: how people and programs come in. They translate, and know no rule of the chat."""
