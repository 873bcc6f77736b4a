"""`magray-sec list`: what there is: scanners, rules, policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from magray_sec import adapters
from magray_sec.cli import _surroundings
from magray_sec.cli._output import say
from magray_sec.policy.load import load_policy, shipped
from magray_sec.regex.pack import PatternRule

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
    pack: Annotated[
        list[str] | None, typer.Option("--rules", help="Rule packs of your own (repeatable).", metavar="FILE|DIR")
    ] = None,
    *,
    no_default_rules: Annotated[
        bool, typer.Option("--no-default-rules", help="Only your own packs, without the shipped ones.")
    ] = False,
) -> None:
    """Every rule that a scan of the current folder would use, and those that settings switch off. `explain RULE` says
    what to do about one."""
    from magray_sec.cli import _packs  # noqa: PLC0415

    tuned = _packs.in_use(pack or (), _surroundings.environment(), no_default_rules=no_default_rules)
    # A rule of several languages may be surer in one than in another: a row for each confidence.
    rows = {_row(rule, entry.name, "on") for entry in tuned.ruleset.packs for rule in entry.rules}
    rows |= {
        _row(rule, name, f"off by {'the target' if setting.by_target else 'you'}") for name, rule, setting in tuned.off
    }
    say(table([("RULE", "SEVERITY", "CONFIDENCE", "PACK", "LANGUAGES", "STATE", "TITLE"), *sorted(rows)]))


def _row(rule: PatternRule, pack: str, state: str) -> tuple[str, ...]:
    languages = ",".join(rule.languages) or "-"
    return rule.canonical, rule.severity.value, rule.confidence.value, pack, languages, state, rule.title


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
