"""Files that are shared with groups: tickets, quotas, and storage on the disk."""

from pyconchat.files.sharing import FileSharing
from pyconchat.files.storage import Storage

__all__ = ["FileSharing", "Storage"]
