"""The server's process: start and stop, ports, threads, metrics, administration."""
