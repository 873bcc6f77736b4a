"""magray-sec's own rule engine: secrets and dangerous code by pattern, in every text file of the target.

The rules are those of the packs in `rules/` and of the user's own. What the target says to other scanners
(`gitleaks:allow`, `nosec` and the like) hides nothing here; files with comments of our own (`magray_sec.allowance`)
are named besides, for a later step to judge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from magray_sec import datafiles
from magray_sec.adapters._parts import Parts, place, reader
from magray_sec.adapters._skips import binary, minified
from magray_sec.model.adapter import Adapter, Inspect, Marked, Said
from magray_sec.model.finding import Sighting
from magray_sec.model.run import (
    Claim,
    Gap,
    GapKind,
    Inventory,
    ItemKind,
    Level,
    Notification,
    ScanContext,
    Source,
)
from magray_sec.model.scale import Domain
from magray_sec.regex.pack import RuleSet, catalogue_of
from magray_sec.regex.tune import rules_in_use

if TYPE_CHECKING:
    from magray_sec.regex.scan import Engine

_HEAD = 4096
"""Bytes of a shipped pack in which its languages are named."""
_LANGUAGES = re.compile(r"^languages: *\[([a-z, -]*)\]", re.MULTILINE)


def languages() -> frozenset[str]:
    """What the shipped packs claim to look at for the domain code.

    Claims are made before any pack is read, by every command that lists scanners: a pack's head is looked at, no YAML
    is parsed.
    """
    named: set[str] = set()
    for path in datafiles.files("rules"):
        with open(path, encoding="utf-8") as pack:
            found = _LANGUAGES.search(pack.read(_HEAD))
        named.update(filter(None, re.split(r"[, ]+", found[1])) if found else ())
    return frozenset(named)


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """All text for secrets, and the languages of the shipped packs for code."""
    made = [Claim(domain=Domain.SECRETS, item=item.id) for item in inventory.of(ItemKind.TREE)]
    known = languages()
    made += [Claim(domain=Domain.CODE, item=item.id) for item in inventory.of(ItemKind.LANGUAGE) if item.name in known]
    return tuple(made)


def inspect(source: Source, claimed: tuple[Claim, ...], context: ScanContext) -> Iterator[Said]:
    """Scan every file of `source` by the packs of `context` (the shipped ones where it names none).

    Spans count in the bytes of `regex.encoding.readable`.
    """
    notes, engine, ruleset = _engine(context, None)
    return _inspect(ruleset, notes, engine, source, claimed, context)


def ready(context: ScanContext, tell: Callable[[str], None]) -> Inspect:
    """What inspects as `inspect` does, with the rules loaded and every database that is at hand."""
    notes, engine, ruleset = _engine(context, tell)
    engine.prepare(jobs=max(1, context.jobs))
    return partial(_inspect, ruleset, notes, engine)


def _engine(context: ScanContext, tell: Callable[[str], None] | None) -> tuple[Sequence[Notification], Engine, RuleSet]:
    # Hyperscan and RE2 are for the worker alone: whoever lists scanners does not wait for them.
    from magray_sec.regex.compile import compile_rules, flaw  # noqa: PLC0415
    from magray_sec.regex.marks import with_marks  # noqa: PLC0415
    from magray_sec.regex.scan import Engine  # noqa: PLC0415

    tuned = rules_in_use(context.packs or datafiles.files("rules"), context.cache, context.rule_settings)
    sought = with_marks(tuned.ruleset)
    databases = compile_rules(sought, context.cache, tell)
    notes = list(tuned.notifications)
    if why := flaw():
        notes.append(Notification(level=Level.WARNING, message=why))
    return notes, Engine(sought, databases), tuned.ruleset


def _inspect(
    ruleset: RuleSet,
    notes: Sequence[Notification],
    engine: Engine,
    source: Source,
    claimed: tuple[Claim, ...],
    context: ScanContext,
) -> Iterator[Said]:
    from magray_sec.regex.marks import MARKS  # noqa: PLC0415
    from magray_sec.regex.overlap import telling  # noqa: PLC0415
    from magray_sec.regex.scan import MAX_HITS  # noqa: PLC0415

    yield from notes
    yield from _unclaimed(ruleset, claimed)
    read = reader(source)
    scanned = engine.scan(source.files(), read, jobs=max(1, context.jobs))
    # Whoever scans Python alone is not told how Rust mends it.
    matched = {(judged.rule.canonical, judged.rule.languages) for judged in scanned.found}
    rules = catalogue_of(rule for rule in ruleset.rules if (rule.canonical, rule.languages) in matched)
    parts = Parts(source, read)
    marked: set[str] = set()
    for judged in telling(scanned.found):
        rule = judged.rule
        if rule.canonical == MARKS:
            marked.add(judged.path)
            continue
        is_secret = rule.domain is Domain.SECRETS
        if not parts.counts(judged.file, judged.match):
            continue
        yield Sighting(
            native_rule=rule.canonical,
            domain=rule.domain,
            message=rule.title if is_secret else rule.description,
            rule=rules[rule.canonical],
            native_severity=rule.severity.value,
            severity=rule.severity,
            confidence=rule.confidence,
            place=place(judged.file, judged.token if is_secret else judged.match),
            preview=judged.preview,
            origin=parts.origin(judged.file, judged.token if is_secret else judged.match),
        )
    yield from (Marked(path=path) for path in sorted(marked))
    yield from binary(dict.fromkeys(scanned.binary))
    yield from minified(dict.fromkeys(scanned.minified))
    for path, reason in scanned.unreadable:
        yield Gap(kind=GapKind.FILE, path=path, reason=f"it cannot be read: {reason}", hint="make it readable")
    for flooded in scanned.flooded:
        if flooded.rule is not None and flooded.rule.canonical == MARKS:
            continue  # the step that reads the comments says how many it reads
        if flooded.rule is not None:
            yield Gap(
                kind=GapKind.FILE,
                path=flooded.path,
                domain=flooded.rule.domain,
                reason=f"it has more than {MAX_HITS} candidates of {flooded.rule.canonical}; it was looked at in part",
                hint="exclude the file, or accept the gap",
            )
        else:
            yield Gap(
                kind=GapKind.FILE,
                path=flooded.path,
                reason=f"it has too many candidates; it was looked at up to byte {flooded.offset}",
                hint="exclude the file, or accept the gap",
            )


def _unclaimed(ruleset: RuleSet, claimed: tuple[Claim, ...]) -> Iterator[Gap]:
    """What was claimed for the shipped packs and no rule in use looks at."""
    for claim in claimed:
        language = claim.item.partition(":")[2]
        if not any(pack.covers(claim.domain, language) for pack in ruleset.packs):
            what = "secrets" if claim.domain is Domain.SECRETS else language
            yield Gap(
                kind=GapKind.ITEM,
                domain=claim.domain,
                item=claim.item,
                reason=f"none of the rules in use looks at {what}",
                hint="use the shipped packs too, and leave some of their rules on",
            )


ADAPTER = Adapter(
    id="regex-rules",
    title="secrets and dangerous code, by magray-sec's own rules",
    domains=frozenset({Domain.SECRETS, Domain.CODE, Domain.WORKFLOWS}),
    claims=claims,
    inspect=inspect,
    ready=ready,
    looks_at_parts=True,
    cores=0,
    per_file=True,
)
