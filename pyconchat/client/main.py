"""``pyconchat``: the client's command, from its options to its exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from pyconchat.client.options import parse_options

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the client; return its exit status."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: a connection would get its descriptor
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))
    options = parse_options(sys.argv[1:] if arguments is None else arguments)
    # Imported only now, so that --help and errors in the options are fast.
    from pyconchat.client.run import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
