"""The entry point: `magray-sec` and `python -m magray_sec`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if sys.argv[1:] == ["--version"]:
        # Before anything else is imported: a version must cost nothing.
        from magray_sec import __version__  # noqa: PLC0415

        try:
            sys.stdout.write(f"magray-sec {__version__}\n")
            sys.stdout.flush()
        except OSError:
            os._exit(4)  # a closed pipe, a full disk: what is left in the buffer has nowhere to go
        sys.exit(0)
    # Nearly all that is made lives as long as the process: looking for garbage in it costs more than it frees.
    gc.set_threshold(100_000, 50, 50)
    from magray_sec.cli import run  # noqa: PLC0415

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
