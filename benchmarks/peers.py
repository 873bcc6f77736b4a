"""Us beside gitleaks, kingfisher and ripgrep with one literal, on the same trees in one run.

python benchmarks/peers.py [--rounds N] [--scale F] [--only PART...] [--markdown FILE]

Whole processes, caches warm, turn by turn; the best wall time of the rounds counts, with the processor time of that run
and the largest memory of all. Secrets are planted in every tree, and each scanner's report is read for them. Times
depend on the machine: ratios are what counts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import measure
import tools

import trees
from trees import Tree

Command = Callable[[Tree, str], tuple[str, ...]]
"""Tree and report file to what is run in the tree."""
OURS, GITLEAKS, KINGFISHER, RIPGREP = "magray-sec", "gitleaks", "kingfisher", "rg"
_FINE = {OURS: {0, 1, 3}, GITLEAKS: {0, 1}, KINGFISHER: {0, 200, 205}, RIPGREP: {0, 1}}
TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one scanner did on one tree."""

    tool: str
    wall: float
    cpu: float
    memory: int
    found: int
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A tree and all results on it, ours first."""

    part: str
    tree: Tree
    results: tuple[Result, ...]
    absent: tuple[str, ...]

    def of(self, tool: str) -> Result | None:
        return next((result for result in self.results if result.tool == tool and not result.problem), None)

    def ratio(self, tool: str) -> float | None:
        ours, other = self.of(OURS), self.of(tool)
        return other.wall / ours.wall if ours and other else None


def commands(part: str, paths: dict[str, str], config: str) -> dict[str, Command]:
    """What is run on a tree of this part, by scanner that is there."""
    everywhere: dict[str, dict[str, Command]] = {
        "history": {
            OURS: lambda _, report: tools.ours(report, "--history", "--tool", "secret-history"),
            GITLEAKS: lambda _, report: tools.gitleaks(paths[GITLEAKS], report, verb="git"),
            KINGFISHER: lambda _, report: tools.kingfisher(paths[KINGFISHER], report),
        },
        "push": {
            OURS: lambda tree, report: tools.ours(report, "--range", f"{tree.base}..HEAD", "--tool", "regex-rules"),
            GITLEAKS: lambda tree, report: (
                *tools.gitleaks(paths[GITLEAKS], report, verb="git"),
                f"--log-opts={tree.base}..HEAD",
            ),
            KINGFISHER: lambda tree, report: tools.kingfisher(
                paths[KINGFISHER], report, ".", "--since-commit", tree.base
            ),
        },
    }
    on_disk: dict[str, Command] = {
        OURS: lambda _, report: tools.ours(
            report, "--tool", "regex-rules", *(("--config", config) if part == "one-line" else ())
        ),
        GITLEAKS: lambda _, report: tools.gitleaks(paths[GITLEAKS], report),
        KINGFISHER: lambda _, report: tools.kingfisher(paths[KINGFISHER], report),
        RIPGREP: lambda tree, _: (paths[RIPGREP], "-uu", "-c", "-F", "-e", tree.planted[0][1], "."),
    }
    wanted = everywhere.get(part, on_disk)
    return {tool: command for tool, command in wanted.items() if tool == OURS or tool in paths}


def compare(part: str, tree: Tree, paths: dict[str, str], rounds: int, folder: str) -> Measured:
    """All scanners on one tree, turn by turn, after one round that warms caches and is read for the secrets."""
    config = os.path.join(folder, "large-files.yaml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("max_file_size: 250 MB\n")
    wanted = commands(part, paths, config)
    found: dict[str, int] = {}
    problems: dict[str, str] = {}
    best: dict[str, measure.Cost] = {}
    memory: dict[str, int] = {}
    for turn in range(rounds + 1):
        for tool, command in wanted.items():
            if tool in problems:
                continue
            report = os.path.join(folder, f"{tool}.json")
            cost = measure.run(command(tree, report), cwd=tree.path, timeout=TIMEOUT_S)
            if cost.exit_code not in _FINE[tool]:
                end = f"stopped after {TIMEOUT_S:.0f} s" if cost.exit_code == -9 else f"exit code {cost.exit_code}"
                problems[tool] = end
                print(f"{tool} on {tree.title}: {end}\n{cost.said}", file=sys.stderr)
                continue
            if turn == 0 and tool == OURS and (end := _unfinished(report)):
                problems[tool] = end
                print(f"{tool} on {tree.title}: {end}", file=sys.stderr)
                continue
            memory[tool] = max(memory.get(tool, 0), cost.memory)
            if turn == 0:
                found[tool] = _found(tree, tool, report) if tool != RIPGREP else int(cost.exit_code == 0)
            elif tool not in best or cost.wall < best[tool].wall:
                best[tool] = cost
    results = [
        Result(tool=tool, wall=best[tool].wall, cpu=best[tool].cpu, memory=memory[tool], found=found[tool])
        if tool in best and tool not in problems
        else Result(tool=tool, wall=0, cpu=0, memory=0, found=0, problem=problems.get(tool, "not measured"))
        for tool in wanted
    ]
    absent = tuple(tool for tool in (GITLEAKS, KINGFISHER, RIPGREP) if tool not in paths)
    return Measured(part=part, tree=tree, results=tuple(results), absent=absent)


def _found(tree: Tree, tool: str, report: str) -> int:
    """How many of the planted secrets a report tells of. Ours never holds a secret: it is read for their places."""
    with open(report, encoding="utf-8") as file:
        text = file.read()
    if tool != OURS:
        return sum(value in text for _, value in tree.planted)
    places = {path for path, _ in tree.planted}
    told = [
        entry["location"].get("region", {}).get("start_column", 0)
        for entry in json.loads(text)["findings"]
        if entry["domain"] == "secrets" and entry["location"]["path"] in places
    ]
    return min(len(told), len(tree.planted))


def _unfinished(report: str) -> str:
    """Why our report is none: a scanner that did not complete."""
    with open(report, encoding="utf-8") as file:
        runs = json.load(file)["runs"]
    looked = [
        run for run in runs if run["adapter"] in {"regex-rules", "secret-history"} and run["outcome"] != "skipped"
    ]
    return "; ".join(f"{run['adapter']} {run['outcome']}" for run in looked if run["outcome"] != "completed")


def build(part: str, folder: str, scale: float) -> Iterable[Tree | str]:
    """The trees of a part, made now; a text says what is absent."""
    files = max(int(10_000 * scale), 20)
    if part == "registries":
        found, absent = trees.registries(folder, files)
        yield from found
        yield from absent
    elif part == "generated":
        yield trees.generated(folder, int(1_000 * scale) * trees.MEGABYTE)
    elif part == "one-line":
        yield trees.one_line(folder, int(200 * scale) * trees.MEGABYTE)
    elif part == "history":
        yield trees.history(folder, files)
    else:
        yield trees.pushed(folder, files)


PARTS = ("registries", "generated", "one-line", "history", "push")


def budgets(all_: Sequence[Measured]) -> list[tuple[str, str, bool]]:
    """What DESIGN promises: the promise, what was measured, whether it was kept."""
    rows = []
    for measured in all_:
        ours, title = measured.of(OURS), measured.tree.title
        if ours is None:
            rows.append((f"{title}: completes", "did not", False))
            continue
        rows.append(
            (f"{title}: finds what was planted", f"{ours.found} of {len(measured.tree.planted)}", _all(measured))
        )
        if measured.part == "registries":
            for tool, floor, goal in ((GITLEAKS, 15, 20), (KINGFISHER, 6, 8)):
                if (ratio := measured.ratio(tool)) is not None:
                    rows.append((f"{title}: {floor}x {tool}, the goal is {goal}x", f"{ratio:.1f}x", ratio >= floor))
        elif measured.part == "generated":
            rows.append((f"{title}: memory under 400 MB", f"{ours.memory / 1e6:.0f} MB", ours.memory < 400e6))
        elif measured.part == "history" and (ratio := measured.ratio(GITLEAKS)) is not None:
            rows.append((f"{title}: as fast as `gitleaks git`", f"{ratio:.1f}x", ratio >= 1))
        elif measured.part == "push":
            rows.append((f"{title}: under 0.3 s", f"{ours.wall:.2f} s", ours.wall < 0.3))
    return rows


def _all(measured: Measured) -> bool:
    ours = measured.of(OURS)
    return ours is not None and ours.found == len(measured.tree.planted)


def markdown(all_: Sequence[Measured]) -> str:
    """A table for each tree."""
    parts = []
    for measured in all_:
        tree, ours = measured.tree, measured.of(OURS)
        rows = [
            f"### {tree.title}",
            "",
            f"{tree.files} files, {tree.bytes / 1e6:.0f} MB, {len(tree.planted)} secrets planted.",
            "",
            "| | wall | times ours | processor | memory | found |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for result in measured.results:
            if result.problem:
                rows.append(f"| {result.tool} | {result.problem} | | | | |")
                continue
            times = f"{result.wall / ours.wall:.2f}" if ours else ""
            found = "one literal" if result.tool == RIPGREP else f"{result.found} of {len(tree.planted)}"
            cells = (f"{result.wall:.2f} s", times, f"{result.cpu:.2f} s", f"{result.memory / 1e6:.0f} MB", found)
            rows.append(f"| {result.tool} | {' | '.join(cells)} |")
        rows += [f"| {tool} | not installed | | | | |" for tool in measured.absent]
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def run(paths: dict[str, str], parts: Sequence[str], rounds: int, scale: float) -> tuple[list[Measured], list[str]]:
    """Everything, each tree made, measured and removed; and what was absent."""
    all_, absent = [], []
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="magray-bench-") as folder:
            work = os.path.join(folder, "work")
            os.makedirs(work)
            for tree in build(part, os.path.join(folder, "trees"), scale):
                if isinstance(tree, str):
                    absent.append(tree)
                    print(tree, file=sys.stderr)
                    continue
                print(f"{tree.title}: {tree.files} files, {tree.bytes / 1e6:.0f} MB", file=sys.stderr, flush=True)
                all_.append(compare(part, tree, paths, rounds, work))
                print(markdown(all_[-1:]) + "\n", flush=True)
                shutil.rmtree(tree.path)
    return all_, absent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes: small to try it out")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--markdown", metavar="FILE")
    tools.add_options(parser)
    options = parser.parse_args()
    all_, absent = run(tools.found(options), options.only, options.rounds, options.scale)
    rows = [f"{'kept  ' if kept else 'MISSED'}  {promise}: {said}" for promise, said, kept in budgets(all_)]
    print("\n".join(rows))
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write("\n\n".join((markdown(all_), *absent)) + "\n")
    return 0 if all(kept for _, _, kept in budgets(all_)) else 1


if __name__ == "__main__":
    sys.exit(main())
