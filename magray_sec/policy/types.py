"""A policy as values: what it requires, its rules in order, and what it waives and accepts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from magray_sec.model.scale import Domain, Severity, State, Verdict

KINDS = ("vulnerability", "unmaintained", "unsound", "notice", "yanked")
"""The kinds of a dependency finding."""
UNKNOWN = "unknown"
"""The licence of which nothing is known, and the dependency kind that no resolver stated."""
FILE_ONLY = "file-only"
"""The licence of a package that comes with a text and states no expression: one of which nothing is known, too."""
LICENSES = {"block": "licenses.deny", "review": "licenses.review", "pass": "licenses.allow"}
"""The ids by which `licenses` of a policy decides, by their verdicts."""
RESERVED = ("default", "baseline", "coverage", "database-age", "policy", *LICENSES.values())
"""Rule ids that reasons and rulings use for what no rule of the policy decides."""
EVENTS = ("push", "pull_request", "merge_group", "schedule", "release")
"""What may have set a scan off."""
WARN_BEFORE_DAYS = 14
"""From when on the end of a waiver or an acceptance is announced, where the policy does not say."""


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
class When:
    """When a rule is in force: all that is given has to hold. What is not known (no branch, no event) does not."""

    branch: tuple[str, ...] = ()
    """Patterns as in `Match.branch`."""
    event: tuple[str, ...] = ()
    path: tuple[Glob, ...] = ()
    """In force for findings there alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """Speaks its verdict when more than `max` findings that are not waived belong to it."""

    id: str
    match: Match
    when: When = When()
    verdict: Verdict
    max: int = 0
    description: str = ""
    file: str = ""
    """The policy file that it stands in, as messages name it."""
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Findings that do not count, through the day `expires`. Its match has only keys that name a finding."""

    match: Match
    reason: str
    owner: str
    expires: date
    created: date | None = None
    """From when on it holds, and what `waiver_limits` counts from; None: not said."""
    until_fixed: bool = False
    """It ends when a version without the flaw is known."""
    file: str = ""
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What an OpenVEX document says of one vulnerability in some products."""

    names: tuple[str, ...]
    """The vulnerability's name and aliases, case folded."""
    products: tuple[str, ...]
    """Package URLs; one without a version is all of them."""
    status: str
    """`not_affected`, `fixed`, `affected` or `under_investigation`."""
    why: str = ""
    """Its justification and impact statement."""
    author: str
    written: datetime
    """Aware; of two statements on the same, the later one holds."""
    file: str
    line: int

    @property
    def waives(self) -> bool:
        """Whether findings of it do not count."""
        return self.status in ("not_affected", "fixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseException:
    """Licences that one package may be under besides those that are allowed."""

    package: tuple[str, ...]
    version: tuple[str, ...] = ()
    allow: tuple[str, ...]
    reason: str
    file: str = ""
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Clarification:
    """The licence that a package is under, where its metadata does not say or says it wrongly."""

    package: tuple[str, ...]
    version: tuple[str, ...] = ()
    license: str
    reason: str
    file: str = ""
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LicensePolicy:
    """What is to be said of each licence: of a choice (OR) the best, of what is needed together (AND) the worst."""

    allow: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    unlisted: Verdict | None = None
    """Of a licence that no list names; None: BLOCK where there is an `allow`, else PASS."""
    exceptions: tuple[LicenseException, ...] = ()
    clarify: tuple[Clarification, ...] = ()
    file: str = ""
    line: int = 1

    @property
    def decides(self) -> bool:
        """Whether it says anything of licences, and does not only clarify what they are."""
        return bool(self.allow or self.review or self.deny or self.unlisted is not None or self.exceptions)

    @property
    def of_unlisted(self) -> Verdict:
        """What is said of a licence that no list names."""
        return self.unlisted or (Verdict.BLOCK if self.allow else Verdict.PASS)


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
    file: str = ""
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GapEffects:
    """What a gap that nobody accepted does: `incomplete` or `review`."""

    item: str = "incomplete"
    file: str = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What `check_policy` has to say of a policy."""

    is_error: bool
    """A policy with an error is refused; else it is a warning."""
    file: str = ""
    line: int
    message: str
    hint: str = ""


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
    on_incomplete: str = "incomplete"
    """What it does that something the policy requires was not looked at: `incomplete`, `block`, `review` or `warn`. A
    scanner that broke makes the scan incomplete whatever it says."""
    on_incomplete_of: tuple[tuple[Domain, str], ...] = ()
    """The same for single domains."""
    require_scanners: tuple[str, ...] = ()
    rules: tuple[PolicyRule, ...] = ()
    default: Verdict = Verdict.PASS
    gaps: GapEffects = GapEffects()
    accept: tuple[Acceptance, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    waiver_limits: tuple[tuple[Severity, int], ...] = ()
    """For how many days findings of a severity may be waived; a severity that is not named: for any time."""
    warn_before_days: int = WARN_BEFORE_DAYS
    vex: tuple[Statement, ...] = ()
    licenses: LicensePolicy = LicensePolicy()
    max_age_days: int | None = None
    """How old the advisory database may be; None: not said, which is 30 days for one that the user did not choose."""
    require_line: int = 1
    require_file: str = ""
    default_line: int = 1
    inline_allow: str = "honour"
    """Whether comments in the target may allow findings: `honour` or `ignore`."""
    bases: tuple[str, ...] = ()
    """The policies that it extends, as messages name them, in order."""
    warnings: tuple[Problem, ...] = ()
    """What is wrong with its rules and waivers, for the notes of a report."""
