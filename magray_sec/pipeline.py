"""scan(): the steps, in order. Data walks one way; everything that may be used or decided comes in as a value."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from magray_sec import __version__, runner, worker
from magray_sec.correlate import correlate
from magray_sec.cover import cover
from magray_sec.discover import discover
from magray_sec.interpret import Parse, interpret
from magray_sec.linehash import line_hash
from magray_sec.model.adapter import Adapter, Interpretation, Step, StepOutput
from magray_sec.model.decision import Decision, Ruling
from magray_sec.model.finding import Finding
from magray_sec.model.report import Baseline, BaselineEntry, ScanReport
from magray_sec.model.run import (
    Claim,
    Command,
    Database,
    Inventory,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    ScanContext,
    Source,
    Target,
)
from magray_sec.model.scale import Domain, Verdict
from magray_sec.normalize import clean_gap, clean_notification, normalize
from magray_sec.plan import make_plan
from magray_sec.policy.baseline import Compared, compare
from magray_sec.policy.judge import judge
from magray_sec.policy.types import Policy
from magray_sec.report import scope
from magray_sec.source import TreeSource

OnEvent = Callable[[runner.Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A scanner's report that was made elsewhere (`--input TOOL=FILE`)."""

    adapter: Adapter
    name: str
    """The file as it was named."""
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """What to scan, with what, judged by what; all of it decided by the caller."""

    path: str
    context: ScanContext
    policy: Policy
    adapters: tuple[Adapter, ...]
    find_database: Callable[[], tuple[Database | None, Sequence[Notification]]] | None = None
    """Finds, and brings up to date, the advisory database; asked only where a scanner has something to compare."""
    imports: tuple[Import, ...] = ()
    baseline: tuple[BaselineEntry, ...] | None = None
    """What the findings are compared with; None: nothing."""
    baseline_file: str = ""
    deselected: Mapping[str, str] = field(default_factory=dict)
    """Adapter id -> why it is not run."""
    options: tuple[tuple[str, str], ...] = ()
    notifications: tuple[Notification, ...] = ()
    """What the caller has to say of its settings."""
    is_whole: bool = True


def scan(request: ScanRequest, *, on_event: OnEvent | None = None) -> ScanReport:
    """All that a scan of the target says. UsageError where the target cannot be scanned at all."""
    began = time.monotonic()
    target, inventory = discover(request.path, request.context.limits)
    context, said = _with_database(request, inventory)
    source = TreeSource(target.root, inventory.files)

    def work(adapter: Adapter, claims: tuple[Claim, ...]) -> Command:
        return worker.command(adapter, claims, source, context)

    plan = make_plan(target, inventory, request.adapters, context, worker=work, deselected=request.deselected)
    outputs = runner.execute(plan.steps, context, target_root=target.root, on_event=on_event)
    shorten = _shortener(target.root, context)
    interpretations = [interpret(output, _parse(output.step), shorten=shorten) for output in outputs]
    interpretations += [_read(entry, target, inventory, source, context, shorten) for entry in request.imports]
    anchor = _anchor(inventory)
    normalized = normalize(interpretations, source, {entry.id: entry for entry in request.adapters}, anchor=anchor)
    findings = correlate(normalized.findings)
    compared = compare(findings, request.baseline) if request.baseline is not None else None
    findings = compared.findings if compared else findings
    runs = tuple(sorted((*normalized.runs, *plan.skips), key=lambda run: run.adapter))
    covered = cover(inventory, runs)
    decision = judge(
        findings=findings,
        gaps=tuple(clean_gap(gap) for gap in covered.gaps),
        runs=runs,
        not_applicable=covered.not_applicable,
        database=context.database,
        policy=request.policy,
        today=context.today,
        branch=target.branch,
    )
    findings, decision, note = _without_permitted(findings, decision)
    report = ScanReport(
        tool_version=__version__,
        target=target,
        started=context.started,
        duration_s=time.monotonic() - began,
        items=inventory.items,
        coverage=covered.coverage,
        runs=runs,
        findings=findings,
        decision=decision,
        skipped=inventory.skipped,
        notifications=tuple(
            clean_notification(entry) for entry in (*request.notifications, *said, *inventory.notifications, *note)
        ),
        database=context.database,
        baseline=_baseline(request, compared),
        options=request.options,
        is_whole=request.is_whole,
        anchor=anchor,
    )
    return replace(report, line_hashes=tuple(_first_lines(scope.anchors(report), source)))


def _without_permitted(
    findings: tuple[Finding, ...], decision: Decision
) -> tuple[tuple[Finding, ...], Decision, tuple[Notification, ...]]:
    """Without the licences that the policy passes: what is permitted is no problem to be told, only to be counted.

    A scanner cannot leave them out, since the policy alone knows which they are.
    """
    pairs = list(zip(findings, decision.rulings, strict=True))
    kept = [pair for pair in pairs if not _is_permitted(*pair)]
    if len(kept) == len(pairs):
        return findings, decision, ()
    message = f"{len(pairs) - len(kept)} licences that the policy permits are counted and not listed"
    decision = replace(decision, rulings=tuple(ruling for _, ruling in kept))
    return tuple(finding for finding, _ in kept), decision, (Notification(level=Level.NOTE, message=message),)


def _is_permitted(finding: Finding, ruling: Ruling) -> bool:
    return finding.domain is Domain.LICENSES and ruling.verdict is Verdict.PASS and ruling.waiver is None


def _baseline(request: ScanRequest, compared: Compared | None) -> Baseline | None:
    if compared is None or request.baseline is None:
        return None
    known = sum(entry.count for entry in request.baseline)
    return Baseline(file=request.baseline_file, known=known, gone=compared.gone)


def _first_lines(paths: tuple[str, ...], source: Source) -> Iterator[tuple[str, str]]:
    """GitHub's hash of the first line of each file that gaps are attached to and that can be read."""
    for path in paths:
        try:
            found = line_hash(source.read(path), {1})
        except (OSError, ValueError):
            continue
        if 1 in found:
            yield path, found[1]


def _with_database(request: ScanRequest, inventory: Inventory) -> tuple[ScanContext, Sequence[Notification]]:
    """The context with the inventory, and with the advisory database where a scanner that needs it claims something."""
    context = replace(request.context, inventory=inventory)
    wanting = (entry for entry in request.adapters if entry.needs.advisory_database)
    wanted = any(entry.id not in request.deselected and entry.claims(inventory) for entry in wanting)
    if request.find_database is None or not wanted:
        return context, ()
    database, said = request.find_database()
    return replace(context, database=database), said


def _parse(step: Step) -> Parse:
    """Who reads what a step's own processes print: an in-process scanner speaks the worker's language."""
    return worker.parse if step.adapter.parse is None or step.adapter.inspect else step.adapter.parse


def _read(
    entry: Import,
    target: Target,
    inventory: Inventory,
    source: Source,
    context: ScanContext,
    shorten: Callable[[str], str],
) -> Interpretation:
    """A report made elsewhere, read by the parser that reads the tool's own output."""
    adapter = entry.adapter
    command = adapter.imported(target, inventory) if adapter.imported else Command(argv=())
    command = replace(command, argv=("--input", f"{adapter.id}={entry.name}"))
    if adapter.only_imports:
        command = replace(command, subject=entry.name)
    step = Step(adapter=adapter, claims=command.claims, commands=(command,))
    raw = RawOutput(command=command, stdout=entry.data, inputs=_Inputs(command, target, source))
    output = StepOutput(step=step, version=None, outputs=(raw,), started=context.started, duration_s=0.0)
    return interpret(output, adapter.parse or worker.parse, shorten=shorten, is_import=True)


class _Inputs(Mapping[str, bytes]):
    """The declared files of the target, each read when it is asked for: a report may speak of any. As with the runner,
    what cannot be read is absent, and the parser says what that means."""

    def __init__(self, command: Command, target: Target, source: Source) -> None:
        self._declared = dict.fromkeys(command.inputs)
        self._target = target
        self._source = source

    def __getitem__(self, path: str) -> bytes:
        if path not in self._declared:
            raise KeyError(path)
        try:
            return self._source.read(os.path.relpath(path, self._target.root).replace(os.sep, "/"))
        except OSError as error:
            raise KeyError(path) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)


def _shortener(root: str, context: ScanContext) -> Callable[[str], str]:
    """Takes this machine's folders out of what is stored, so that reports are the same wherever they are made."""
    places = [(context.work, "{work}"), (root, "{target}")]
    if context.cache:
        places.append((context.cache, "{cache}"))
    if context.database:
        places.append((context.database.path, "{advisory-db}"))
    places += [(tool.path, tool.name) for tool in context.tools.values() if tool.path]
    places += [(sys.executable, "python"), (os.path.dirname(os.path.abspath(__file__)), "magray_sec")]
    places.sort(key=lambda pair: (-len(pair[0]), pair))

    def shorten(text: str) -> str:
        for place, name in places:
            text = text.replace(place, name)
        return text

    return shorten


def _anchor(inventory: Inventory) -> str:
    """The file that findings about the repository as a whole are attached to: a manifest, a README, or the first."""
    paths = [file.path for file in inventory.files]
    known = set(paths)
    for name in ("Cargo.toml", "Cargo.lock", "pyproject.toml", "package.json", "go.mod", "README.md", "README"):
        if name in known:
            return name
    manifests = [item.name for kind in (ItemKind.LOCKFILE, ItemKind.MANIFEST) for item in inventory.of(kind)]
    return next((name for name in manifests if name in known), paths[0] if paths else "")
