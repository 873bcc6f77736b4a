"""The shape of the JSON report, version 1: what `schemas/report-v1.schema.json` describes, as types.

A format of its own, so that the model can change without it. A field at its default is left out, an unknown one is
refused: within a version, fields are only ever added. A path is told twice: `path` for people, `uri` (the
percent-encoded bytes) exactly; ids of items, lock files and the anchor are percent-encoded alone.
"""

from __future__ import annotations

from datetime import date as day
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from magray_sec.model.run import GapKind, ItemKind, Level, ScopeKind
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity, State, Verdict

NAME = "magray-sec/report"
VERSION = 1

Place = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
"""A line or column, from 1."""
Count = Annotated[int, msgspec.Meta(ge=0)]


class _Shape(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What all objects of the format have in common."""


class Head(msgspec.Struct, kw_only=True):
    """What says whether a file is one of ours; all else of it is passed over."""

    schema: str = ""
    version: int = 0
    tool: dict[str, object] = {}


class Tool(_Shape, kw_only=True):
    """The program that wrote the report."""

    name: str
    version: str


class Target(_Shape, kw_only=True):
    """What was scanned."""

    name: str
    commit: str | None = None
    branch: str | None = None
    repository: str | None = None
    is_git: bool = False
    is_dirty: bool = False


class Reason(_Shape, kw_only=True):
    """One sentence of the decision."""

    verdict: Verdict
    rule: str
    message: str
    count: int = 0
    max: int | None = None
    incomplete: bool = False


class Waiver(_Shape, kw_only=True):
    """A waiver of the policy, or a comment in the target, and what became of it."""

    label: str
    reason: str
    owner: str
    expires: day | None = None
    file: str = ""
    line: int = 0
    used: int = 0
    expired: bool = False
    source: Literal["policy", "inline"] = "policy"


class Decision(_Shape, kw_only=True):
    """The verdict and why."""

    verdict: Verdict
    complete: bool
    policy: str = ""
    policy_digest: str = ""
    reasons: tuple[Reason, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    not_applicable: tuple[Domain, ...] = ()
    notes: tuple[str, ...] = ()


class Gap(_Shape, kw_only=True):
    """Something that was not looked at and should have been."""

    kind: GapKind
    reason: str
    hint: str = ""
    domain: Domain | None = None
    item: str = ""
    path: str = ""
    uri: str = ""
    scanner: str = ""


class RuledGap(Gap, kw_only=True):
    """A gap and what the policy says of it."""

    effect: str
    accepted_because: str = ""


class Region(_Shape, kw_only=True):
    """Lines and columns from 1, columns in UTF-16 units, the end column exclusive."""

    start_line: Place
    start_column: Place | None = None
    end_line: Place | None = None
    end_column: Place | None = None


class Location(_Shape, kw_only=True):
    """A place in the target."""

    path: str
    uri: str
    region: Region | None = None
    commit: str | None = None


class Package(_Shape, kw_only=True):
    """A package of the resolved dependency graph."""

    purl: str
    name: str
    version: str
    fixed_versions: tuple[str, ...] = ()
    dependency_path: tuple[str, ...] = ()
    lockfile: str = ""
    lock_is_generated: bool = False
    license: str | None = None
    dependency_kind: str | None = None


class Witness(_Shape, kw_only=True):
    """A scanner that saw the finding, in its own words."""

    tool: str
    native_rule: str
    native_severity: str = ""
    url: str = ""
    imported: bool = False


class Origin(_Shape, kw_only=True):
    """The commit that brought a finding in, and the file's path there where it is another one."""

    commit: str
    date: str = ""
    path: str = ""
    uri: str = ""
    at_head: bool = False


class Finding(_Shape, kw_only=True):
    """One problem. `waiver` counts `decision.waivers` from 0; without `verdict` no policy judged it."""

    identity: str
    verdict: Verdict | None = None
    policy_rule: str = ""
    waiver: Count | None = None
    rule: str
    domain: Domain
    severity: Severity
    severity_source: str = ""
    score: float | None = None
    score_source: str = ""
    confidence: Confidence
    message: str
    location: Location
    line_hash: str | None = None
    package: Package | None = None
    aliases: tuple[str, ...] = ()
    also_known_as: tuple[str, ...] = ()
    kind: str = ""
    preview: str = ""
    witnesses: tuple[Witness, ...] = ()
    state: State = State.UNCOMPARED
    hidden_by: tuple[str, ...] = ()
    origin: Origin | None = None


class Scope(_Shape, kw_only=True):
    """What the scan was of. All but `tree` are a part; `unlooked` are the domains that nothing looks at in a part."""

    kind: ScopeKind
    label: str
    base: str | None = None
    tip: str | None = None
    commits: Count = 0
    with_history: bool = False
    unlooked: tuple[Domain, ...] = ()


class Rule(_Shape, kw_only=True):
    """A canonical rule; `help` is Markdown."""

    id: str
    domain: Domain
    title: str
    description: str = ""
    help: str = ""
    cwe: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    severity: Severity = Severity.UNKNOWN
    score: float | None = None


class Item(_Shape, kw_only=True):
    """Something in the target that a scanner has to look at; `id` is `kind:name`."""

    id: str
    kind: ItemKind
    ecosystem: str = ""
    domains: tuple[Domain, ...] = ()
    files: int = 1
    facts: dict[str, str] = {}


class Coverage(_Shape, kw_only=True):
    """An item of a domain, and the scanners that completed over it."""

    domain: Domain
    item: str
    covered_by: tuple[str, ...] = ()
    files: int = 1


class Claim(_Shape, kw_only=True):
    """A scanner's word that it looks at an item of a domain."""

    domain: Domain
    item: str


class Skipped(_Shape, kw_only=True):
    """A file that was left out on purpose."""

    reason: str
    path: str
    uri: str
    detail: str = ""


class Notification(_Shape, kw_only=True):
    """Something to know of a run that is neither a finding nor a gap."""

    level: Level
    message: str
    path: str = ""
    uri: str = ""
    scanner: str = ""


class Run(_Shape, kw_only=True):
    """How one scanner's run went."""

    adapter: str
    outcome: Outcome
    domains: tuple[Domain, ...]
    reason: str = ""
    hint: str = ""
    version: str = ""
    imported: bool = False
    commands: tuple[str, ...] = ()
    started: datetime | None = None
    duration_s: float = 0.0
    exit_code: int | None = None
    claims: tuple[Claim, ...] = ()
    gaps: tuple[Gap, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notifications: tuple[Notification, ...] = ()
    metrics: dict[str, int] = {}


class Database(_Shape, kw_only=True):
    """The advisory database that was used."""

    date: day | None = None
    advisories: int
    commit: str | None = None
    chosen_by_user: bool = False


class BaselineEntry(_Shape, kw_only=True):
    """An entry of the baseline that findings are missing of."""

    identity: str
    count: int
    also_known_as: tuple[str, ...] = ()
    rule: str = ""
    path: str = ""


class Baseline(_Shape, kw_only=True):
    """The baseline that the findings were compared with."""

    file: str
    known: int
    gone: tuple[BaselineEntry, ...] = ()


class LineHash(_Shape, kw_only=True):
    """GitHub's hash of a file's first line."""

    uri: str
    hash: str


def _whole_tree() -> Scope:
    """What a report that says nothing of its scope is of: those of the first version of magray-sec."""
    return Scope(kind=ScopeKind.TREE, label="the whole tree")


class Report(_Shape, kw_only=True):
    """All that one scan says. Every field is always there."""

    schema: str
    version: int
    tool: Tool
    target: Target
    started: datetime
    duration_s: float
    whole: bool
    decision: Decision
    gaps: tuple[RuledGap, ...]
    findings: tuple[Finding, ...]
    rules: tuple[Rule, ...]
    runs: tuple[Run, ...]
    items: tuple[Item, ...]
    coverage: tuple[Coverage, ...]
    skipped: tuple[Skipped, ...]
    notifications: tuple[Notification, ...]
    database: Database | None
    baseline: Baseline | None
    options: tuple[tuple[str, str], ...]
    anchor: str
    line_hashes: tuple[LineHash, ...]
    scope: Scope = msgspec.field(default_factory=_whole_tree)
