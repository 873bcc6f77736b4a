"""Steps -> what each came to: taken from the cache where nothing has changed, run where it has.

Whether a scanner ran or was remembered makes no difference to anything that follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from magray_sec import results, runner, worker
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Interpretation, Step
from magray_sec.model.run import Gap, GapKind, Level, Notification, ScanContext, Source
from magray_sec.normalize import settle
from magray_sec.plan import Plan
from magray_sec.results import Recalled, Results
from magray_sec.scopes import Scene
from magray_sec.source import TreeSource

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What the steps came to, in the plan's order."""

    interpretations: tuple[Interpretation, ...]
    gaps: tuple[Gap, ...]
    """The files that changed while they were looked at."""
    notifications: tuple[Notification, ...]
    _fresh: tuple[tuple[Step, Interpretation], ...]
    """What is new, without a secret's value in it."""
    _results: Results
    _began_ns: int

    def remember(self, hide: Callable[[str], str]) -> None:
        """Keep what is new for the next scan. `hide` takes every secret of the scan out of a text."""
        for step, interpretation in self._fresh:
            self._results.keep(step, interpretation, hide, now_ns=self._began_ns)


def learn(
    plan: Plan,
    scene: Scene,
    context: ScanContext,
    *,
    began_ns: int,
    is_fresh: bool = False,
    shorten: Callable[[str], str],
    on_event: Callable[[runner.Event], None] | None,
    ahead: runner.Ahead | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Learnt:
    """Run what has to be run, longest first, and recall the rest; `is_fresh`: run all. `began_ns`: when the target was
    not yet looked at; `meanwhile` as for `runner.execute`.
    """
    root, files = scene.target.root, scene.inventory.files
    states = scene.inventory.states or results.states(root, files)
    is_tree = isinstance(scene.source, TreeSource) and not scene.scope.is_part
    kept = Results(
        folder=f"{context.cache}/results" if context.cache and is_tree else None,
        root=root,
        files=files,
        states=states,
        is_fresh=is_fresh,
    )
    recalled = {step.adapter.id: kept.recall(step, context) for step in plan.steps}
    steps = tuple(
        _left(step, known, scene.source, context)
        for step in plan.steps
        if (known := recalled[step.adapter.id]) is None or known.files
    )
    outputs = runner.execute(
        steps,
        context,
        target_root=root,
        expected=kept.durations() if steps else {},
        on_event=on_event,
        ahead=ahead,
        meanwhile=meanwhile,
    )
    made = {
        output.step.adapter.id: interpret(output, worker.reader(output.step.adapter), shorten=shorten)
        for output in outputs
    }
    touched = set(results.changed(states, results.states(root, files))) if steps and is_tree else set()
    kept.states = {path: state for path, state in states.items() if path not in touched}
    interpretations = []
    fresh = []
    for step in plan.steps:
        known, new = recalled[step.adapter.id], made.get(step.adapter.id)
        if known is None:
            whole = made[step.adapter.id]
        else:
            whole = results.merge(known.interpretation, new) if new else known.interpretation
        if step.adapter.per_file:
            whole = replace(whole, run=results.measured(whole.run, files))
        interpretations.append(whole)
        if new and results.is_kept(step.adapter, context) and (settled := settle(whole, scene.source)):
            fresh.append((step, settled))
    if outputs:
        kept.keep_durations({output.step.adapter.id: output.duration_s for output in outputs})
    return Learnt(
        interpretations=tuple(interpretations),
        gaps=tuple(_changed(path) for path in sorted(touched)[:_MOST_NAMED]),
        notifications=_said(touched, any(raw.is_confined is False for output in outputs for raw in output.outputs)),
        _fresh=tuple(fresh),
        _results=kept,
        _began_ns=began_ns,
    )


def _left(step: Step, known: Recalled | None, source: Source, context: ScanContext) -> Step:
    """The step over the files that have changed."""
    if known is None or step.adapter.inspect is None:
        return step
    rest = TreeSource(source.root, known.files)
    return replace(step, commands=(worker.command(step.adapter, step.claims, rest, context),))


def _changed(path: str) -> Gap:
    return Gap(
        kind=GapKind.FILE,
        path=path,
        reason="it changed while it was looked at",
        hint="scan again when nothing writes to the tree",
    )


def _said(touched: set[str], is_open: bool) -> tuple[Notification, ...]:
    said = []
    if len(touched) > _MOST_NAMED:
        message = f"{len(touched)} files changed while they were looked at; the first {_MOST_NAMED} are listed as gaps"
        said.append(Notification(level=Level.WARNING, message=message))
    if is_open:
        message = "this platform does not let scanners be kept from the network and from writing to the target"
        said.append(Notification(level=Level.NOTE, message=message))
    return tuple(said)
