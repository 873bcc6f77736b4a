"""How fast the rule engine is: `python benchmarks/engine.py TREE [JOBS]`.

Reads every file of TREE (no ignore rules) in one process, warm: the bytes alone, and by the whole engine. Prints
megabytes a second and the ratio to reading alone.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable

from magray_sec import datafiles
from magray_sec.model.run import File
from magray_sec.regex.compile import compile_rules
from magray_sec.regex.pack import load_packs
from magray_sec.regex.scan import Engine
from magray_sec.source import TreeSource

LARGEST = 10_000_000


def measure(tree: str, jobs: int) -> dict[str, float]:
    """Seconds by what was done, and `bytes`, `files`, `rules` and `found`."""
    source = TreeSource(tree, tuple(_files(tree)))
    with tempfile.TemporaryDirectory() as cache:
        started = time.perf_counter()
        ruleset = load_packs(datafiles.files("rules"), cache)
        compile_rules(ruleset, cache)
        cold = time.perf_counter() - started
        started = time.perf_counter()
        ruleset = load_packs(datafiles.files("rules"), cache)
        database = compile_rules(ruleset, cache)
        warm = time.perf_counter() - started
    engine = Engine(ruleset, database)
    result = {"cold start": cold, "warm start": warm}
    result["read"], _ = _best(lambda: sum(len(source.read(file.path)) for file in source.files()))
    result["scan"], scanned = _best(lambda: engine.scan(source.files(), source.read, jobs=jobs))
    result["bytes"], result["files"], result["rules"] = scanned.bytes, scanned.files, len(ruleset.rules)
    result["found"] = len(scanned.found)
    return result


def _files(tree: str) -> list[File]:
    found = []
    for place, folders, names in os.walk(tree):
        folders.sort()
        for name in names:
            path = os.path.join(place, name)
            if not os.path.islink(path) and os.path.isfile(path) and os.path.getsize(path) <= LARGEST:
                found.append(File(path=os.path.relpath(path, tree), size=os.path.getsize(path)))
    return sorted(found, key=lambda file: file.path)


def _best(work: Callable[[], object], times: int = 3) -> tuple[float, object]:
    best, result = float("inf"), None
    for _ in range(times):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return best, result


def main() -> None:
    tree, jobs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count() or 1
    found = measure(tree, jobs)
    size = found["bytes"] / 1e6
    print(f"{found['files']:.0f} files, {size:.1f} MB, {found['rules']:.0f} rules, {jobs} jobs")
    print(f"{found['found']:.0f} findings")
    for name in ("cold start", "warm start"):
        print(f"{name:11} {found[name]:7.3f} s")
    for name in ("read", "scan"):
        speed, ratio = size / found[name], found[name] / found["read"]
        print(f"{name:11} {found[name]:7.3f} s  {speed:7.0f} MB/s  {ratio:5.2f} x reading")


if __name__ == "__main__":
    main()
