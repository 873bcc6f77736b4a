"""Same problem, several tools -> one Finding with witnesses. Idempotent, order-free, loses no witness.

Findings are only ever merged within a domain. What makes two of them one:
- secrets: the same token of the same file (and commit); of several commits, and of the tree, the same identity at the
  same path.
- dependencies: the same package of the same lock file (of a generated one: asked for by the same line) under an
  advisory id that both sides name; never two RUSTSEC ids.
- code, workflows: the same canonical rule on the same line by different tools; the n-th of one tool on a line is the
  n-th of another.
- licences: the same identity, for the same package of the same lock file.
- everything else: the same identity at the same place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from magray_sec.model.finding import Finding, Package, Witness
from magray_sec.model.run import Origin
from magray_sec.model.scale import Domain, Severity

_RANK = {domain: rank for rank, domain in enumerate(Domain)}


def correlate(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for each problem, sorted by domain, path, line, column, rule and identity."""
    groups: dict[tuple[object, ...], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[_place(finding)].append(finding)
    merged: list[Finding] = []
    for group in groups.values():
        merged.extend(_merge(cluster) for cluster in _split(sorted(group, key=_order)))
    if any(finding.origin for finding in merged):
        merged = _with_origins(merged)
    return tuple(sorted(merged, key=_order))


def _with_origins(findings: list[Finding]) -> list[Finding]:
    """The same finding of several commits as one, where it came in first; one that is in the tree too stands there.

    A finding of the tree is one for each place, so equal ones of a file stay as many as there are.
    """
    in_tree: dict[tuple[Domain, str, str], list[int]] = defaultdict(list)
    kept: list[Finding] = []
    of_commits: dict[tuple[Domain, str, str], list[Finding]] = defaultdict(list)
    for finding in sorted(findings, key=_order):
        path = finding.location.path
        if finding.origin and finding.location.commit:
            of_commits[finding.domain, path, finding.identity].append(finding)
            continue
        for name in sorted(finding.identities):
            in_tree[finding.domain, path, name].append(len(kept))
        kept.append(finding)
    for key, group in sorted(of_commits.items(), key=lambda pair: (pair[0][0].value, *pair[0][1:])):
        group.sort(key=_age)
        first = group[0].origin
        origin = replace(first, is_at_head=any(e.origin.is_at_head for e in group if e.origin)) if first else None
        places = in_tree.get(key, ())
        for index in places:
            known = kept[index].origin
            # `_merge` takes the tree's words where they are as good; only who saw it, and since when, is added.
            heard = {_witness_key(entry): entry for found in (*group, kept[index]) for entry in found.witnesses}
            kept[index] = kept[index].replace(
                origin=min((entry for entry in (known, origin) if entry), key=_origin_age),
                witnesses=tuple(heard[name] for name in sorted(heard)),
            )
        if not places:
            same = [entry for entry in group if entry.location.commit == group[0].location.commit]
            heard = {_witness_key(entry): entry for found in group for entry in found.witnesses}
            witnesses = tuple(heard[name] for name in sorted(heard))
            kept += [entry.replace(origin=origin, witnesses=witnesses) for entry in same]
    return [
        entry.replace(origin=replace(entry.origin, rank=0)) if entry.origin and entry.origin.rank else entry
        for entry in kept
    ]


def _age(finding: Finding) -> tuple[object, ...]:
    return (*(_origin_age(finding.origin) if finding.origin else ()), _order(finding))


def _origin_age(origin: Origin) -> tuple[object, ...]:
    return (origin.rank, origin.date, origin.commit, origin.path)


def _place(finding: Finding) -> tuple[object, ...]:
    location, region = finding.location, finding.location.region
    if finding.domain is Domain.SECRETS:
        column = region.start_column if region else None
        token = (location.line, column) if column else (location.line, finding.identity)
        return (finding.domain, location.path, location.commit, *token)
    if finding.domain is Domain.DEPENDENCIES and finding.package:
        package = finding.package
        if package.lock_is_generated:
            # What asks for the package stands on one line, however many manifests are resolved through it.
            return (finding.domain, package.purl, "line", location.path, location.line)
        return (finding.domain, package.purl, package.lockfile)
    if finding.domain in (Domain.CODE, Domain.WORKFLOWS):
        return (finding.domain, finding.rule.id, location.path, location.line)
    if finding.domain is Domain.LICENSES and finding.package:
        # One scanner points at the manifest, another at the lock file.
        return (finding.domain, finding.identity, finding.package.purl, finding.package.lockfile)
    return (finding.domain, finding.identity, location.path, location.line, region and region.start_column)


def _split(group: list[Finding]) -> list[list[Finding]]:
    if group[0].domain is Domain.DEPENDENCIES:
        return _by_advisory(group)
    if group[0].domain in (Domain.CODE, Domain.WORKFLOWS):
        return _by_turn(group)
    return [group]


def _by_advisory(group: list[Finding]) -> list[list[Finding]]:
    clusters: list[tuple[set[str], list[Finding]]] = []
    # Those with most names first, so that a narrow finding meets the broad one whatever the order of the tools.
    for finding in sorted(group, key=lambda entry: (-len(names(entry)), _order(entry))):
        mine = set(names(finding))
        joined: tuple[set[str], list[Finding]] | None = None
        for cluster in list(clusters):
            both = cluster[0] | mine
            if not cluster[0] & mine or len({name for name in both if name.startswith("RUSTSEC-")}) > 1:
                continue
            if joined is None:
                joined = cluster
                cluster[0].update(mine)
                cluster[1].append(finding)
            elif len({name for name in joined[0] | cluster[0] if name.startswith("RUSTSEC-")}) <= 1:
                joined[0].update(cluster[0])
                joined[1].extend(cluster[1])
                clusters.remove(cluster)
        if joined is None:
            clusters.append((mine, [finding]))
    return [sorted(cluster, key=_order) for _, cluster in clusters]


def _by_turn(group: list[Finding]) -> list[list[Finding]]:
    turns: dict[tuple[str, ...], list[list[Finding]]] = defaultdict(list)
    for finding in group:
        turns[tuple(sorted({witness.tool for witness in finding.witnesses}))].append([finding])
    clusters: list[list[Finding]] = []
    for tools, rows in sorted(turns.items()):
        for index, row in enumerate(_without_repeats(rows)):
            seen = {
                witness.tool
                for entry in (clusters[index] if index < len(clusters) else ())
                for witness in entry.witnesses
            }
            if index < len(clusters) and not seen & set(tools):
                clusters[index].extend(row)
            else:
                clusters.append(row)
    return clusters


def _without_repeats(rows: list[list[Finding]]) -> list[list[Finding]]:
    kept: list[list[Finding]] = []
    for row in rows:
        if kept and kept[-1][0].location == row[0].location:
            kept[-1].extend(row)
        else:
            kept.append(row)
    return kept


def names(finding: Finding) -> frozenset[str]:
    """Every advisory id the finding goes by."""
    return frozenset((finding.rule.id.rpartition("/")[2].upper(), *(alias.upper() for alias in finding.aliases)))


def _merge(group: list[Finding]) -> Finding:
    if len(group) == 1:
        return group[0]
    lead = min(group, key=_authority)
    worst = max(group, key=lambda entry: (entry.severity.rank, entry.score or 0.0, entry.severity_source))
    scored = max(group, key=lambda entry: (entry.score is not None, entry.score or 0.0, entry.score_source))
    identities = {name for entry in group for name in entry.identities} - {lead.identity}
    # Of a scanner that ran here and whose report was taken in as well, the run here is the witness.
    heard = sorted((entry for finding in group for entry in finding.witnesses), key=lambda entry: not entry.imported)
    witnesses = {_witness_key(entry): entry for entry in heard}
    own = lead.rule.id.rpartition("/")[2]
    ids = {name for entry in group for name in (*entry.aliases, entry.rule.id.rpartition("/")[2])}
    return lead.replace(
        also_known_as=tuple(sorted(identities)),
        severity=worst.severity,
        severity_source=worst.severity_source,
        score=scored.score,
        score_source=scored.score_source,
        confidence=max((entry.confidence for entry in group), key=lambda entry: entry.rank),
        aliases=tuple(sorted(ids - {own})) if lead.domain is Domain.DEPENDENCIES else lead.aliases,
        package=_merge_packages([entry.package for entry in group if entry.package]) or lead.package,
        witnesses=tuple(witnesses[key] for key in sorted(witnesses)),
        hidden_by=tuple(sorted({reason for entry in group for reason in entry.hidden_by})),
        origin=min((entry.origin for entry in group if entry.origin), key=_origin_age, default=None),
        line_hash=lead.line_hash or next((entry.line_hash for entry in group if entry.line_hash), None),
    )


def _merge_packages(packages: list[Package]) -> Package | None:
    return max(
        packages,
        key=lambda entry: (
            bool(entry.path),
            bool(entry.fixed_versions),
            bool(entry.dependency_kind),
            entry.path,
            entry.fixed_versions,
        ),
        default=None,
    )


def _authority(finding: Finding) -> tuple[object, ...]:
    """Least first: whose rule, message and place the merged finding takes."""
    own = finding.rule.id.rpartition("/")[2]
    scheme = next((rank for rank, prefix in enumerate(("RUSTSEC-", "GHSA-", "CVE-")) if own.startswith(prefix)), 3)
    return (
        scheme if finding.domain is Domain.DEPENDENCIES else 0,
        -finding.confidence.rank,
        -finding.severity.rank,
        finding.rule.severity is Severity.UNKNOWN,
        (len(finding.package.lockfile), finding.package.lockfile) if finding.package else (0, ""),
        _order(finding),
    )


def _order(finding: Finding) -> tuple[object, ...]:
    region = finding.location.region
    return (
        _RANK[finding.domain],
        finding.location.path,
        finding.location.commit or "",
        finding.location.line,
        (region.start_column or 0) if region else 0,
        finding.rule.id,
        finding.identity,
        finding.message,
        tuple(_witness_key(witness) for witness in finding.witnesses),
    )


def _witness_key(witness: Witness) -> tuple[str, ...]:
    return (witness.tool, witness.native_rule, witness.native_severity, witness.url)
