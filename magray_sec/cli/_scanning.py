"""A scan as the command line starts one: options and settings become the values that `pipeline.scan` takes."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from magray_sec import adapters, datafiles
from magray_sec.cli import _packs, _surroundings
from magray_sec.errors import UsageError
from magray_sec.model.adapter import Adapter
from magray_sec.model.report import BaselineEntry, ScanReport
from magray_sec.model.run import Database, Limits, Notification, ScanContext
from magray_sec.pipeline import Import, ScanRequest, scan
from magray_sec.policy.load import load_policy, load_vex
from magray_sec.scopes import Wanted
from magray_sec.settings import OperatorSettings, TargetSettings, load_target, load_target_file

if TYPE_CHECKING:  # a scan of a few commits starts no process
    from magray_sec.runner import Event

_LARGEST_INPUT = 512_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for; an empty value leaves it to the settings."""

    target: str = "."
    policy: str = ""
    config: str = ""
    no_target_config: bool = False
    tool: tuple[str, ...] = ()
    skip_tool: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    no_default_rules: bool = False
    baseline: str = ""
    event: str = ""
    vex: tuple[str, ...] = ()
    advisory_db: str = ""
    offline: bool = False
    resolve: bool = False
    verify_secrets: bool = False
    allow_build: bool = False
    jobs: int = 0
    timeout_s: float = 0.0
    no_cache: bool = False
    fresh: bool = False
    wanted: Wanted = Wanted()
    stated: tuple[tuple[str, str], ...] = ()
    """What a reader of the report has to know of how it was asked for."""


def perform(
    options: Options, environment: Mapping[str, str], *, on_event: Callable[[Event], None] | None = None
) -> ScanReport:
    """Run the scan. UsageError and SettingsError where an option, a setting or a policy is wrong."""
    clock = _surroundings.clock(environment)
    operator = _surroundings.operator_settings(environment)
    root = _surroundings.folder_to_scan(options.target)
    settings = _target_settings(root, options.config, no_target_config=options.no_target_config)
    known = adapters.names()
    deselected = _deselected(known, options.tool, options.skip_tool)
    usable = _of_part(deselected, options) if options.wanted.is_part else known
    loaded = tuple(adapters.load(name) for name in usable if name not in deselected)
    imports = _imports(known, options.inputs)
    compared_with = _baseline(options.baseline)
    notes: list[Notification] = []
    cache, note = (None, None) if options.no_cache else _surroundings.cache_folder(environment, operator.cache)
    notes += [note] if note else []
    policy = load_policy(
        options.policy or settings.policy or "default",
        root=None if options.policy or not settings.policy else root,
        cache=cache,
        place="" if options.policy else settings.policy_place,
    )
    statements = tuple(entry for file in options.vex for entry in load_vex(file, file=file, root=None, cache=cache))
    policy = replace(policy, vex=(*policy.vex, *statements))
    if options.no_target_config:
        # Strangers' code: its comments allow nothing, whatever a policy of our own says.
        policy = replace(policy, inline_allow="ignore")
    packs = _packs.chosen(options.rules, no_default_rules=options.no_default_rules, of_target=settings.rules)
    rule_settings = (*operator.rule_settings, *settings.rule_settings)
    if options.rules or settings.rules or rule_settings:
        shipped = frozenset(datafiles.files("rules"))
        _packs.checked(packs, [pack for pack in packs if pack not in shipped], cache, rule_settings)
    is_offline = options.offline or operator.offline
    with _surroundings.work_folder(root) as work:
        chosen = _chosen_database(options.advisory_db or operator.advisory_db or "")

        def find_database() -> tuple[Database | None, Sequence[Notification]]:
            from magray_sec import database  # noqa: PLC0415

            return (chosen, ()) if chosen else database.ready(cache or work, now=clock.now, offline=is_offline)

        context = ScanContext(
            today=clock.now.date(),
            started=clock.written,
            work=work,
            cache=cache,
            environment=_surroundings.passed_on(environment),
            tools=_surroundings.tools(_executables(loaded), environment, operator, root),
            packs=packs,
            rule_settings=rule_settings,
            jobs=options.jobs or operator.jobs or os.cpu_count() or 2,
            timeout_s=options.timeout_s or operator.timeout_s or 600.0,
            offline=is_offline,
            resolve=options.resolve,
            allow_build=options.allow_build or operator.allow_build,
            verify_secrets=options.verify_secrets or operator.verify_secrets,
            limits=_limits(settings, options.exclude),
        )
        report = scan(
            ScanRequest(
                path=root,
                context=context,
                policy=policy,
                adapters=loaded,
                find_database=find_database,
                imports=imports,
                deselected=deselected,
                others=lambda: tuple(adapters.load(name) for name in usable if name in deselected),
                event=options.event or None,
                baseline=compared_with,
                baseline_file=os.path.basename(options.baseline),
                options=(*options.stated, *_settings_stated(settings, operator)),
                notifications=tuple(notes),
                is_whole=not deselected and not options.exclude,
                is_fresh=options.fresh,
                wanted=options.wanted,
                whole_only=tuple(name for name in known if name not in usable),
            ),
            on_event=on_event,
        )
    return _pinned(report) if clock.pinned else report


def _of_part(deselected: Mapping[str, str], options: Options) -> tuple[str, ...]:
    """The adapters that can look at a part of a target. UsageError where all of them are left out, or a report is to be
    taken in, which is of the whole."""
    usable = adapters.of_parts()
    if all(name in deselected for name in usable):
        raise UsageError(
            "no scanner that can look at a part of a target is left",
            f"leave in {' or '.join(usable)}; all others look at whole trees",
        )
    if options.inputs:
        raise UsageError("--input takes in a report on a whole tree", "scan the whole tree with it")
    return usable


def _settings_stated(settings: TargetSettings, operator: OperatorSettings) -> tuple[tuple[str, str], ...]:
    """The settings that widen or narrow the scan."""
    stated = [(f"user configuration: {name}", value) for name, value in operator.stated]
    stated += [("settings", settings.file)] if settings.file else []
    stated += [("exclude (settings)", pattern) for pattern in settings.exclude]
    return tuple(stated)


def read_baseline(path: str) -> tuple[BaselineEntry, ...]:
    """The entries of a baseline file. UsageError where it cannot be read, SettingsError where it is none."""
    from magray_sec.policy import baseline  # noqa: PLC0415

    try:
        with open(path, "rb") as file:
            data = file.read(baseline.MOST_BYTES + 1)
    except OSError as error:
        hint = "make it with `magray-sec baseline create`"
        raise UsageError(f"the baseline '{path}' cannot be read: {error.strerror}", hint) from error
    if len(data) > baseline.MOST_BYTES:
        raise UsageError(f"the baseline '{path}' is larger than {baseline.MOST_BYTES // 1_000_000} MB")
    return baseline.load(data, file=path)


def _baseline(path: str) -> tuple[BaselineEntry, ...] | None:
    return read_baseline(path) if path else None


def _target_settings(root: str, config: str, *, no_target_config: bool) -> TargetSettings:
    if config:
        return load_target_file(config, root=root)
    return TargetSettings() if no_target_config else load_target(root)


def _known(name: str, known: tuple[str, ...]) -> str:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise UsageError(f"there is no scanner '{name}'", f"{hint}`magray-sec list scanners` shows all")
    return name


def _imports(known: tuple[str, ...], inputs: tuple[str, ...]) -> tuple[Import, ...]:
    imports = []
    for entry in inputs:
        name, equals, path = entry.partition("=")
        if not equals or not path:
            raise UsageError(f"--input {entry} names no file", "write it as --input ID=FILE")
        adapter = adapters.load(_known(name, known))
        if adapter.parse is None:
            raise UsageError(f"{name} is part of magray-sec and has no report to take in", "let the scan run it")
        try:
            size = os.stat(path).st_size
            if size > _LARGEST_INPUT:
                raise UsageError(f"{path} is larger than {_LARGEST_INPUT // 1_000_000} MB", "split it, or scan here")
            with open(path, "rb") as file:
                data = file.read(_LARGEST_INPUT)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read: {error.strerror}", "give the file that the scanner wrote"
            ) from error
        imports.append(Import(adapter=adapter, name=os.path.basename(path), data=data))
    return tuple(imports)


def _deselected(known: tuple[str, ...], only: tuple[str, ...], without: tuple[str, ...]) -> Mapping[str, str]:
    for name in (*only, *without):
        _known(name, known)
    reasons = {name: "left out by --tool" for name in known if only and name not in only}
    return reasons | dict.fromkeys(without, "left out by --skip-tool")


def _executables(loaded: tuple[Adapter, ...]) -> frozenset[str]:
    return frozenset(name for adapter in loaded for name in (adapter.executable, *adapter.uses) if name)


def _chosen_database(path: str) -> Database | None:
    """The database that the user named, as it is. UsageError where it is none."""
    if not path:
        return None
    from magray_sec import database  # noqa: PLC0415

    try:
        return replace(database.describe(os.path.realpath(path)), chosen_by_user=True)
    except database.DatabaseError as error:
        raise UsageError(
            f"--advisory-db {path}: {error}", "give the folder of an advisory database in RustSec's layout"
        ) from error


def _limits(settings: TargetSettings, exclude: tuple[str, ...]) -> Limits:
    limits = Limits(exclude=exclude, target_exclude=settings.exclude)
    return replace(limits, max_file_bytes=settings.max_file_bytes) if settings.max_file_bytes else limits


def _pinned(report: ScanReport) -> ScanReport:
    """The report with every written time pinned, so that two reports of one tree are the same bytes."""
    runs = tuple(replace(run, started=report.started if run.started else None, duration_s=0.0) for run in report.runs)
    return replace(report, duration_s=0.0, runs=runs)
