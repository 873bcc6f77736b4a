"""Adapters x inventory x what may be used -> the steps to run, and the runs that will not be, with their reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from magray_sec.model.adapter import Adapter, Step
from magray_sec.model.run import Claim, Command, Gap, Inventory, ScanContext, Target, Tool, ToolRun
from magray_sec.model.scale import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be run, and what will not be and why; every adapter that can run is in one of the two."""

    steps: tuple[Step, ...]
    skips: tuple[ToolRun, ...]


def make_plan(
    target: Target,
    inventory: Inventory,
    adapters: tuple[Adapter, ...],
    context: ScanContext,
    *,
    worker: Callable[[Adapter, tuple[Claim, ...]], Command],
    deselected: Mapping[str, str] = {},
) -> Plan:
    """A step for each adapter that claims something and may run, a skip for each other one; nothing for one that only
    reads reports made elsewhere: without a report there is nothing that it could have done.

    `worker` makes the command that runs an in-process adapter; `deselected` maps adapter ids to why they are left out.
    """
    steps, skips = [], []
    for adapter in sorted((entry for entry in adapters if not entry.only_imports), key=lambda entry: entry.id):
        claims = adapter.claims(inventory)
        made = _step(target, adapter, claims, context, worker, deselected.get(adapter.id, ""))
        if isinstance(made, Step):
            steps.append(made)
        else:
            skips.append(made)
    return Plan(steps=tuple(steps), skips=tuple(skips))


def _step(
    target: Target,
    adapter: Adapter,
    claims: tuple[Claim, ...],
    context: ScanContext,
    worker: Callable[[Adapter, tuple[Claim, ...]], Command],
    deselected: str,
) -> Step | ToolRun:
    if deselected:
        return _skip(adapter, claims, Outcome.SKIPPED, deselected)
    if not claims and adapter.needs.git_history:
        return _skip(adapter, claims, Outcome.NOT_APPLICABLE, "it looks at the history, with --history")
    if not claims:
        return _skip(adapter, claims, Outcome.NOT_APPLICABLE, "the target holds nothing that it looks at")
    refusal = _refusal(adapter, target, context)
    if refusal:
        return _skip(adapter, claims, Outcome.SKIPPED, *refusal)
    if adapter.inspect is not None:
        made = adapter.prepare(target, claims, context) if adapter.prepare else ()
        return _in_process(adapter, claims, made, worker)
    tool = context.tools.get(adapter.executable) or Tool(name=adapter.executable)
    if tool.path is None:
        reason = tool.refused or f"{adapter.executable} is not installed"
        return _skip(adapter, claims, Outcome.MISSING, reason, adapter.install)
    for name in adapter.requires:
        needed = context.tools.get(name) or Tool(name=name)
        if needed.path is None:
            reason = needed.refused or f"{name}, which it starts, is not installed"
            return _skip(adapter, claims, Outcome.MISSING, reason, f"install {name}")
    assert adapter.commands is not None  # noqa: S101 - an adapter without `inspect` has it, see the contract test
    made = adapter.commands(target, claims, context)
    commands = tuple(entry for entry in made if isinstance(entry, Command))
    gaps = tuple(entry for entry in made if isinstance(entry, Gap))
    if not commands:
        first = gaps[0].reason if gaps else "it has nothing to run on"
        return _skip(adapter, claims, Outcome.SKIPPED, first, gaps[0].hint if gaps else "", gaps=gaps)
    return Step(adapter=adapter, claims=claims, commands=commands, gaps=gaps, tool=tool)


def _in_process(
    adapter: Adapter,
    claims: tuple[Claim, ...],
    made: tuple[Command | Gap, ...],
    worker: Callable[[Adapter, tuple[Claim, ...]], Command],
) -> Step | ToolRun:
    """The preparations, and then a worker; a claim that a failed preparation would take away has one of its own."""
    commands = tuple(entry for entry in made if isinstance(entry, Command))
    gaps = tuple(entry for entry in made if isinstance(entry, Gap))
    refused = {(gap.domain, gap.item) for gap in gaps}
    left = [claim for claim in claims if (claim.domain, claim.item) not in refused]
    if not left:
        return _skip(adapter, claims, Outcome.SKIPPED, gaps[0].reason, gaps[0].hint, gaps=gaps)
    doubtful = {claim for command in commands if not command.may_fail for claim in command.claims}
    groups = [(claim,) for claim in left if claim in doubtful]
    sure = tuple(claim for claim in left if claim not in doubtful)
    workers = tuple(worker(adapter, group) for group in ((sure,) if sure else ()) + tuple(groups))
    return Step(adapter=adapter, claims=claims, commands=(*commands, *workers), gaps=gaps)


def _refusal(adapter: Adapter, target: Target, context: ScanContext) -> tuple[str, str] | None:
    if adapter.needs.runs_target_code and not context.allow_build:
        return "it builds the target, which runs the target's code", "allow it with --allow-build"
    if adapter.needs.network and context.offline:
        return "it needs the network, and the scan is offline", "run without --offline"
    if adapter.needs.git_history and not target.is_git:
        return "it needs the git history, and the target is no git work tree", ""
    return None


def _skip(
    adapter: Adapter,
    claims: tuple[Claim, ...],
    outcome: Outcome,
    reason: str,
    hint: str = "",
    *,
    gaps: tuple[Gap, ...] = (),
) -> ToolRun:
    return ToolRun(
        adapter=adapter.id,
        domains=tuple(sorted(adapter.domains, key=lambda domain: domain.value)),
        outcome=outcome,
        reason=reason,
        hint=hint,
        claims=claims,
        gaps=gaps,
    )
