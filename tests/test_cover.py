"""Every item of every domain is covered by a scanner that came to a usable end, or it is a gap."""

from __future__ import annotations

import pytest

from magray_sec.cover import cover
from magray_sec.model.run import Claim, Gap, GapKind, Inventory, Item, ItemKind, ToolRun
from magray_sec.model.scale import Domain, Outcome

CARGO = Item(kind=ItemKind.LOCKFILE, name="Cargo.lock", ecosystem="cargo", domains=frozenset({Domain.DEPENDENCIES}))
NPM = Item(
    kind=ItemKind.LOCKFILE, name="web/package-lock.json", ecosystem="npm", domains=frozenset({Domain.DEPENDENCIES})
)
RUST = Item(kind=ItemKind.LANGUAGE, name="rust", domains=frozenset({Domain.CODE, Domain.UNSAFE}), files=3)
INVENTORY = Inventory(items=(CARGO, NPM, RUST))


def run(adapter: str, outcome: Outcome, *claims: tuple[Domain, Item], **changes: object) -> ToolRun:
    return ToolRun(
        adapter=adapter,
        domains=tuple(dict.fromkeys(domain for domain, _ in claims)),
        outcome=outcome,
        claims=tuple(Claim(domain=domain, item=item.id) for domain, item in claims),
        **changes,  # type: ignore[arg-type]
    )


AUDIT = (Domain.DEPENDENCIES, CARGO)


def gaps(*runs: ToolRun) -> dict[tuple[str, str], str]:
    covered = cover(INVENTORY, runs)
    return {(gap.domain.value, gap.item): gap.reason for gap in covered.gaps if gap.domain}


def test_completed_scanner_covers_what_it_claims_and_nothing_else() -> None:
    covered = cover(INVENTORY, [run("cargo-audit", Outcome.COMPLETED, AUDIT)])
    rows = {(row.domain, row.item): row.covered_by for row in covered.coverage}
    assert rows[Domain.DEPENDENCIES, CARGO.id] == ("cargo-audit",)
    assert rows[Domain.DEPENDENCIES, NPM.id] == ()
    assert {(gap.domain, gap.item) for gap in covered.gaps} == {
        (Domain.DEPENDENCIES, NPM.id),
        (Domain.CODE, RUST.id),
        (Domain.UNSAFE, RUST.id),
    }
    assert all(gap.kind is GapKind.ITEM for gap in covered.gaps)


def test_domain_without_an_item_is_not_applicable() -> None:
    assert cover(INVENTORY, ()).not_applicable == set(Domain) - {Domain.DEPENDENCIES, Domain.CODE, Domain.UNSAFE}


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.TIMED_OUT, Outcome.MISSING, Outcome.SKIPPED])
def test_scanner_that_did_not_look_leaves_a_gap_with_its_reason(outcome: Outcome) -> None:
    reason = gaps(run("cargo-audit", outcome, AUDIT, reason="because"))[Domain.DEPENDENCIES.value, CARGO.id]
    assert reason.startswith("cargo-audit ")
    assert reason.endswith("because")


def test_missing_scanner_is_no_gap_where_another_covers() -> None:
    found = gaps(
        run("osv", Outcome.COMPLETED, AUDIT), run("cargo-audit", Outcome.MISSING, AUDIT, reason="not installed")
    )
    assert (Domain.DEPENDENCIES.value, CARGO.id) not in found


def test_broken_scanner_is_a_gap_of_its_own_where_another_covers() -> None:
    covered = cover(
        INVENTORY, [run("osv", Outcome.COMPLETED, AUDIT), run("cargo-audit", Outcome.FAILED, AUDIT, reason="crash")]
    )
    assert [(gap.scanner, gap.kind) for gap in covered.gaps if not gap.domain] == [("cargo-audit", GapKind.ITEM)]


def test_partial_scanner_covers_all_but_what_it_lost() -> None:
    lost = Gap(kind=GapKind.ITEM, domain=Domain.CODE, item=RUST.id, reason="half", scanner="x")
    unread = Gap(kind=GapKind.FILE, path="a.rs", reason="unreadable", scanner="x")
    partial = run("x", Outcome.PARTIAL, (Domain.CODE, RUST), AUDIT, gaps=(lost, unread))
    covered = cover(INVENTORY, [partial])
    rows = {(row.domain, row.item): row.covered_by for row in covered.coverage}
    assert rows[Domain.CODE, RUST.id] == ()
    assert rows[Domain.DEPENDENCIES, CARGO.id] == ("x",)
    assert unread in covered.gaps


def test_what_a_scanner_lost_and_another_covers_is_said_when_it_ran() -> None:
    lost = Gap(kind=GapKind.ITEM, domain=Domain.CODE, item=RUST.id, reason="half", scanner="x")
    partial = run("x", Outcome.PARTIAL, (Domain.CODE, RUST), gaps=(lost,))
    covered = cover(INVENTORY, [partial, run("y", Outcome.COMPLETED, (Domain.CODE, RUST))])
    assert lost in covered.gaps


def test_gaps_of_the_inventory_are_kept_and_sorted() -> None:
    inventory = Inventory(
        gaps=(Gap(kind=GapKind.FILE, path="b", reason="r"), Gap(kind=GapKind.FILE, path="a", reason="r"))
    )
    assert [gap.path for gap in cover(inventory, ()).gaps] == ["a", "b"]


def test_scanners_that_were_none_of_them_run_are_one_gap() -> None:
    claims = (Claim(domain=Domain.DEPENDENCIES, item=CARGO.id),)
    runs = tuple(
        ToolRun(adapter=name, domains=(), outcome=outcome, reason=reason, hint=hint, claims=claims)
        for name, outcome, reason, hint in (
            ("a", Outcome.MISSING, "a is not installed", "install a"),
            ("b", Outcome.SKIPPED, "left out by --tool", ""),
        )
    )
    (gap,) = cover(Inventory(items=(CARGO,)), runs).gaps
    assert gap.reason == "none of its scanners ran: a is missing: a is not installed; b was not run: left out by --tool"
    assert gap.hint == "install a"
