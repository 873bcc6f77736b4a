"""scan(): the steps, in order. Data walks one way; everything that may be used or decided comes in as a value."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from magray_sec import __version__, datafiles, worker
from magray_sec.allow import Known, allow
from magray_sec.correlate import correlate
from magray_sec.cover import cover
from magray_sec.errors import MagraySecError
from magray_sec.interpret import interpret
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
    Scope,
    ScopeKind,
    Source,
    Target,
    ToolRun,
)
from magray_sec.model.scale import Domain, Outcome, Verdict
from magray_sec.normalize import clean_gap, clean_notification, normalize
from magray_sec.plan import make_plan
from magray_sec.policy.baseline import Compared, compare
from magray_sec.policy.judge import judge
from magray_sec.policy.types import Policy
from magray_sec.report import scope
from magray_sec.scopes import Scene, Wanted, look

if TYPE_CHECKING:  # a scan of a few commits starts no process
    from magray_sec.runner import Ahead, Event

_FEW_FILES = 2000
_FEW_BYTES = 16_000_000


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
    event: str | None = None
    """What set the scan off (`pull_request`), where the caller knows."""
    deselected: Mapping[str, str] = field(default_factory=dict)
    """Adapter id -> why it is not run."""
    others: Callable[[], tuple[Adapter, ...]] = tuple
    """Gives the deselected adapters, which are not among `adapters`; asked while the others run."""
    options: tuple[tuple[str, str], ...] = ()
    notifications: tuple[Notification, ...] = ()
    """What the caller has to say of its settings."""
    is_whole: bool = True
    is_fresh: bool = False
    """Every scanner looks again, even where nothing has changed since it did."""
    wanted: Wanted = Wanted()
    """What the scan is of. Of a part of the target, `adapters` are those that can look at one."""
    whole_only: tuple[str, ...] = ()
    """The ids of the adapters that cannot look at the part, where it is one."""


def scan(request: ScanRequest, *, on_event: Callable[[Event], None] | None = None) -> ScanReport:
    """All that a scan of the target says. UsageError where the target cannot be scanned at all."""
    with contextlib.ExitStack() as running:
        return _scan(request, running, on_event)


def _scan(request: ScanRequest, running: contextlib.ExitStack, on_event: Callable[[Event], None] | None) -> ScanReport:
    began, began_ns = time.monotonic(), time.time_ns()
    others = functools.cache(request.others)
    ahead = None if request.wanted.is_part else running.enter_context(_ahead(request))
    scene = look(request.path, request.context.limits, request.wanted)
    if scene.scope.is_part:
        scene = _claimed_alone(scene, request)
    target, inventory, source = scene.target, scene.inventory, scene.source
    context, said = _with_database(request, inventory)

    def work(adapter: Adapter, claims: tuple[Claim, ...]) -> Command:
        return worker.command(adapter, claims, source, context)

    plan = make_plan(target, inventory, request.adapters, context, worker=work, deselected=request.deselected)
    shorten = _shortener(target.root, context)
    if _is_small(scene):
        outputs = tuple(_inspected(step, source, context) for step in plan.steps)
        interpretations = [interpret(output, worker.reader(output.step.adapter), shorten=shorten) for output in outputs]
        learnt = None
    else:
        # Whoever looks at a small part does not wait for what starts processes to be imported.
        from magray_sec.learn import learn  # noqa: PLC0415

        learnt = learn(
            plan,
            scene,
            context,
            began_ns=began_ns,
            is_fresh=request.is_fresh,
            shorten=shorten,
            on_event=on_event,
            ahead=ahead,
            meanwhile=others,
        )
        interpretations = list(learnt.interpretations)
        inventory = replace(inventory, gaps=(*inventory.gaps, *learnt.gaps))
        said = (*said, *learnt.notifications)
    interpretations += [_read(entry, target, inventory, source, context, shorten) for entry in request.imports]
    anchor = _anchor(inventory)
    spoken = {entry.id: entry for entry in (*request.adapters, *(entry.adapter for entry in request.imports))}
    normalized = normalize(interpretations, source, spoken, anchor=anchor)
    if learnt:
        learnt.remember(normalized.hide)
    findings = correlate(normalized.findings)
    compared = compare(findings, request.baseline) if request.baseline is not None else None
    findings = compared.findings if compared else findings
    left_out = make_plan(target, inventory, others(), context, worker=work, deselected=request.deselected)
    skips = (*plan.skips, *left_out.skips, *_whole_only(request, scene.scope))
    runs = tuple(sorted((*normalized.runs, *skips), key=lambda run: run.adapter))
    covered = cover(inventory, runs)
    allowed = allow(
        findings,
        normalized.allowances,
        source,
        Known(
            adapters=sorted((*request.adapters, *others()), key=lambda entry: entry.id),
            packs=context.packs,
            cache=context.cache,
            runs=runs,
        ),
        marked=normalized.marked,
        hide=normalized.hide,
        is_part=scene.scope.is_part,
    )
    decision = judge(
        findings=findings,
        gaps=tuple(clean_gap(gap) for gap in covered.gaps),
        runs=runs,
        not_applicable=covered.not_applicable,
        database=context.database,
        policy=request.policy,
        today=context.today,
        branch=target.branch,
        event=request.event,
        allowed=allowed,
    )
    findings, decision, note = _without_permitted(findings, decision)
    if scene.scope.is_part:
        # What a part does not hold is not looked at: no domain is satisfied by its absence.
        decision = replace(decision, not_applicable=())
    comments = allowed.warnings if request.policy.inline_allow == "honour" else ()
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
            clean_notification(entry)
            for entry in (*request.notifications, *said, *inventory.notifications, *note, *comments)
        ),
        database=context.database,
        baseline=_baseline(request, compared),
        options=request.options,
        is_whole=request.is_whole and not scene.scope.is_part,
        scope=scene.scope,
        anchor=anchor,
    )
    return replace(report, line_hashes=tuple(_first_lines(scope.anchors(report), source)))


def _ahead(request: ScanRequest) -> Ahead:
    """The scanners that take long to start, which they do while the target is looked through."""
    from magray_sec.runner import Ahead  # noqa: PLC0415

    ahead = Ahead(request.context, target_root=request.path)
    try:
        for adapter in request.adapters:
            if adapter.ready and adapter.id not in request.deselected:
                ahead.begin(adapter, worker.argv(adapter), worker.greeting(adapter, request.context))
    except BaseException:
        ahead.close()
        raise
    return ahead


def _claimed_alone(scene: Scene, request: ScanRequest) -> Scene:
    """The part of a target without what nobody looks at in parts, which is said, and with what that leaves out.

    The text itself stays: if nobody looked at it, the scan would be none.
    """
    adapters = [entry for entry in request.adapters if entry.id not in request.deselected]
    claimed = {claim.item for adapter in adapters for claim in adapter.claims(scene.inventory)}
    kept = tuple(i for i in scene.inventory.items if i.id in claimed or i.kind is ItemKind.TREE)
    notes = tuple(
        Notification(
            level=Level.NOTE,
            message=f"{item.name} code is in it, and no rule for it looked at it: scan the whole tree",
        )
        for item in scene.inventory.items
        if item not in kept
    )
    able = {domain for adapter in adapters for domain in adapter.domains}
    inventory = replace(scene.inventory, items=kept, notifications=(*scene.inventory.notifications, *notes))
    unlooked = tuple(domain for domain in Domain if domain not in able)
    return replace(scene, inventory=inventory, scope=replace(scene.scope, unlooked=unlooked))


def _whole_only(request: ScanRequest, scope: Scope) -> Iterator[ToolRun]:
    """The scanners that cannot look at a part, where the scan is of one."""
    for name in request.whole_only:
        reason = request.deselected.get(name) or f"it looks at whole trees; this scan is of {scope.label}"
        yield ToolRun(adapter=name, domains=(), outcome=Outcome.SKIPPED, reason=reason)


def _is_small(scene: Scene) -> bool:
    """Whether a part is looked at in this process, since starting another would take longer than looking.

    A crash of native code ends this process too, and never with an exit code of ours. Standard input always is: what
    is not on disk is not put there.
    """
    if not scene.scope.is_part:
        return False
    if scene.scope.kind is ScopeKind.STDIN:
        return True
    return len(scene.inventory.files) <= _FEW_FILES and sum(file.size for file in scene.inventory.files) <= _FEW_BYTES


def _inspected(step: Step, source: Source, context: ScanContext) -> StepOutput:
    """What an in-process scanner says here, as it would say it in a process of its own."""
    (command,) = step.commands
    began = time.monotonic()
    inspect = step.adapter.inspect
    assert inspect is not None  # noqa: S101 - only such a one looks at parts, see the contract test
    lines: list[str] = []
    error, code = b"", 0
    try:
        lines += worker.frames(inspect(source, step.claims, context))
    except MagraySecError as raised:
        error, code = f"{raised}{'; ' if raised.hint else ''}{raised.hint}".encode(), 1
    duration_s = time.monotonic() - began
    raw = RawOutput(
        command=command,
        exit_code=code,
        stdout="".join(f"{line}\n" for line in lines).encode("ascii"),
        stderr=error,
        duration_s=duration_s,
    )
    return StepOutput(step=step, version=None, outputs=(raw,), started=context.started, duration_s=duration_s)


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
    # Of a part nobody knows what is gone from the rest.
    gone = () if request.wanted.is_part else compared.gone
    return Baseline(file=request.baseline_file, known=known, gone=gone)


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
    places = [(context.work, "{work}"), (root, "{target}"), (datafiles.folder("rules"), "{rules}")]
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
