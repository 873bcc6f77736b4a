"""The baseline: the findings that a repository is known to have, so that what is new can be told from them.

JSON Lines, sorted by identity, one line an identity with the count of its findings. No time and no line number: the
file changes when a problem comes or goes, and never else, and two branches that both change it merge line by line.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from magray_sec.errors import SettingsError
from magray_sec.model.finding import Finding
from magray_sec.model.report import BaselineEntry
from magray_sec.model.scale import State
from magray_sec.model.text import clean, shown_path

MOST_BYTES = 64_000_000
_KEYS = frozenset({"identity", "count", "also_known_as", "rule", "path"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Findings with their state, and the entries (with the count that is gone) that no finding is left of."""

    findings: tuple[Finding, ...]
    gone: tuple[BaselineEntry, ...]


def make(findings: Iterable[Finding]) -> tuple[BaselineEntry, ...]:
    """The baseline of these findings, sorted by identity."""
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.identity].append(finding)
    return tuple(
        BaselineEntry(
            identity=name,
            count=len(group),
            also_known_as=tuple(sorted({other for entry in group for other in entry.also_known_as})),
            rule=min(entry.rule.id for entry in group),
            path=min(entry.location.shown for entry in group),
        )
        for name, group in sorted(groups.items())
    )


def dump(entries: Iterable[BaselineEntry]) -> bytes:
    """The baseline as its file holds it."""
    lines = []
    for entry in entries:
        plain: dict[str, Any] = {"identity": entry.identity, "count": entry.count}
        plain |= {"also_known_as": list(entry.also_known_as)} if entry.also_known_as else {}
        lines.append(json.dumps(plain | {"rule": entry.rule, "path": entry.path}, ensure_ascii=False) + "\n")
    return "".join(lines).encode("utf-8", "backslashreplace")


def load(data: bytes, *, file: str) -> tuple[BaselineEntry, ...]:
    """The entries of a baseline file. SettingsError with the line that is not one.

    Equal identities (two branches that both added one, merged) are one entry with the larger count.
    """
    entries: dict[str, BaselineEntry] = {}
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            entry = _entry(json.loads(line))
        except (ValueError, RecursionError) as error:
            reason = "two versions stand side by side" if line[:7] in _CONFLICT else clean(str(error), limit=200)
            raise SettingsError(
                f"{shown_path(file)}:{number}:1: not a line of a baseline: {reason}",
                "make it anew with `magray-sec baseline update`",
            ) from error
        known = entries.get(entry.identity)
        entries[entry.identity] = entry if known is None or entry.count > known.count else known
    return tuple(entries[name] for name in sorted(entries))


_CONFLICT = (b"<<<<<<<", b"=======", b">>>>>>>")


def _entry(plain: Any) -> BaselineEntry:
    if not isinstance(plain, dict) or not plain.keys() <= _KEYS:
        raise ValueError("it is no object of identity, count, also_known_as, rule and path")
    name, count, others = plain.get("identity"), plain.get("count"), plain.get("also_known_as", [])
    if not isinstance(name, str) or not name.startswith("v1:"):
        raise ValueError("its identity is not one of version 1")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError("its count is no positive number")
    if not isinstance(others, list) or not all(isinstance(other, str) for other in others):
        raise ValueError("its also_known_as is no list of identities")
    return BaselineEntry(
        identity=name,
        count=count,
        also_known_as=tuple(others),
        rule=str(plain.get("rule", "")),
        path=str(plain.get("path", "")),
    )


def compare(findings: Iterable[Finding], entries: Iterable[BaselineEntry]) -> Compared:
    """Mark each finding new or existing. Of N+1 equal ones where the baseline has N, the last is the new one.

    A finding and an entry are the same under any identity of theirs, so a swapped scanner makes nothing new.
    """
    entries = tuple(entries)
    left = [entry.count for entry in entries]
    by_name: dict[str, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        for name in dict.fromkeys((entry.identity, *entry.also_known_as)):
            by_name[name].append(index)
    marked = []
    for finding in findings:
        wanted = (finding.identity, *finding.also_known_as)
        found = next((index for name in wanted for index in by_name.get(name, ()) if left[index]), None)
        if found is not None:
            left[found] -= 1
        marked.append(finding.replace(state=State.NEW if found is None else State.EXISTING))
    gone = tuple(replace(entry, count=count) for entry, count in zip(entries, left, strict=True) if count)
    return Compared(findings=tuple(marked), gone=gone)
