"""All benchmarks, one after the other; fails where one misses its budget.

python benchmarks/run.py [--rounds N] [--scale F] [--results FILE]

Start-up, the rule engine and 25,000 findings to SARIF; then us beside other scanners, for speed on the same trees and
for precision and recall on the generated corpus. These are written to RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import corpus
import peers
import score
import tools

HERE = Path(__file__).resolve().parent
BENCHMARKS = {
    "Start-up": ("startup.py",),
    "Rule engine": ("engine.py", sysconfig.get_path("stdlib")),
    "SARIF": ("sarif.py",),
    "Policy": ("policy.py",),
}
SEEDS = (1, 2)
"""Of the corpora that are scored."""
AT_LEAST = 0.97
"""Precision and recall on the generated corpus."""
ABOUT = """\
Written by `make bench`; [README.md](README.md) says what is measured and how. Times depend on the machine and on what
else it does: the ratios of one run are what counts."""
SPEED = """\
Whole processes, warm, turn by turn, the best of so many rounds: {rounds}. Memory is the peak of a process and its
children together. `rg` looks for one literal: the least that reading the files costs."""


def ours() -> tuple[list[str], str]:
    """The benchmarks of magray-sec alone: what missed its budget, and what was printed."""
    missed, said = [], []
    for title, (script, *arguments) in BENCHMARKS.items():
        print(f"{title}\n{'-' * len(title)}", flush=True)
        done = subprocess.run(
            [sys.executable, str(HERE / script), *arguments], stdout=subprocess.PIPE, text=True, check=False
        )
        print(done.stdout, flush=True)
        said.append(f"### {title}\n\n```text\n{done.stdout.strip()}\n```")
        if done.returncode:
            missed.append(title)
    return missed, "\n\n".join(said)


def accuracy(paths: dict[str, str]) -> tuple[list[tuple[str, str, bool]], str]:
    """Budgets and tables of the corpora, of the first seed in full."""
    budgets, parts = [], []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory(prefix="magray-corpus-") as folder:
            made = corpus.generate(seed)
            tree = corpus.write(made, folder)
            scores = score.run(tree, made.labels, paths)
        first, *others = scores
        name = f"corpus of seed {seed}"
        budgets += [
            (f"{name}: precision of {AT_LEAST}", f"{first.precision:.3f}", first.precision >= AT_LEAST),
            (f"{name}: recall of {AT_LEAST}", f"{first.recall:.3f}", first.recall >= AT_LEAST),
        ]
        if others:
            best = max(others, key=lambda other: other.f1)
            said = f"{first.f1:.3f} to {best.f1:.3f} of {best.tool}"
            budgets.append((f"{name}: F1 ahead of every other", said, first.f1 > best.f1))
        many = len({label.kind for label in made.labels})
        sizes = f"{len(made.files)} files, {len(made.labels)} secrets of {many} kinds"
        parts.append(f"### Seed {seed}: {sizes}\n\n{score.table(scores)}")
        print(parts[-1] + "\n", flush=True)
        if seed == SEEDS[0]:
            details = (score.by_syntax(scores, made.labels), score.by_decoy(scores, made.decoys))
            parts += details
            parts.append(
                f"<details><summary>By kind of secret</summary>\n\n{score.by_kind(scores, made.labels)}\n\n</details>"
            )
    return budgets, "\n\n".join(parts)


def machine(paths: dict[str, str]) -> str:
    """Date, class of machine and versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kind = f"{os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()} {platform.machine()}"
    rows = [
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {kind}, Python {platform.python_version()}.",
        "",
        *(f"- {name}: {version}" for name, version in tools.versions(paths).items()),
        *(f"- {name}: not installed" for name in tools.OTHERS if name not in paths),
    ]
    return "\n".join(rows)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the trees' sizes: small to try it out")
    parser.add_argument("--only", nargs="+", choices=peers.PARTS, default=list(peers.PARTS), help="trees")
    parser.add_argument("--results", default=str(HERE / "RESULTS.md"), metavar="FILE")
    parser.add_argument("--note", default="", help="a sentence that stands above the results")
    tools.add_options(parser)
    options = parser.parse_args(words)
    paths = tools.found(options)
    missed, alone = ours()
    measured, absent = peers.run(paths, options.only, options.rounds, options.scale)
    budgets, scored = accuracy(paths)
    speed = peers.budgets(measured)
    missed += [promise for promise, _, kept in (*speed, *budgets) if not kept]
    parts = (
        "# Results",
        ABOUT,
        options.note,
        machine(paths),
        "## Budgets",
        verdicts((*speed, *budgets)),
        "## Speed and memory",
        SPEED.format(rounds=options.rounds),
        peers.markdown(measured),
        *(f"Not measured: {reason}." for reason in absent),
        "## Precision and recall",
        scored,
        "## magray-sec alone",
        alone,
    )
    Path(options.results).write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")
    print(verdicts((*speed, *budgets)))
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nevery budget was kept")
    return 1 if missed else 0


def verdicts(budgets: Sequence[tuple[str, str, bool]]) -> str:
    """The budgets as a table."""
    rows = ["| budget | measured | |", "|---|---:|---|"]
    rows += [f"| {promise} | {said} | {'kept' if kept else '**missed**'} |" for promise, said, kept in budgets]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
