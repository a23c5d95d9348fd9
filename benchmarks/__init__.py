"""Measures a real server over real sockets; `make bench`, or ``python -m benchmarks --help``."""
