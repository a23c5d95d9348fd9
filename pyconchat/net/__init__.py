"""The network code that server and client share: lines, TLS, certificates."""
