"""Files that a scanner leaves out by their nature, told briefly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from magray_sec.model.run import Skipped, SkipReason

# More files of one kind in one folder than this are told as one.
_MOST_NAMED = 20


def binary(paths: Iterable[str]) -> Iterator[Skipped]:
    """The binary files among a target's, in order; many of one suffix in one folder as one entry."""
    yield from _told(paths, SkipReason.BINARY, "")


def minified(paths: Iterable[str]) -> Iterator[Skipped]:
    """The files whose long lines were looked at for secrets alone, told as the binary ones are."""
    yield from _told(paths, SkipReason.GENERATED, "minified: its long lines were looked at for secrets alone")


def _told(paths: Iterable[str], reason: SkipReason, detail: str) -> Iterator[Skipped]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        folder, slash, name = path.rpartition("/")
        stem, dot, suffix = name.rpartition(".")
        groups[folder + slash, f"*.{suffix}" if stem and dot else "*"].append(path)
    for (folder, kind), group in sorted(groups.items()):
        if len(group) > _MOST_NAMED:
            many = f"{len(group)} files"
            yield Skipped(reason=reason, path=folder + kind, detail=f"{many}, {detail}" if detail else many)
        else:
            yield from (Skipped(reason=reason, path=path, detail=detail) for path in group)
