"""The bus: how the nodes of one chat hear of each other's entries. It may lose what it is told."""
