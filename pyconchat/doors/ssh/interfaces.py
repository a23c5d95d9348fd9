"""The interfaces between the parts of the SSH door."""

from __future__ import annotations

from zope.interface import Attribute

from pyconchat.doors.interfaces import IDoor

__all__ = ["ISshDoor"]


class ISshDoor(IDoor):
    """The door of a channel."""

    max_read = Attribute("Maximum bytes that it is passed at once.")
    pays = Attribute("Whether it pays for the packets of its requests in a budget of its own.")
