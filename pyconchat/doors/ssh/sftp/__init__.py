"""SFTP: the groups as folders with their shared files. Version 3 (draft-ietf-secsh-filexfer-02)."""
