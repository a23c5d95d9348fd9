"""The IRC door: every IRC client gets into the accounts and groups of the other doors."""
