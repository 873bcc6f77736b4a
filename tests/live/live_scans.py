"""Whole scans with the real scanners: how each run went, how long each takes alone, what it finds and who else does."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from command_line import ADVISORY_DB, REPOSITORY, SAMPLE, Ended, magray_sec, read
from magray_sec import adapters
from magray_sec.toolbox import PASSED_ON
from record import toml

TABLE = pytest.StashKey[list[str]]()
"""The lines that are printed at the end of the tests."""
TOOLS = Path(__file__).resolve().parent / "tools" / "tools.toml"
INSTALLED = REPOSITORY / ".live" / "installed.json"
MEASURED = REPOSITORY / "docs" / "measured" / "scanners.toml"
LONGEST_S = 7200
OUT_OF_REACH = "the service that it asks could not be reached"
_UNREACHABLE = re.compile(
    "no such host|cannot be reached|could ?n[o']t resolve|ENOTFOUND|EAI_AGAIN|name resolution|network is unreachable|"
    "connection refused|ECONNREFUSED|timeout awaiting|i/o timeout",
    re.IGNORECASE,
)
_FETCHES = ("trivy",)
"""Scanners that do without the network, but for a database."""
_RAN = ("completed", "partial", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured of one scanner."""

    scanner: str
    version: str
    outcome: str
    seconds: float | None
    """Alone, from the start of its program to the end, its version asked for besides; None: it did not run."""
    findings: int
    unique: int
    """Those of them that no other scanner saw."""
    note: str


def programs_path() -> str:
    """PATH with what was installed for these tests first: LIVE_TOOLS, then `.live/bin`."""
    folders = [os.environ.get("LIVE_TOOLS", ""), str(REPOSITORY / ".live" / "bin"), os.environ["PATH"]]
    return os.pathsep.join(folder for folder in folders if folder)


def recipes() -> Mapping[str, Mapping[str, Any]]:
    """What `make tools` installs, by scanner."""
    return {entry["scanner"]: entry for entry in tomllib.loads(TOOLS.read_text(encoding="utf-8"))["tool"]}


def why_not(scanner: str) -> str:
    """Why a scanner is not installed, as `make tools` said, and how to install it by hand."""
    said = (read(INSTALLED) or {}).get(scanner, {}).get("detail", "run `make tools` first")
    return f"it is not installed: {said}; by hand: {adapters.load(scanner).install}"


def target() -> Path:
    """The folder that is scanned whole: LIVE_TARGET, or the sample workspace."""
    return Path(os.environ.get("LIVE_TARGET") or SAMPLE).resolve()


def scanned(root: Path, folder: Path, *options: str) -> tuple[Ended, Any]:
    """Scan with what is installed; how it ended, and the JSON report (None: none was written)."""
    folder.mkdir(parents=True, exist_ok=True)
    # The user's own home, where the toolchains are; no settings and no cache of theirs.
    environment = {
        "HOME": pwd.getpwuid(os.getuid()).pw_dir,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        "PATH": programs_path(),
        "LC_ALL": "C.UTF-8",
    }
    database = os.environ.get("LIVE_ADVISORY_DB") or (str(ADVISORY_DB) if root == SAMPLE else "")
    given = ["--advisory-db", database] if database else []
    given += shlex.split(os.environ.get("LIVE_ARGS", ""))
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    words = ["scan", str(root), "--json", str(report), "--no-progress", "--no-target-config", *given, *options]
    ended = magray_sec(*words, environment=environment, python=sys.executable, timeout=LONGEST_S)
    return ended, read(report)


def trouble(run: Mapping[str, Any]) -> str:
    """What is wrong with a run; empty: nothing, or only that the service it asks is out of this machine's reach."""
    if run["outcome"] == "failed":
        return "" if is_unreachable(run) else f"failed: {run['reason']}"
    if run["outcome"] in {"partial", "skipped", "not-applicable"} and not run.get("reason"):
        return f"{run['outcome']} without a reason"
    return ""


def is_unreachable(run: Mapping[str, Any]) -> bool:
    """Whether a run failed for the network's sake, and is of a scanner that may use it."""
    may = adapters.load(run["adapter"]).needs.network or run["adapter"] in _FETCHES
    return may and bool(_UNREACHABLE.search(run.get("reason", "")))


def figures(report: Mapping[str, Any], alone: Mapping[str, float]) -> tuple[Figures, ...]:
    """The figures of every scanner that had something to look at, in the order of their names."""
    seen = [{witness["tool"] for witness in finding["witnesses"]} for finding in report["findings"]]
    rows = []
    for run in report["runs"]:
        name = run["adapter"]
        if run["outcome"] == "not-applicable":
            continue
        note = "" if run["outcome"] == "completed" else run.get("reason", "")
        if is_unreachable(run) or (run["outcome"] == "partial" and _UNREACHABLE.search(note)):
            note = OUT_OF_REACH
        rows.append(
            Figures(
                scanner=name,
                version=run.get("version", ""),
                outcome=run["outcome"],
                seconds=alone.get(name),
                findings=sum(name in tools for tools in seen),
                unique=sum({name} == tools for tools in seen),
                note=note,
            )
        )
    return tuple(rows)


def each_alone(report: Mapping[str, Any], root: Path, folder: Path) -> Mapping[str, float]:
    """Seconds that each scanner which ran takes when nothing else of the scan runs: the second time, when crates are
    fetched and rules compiled, but without results of earlier scans.
    """
    names = [run["adapter"] for run in report["runs"] if run["outcome"] in _RAN]
    taken = {}
    if set(names) & {"cargo-audit", "cargo-deny", "cargo-licenses", "cargo-tree"}:
        scanned(root, folder, "--tool", "cargo-licenses", "--tool", "cargo-tree")
    for name in names:
        shutil.rmtree(folder / "cache" / "magray-sec" / "results", ignore_errors=True)
        _, own = scanned(root, folder, "--tool", name)
        if own is not None:
            taken[name] = next(run["duration_s"] for run in own["runs"] if run["adapter"] == name)
    return taken


def table(rows: tuple[Figures, ...]) -> list[str]:
    """Lines to print."""
    lines = [f"{'scanner':<15} {'version':<10} {'seconds':>8} {'findings':>9} {'only it':>8}  how it went"]
    for row in rows:
        seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
        how = row.outcome + (f": {row.note}" if row.note else "")
        lines.append(
            f"{row.scanner:<15} {row.version or '-':<10} {seconds:>8} {row.findings:>9} {row.unique:>8}  {how[:100]}"
        )
    return lines


def store(report: Mapping[str, Any], rows: tuple[Figures, ...], load: float) -> None:
    """Write what `make docs` shows of them."""
    MEASURED.parent.mkdir(exist_ok=True)
    stated = {
        "target": os.environ.get("LIVE_NAME") or report["target"]["name"],
        "commit": report["target"].get("commit") or "",
        "date": str(datetime.now(UTC).date()),
        "seconds": round(report["duration_s"], 1),
        "findings": len(report["findings"]),
        "processors": os.cpu_count() or 1,
        "load": round(load, 1),
    }
    lines = ["# Written by `make live LIVE_TARGET=...`; shown in docs/scanners.md.", ""]
    lines += [f"{name} = {toml(value)}" for name, value in stated.items()]
    for row in rows:
        entry = {"id": row.scanner, "version": row.version, "outcome": row.outcome}
        seconds = {} if row.seconds is None else {"seconds": round(row.seconds, 1)}
        counts = {"findings": row.findings, "unique": row.unique}
        # What a partial run left out is the target's business.
        note = {} if row.outcome == "partial" and row.note != OUT_OF_REACH else {"note": row.note}
        lines += ["", "[[scanner]]"]
        stated_ = {**entry, **seconds, **counts, **note}
        lines += [f"{name} = {toml(value)}" for name, value in stated_.items() if value != ""]
    MEASURED.write_text("\n".join(lines) + "\n", encoding="utf-8")
