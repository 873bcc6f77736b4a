"""Every adapter is in the plan: as a step, or as a skip with its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from magray_sec.model.adapter import Adapter
from magray_sec.model.run import Capabilities, Claim, Command, Gap, GapKind, Inventory, ScanContext, Target, Tool
from magray_sec.model.scale import Domain, Outcome
from magray_sec.plan import Plan, make_plan

CLAIM = Claim(domain=Domain.CODE, item="language:rust")
TARGET = Target(root="/repo", name="repo")
CONTEXT = ScanContext(
    today=date(2026, 1, 1),
    started=datetime(2026, 1, 1, tzinfo=UTC),
    work="/tmp/work",
    cache=None,
    tools={"fake": Tool(name="fake", path="/usr/bin/fake", found_by="path")},
)
ADAPTER = Adapter(
    id="fake",
    title="Fake",
    domains=frozenset({Domain.CODE}),
    claims=lambda _: (CLAIM,),
    executable="fake",
    install="install fake",
    commands=lambda *_: (Command(argv=("{tool}",), claims=(CLAIM,)),),
    parse=lambda _: iter(()),
)


def plan(adapter: Adapter, context: ScanContext = CONTEXT, **changes: object) -> Plan:
    return make_plan(
        TARGET,
        Inventory(),
        (adapter,),
        context,
        worker=lambda adapter, claims: Command(argv=("worker", adapter.id), claims=claims),
        **changes,  # type: ignore[arg-type]
    )


def test_program_that_is_there_is_a_step() -> None:
    (step,) = plan(ADAPTER).steps
    assert step.tool is not None
    assert (step.tool.path, step.claims) == ("/usr/bin/fake", (CLAIM,))


def test_in_process_scanner_is_a_step_with_a_worker() -> None:
    (step,) = plan(replace(ADAPTER, executable="", commands=None, parse=None, inspect=lambda *_: iter(()))).steps
    assert step.tool is None
    assert step.commands[0].argv == ("worker", "fake")


@pytest.mark.parametrize(
    ("adapter", "context", "outcome", "reason"),
    [
        (replace(ADAPTER, claims=lambda _: ()), CONTEXT, Outcome.NOT_APPLICABLE, "holds nothing"),
        (ADAPTER, replace(CONTEXT, tools={}), Outcome.MISSING, "fake is not installed"),
        (
            ADAPTER,
            replace(CONTEXT, tools={"fake": Tool(name="fake", refused="it lies inside the target")}),
            Outcome.MISSING,
            "it lies inside the target",
        ),
        (
            replace(ADAPTER, needs=Capabilities(runs_target_code=True)),
            CONTEXT,
            Outcome.SKIPPED,
            "runs the target's code",
        ),
        (
            replace(ADAPTER, needs=Capabilities(network=True)),
            replace(CONTEXT, offline=True),
            Outcome.SKIPPED,
            "needs the network",
        ),
        (replace(ADAPTER, needs=Capabilities(git_history=True)), CONTEXT, Outcome.SKIPPED, "no git work tree"),
    ],
)
def test_everything_else_is_a_skip_with_a_reason(
    adapter: Adapter, context: ScanContext, outcome: Outcome, reason: str
) -> None:
    made = plan(adapter, context)
    assert made.steps == ()
    assert made.skips[0].outcome is outcome
    assert reason in made.skips[0].reason


def test_missing_scanner_says_how_to_install_it() -> None:
    assert plan(ADAPTER, replace(CONTEXT, tools={})).skips[0].hint == "install fake"


def test_deselected_scanner_keeps_its_claims() -> None:
    (skip,) = plan(ADAPTER, deselected={"fake": "left out by --skip-tool"}).skips
    assert (skip.outcome, skip.reason, skip.claims) == (Outcome.SKIPPED, "left out by --skip-tool", (CLAIM,))


def test_nothing_but_gaps_is_a_skip_that_carries_them() -> None:
    gap = Gap(kind=GapKind.ITEM, domain=Domain.CODE, item=CLAIM.item, reason="no database", hint="get one")
    (skip,) = plan(replace(ADAPTER, commands=lambda *_: (gap,))).skips
    assert (skip.outcome, skip.gaps, skip.hint) == (Outcome.SKIPPED, (gap,), "get one")
