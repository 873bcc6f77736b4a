"""How fast the rule engine is: `python benchmarks/engine.py TREE [JOBS]`, and `--rules` for what each rule costs.

Reads every file of TREE (no ignore rules) in one process, warm: the bytes alone, by the rules of all files alone, and
by the whole engine. Prints megabytes a second and the ratio to reading alone. With `--rules` the rules without which
Hyperscan would be fastest: one that it finds no good literal in may cost as much as all others.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable

import hyperscan

from magray_sec import datafiles
from magray_sec.model.run import File
from magray_sec.regex.compile import compile_rules
from magray_sec.regex.encoding import readable
from magray_sec.regex.pack import Pack, RuleSet, load_packs
from magray_sec.regex.scan import Engine
from magray_sec.source import TreeSource

LARGEST = 10_000_000


def measure(tree: str, jobs: int) -> dict[str, float]:
    """Seconds by what was done, and `bytes`, `files`, `rules` and `found`."""
    source = TreeSource(tree, tuple(_files(tree)))
    with tempfile.TemporaryDirectory() as cache:
        started = time.perf_counter()
        ruleset = load_packs(datafiles.files("rules"), cache)
        validated = time.perf_counter()
        databases = compile_rules(ruleset, cache)
        databases.prepare(range(len(databases.parts)), jobs=jobs)
        result = {"validate": validated - started, "compile": time.perf_counter() - validated}
        started = time.perf_counter()
        ruleset = load_packs(datafiles.files("rules"), cache)
        databases = compile_rules(ruleset, cache)
        databases.prepare(range(len(databases.parts)))
        result["warm start"] = time.perf_counter() - started
    engine = Engine(ruleset, databases)
    result["read"], _ = _best(lambda: sum(len(source.read(file.path)) for file in source.files()))
    texts = _texts(source)
    scratch = hyperscan.Scratch(databases.database(0))
    result["hyperscan"], _ = _best(lambda: _run(databases.database(0), scratch, texts))
    result["scan"], scanned = _best(lambda: engine.scan(source.files(), lambda file: source.read(file.path), jobs=jobs))
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


def _texts(source: TreeSource) -> list[bytes]:
    """All text, in pieces as large as the engine's."""
    pieces: list[list[bytes]] = [[]]
    size = 0
    for file in source.files():
        text = readable(source.read(file.path))
        if text:
            if size > 1 << 20:
                pieces.append([])
                size = 0
            pieces[-1].append(text)
            size += len(text)
    return [b"\n".join(piece) for piece in pieces]


def _run(database: hyperscan.Database, scratch: hyperscan.Scratch, texts: list[bytes]) -> None:
    for text in texts:
        database.scan(text, match_event_handler=lambda *_: None, scratch=scratch)


def dearest(tree: str, count: int = 15) -> list[tuple[float, str]]:
    """Nanoseconds a byte that each of the dearest rules costs Hyperscan when it is alone, with its canonical id."""
    texts = _texts(TreeSource(tree, tuple(_files(tree))))[:32]
    size = sum(map(len, texts))
    costs = []
    for rule in load_packs(datafiles.files("rules"), None).rules:
        database = compile_rules(RuleSet(packs=(Pack(name="one", rules=(rule,)),)), None).database(0)
        scratch = hyperscan.Scratch(database)
        seconds, _ = _best(lambda database=database, scratch=scratch: _run(database, scratch, texts))  # type: ignore[misc]
        costs.append((seconds / size * 1e9, rule.canonical))
    return sorted(costs, reverse=True)[:count]


def _best(work: Callable[[], object], times: int = 3) -> tuple[float, object]:
    best, result = float("inf"), None
    for _ in range(times):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return best, result


def main() -> None:
    tree, *rest = sys.argv[1:]
    if rest == ["--rules"]:
        for cost, rule in dearest(tree):
            print(f"{cost:6.3f} ns a byte  {rule}")
        return
    jobs = int(rest[0]) if rest else os.cpu_count() or 1
    found = measure(tree, jobs)
    size = found["bytes"] / 1e6
    print(f"{found['files']:.0f} files, {size:.1f} MB, {found['rules']:.0f} rules, {jobs} jobs")
    print(f"{found['found']:.0f} findings")
    for name in ("validate", "compile", "warm start"):
        print(f"{name:11} {found[name]:7.3f} s")
    for name in ("read", "hyperscan", "scan"):
        speed, ratio = size / found[name], found[name] / found["read"]
        print(f"{name:11} {found[name]:7.3f} s  {speed:7.0f} MB/s  {ratio:5.2f} x reading")


if __name__ == "__main__":
    main()
