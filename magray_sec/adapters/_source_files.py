"""Which files of a target are written in a language, for programs that are given files rather than folders.

A program that walks a folder itself leaves out what the target tells it to leave out. So it is given the files that
were found, one by one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from magray_sec.languages import language_of
from magray_sec.model.run import Inventory
from magray_sec.source import TreeSource

_FIRST_BYTES = 200
# Half of what macOS takes, and a fifth of what Linux does.
_MOST_BYTES = 400_000


def by_language(root: str, inventory: Inventory, languages: frozenset[str]) -> dict[str, list[str]]:
    """Language -> the paths of its files in the order of the inventory, scripts without a suffix included."""
    source = TreeSource(root)
    found: dict[str, list[str]] = {}
    for file in inventory.files:
        language = language_of(file.path)
        if language is None and may_be_script(file.path):
            try:
                language = language_of(file.path, source.first_bytes(file.path, _FIRST_BYTES))
            except OSError:
                continue  # nobody knows whether it is one; whoever reads all text says that it cannot be read
        if language in languages:
            found.setdefault(language, []).append(file.path)
    return found


def may_be_script(path: str) -> bool:
    """Whether the first line alone can tell what the file at `path` is written in."""
    return "." not in path.rpartition("/")[2]


def batches(root: str, paths: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The paths as absolute ones, as many at once as a command line holds."""
    batch: list[str] = []
    size = 0
    for path in paths:
        absolute = os.path.join(root, path)
        length = len(os.fsencode(absolute)) + 1
        if batch and size + length > _MOST_BYTES:
            yield tuple(batch)
            batch, size = [], 0
        batch.append(absolute)
        size += length
    if batch:
        yield tuple(batch)


def is_text(path: str) -> bool:
    """Whether a path is UTF-8, so that programs that think of names as text can open it."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
