"""What server and client share of the network: lines, TLS, certificates."""
