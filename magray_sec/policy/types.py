"""A policy as values: what it requires, its rules in order, and what it waives and accepts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from magray_sec.model.scale import Domain, State, Verdict

KINDS = ("vulnerability", "unmaintained", "unsound", "notice", "yanked")
"""The kinds of a dependency finding."""
UNKNOWN = "unknown"
"""The licence of which nothing is known, and the dependency kind that no resolver stated."""
FILE_ONLY = "file-only"
"""The licence of a package that comes with a text and states no expression: one of which nothing is known, too."""
RESERVED = ("default", "baseline", "coverage", "database-age", "policy")
"""Rule ids that reasons and rulings use for what no rule of the policy decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glob:
    """A path pattern in gitignore syntax, and the RE2 expression that it stands for."""

    pattern: str
    regex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which findings are meant: keys are ANDed, the entries of one ORed; an empty key is no condition.

    The words are kept as they are written (`>=high`, `<7.0`); `policy/match.py` gives them their meaning.
    """

    identity: tuple[str, ...] = ()
    domain: tuple[Domain, ...] = ()
    rule: tuple[str, ...] = ()
    """Canonical ids with or without their domain, or any alias of the advisory."""
    tool: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    score: tuple[str, ...] = ()
    """Comparisons; several in one word, joined by commas, all have to hold."""
    confidence: tuple[str, ...] = ()
    verified: bool | None = None
    path: tuple[Glob, ...] = ()
    lockfile: tuple[Glob, ...] = ()
    package: tuple[str, ...] = ()
    """Names, or package URLs without a version."""
    version: tuple[str, ...] = ()
    """Comparisons as in `score`; without an operator, the version itself."""
    license: tuple[str, ...] = ()
    license_not: tuple[str, ...] = ()
    cwe: tuple[str, ...] = ()
    fix: bool | None = None
    state: tuple[State, ...] = ()
    branch: tuple[str, ...] = ()
    """Patterns in which `*` stands for any characters, `/` among them."""
    kind: tuple[str, ...] = ()
    dependency_kind: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """Speaks its verdict when more than `max` findings that are not waived belong to it."""

    id: str
    match: Match
    verdict: Verdict
    max: int = 0
    description: str = ""
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Findings that do not count, through the day `expires`. Its match has only keys that name a finding."""

    match: Match
    reason: str
    owner: str
    expires: date
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Gaps that are known and lived with, through the day `expires`; every key that is given has to fit."""

    path: tuple[Glob, ...] = ()
    item: str = ""
    """`lockfile:Cargo.lock`, or the name alone, or `advisory-database`."""
    scanner: str = ""
    reason: str
    owner: str
    expires: date
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GapEffects:
    """What a gap that nobody accepted does: `incomplete` or `review`."""

    item: str = "incomplete"
    file: str = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All that `judge` needs to know to decide."""

    name: str
    """A shipped policy's name, or the file's path as it was given."""
    file: str = ""
    """The file, as messages name it."""
    digest: str = ""
    """SHA-256 of its text, hexadecimal."""
    require: tuple[Domain, ...] = ()
    require_scanners: tuple[str, ...] = ()
    rules: tuple[PolicyRule, ...] = ()
    default: Verdict = Verdict.PASS
    gaps: GapEffects = GapEffects()
    accept: tuple[Acceptance, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    max_age_days: int | None = None
    """How old the advisory database may be; None: not said, which is 30 days for one that the user did not choose."""
    require_line: int = 1
    default_line: int = 1
    inline_allow: str = "honour"
    """Whether comments in the target may allow findings: `honour` or `ignore`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What `check_policy` has to say of a policy."""

    is_error: bool
    """A policy with an error is refused; else it is a warning."""
    line: int
    message: str
    hint: str = ""
