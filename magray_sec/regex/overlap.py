"""Of several rules that found the same secret, the one that knows most of it."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator

from magray_sec.model.run import File
from magray_sec.model.scale import Domain
from magray_sec.regex.scan import Judged


def telling(found: Iterable[Judged]) -> Iterator[Judged]:
    """`found` without the secrets whose token overlaps one that is known better; the order stays.

    A rule that names a provider knows more than one that does not; then confidence, checks, the longer token, the
    longer match, severity and the rule's id decide. Code is not touched: two weaknesses may well share a line.
    """
    everything = list(found)
    secrets: dict[File, list[Judged]] = {}
    for judged in everything:
        if judged.rule.domain is Domain.SECRETS:
            secrets.setdefault(judged.file, []).append(judged)
    known = {id(judged) for of_file in secrets.values() for judged in _best(of_file)}
    yield from (judged for judged in everything if judged.rule.domain is not Domain.SECRETS or id(judged) in known)


def _best(secrets: Iterable[Judged]) -> Iterable[Judged]:
    """Those of a file's that are known best, none overlapping another."""
    starts: list[int] = []
    best: dict[int, Judged] = {}
    for judged in sorted(secrets, key=_rank):
        start, end = judged.token
        at = bisect.bisect_right(starts, start)
        before = best[starts[at - 1]].token[1] if at else 0
        if before <= start and (at == len(starts) or starts[at] >= end):
            starts.insert(at, start)
            best[start] = judged
    return best.values()


def _rank(judged: Judged) -> tuple[object, ...]:
    """Least first: the most telling."""
    rule, (start, end) = judged.rule, judged.token
    return (
        not rule.provider,
        -rule.confidence.rank,
        not rule.checks,
        start - end,
        judged.match[0] - judged.match[1],
        -rule.severity.rank,
        start,
        rule.canonical,
    )
