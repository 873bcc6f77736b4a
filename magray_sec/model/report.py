"""All that one scan says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from magray_sec.model.decision import Decision
from magray_sec.model.finding import Finding
from magray_sec.model.run import Database, Item, Notification, Scope, Skipped, Target, ToolRun
from magray_sec.model.scale import Domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One item of one domain, and the scanners that completed over it; none: it is a gap."""

    domain: Domain
    item: str
    covered_by: tuple[str, ...] = ()
    files: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineEntry:
    """An identity of a baseline and how many findings of it there are. `rule` and `path` are for whoever reads it."""

    identity: str
    count: int
    also_known_as: tuple[str, ...] = ()
    rule: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The baseline that findings were compared with, and what of it is gone."""

    file: str
    known: int
    """How many findings it holds."""
    gone: tuple[BaselineEntry, ...] = ()
    """Its entries that findings are missing of, with the count that is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanReport:
    """What a scan looked at, found and decided. A report is rendered from it alone, without the tree."""

    tool_version: str
    target: Target
    started: datetime
    duration_s: float
    items: tuple[Item, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    runs: tuple[ToolRun, ...] = ()
    """Sorted by adapter id."""
    findings: tuple[Finding, ...] = ()
    """Sorted by domain, path, line, column, rule, identity."""
    decision: Decision
    skipped: tuple[Skipped, ...] = ()
    notifications: tuple[Notification, ...] = ()
    database: Database | None = None
    baseline: Baseline | None = None
    """None: the findings were compared with none."""
    options: tuple[tuple[str, str], ...] = ()
    """Settings taken from `MAGRAY_SEC_*` environment variables, and operator options that widen or narrow the scan."""
    is_whole: bool = True
    """A whole-tree scan with the whole set of scanners: only such a one may be uploaded."""
    scope: Scope = Scope()
    """What the scan was of."""
    anchor: str = ""
    """A file of the target that findings about the repository as a whole are attached to."""
    line_hashes: tuple[tuple[str, str], ...] = ()
    """(path, GitHub's hash of its first line), sorted: of the files that gaps are attached to, where known."""
