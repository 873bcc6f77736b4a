"""Which findings are waived, and what became of each waiver."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date

from magray_sec.model.decision import Allowed, Comment, WaiverUse
from magray_sec.model.finding import Finding
from magray_sec.policy.match import Condition, Paths, conditions, names
from magray_sec.policy.types import Match, Policy, Waiver

_NAMED = 3
"""How many places a sentence names before it counts the rest."""


def waive(
    findings: Sequence[Finding], policy: Policy, today: date, paths: Paths, allowed: Allowed
) -> tuple[tuple[int | None, ...], tuple[WaiverUse, ...], tuple[str, ...]]:
    """The index of the waiver in force on each finding (the first that fits; None: none), every waiver's use, and what
    is to be said of waivers that have expired or waive nothing.

    Behind the policy's waivers come the comments that allow findings, where the policy honours them; a finding that
    both are for is the policy's.
    """
    honoured = allowed.by if policy.inline_allow == "honour" else ()
    by_comment = honoured or (None,) * len(findings)
    shelf = _Shelf(policy.waivers, paths)
    taken: list[int | None] = []
    used: Counter[int] = Counter()
    missed: Counter[int] = Counter()
    for finding, comment in zip(findings, by_comment, strict=True):
        fitting = shelf.fitting(finding)
        index = next((index for index in fitting if _is_in_force(policy.waivers[index], today)), None)
        if index is None and comment is not None:
            index = len(policy.waivers) + comment
        taken.append(index)
        if index is None:
            missed.update(fitting)
        else:
            used[index] += 1
    uses = []
    notes = []
    for index, waiver in enumerate(policy.waivers):
        is_expired = not _is_in_force(waiver, today)
        use = WaiverUse(
            label=label(waiver.match),
            reason=waiver.reason,
            owner=waiver.owner,
            expires=waiver.expires,
            line=waiver.line,
            used=used[index],
            expired=is_expired,
            file=policy.file,
        )
        uses.append(use)
        notes += _notes(use, missed[index])
    if honoured:
        first = len(policy.waivers)
        uses += [_comment(entry, used[first + index]) for index, entry in enumerate(allowed.comments)]
    else:
        notes += _passed_over(allowed)
    return tuple(taken), tuple(uses), tuple(notes)


def label(match: Match) -> str:
    """A match in words: `rule RUSTSEC-2023-0071, package rsa`."""
    parts = (
        ("identity", match.identity),
        ("rule", match.rule),
        ("package", match.package),
        ("version", match.version),
        ("path", tuple(glob.pattern for glob in match.path)),
    )
    return ", ".join(f"{name} {' or '.join(words)}" for name, words in parts if words)


def _comment(comment: Comment, used: int) -> WaiverUse:
    return WaiverUse(
        label=f"rule {' or '.join(comment.rules)}",
        reason=comment.reason,
        owner="",
        expires=None,
        line=comment.line,
        used=used,
        expired=False,
        file=comment.file,
        is_inline=True,
    )


def _passed_over(allowed: Allowed) -> list[str]:
    """What is said where comments allow findings and the policy does not honour them."""
    count = sum(comment is not None for comment in allowed.by)
    if not count:
        return []
    places = [f"{comment.file}:{comment.line}" for comment in allowed.comments[:_NAMED]]
    more = f" and {len(allowed.comments) - _NAMED} more" if len(allowed.comments) > _NAMED else ""
    what = "1 finding is" if count == 1 else f"{count} findings are"
    where = f"{', '.join(places)}{more}"
    return [
        f"{what} allowed by comments in the target ({where}), not honoured here (inline_allow: ignore): each counts"
    ]


def _is_in_force(waiver: Waiver, today: date) -> bool:
    return today <= waiver.expires


def _notes(use: WaiverUse, missed: int) -> list[str]:
    where = f"waiver of {use.label} ({use.file}:{use.line}, owner {use.owner})"
    if use.expired:
        if missed:
            again = "the finding it fits counts" if missed == 1 else f"the {missed} findings it fits count"
            return [f"{where} expired on {use.expires}: {again} again"]
        return [f"{where} expired on {use.expires} and fits no finding that counts: remove it"]
    return [] if use.used else [f"{where} is unused: no finding needs it"]


class _Shelf:
    """Waivers by what they name, so that a finding meets only those that may fit it."""

    def __init__(self, waivers: Sequence[Waiver], paths: Paths) -> None:
        self._conditions: list[tuple[Condition, ...]] = [conditions(waiver.match, paths, None) for waiver in waivers]
        self._by_identity: dict[str, list[int]] = defaultdict(list)
        self._by_rule: dict[str, list[int]] = defaultdict(list)
        self._others: list[int] = []
        for index, waiver in enumerate(waivers):
            for identity in waiver.match.identity:
                self._by_identity[identity].append(index)
            if not waiver.match.identity:
                for rule in waiver.match.rule:
                    self._by_rule[rule.casefold()].append(index)
                if not waiver.match.rule:
                    self._others.append(index)

    def fitting(self, finding: Finding) -> list[int]:
        """The indices of the waivers that fit the finding, in order."""
        candidates = set(self._others)
        if self._by_identity:
            for identity in finding.identities:
                candidates.update(self._by_identity.get(identity, ()))
        if self._by_rule:
            for name in names(finding):
                candidates.update(self._by_rule.get(name, ()))
        return [index for index in sorted(candidates) if all(holds(finding) for holds in self._conditions[index])]
