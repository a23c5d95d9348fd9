"""Files that are shared with groups: tickets, quotas, transfers, and the disk."""

from pyconchat.files.sharing import FileSharing
from pyconchat.files.storage import Storage

__all__ = ["FileSharing", "Storage"]
