"""Which items of which domains were looked at, by whom, and what was not: the coverage of a scan and its gaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from magray_sec.model.report import Coverage
from magray_sec.model.run import Gap, GapKind, Inventory, Item, ToolRun
from magray_sec.model.scale import Domain, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """The coverage of a scan: one row an item and domain, all gaps, and the domains of which there is no item."""

    coverage: tuple[Coverage, ...]
    gaps: tuple[Gap, ...]
    not_applicable: frozenset[Domain]


def cover(inventory: Inventory, runs: Iterable[ToolRun]) -> Covered:
    """Hold what the inventory holds against what the runs looked at.

    An item is covered in a domain by a scanner that claimed it, came to a usable end, and reports no item gap on it.
    """
    runs = tuple(runs)
    covering: dict[tuple[str, str], list[str]] = defaultdict(list)
    trouble: dict[tuple[str, str], list[Gap]] = defaultdict(list)
    absent: dict[tuple[str, str], list[ToolRun]] = defaultdict(list)
    gaps = [*inventory.gaps]
    for run in sorted(runs, key=lambda entry: entry.adapter):
        lost = {_key(gap) for gap in run.gaps if gap.kind is GapKind.ITEM}
        for claim in run.claims:
            if run.outcome.ran and claim.key not in lost:
                covering[claim.key].append(run.adapter)
            elif run.outcome in _ABSENT:
                absent[claim.key].append(run)
            elif not run.is_import and claim.key not in lost:
                trouble[claim.key].append(_why(run, claim.domain, claim.item))
        for gap in run.gaps:
            if gap.kind is GapKind.ITEM and gap.item:
                trouble[_key(gap)].append(gap)
            else:
                gaps.append(gap)
        if run.outcome.broke:
            gaps.append(Gap(kind=GapKind.ITEM, scanner=run.adapter, reason=run.reason, hint=run.hint))
    coverage = []
    for item in inventory.items:
        for domain in sorted(item.domains, key=lambda entry: entry.value):
            key = (domain.value, item.id)
            by = tuple(covering[key])
            coverage.append(Coverage(domain=domain, item=item.id, covered_by=by, files=item.files))
            if not by:
                gaps.extend(_unlooked(item, domain, trouble[key] or _nobody(absent[key], domain, item.id)))
            else:
                gaps += [gap for gap in trouble[key] if _broke_on_it(gap, runs)]
    present = {domain for item in inventory.items for domain in item.domains}
    return Covered(
        coverage=tuple(coverage),
        gaps=tuple(sorted(set(gaps), key=lambda gap: gap.sort_key)),
        not_applicable=frozenset(set(Domain) - present),
    )


def _key(gap: Gap) -> tuple[str, str]:
    return (gap.domain.value if gap.domain else "", gap.item)


def _why(run: ToolRun, domain: Domain, item: str) -> Gap:
    reason = f"{run.adapter} {_WORDS[run.outcome]}: {run.reason}"
    return Gap(kind=GapKind.ITEM, domain=domain, item=item, reason=reason, hint=run.hint, scanner=run.adapter)


def _nobody(absent: list[ToolRun], domain: Domain, item: str) -> list[Gap]:
    """What is said of an item whose scanners were none of them run: one gap, however many there are."""
    if len(absent) < 2:
        return [_why(run, domain, item) for run in absent]
    each = "; ".join(f"{run.adapter} {_WORDS[run.outcome]}: {run.reason}" for run in absent)
    hint = next((run.hint for run in absent if run.hint), "")
    return [Gap(kind=GapKind.ITEM, domain=domain, item=item, reason=f"none of its scanners ran: {each}", hint=hint)]


def _unlooked(item: Item, domain: Domain, causes: list[Gap]) -> list[Gap]:
    if causes:
        return [replace(cause, domain=domain, item=item.id, path=cause.path or _path(item)) for cause in causes]
    purpose = "" if domain is Domain.CODE else f" for {domain.value}"
    reason = f"no scanner of this version looks at {_named(item)}{purpose}"
    return [Gap(kind=GapKind.ITEM, domain=domain, item=item.id, path=_path(item), reason=reason)]


def _broke_on_it(gap: Gap, runs: tuple[ToolRun, ...]) -> bool:
    """A scanner that started and lost an item that another covers: said as a gap of its own; a missing one is none."""
    return any(run.adapter == gap.scanner and (run.outcome is Outcome.PARTIAL) for run in runs)


def _path(item: Item) -> str:
    return item.name if item.kind.value in ("lockfile", "manifest") else ""


def _named(item: Item) -> str:
    match item.kind.value:
        case "language":
            return f"the {item.name} code ({item.files} {'file' if item.files == 1 else 'files'})"
        case "tree":
            return "the files"
        case "workflows":
            return f"the workflows in {item.name}"
    return item.name


_ABSENT = (Outcome.MISSING, Outcome.SKIPPED, Outcome.NOT_APPLICABLE)
_WORDS = {
    Outcome.MISSING: "is missing",
    Outcome.SKIPPED: "was not run",
    Outcome.FAILED: "failed",
    Outcome.TIMED_OUT: "timed out",
    Outcome.NOT_APPLICABLE: "did not apply",
    Outcome.PARTIAL: "did not look at it",
    Outcome.COMPLETED: "did not look at it",
}
