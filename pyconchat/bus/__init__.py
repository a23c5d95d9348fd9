"""The bus: notifies the nodes of one chat of each other's entries. It may lose notifications."""
