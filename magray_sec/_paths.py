"""What a path says by itself, without a look at the disk."""

from __future__ import annotations

import os


def is_within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it; both absolute and resolved."""
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)
