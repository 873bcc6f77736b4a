"""What a repository's own audit.toml tells cargo-audit to leave out. It is read to be said, never to be followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from magray_sec._toml import parse
from magray_sec.adapters._rustsec import Affected, Hit

_THRESHOLDS = {"none": 0.0, "low": 0.1, "medium": 4.0, "high": 7.0, "critical": 9.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditToml:
    """One audit.toml. `path` as it is shown."""

    path: str
    ignored: frozenset[str] = frozenset()
    kinds: frozenset[str] | None = None
    """The kinds of informational advisories that it lets through; None: all."""
    threshold: float = 0.0
    """Scores below it are left out."""
    yanked: bool = True
    systems: frozenset[str] = frozenset()
    """The operating systems it confines the audit to; empty: none."""
    architectures: frozenset[str] = frozenset()

    def hides(self, hit: Hit, score: float | None) -> str:
        """Why cargo-audit, run with this file, would not have shown a hit; empty: it would have. `score`: its CVSS."""
        kind, affected = hit.kind, hit.affected or Affected()
        if hit.id in self.ignored:
            return f"{self.path} ignores {hit.id}"
        if kind == "yanked" and not self.yanked:
            return f"{self.path} switches the check for yanked versions off"
        if self.kinds is not None and kind in ("unmaintained", "unsound", "notice") and kind not in self.kinds:
            return f"{self.path} leaves out advisories that are '{kind}'"
        if kind == "vulnerability" and score is not None and score < self.threshold:
            return f"{self.path} leaves out scores below {self.threshold:g}"
        for chosen, confined in ((self.systems, affected.os), (self.architectures, affected.arch)):
            if chosen and confined and chosen.isdisjoint(confined):
                return f"{self.path} confines the audit to {', '.join(sorted(chosen))}"
        return ""


def read_audit_toml(data: bytes, *, path: str) -> AuditToml:
    """ValueError, with one line that says why, where it is not a file that cargo-audit would follow."""
    try:
        tables = parse(data)
    except ValueError:
        raise ValueError("it is not TOML") from None
    advisories, target = _table(tables, "advisories"), _table(tables, "target")
    kinds = advisories.get("informational_warnings")
    return AuditToml(
        path=path,
        ignored=_words(advisories.get("ignore")),
        kinds=_words(kinds) if isinstance(kinds, list) else None,
        threshold=_THRESHOLDS.get(str(advisories.get("severity_threshold", "none")).lower(), 0.0),
        yanked=_table(tables, "yanked").get("enabled") is not False,
        systems=_words(target.get("os")),
        architectures=_words(target.get("arch")),
    )


def _table(tables: dict[str, Any], name: str) -> dict[str, Any]:
    found = tables.get(name)
    return found if isinstance(found, dict) else {}


def _words(value: Any) -> frozenset[str]:
    """A word, or a list of words, as cargo-audit takes both."""
    listed = value if isinstance(value, list) else [value]
    return frozenset(entry for entry in listed if isinstance(entry, str))
