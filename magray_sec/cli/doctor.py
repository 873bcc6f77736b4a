"""`magray-sec doctor`: what is there, in which version, and the line that gets what is not."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata

import typer

from magray_sec import __version__, adapters, database, runner
from magray_sec.cli import _surroundings
from magray_sec.cli._output import say
from magray_sec.cli.listing import table
from magray_sec.interpret import stated_version
from magray_sec.model.adapter import Adapter, Step
from magray_sec.model.run import ScanContext, Tool
from magray_sec.model.text import clean, shown_path

app = typer.Typer(rich_markup_mode=None, add_completion=False)


_KINDS = {False: "built in", True: "import"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    adapter: Adapter
    tool: Tool
    version: str
    trouble: str


@app.command()
def run() -> None:
    """Show each scanner: where it is, its version and whether that is known to be right, or how to install it."""
    environment = _surroundings.environment()
    clock = _surroundings.clock(environment)
    operator = _surroundings.operator_settings(environment)
    cache, note = _surroundings.cache_folder(environment, operator.cache)
    loaded = [adapters.load(name) for name in adapters.names()]
    executables = frozenset(name for adapter in loaded for name in (adapter.executable, *adapter.uses) if name)
    tools = _surroundings.tools(executables, environment, operator, "")
    with _surroundings.work_folder() as work:
        context = ScanContext(
            today=clock.now.date(),
            started=clock.now,
            work=work,
            cache=cache,
            environment=_surroundings.passed_on(environment),
            tools=tools,
        )
        found = _probe(loaded, context)
    lines = [
        f"magray-sec {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        "",
    ]
    rows = [("SCANNER", "VERSION", "STATE", "WHERE")]
    rows += [
        (adapter.id, _own_version(adapter), _KINDS[adapter.only_imports], "-")
        for adapter in loaded
        if not adapter.executable
    ]
    rows += [(entry.adapter.id, entry.version or "-", _state(entry), _where(entry.tool)) for entry in found]
    body = table(rows).decode()
    lines += [body.rstrip(), ""]
    missing = [entry for entry in found if entry.tool.path is None or entry.trouble]
    for entry in missing:
        reason = entry.trouble or entry.tool.refused or "is not installed"
        lines.append(f"{entry.adapter.id}: {clean(reason)}; install: {entry.adapter.install}")
    for name in sorted({name for adapter in loaded for name in adapter.uses}):
        where = (
            _where(tools[name]) if tools[name].path else "not installed (needed only where a lock file is not there)"
        )
        lines.append(f"{name}: {where}")
    lines += ["", *_databases(cache, operator.advisory_db, clock)]
    lines.append(f"cache: {shown_path(cache) if cache else (note.message if note else 'none')}")
    say(("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
    raise typer.Exit(0)


def _own_version(adapter: Adapter) -> str:
    """The version of the library that an in-process scanner is, else our own."""
    try:
        return metadata.version(adapter.library) if adapter.library else __version__
    except metadata.PackageNotFoundError:
        return "-"


def _probe(loaded: list[Adapter], context: ScanContext) -> list[_Found]:
    wanted = [adapter for adapter in loaded if adapter.executable]
    there = [adapter for adapter in wanted if context.tools[adapter.executable].path]
    steps = tuple(Step(adapter=entry, claims=(), commands=(), tool=context.tools[entry.executable]) for entry in there)
    answers = {
        output.step.adapter.id: output.version for output in runner.execute(steps, context, target_root=context.work)
    }
    found = []
    for adapter in wanted:
        version, trouble, warning = stated_version(adapter, answers.get(adapter.id))
        tool = context.tools[adapter.executable]
        found.append(_Found(adapter=adapter, tool=tool, version=version, trouble=trouble or warning))
    return found


def _state(entry: _Found) -> str:
    if entry.tool.path is None:
        return "refused" if entry.tool.refused else "missing"
    return "look below" if entry.trouble else "right"


def _where(tool: Tool) -> str:
    return f"{shown_path(tool.path)} (by {tool.found_by})" if tool.path else "-"


def _databases(cache: str | None, chosen: str | None, clock: _surroundings.Clock) -> list[str]:
    try:
        described = database.describe(chosen) if chosen else database.find(cache) if cache else None
    except database.DatabaseError as error:
        return [f"advisory database: {shown_path(chosen or '')}: {clean(str(error))}"]
    if described is None:
        return ["advisory database: none yet; a scan fetches it, or: magray-sec db update"]
    age = f"{(clock.now.date() - described.date).days} days old" if described.date else "of unknown age"
    return [f"advisory database: {shown_path(described.path)}, {described.advisories} advisories, {age}"]
