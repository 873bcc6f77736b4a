"""`magray-sec list`: what there is: scanners, rules, policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from magray_sec import adapters, datafiles
from magray_sec.cli import _surroundings
from magray_sec.cli._output import say
from magray_sec.policy.load import load_policy, shipped

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """List scanners, rules or policies."""


@app.command()
def scanners() -> None:
    """Every scanner there is an adapter for, and what it looks at. `doctor` says which of them are installed."""
    rows = [("SCANNER", "DOMAINS", "VERSIONS", "LOOKS FOR")]
    for name in adapters.names():
        adapter = adapters.load(name)
        domains = ",".join(sorted(domain.value for domain in adapter.domains))
        kind = f"--input {name}=FILE" if adapter.only_imports else "built in"
        rows.append((name, domains, adapter.versions or kind, adapter.title))
    say(table(rows))


@app.command()
def rules(
    pack: Annotated[list[str] | None, typer.Option("--rules", help="A rule pack of your own.", metavar="FILE")] = None,
) -> None:
    """Every rule of the shipped packs. `explain RULE` says what to do about one."""
    from magray_sec.regex.pack import load_packs  # noqa: PLC0415

    cache, _ = _surroundings.cache_folder(_surroundings.environment(), None)
    loaded = load_packs((*datafiles.files("rules"), *(pack or ())), cache)
    rows = [("RULE", "SEVERITY", "CONFIDENCE", "TITLE")]
    rows += [
        (rule.canonical, rule.severity.value, rule.confidence.value, rule.title)
        for rule in sorted(loaded.rules, key=lambda rule: rule.canonical)
    ]
    say(table(rows))


@app.command()
def policies() -> None:
    """The shipped policies, by the names that `scan --policy` takes."""
    rows = [("POLICY", "REQUIRES", "RULES")]
    for name in shipped():
        policy = load_policy(name, root=None, cache=None)
        required = ",".join(domain.value for domain in policy.require)
        rows.append((name, required or "-", str(len(policy.rules))))
    say(table(rows))


def table(rows: Sequence[tuple[str, ...]]) -> bytes:
    """Rows as aligned columns, the last one ragged."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]
    return ("\n".join(line.rstrip() for line in lines) + "\n").encode()
