"""sarif: the report of any tool that writes SARIF 2.1.0, taken in with `--input sarif=FILE`.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html

It runs nothing and covers nothing: what a tool looked at is not told by what it found. Each finding is its tool's
(`CodeQL`). What a comment in the source suppresses is reported and marked so; what is suppressed elsewhere, is gone
since a baseline, or says that there is no problem is left out and counted. A report of another commit, of a run that
failed, or in which the tool tells of an error is no complete one.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from magray_sec.adapters import _sarif, _sarif_words
from magray_sec.adapters._sarif_places import Places
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.finding import Package, Place, Rule, Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    Target,
)
from magray_sec.model.scale import Domain
from magray_sec.model.text import clean, shown_path, slug

_MOST_NOTES = 20
_LONGEST_MESSAGE = 20_000
# What semgrep and opengrep warn of when they have not looked at the whole of a file, which they name in words.
_HALF_READ = frozenset(
    {
        "Syntax error",
        "Lexical error",
        "Partial parsing",
        "Timeout",
        "Out of memory",
        "Stack overflow",
        "Too many matches",
    }
)
_WORD = re.compile(r"[^\s:'\"`]+")
_COMMIT = re.compile(r"[0-9a-f]{7,64}\Z")
_OURSELVES = "magray-sec"


def claims(inventory: Inventory) -> tuple[Claim, ...]:  # noqa: ARG001 - it looks at reports, not at the target
    """Nothing."""
    return ()


def imported(target: Target, inventory: Inventory) -> Command:
    """A report covers nothing; what the target holds tells where the report's files lie in it."""
    locks = [f"{item.ecosystem} {item.name}" for item in inventory.of(ItemKind.LOCKFILE)]
    facts = {
        "root": target.root,
        "commit": target.commit or "",
        "files": "\0".join(file.path for file in inventory.files),
        "locks": "\0".join(locks),
    }
    return Command(argv=(), facts=facts)


def parse(raw: RawOutput) -> Iterator[Said]:
    """Sightings of every run in the file. ParseError, at the latest at its end, where it is not the whole report of
    runs that came to their end."""
    document = _sarif.read(raw.stdout)
    target = _Target.of(raw.command.facts)
    failures = []
    results = 0
    for run in document.runs:
        name, _ = _sarif_words.tool(run.tool.driver.name)
        yield from _circumstances(run, name, target)
        yield from _run(run, target)
        results += len(run.results or ())
        why = next(filter(None, (_sarif.failure(entry) for entry in run.invocations or ())), "")
        failures += [f"{clean(name, limit=60)} says of its run that {why}"] if why else []
    yield Metric(name="results", value=results)
    if document.broken_at is not None:
        reason = f"the report holds bytes that are no text, the first at {document.broken_at}: what stood there is lost"
        yield Gap(kind=GapKind.ITEM, reason=reason, hint="make the report again")
    if failures:
        raise ParseError("; ".join(failures))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    root: str
    commit: str
    files: frozenset[str]
    locks: Mapping[str, str]
    """Lock file -> ecosystem."""

    @staticmethod
    def of(facts: Mapping[str, str]) -> _Target:
        locks = (entry.partition(" ") for entry in facts.get("locks", "").split("\0") if entry)
        return _Target(
            root=facts.get("root", ""),
            commit=facts.get("commit", ""),
            files=frozenset(filter(None, facts.get("files", "").split("\0"))),
            locks={path: ecosystem for ecosystem, _, path in locks},
        )

    def lock(self, path: str, ecosystem: str) -> str:
        """The lock file that a package was resolved from: the one that is named, or lies beside the file that is, or is
        the only one of its ecosystem; empty where it is not known."""
        if path in self.locks:
            return path
        folder = os.path.dirname(path)
        fitting = [lock for lock, kind in self.locks.items() if not ecosystem or kind == ecosystem]
        beside = [lock for lock in fitting if os.path.dirname(lock) == folder]
        for found in (beside, fitting):
            if len(found) == 1:
                return found[0]
        return ""


def _circumstances(run: _sarif.Run, tool: str, target: _Target) -> Iterator[Said]:
    """Who made the run, of what, and what the tool had to say of it."""
    driver = run.tool.driver
    version = driver.semantic_version or driver.version
    count = len(run.results or ())
    found = f"{count} {'result' if count == 1 else 'results'}"
    yield Notification(level=Level.NOTE, message=f"{tool}{f' {version}' if version else ''}: {found}")
    yield from _provenance(run, tool, target)
    places = Places(run, target.root, target.files)
    said = [
        entry
        for invocation in run.invocations or ()
        for entry in (
            *(invocation.tool_execution_notifications or ()),
            *(invocation.tool_configuration_notifications or ()),
        )
    ]
    warnings = []
    for entry in said:
        text = _sarif.sentence(entry.message, _sarif.Rule(), driver) or "no reason is given"
        place = places.place(entry.locations)
        if entry.level == "error":
            # In the standard's words: what the tool found may be incomplete.
            yield _gap(place, f"{tool} reports an error: {clean(text, limit=300)}")
        elif entry.level in (None, "warning"):
            said_of = place or _named_in(text, places)
            if said_of and entry.descriptor and entry.descriptor.id in _HALF_READ:
                yield _gap(said_of, f"{tool} did not read all of it: {clean(text, limit=300)}")
            else:
                warnings.append((place.path if place else "", f"{tool} warns: {clean(text, limit=300)}"))
    unique = list(dict.fromkeys(warnings))
    for path, message in unique[:_MOST_NOTES]:
        yield Notification(level=Level.WARNING, message=message, path=path)
    if len(unique) > _MOST_NOTES:
        more = f"{tool} warns of {len(unique) - _MOST_NOTES} more things: see its own report"
        yield Notification(level=Level.WARNING, message=more)


def _named_in(text: str, places: Places) -> Place | None:
    words = (match[0] for match in _WORD.finditer(text[:1000]))
    return next((Place(path=word) for word in words if places.holds(word)), None)


def _gap(place: Place | None, reason: str) -> Gap:
    """A gap of the file that is named, or of the whole report."""
    return Gap(kind=GapKind.FILE if place else GapKind.ITEM, path=place.path if place else "", reason=reason)


def _provenance(run: _sarif.Run, tool: str, target: _Target) -> Iterator[Said]:
    """A gap where the report says that it is of another commit than the one the target stands at."""
    stated = [(entry.revision_id or "").strip().lower() for entry in run.version_control_provenance or ()]
    commits = [commit for commit in stated if _COMMIT.match(commit)]
    if not commits:
        return
    ours = target.commit.lower()
    if not ours:
        message = (
            f"{tool} looked at commit {commits[0][:12]}; the target is at no commit that it could be compared with"
        )
        yield Notification(level=Level.WARNING, message=message)
    elif not any(ours.startswith(commit) or commit.startswith(ours) for commit in commits):
        reason = f"the report of {tool} is of commit {commits[0][:12]}, the target stands at {ours[:12]}"
        yield Gap(kind=GapKind.ITEM, reason=reason, hint="run it again over this commit")


def _run(run: _sarif.Run, target: _Target) -> Iterator[Said]:
    rules = _sarif.Rules.of(run)
    places = Places(run, target.root, target.files)
    tool, of_tool = _sarif_words.tool(run.tool.driver.name)
    automation = run.automation_details.id if run.automation_details else None
    is_coverage = tool == _OURSELVES and (automation or "").endswith("/coverage/")
    left_out: Counter[str] = Counter()
    strangers: Counter[str] = Counter()
    for result in run.results or ():
        why = _left_out(result)
        if why:
            left_out[why] += 1
            continue
        native, component, rule = rules.find(result)
        message = _sarif.sentence(result.message, rule, component)[:_LONGEST_MESSAGE]
        if not native and not message:
            raise ParseError(f"a result of {clean(tool, limit=60)} has neither a rule nor a message")
        if is_coverage:
            yield from _unlooked(result, rule, message, places)
            continue
        sighting = _sighting(result, native, rule, message, places, target, tool=tool, of_tool=of_tool)
        if sighting.place and target.files and not places.holds(sighting.place.path):
            strangers[sighting.place.path] += 1
        yield sighting
    for why, count in sorted(left_out.items()):
        level = Level.WARNING if why == _SUPPRESSED else Level.NOTE
        some = "1 result is" if count == 1 else f"{count} results are"
        yield Notification(level=level, message=f"{tool}: {some} left out: {why}")
    if strangers:
        first = min(strangers)
        count = sum(strangers.values())
        some = "1 result is" if count == 1 else f"{count} results are"
        message = f"{tool}: {some} of files that the target does not hold, such as {shown_path(first)}"
        yield Notification(level=Level.WARNING, message=message)


def _unlooked(result: _sarif.Result, rule: _sarif.Rule, message: str, places: Places) -> Iterator[Said]:
    """What magray-sec's own report says it did not look at, as loud as it says it."""
    level = _sarif_words.level(result, rule)
    said = f"the scan that this is the report of: {message}"
    if level == "error":
        yield Gap(kind=GapKind.ITEM, reason=said)
    elif level == "warning":
        yield _gap(places.place(result.locations), said)
    else:
        yield Notification(level=Level.NOTE, message=said)


_SUPPRESSED = "suppressed, and not by a comment in the source"
_GONE = "no longer there since the baseline of the report"
_NO_PROBLEM = "the tool says that there is no problem"


def _left_out(result: _sarif.Result) -> str:
    """Why a result is no sighting, or nothing."""
    if result.kind in _sarif.NOT_PROBLEMS:
        return _NO_PROBLEM
    if result.baseline_state == "absent":
        return _GONE
    kinds = {entry.kind for entry in result.suppressions or ()}
    return _SUPPRESSED if _sarif.is_suppressed(result) and kinds == {"external"} else ""


def _sighting(
    result: _sarif.Result,
    native: str,
    rule: _sarif.Rule,
    message: str,
    places: Places,
    target: _Target,
    *,
    tool: str,
    of_tool: Domain | None,
) -> Sighting:
    commit = _commit(result, target)
    place = places.place(result.locations, commit)
    cwe = _sarif_words.weaknesses(result, rule)
    names = _sarif_words.advisories(native, result, rule, message)
    named = _sarif_words.package(native, result, rule, message)
    domain = _sarif_words.domain(
        native,
        of_tool=of_tool,
        driver=tool,
        labels=(*_sarif.tags(rule.properties), *_sarif.tags(result.properties)),
        cwe=cwe,
        path=place.path if place else "",
        is_advisory=bool(names),
        is_of_package=named is not None,
    )
    rating = _sarif_words.rate(result, rule, domain, named.kind if named else "")
    known = _sarif_words.same_as_ours(native, domain, tool)
    canonical = _rule(rule, domain, rating, known or _name(native, tool, domain, names, named), cwe)
    is_of_package = domain is Domain.DEPENDENCIES and named is not None
    return Sighting(
        native_rule=native,
        domain=domain,
        # What a tool says of a secret may hold the secret.
        message=canonical.title if domain is Domain.SECRETS else message or canonical.title,
        rule=Rule(id=canonical.id, domain=domain, title=canonical.title, cwe=cwe) if known else canonical,
        native_severity=rating.native,
        severity=rating.severity,
        score=rating.score,
        score_source=tool if rating.score is not None else "",
        confidence=_sarif_words.trust(result, rule),
        place=place,
        package=_package(named, place.path if place else "", target) if named and is_of_package else None,
        aliases=tuple(sorted(names)) if is_of_package else (),
        kind=named.kind if named and is_of_package else "",
        url=rule.help_uri or "",
        hidden_by=_hidden_by(result, tool),
        tool=tool,
    )


def _commit(result: _sarif.Result, target: _Target) -> str:
    """The commit that a result is of, where it is another than the target's: a scanner of the history says so."""
    stated = (result.partial_fingerprints or {}).get("commitSha")
    commit = stated.strip().lower() if isinstance(stated, str) else ""
    return commit if _COMMIT.match(commit) and not target.commit.lower().startswith(commit) else ""


def _name(native: str, tool: str, domain: Domain, names: tuple[str, ...], named: _sarif_words.Named | None) -> str:
    """The canonical id: the advisory's where there is one."""
    if domain is Domain.DEPENDENCIES and names:
        return f"{domain.value}/{names[0]}"
    if domain is Domain.DEPENDENCIES and named and named.kind == "yanked":
        return f"{domain.value}/yanked"
    own = native.removeprefix(f"{tool}/")
    return f"{domain.value}/{slug(tool)}.{slug(own)}"


def _rule(rule: _sarif.Rule, domain: Domain, rating: _sarif_words.Rating, name: str, cwe: tuple[str, ...]) -> Rule:
    title = _sarif.text_of(rule.short_description) or rule.name or rule.id or name.partition("/")[2]
    help_text = (rule.help.markdown or rule.help.text or "") if rule.help else ""
    description = _sarif.text_of(rule.full_description)
    return Rule(
        id=name,
        domain=domain,
        title=title,
        description=description if description != title else "",
        help=help_text,
        cwe=cwe,
        references=(rule.help_uri,) if rule.help_uri else (),
        severity=rating.severity,
        score=rating.score,
    )


def _package(named: _sarif_words.Named, path: str, target: _Target) -> Package:
    lock = target.lock(path, named.type)
    return Package(
        purl=_sarif_words.purl(named, target.locks.get(lock, "")),
        name=named.name,
        version=named.version,
        fixed_versions=named.fixed,
        lockfile=lock,
    )


def _hidden_by(result: _sarif.Result, tool: str) -> str:
    if not _sarif.is_suppressed(result):
        return ""
    reasons = dict.fromkeys(entry.justification for entry in result.suppressions or () if entry.justification)
    because = f" ({'; '.join(reasons)})" if reasons else ""
    return f"suppressed in the source, says {tool}{because}"


ADAPTER = Adapter(
    id="sarif",
    title="Reports of other tools, in SARIF 2.1.0",
    domains=frozenset(Domain),
    claims=claims,
    imported=imported,
    parse=parse,
)
