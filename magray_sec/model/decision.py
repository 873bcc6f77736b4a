"""What the policy made of a scan, and what the target itself allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from magray_sec.model.run import Gap, Notification
from magray_sec.model.scale import Domain, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One sentence of the decision, with the policy rule and the count behind it."""

    verdict: Verdict
    rule: str
    """The policy rule's id, or `coverage`, `database-age`, `default`."""
    message: str
    count: int = 0
    max: int | None = None
    incomplete: bool = False
    """It is a reason why the scan is incomplete rather than one for the verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the policy says of one finding."""

    identity: str
    rule: str
    """The policy rule the finding belongs to; `default` where none matched."""
    verdict: Verdict
    """The verdict of its rule where that rule speaks (more than `max` findings belong to it), else PASS."""
    waiver: int | None = None
    """The index (from 0) in `Decision.waivers` of the waiver, or the comment that counts as one, in force on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment in the target that allows findings of this scan: `magray-sec: allow RULE reason`."""

    file: str
    """Its file's path as it may be printed; behind its commit (`0123456789ab:path`) where it is not as it is now."""
    line: int
    rules: tuple[str, ...]
    """The rules that it allows findings of, as it names them."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Which findings comments in the target allow, and what is to be said of those comments."""

    comments: tuple[Comment, ...] = ()
    """Those that allow a finding, by file and line."""
    by: tuple[int | None, ...] = ()
    """For each finding, in the findings' order, the index in `comments` of the one that allows it; empty: none is."""
    warnings: tuple[Notification, ...] = ()
    """Comments that do not count, or that allow nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverUse:
    """A waiver of the policy, or a comment in the target, and what became of it."""

    label: str
    """Its match in words: `rule RUSTSEC-2023-0071, package rsa`."""
    reason: str
    owner: str
    expires: date | None
    line: int
    used: int
    """How many findings it waives."""
    expired: bool
    file: str = ""
    """Where it stands, as it may be printed: the policy's file, or the file of the comment."""
    is_inline: bool = False
    """It is a comment in the target (`magray-sec: allow RULE reason`), not a waiver of the policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRuling:
    """What the policy says of one gap."""

    gap: Gap
    effect: str
    """`incomplete`, `review`, `accepted`, or `noted`: its domain is not required."""
    accepted_because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict on a scan, whether it looked at all it must, and why."""

    verdict: Verdict
    complete: bool
    reasons: tuple[Reason, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    """One for each finding, in the findings' order."""
    waivers: tuple[WaiverUse, ...] = ()
    gaps: tuple[GapRuling, ...] = ()
    not_applicable: tuple[Domain, ...] = ()
    """Required domains of which the target holds no item."""
    policy: str = ""
    """The policy's name: a shipped one's, or its path relative to the target."""
    policy_digest: str = ""
    notes: tuple[str, ...] = ()
    """What the user should know of the policy itself: expired and unused waivers, unused acceptances."""
