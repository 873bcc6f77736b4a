"""magray-sec's own rule engine: secrets and dangerous code by pattern, in every text file of the target.

The rules are those of the packs in `rules/` and of the user's own. What the target says to other scanners
(`gitleaks:allow`, `nosec` and the like) hides nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator

from magray_sec import datafiles
from magray_sec.adapters._skips import binary
from magray_sec.model.adapter import Adapter, Metric, Said
from magray_sec.model.finding import Place, Sighting
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
from magray_sec.regex.pack import RuleSet, load_packs

LANGUAGES = ("rust", "shell")
"""What the shipped packs claim for the domain code: claims are made before any pack is read."""


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """All text for secrets, and the languages of the shipped packs for code."""
    made = [Claim(domain=Domain.SECRETS, item=item.id) for item in inventory.of(ItemKind.TREE)]
    languages = inventory.of(ItemKind.LANGUAGE)
    made += [Claim(domain=Domain.CODE, item=item.id) for item in languages if item.name in LANGUAGES]
    return tuple(made)


def inspect(source: Source, claimed: tuple[Claim, ...], context: ScanContext) -> Iterator[Said]:
    """Scan every file of `source` by the packs of `context` (the shipped ones where it names none).

    Spans count in the bytes of `regex.encoding.readable`.
    """
    # Hyperscan and RE2 are for the worker alone: whoever lists scanners does not wait for them.
    from magray_sec.regex.compile import compile_rules, flaw  # noqa: PLC0415
    from magray_sec.regex.scan import MAX_HITS, Engine  # noqa: PLC0415

    ruleset = load_packs(context.packs or datafiles.files("rules"), context.cache)
    yield from _unclaimed(ruleset, claimed)
    database = compile_rules(ruleset, context.cache)
    if flaw(database):
        yield Notification(level=Level.WARNING, message=flaw(database))
    engine = Engine(ruleset, database)
    scanned = engine.scan(source.files(), source.read, jobs=max(1, context.jobs))
    rules = {rule.canonical: rule.rule for rule in ruleset.rules}
    for judged in scanned.found:
        rule = judged.rule
        is_secret = rule.domain is Domain.SECRETS
        yield Sighting(
            native_rule=rule.canonical,
            domain=rule.domain,
            message=rule.title if is_secret else rule.description,
            rule=rules[rule.canonical],
            native_severity=rule.severity.value,
            severity=rule.severity,
            confidence=rule.confidence,
            place=Place(path=judged.path, span=judged.token if is_secret else judged.match),
            preview=judged.preview,
        )
    yield from binary(scanned.binary)
    for path, reason in scanned.unreadable:
        yield Gap(kind=GapKind.FILE, path=path, reason=f"it cannot be read: {reason}", hint="make it readable")
    for flooded in scanned.flooded:
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
    yield Metric(name="files", value=scanned.files)
    yield Metric(name="bytes", value=scanned.bytes)
    yield Metric(name="rules", value=len(ruleset.rules))


def _unclaimed(ruleset: RuleSet, claimed: tuple[Claim, ...]) -> Iterator[Gap]:
    """What was claimed for the shipped packs and none of the packs in use looks at."""
    for claim in claimed:
        language = claim.item.partition(":")[2]
        if not any(pack.covers(claim.domain, language) for pack in ruleset.packs):
            what = "secrets" if claim.domain is Domain.SECRETS else language
            yield Gap(
                kind=GapKind.ITEM,
                domain=claim.domain,
                item=claim.item,
                reason=f"none of the rule packs in use looks at {what}",
                hint="use the shipped packs too",
            )


ADAPTER = Adapter(
    id="regex-rules",
    title="secrets and dangerous code, by magray-sec's own rules",
    domains=frozenset({Domain.SECRETS, Domain.CODE}),
    claims=claims,
    inspect=inspect,
)
