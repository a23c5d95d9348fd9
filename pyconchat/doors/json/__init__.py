"""JSON mode, for programs."""
