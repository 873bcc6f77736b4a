"""In-process scanners in a process of their own: what they are told, and what they say, as JSON lines over pipes.

The runner starts `python -m magray_sec.worker ID` like any other tool, so time limits, output caps and a crash of
native code are judged as for any other. The last line is the mark of a finished run. A sighting that holds a sealed
secret cannot be encoded and so cannot leave the process.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from magray_sec.errors import MagraySecError
from magray_sec.model.adapter import Adapter, Inspect, Marked, Metric, ParseError, Said, Stated
from magray_sec.model.codec import from_plain, to_plain
from magray_sec.model.finding import Rule, Sighting
from magray_sec.model.run import (
    PROGRESS,
    Claim,
    Command,
    File,
    Gap,
    Inventory,
    Notification,
    RawOutput,
    ScanContext,
    Skipped,
    Source,
)

_KINDS: Mapping[str, Any] = {
    kind.__name__: kind for kind in (Sighting, Gap, Notification, Skipped, Metric, Stated, Marked, Rule)
}


def command(adapter: Adapter, claims: tuple[Claim, ...], source: Source, context: ScanContext) -> Command:
    """The command that inspects `source` with an in-process adapter."""
    claimed = {claim.item for claim in claims}
    items = tuple(item for item in (context.inventory or Inventory()).items if item.id in claimed)
    heard = replace(_heard(adapter, context), inventory=Inventory(items=items))
    files = source.files()
    # Of ten thousand files of a tree each is told in the fewest words.
    is_plain = all(file.lines is None and not file.blob for file in files)
    told = {
        "root": source.root,
        "paths": [file.path for file in files] if is_plain else [],
        "sizes": [file.size for file in files] if is_plain else [],
        "files": [] if is_plain else to_plain(files),
        "objects": getattr(source, "objects", None),
        "claims": to_plain(claims),
        "context": to_plain(heard),
    }
    return Command(
        argv=argv(adapter),
        claims=claims,
        stdin=greeting(adapter, context) + json.dumps(told).encode("ascii"),
        tells_progress=True,
    )


def argv(adapter: Adapter) -> tuple[str, ...]:
    """The command line of an adapter's worker."""
    return (sys.executable, "-I", "-m", "magray_sec.worker", adapter.id)


def greeting(adapter: Adapter, context: ScanContext) -> bytes:
    """What a worker is told first: all that does not depend on the target, as a line."""
    heard = replace(_heard(adapter, context), inventory=None, database=None)
    return json.dumps(to_plain(heard)).encode("ascii") + b"\n"


def _heard(adapter: Adapter, context: ScanContext) -> ScanContext:
    # A scanner in Python starts nothing: it is told where the tools are that prepare for it, and cargo's own cache.
    known = {name: context.tools[name] for name in adapter.uses if name in context.tools}
    homes = {name: place for name, place in context.environment.items() if name == "CARGO_HOME"}
    return replace(context, tools=known, environment=homes)


def parse(raw: RawOutput) -> Iterator[Said]:
    """What a worker said. ParseError where its last line is not the mark of a finished run."""
    rules: list[Rule] = []
    lines = raw.stdout.split(b"\n")
    finished = False
    for line in lines[:-1]:
        try:
            kind, plain, *rest = json.loads(line)
        except ValueError as error:
            raise ParseError("a line of the worker's output is damaged") from error
        if kind == "end":
            finished = plain == len(lines) - 2
        elif kind == "Rule":
            rules.append(from_plain(Rule, plain))
        else:
            said = from_plain(_KINDS[kind], plain)
            yield replace(said, rule=rules[rest[0]]) if rest else said
    if not finished:
        raise ParseError("the worker ended before its work did")


def reader(adapter: Adapter) -> Callable[[RawOutput], Iterator[Said]]:
    """Who reads what an adapter's own processes print: an in-process scanner speaks the language of this module."""
    return parse if adapter.parse is None or adapter.inspect else adapter.parse


def frames(said: Iterator[Said]) -> Iterator[str]:
    """The lines that say `said`: each rule once, then the sightings that refer to it, then the mark."""
    known: dict[str, int] = {}
    count = 0
    for entry in said:
        if isinstance(entry, Sighting) and entry.rule is not None:
            if entry.rule.id not in known:
                known[entry.rule.id] = len(known)
                count += 1
                yield json.dumps(["Rule", to_plain(entry.rule)])
            line = ["Sighting", to_plain(replace(entry, rule=None)), known[entry.rule.id]]
        else:
            line = [type(entry).__name__, to_plain(entry)]
        count += 1
        yield json.dumps(line)
    yield json.dumps(["end", count])


def main() -> int:
    """Read what to inspect from standard input, write what was seen to standard output."""
    from magray_sec.adapters import load  # noqa: PLC0415

    first = json.loads(sys.stdin.buffer.readline())
    adapter = load(sys.argv[1])
    if adapter.inspect is None:
        sys.stderr.write(f"{adapter.id} is not an in-process scanner\n")
        return 2
    try:
        inspect = adapter.ready(from_plain(ScanContext, first), _tell) if adapter.ready else adapter.inspect
        rest = sys.stdin.buffer.read()
        if rest:
            _inspect(inspect, json.loads(rest))
    except MagraySecError as error:
        sys.stderr.write(f"{error}{'; ' if error.hint else ''}{error.hint}\n")
        return 1
    sys.stdout.flush()
    return 0


def _tell(message: str) -> None:
    sys.stderr.write(f"{PROGRESS}{message}\n")
    sys.stderr.flush()


def _inspect(inspect: Inspect, told: dict[str, Any]) -> None:
    """Write what a scanner says of what it was told."""
    from magray_sec.source import TreeSource  # noqa: PLC0415

    plain = tuple(File(path=path, size=size) for path, size in zip(told["paths"], told["sizes"], strict=True))
    files = plain or from_plain(tuple[File, ...], told["files"])
    source: Source = TreeSource(told["root"], files)
    if told["objects"]:
        from magray_sec._git_objects import BlobSource, Objects  # noqa: PLC0415

        folder, width = told["objects"]
        source = BlobSource(told["root"], files, Objects(folder, width))
    claims = from_plain(tuple[Claim, ...], told["claims"])
    context = from_plain(ScanContext, told["context"])
    for line in frames(inspect(source, claims, context)):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    # Nearly all that is made lives as long as the process: looking for garbage in it costs more than it frees.
    gc.set_threshold(100_000, 50, 50)
    sys.exit(main())
