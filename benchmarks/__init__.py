"""Benchmarks of a real server over sockets: `make bench`, or ``python -m benchmarks --help``."""
