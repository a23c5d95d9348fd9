"""Files that are shared with groups: tickets, quotas, transfers, and the disk."""

from pyconchat.files.sharing import Shelf
from pyconchat.files.storage import Storage

__all__ = ["Shelf", "Storage"]
