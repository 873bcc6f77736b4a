"""Files that a scanner leaves out by their nature, told briefly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from magray_sec.model.run import Skipped, SkipReason

# More files of one kind in one folder than this are told as one.
_MOST_NAMED = 20


def binary(paths: Iterable[str]) -> Iterator[Skipped]:
    """The binary files among a target's, in order; many of one suffix in one folder as one entry."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        folder, slash, name = path.rpartition("/")
        stem, dot, suffix = name.rpartition(".")
        groups[folder + slash, f"*.{suffix}" if stem and dot else "*"].append(path)
    for (folder, kind), group in sorted(groups.items()):
        if len(group) > _MOST_NAMED:
            yield Skipped(reason=SkipReason.BINARY, path=folder + kind, detail=f"{len(group)} files")
        else:
            yield from (Skipped(reason=SkipReason.BINARY, path=path) for path in group)
