"""The ordered words every finding, tool run and decision is described with."""

from __future__ import annotations

import enum
from typing import Self


class _Scale(enum.Enum):
    """An enum whose members are ordered by their place in the class, least first."""

    @property
    def rank(self) -> int:
        """The member's place on its scale, from 0."""
        return list(type(self)).index(self)

    def at_least(self, other: Self) -> bool:
        """Whether this member stands at `other`'s place on the scale or above it."""
        return self.rank >= other.rank

    def __lt__(self, other: Self) -> bool:
        return self.rank < other.rank


class Severity(_Scale):
    """How bad a finding is. `UNKNOWN` ranks below all: no scanner and no score said anything.

    Adapters never guess one: a word that is not in their table is `UNKNOWN`.
    """

    UNKNOWN = "unknown"
    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @staticmethod
    def from_score(score: float) -> Severity:
        """The band of a CVSS base score (0.0 to 10.0), by the CVSS 3.1 and 4.0 qualitative scale."""
        if score >= 9.0:
            return Severity.CRITICAL
        if score >= 7.0:
            return Severity.HIGH
        if score >= 4.0:
            return Severity.MEDIUM
        return Severity.LOW if score > 0.0 else Severity.INFO


class Confidence(_Scale):
    """How sure the scanner is that the finding is real. `VERIFIED`: it was proven, by its provider or by use."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERIFIED = "verified"


class Domain(enum.Enum):
    """What a finding is about; one SARIF run each. The words are frozen API."""

    DEPENDENCIES = "dependencies"
    SECRETS = "secrets"
    CODE = "code"
    UNSAFE = "unsafe"
    LICENSES = "licenses"
    SUPPLY_CHAIN = "supply-chain"
    WORKFLOWS = "workflows"


class Outcome(enum.Enum):
    """How a scanner's run ended. Only `COMPLETED` says that everything it claims was looked at."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    MISSING = "missing"
    SKIPPED = "skipped"
    NOT_APPLICABLE = "not-applicable"

    @property
    def ran(self) -> bool:
        """Whether the scanner was started and said something that can be used."""
        return self in (Outcome.COMPLETED, Outcome.PARTIAL)

    @property
    def broke(self) -> bool:
        """Whether the scanner was started and did not come to a usable end."""
        return self in (Outcome.FAILED, Outcome.TIMED_OUT)


class Verdict(_Scale):
    """What the policy says of a scan."""

    PASS = "pass"  # noqa: S105
    REVIEW = "review"
    BLOCK = "block"


class State(enum.Enum):
    """A finding against the baseline. `UNCOMPARED`: there was none."""

    UNCOMPARED = "uncompared"
    NEW = "new"
    EXISTING = "existing"
    CARRIED = "carried"
