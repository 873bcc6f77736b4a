"""Semgrep and its fork Opengrep: the command line, and the report that both print.

The files are named one by one, so that neither `.semgrepignore` nor git keeps one back; rules are our own alone, and
the network is never asked. A file that was not looked at, or not to its end, is a gap.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from magray_sec import datafiles
from magray_sec.adapters import _formats, _semgrep_rules, _source_files
from magray_sec.adapters._read import convert
from magray_sec.languages import language_of
from magray_sec.model.adapter import Metric, ParseError, Said
from magray_sec.model.finding import Place, Rule, Sighting
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
    ScanContext,
    Skipped,
    SkipReason,
    Target,
)
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean, slug

# Language -> the pack of its rules, and the suffixes by which the programs know it.
PACKS: Mapping[str, str] = {
    "go": "go",
    "javascript": "javascript",
    "python": "python",
    "rust": "rust",
    "typescript": "javascript",
}
_KNOWN_SUFFIXES = {
    "go": (".go",),
    "javascript": (".cjs", ".js", ".jsx", ".mjs"),
    "python": (".py", ".pyi"),
    "rust": (".rs",),
    "typescript": (".ts", ".tsx"),
}
_SECONDS_A_RULE_AND_FILE = 20
_MOST_READ_AGAIN = 64_000_000
_NAMED_AT_MOST = 20
_NOSEM = re.compile(rb"(?:#|//|/\*)[^\n]*\bnosem(?:grep)?\b", re.IGNORECASE)
_LONE_NOSEM = re.compile(rb"\s*(?:#|//|/\*)[^\n]*\bnosem(?:grep)?\b", re.IGNORECASE)

_SEVERITIES = {
    "CRITICAL": Severity.CRITICAL,
    "HIGH": Severity.HIGH,
    "ERROR": Severity.HIGH,
    "MEDIUM": Severity.MEDIUM,
    "WARNING": Severity.MEDIUM,
    "LOW": Severity.LOW,
    "INFO": Severity.LOW,
    "INVENTORY": Severity.INFO,
    "EXPERIMENT": Severity.INFO,
}
_CONFIDENCES = {"HIGH": Confidence.HIGH, "MEDIUM": Confidence.MEDIUM, "LOW": Confidence.LOW}
_CWE = re.compile(r"CWE-0*(\d+)", re.IGNORECASE)
_CREDENTIALS = frozenset({"CWE-798", "CWE-259", "CWE-321", "CWE-522"})
_WORKFLOW = re.compile(r"(?:\A|/)\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml\Z")


class _Position(msgspec.Struct):
    line: int
    col: int | None = None


class _Result(msgspec.Struct):
    check_id: str
    path: str
    start: _Position
    end: _Position | None = None
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


class _Error(msgspec.Struct):
    level: str = "error"
    type: Any = ""
    message: str | None = None
    long_msg: str | None = None
    short_msg: str | None = None
    path: str | None = None
    rule_id: str | None = None
    spans: Any = None

    @property
    def kind(self) -> str:
        """Its type's name; newer versions print a list that begins with it."""
        kind = self.type[0] if isinstance(self.type, list) and self.type else self.type
        return kind if isinstance(kind, str) else ""

    @property
    def text(self) -> str:
        return clean(self.message or self.long_msg or self.short_msg or self.kind or "no reason is given", limit=300)

    @property
    def file(self) -> str:
        """The file that it is about; empty: it is about the run."""
        if self.path:
            return self.path
        first = self.spans[0] if isinstance(self.spans, list) and self.spans else None
        file = first.get("file") if isinstance(first, dict) else None
        return file if isinstance(file, str) else ""


class _Paths(msgspec.Struct):
    scanned: list[str] = msgspec.field(default_factory=list)


class _Report(msgspec.Struct):
    results: list[_Result]
    errors: list[_Error]
    paths: _Paths | None = None
    version: str | None = None
    skipped_rules: list[Any] = msgspec.field(default_factory=list)


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """The languages of the shipped packs."""
    items = (item for item in inventory.of(ItemKind.LANGUAGE) if item.name in PACKS)
    return tuple(Claim(domain=Domain.CODE, item=item.id) for item in items)


def reads(path: str) -> bool:
    """Files of those languages, what may be a script of one, and what the target would hide files by."""
    return language_of(path) in PACKS or _source_files.may_be_script(path) or _is_ignore_file(path)


def _is_ignore_file(path: str) -> bool:
    return path.rpartition("/")[2] == ".semgrepignore"


def commands(
    target: Target, claims: tuple[Claim, ...], context: ScanContext, *, options: tuple[str, ...]
) -> tuple[Command | Gap, ...]:
    """One process for all files that the programs know by their suffix, and one a language for the others.

    `options`: those that are the program's own. What is minified, and what only declares types, is not given to it.
    """
    inventory = context.inventory or Inventory()
    claim_of = {claim.item.partition(":")[2]: claim for claim in claims}
    found = _source_files.by_language(target.root, inventory, frozenset(claim_of))
    known: list[str] = []
    others: dict[str, list[str]] = {}
    minified: list[str] = []
    made: list[Command | Gap] = []
    for language, paths in sorted(found.items()):
        for path in paths:
            name = path.lower()
            if name.endswith((".d.ts", ".d.mts", ".d.cts")):
                continue
            if name.endswith(".min.js"):
                minified.append(path)
            elif not _source_files.is_text(path):
                reason = "its name is not UTF-8, and programs that think of names as text cannot open it"
                made.append(Gap(kind=GapKind.FILE, domain=Domain.CODE, path=path, reason=reason, hint="rename it"))
            elif path.endswith(_KNOWN_SUFFIXES[language]):
                known.append(path)
            else:
                others.setdefault(language, []).append(path)
    groups = [(tuple(sorted({PACKS[name] for name in claim_of})), tuple(claims), known, False)] if known else []
    groups += [((PACKS[name],), (claim_of[name],), paths, True) for name, paths in sorted(others.items())]
    ignore_files = sorted(file.path for file in inventory.files if _is_ignore_file(file.path))
    sizes = {os.path.join(target.root, file.path): file.size for file in inventory.files}
    facts = {"root": target.root, "minified": "\0".join(minified), "ignored": "\0".join(ignore_files)}
    # What is known of an unchanged tree was said by the rules as they were.
    rules = _digest({PACKS[name] for name in claim_of})
    for packs, covered, paths, is_unknown in groups:
        for batch in _source_files.batches(target.root, sorted(paths)):
            again = batch if sum(sizes.get(path, 0) for path in batch) <= _MOST_READ_AGAIN else ()
            made.append(
                Command(
                    argv=(
                        *("{tool}", "scan", "--json", "--quiet", *options),
                        *("--no-rewrite-rule-ids", "--disable-nosem", "--no-git-ignore", "--disable-version-check"),
                        *("--max-target-bytes", "0", "--timeout", str(_SECONDS_A_RULE_AND_FILE)),
                        *(("--scan-unknown-extensions",) if is_unknown else ()),
                        *(word for pack in packs for word in ("--config", _pack(pack))),
                        "--",
                        *batch,
                    ),
                    claims=covered,
                    environment=_environment(context),
                    inputs=again,
                    facts={**facts, "given": str(len(batch)), "rules": rules},
                )
            )
            facts = {"root": target.root}
    made += [
        Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, reason="all of its files are minified or types")
        for claim in claims
        if not any(isinstance(entry, Command) and claim in entry.claims for entry in made)
    ]
    return tuple(made)


def _pack(name: str) -> str:
    return os.path.join(datafiles.folder("rules"), "semgrep", f"{name}.yaml")


def _digest(packs: set[str]) -> str:
    digest = hashlib.sha256()
    for pack in sorted(packs):
        with open(_pack(pack), "rb") as stream:
            digest.update(stream.read())
    return digest.hexdigest()


def _environment(context: ScanContext) -> Mapping[str, str]:
    """No metrics, no question for a newer version, and nothing in the user's home."""
    own = os.path.join(context.work, "semgrep")
    return {
        "SEMGREP_SEND_METRICS": "off",
        "SEMGREP_ENABLE_VERSION_CHECK": "0",
        "SEMGREP_SETTINGS_FILE": os.path.join(own, "settings.yml"),
        "SEMGREP_VERSION_CACHE_PATH": os.path.join(own, "version"),
        "SEMGREP_LOG_FILE": os.path.join(own, "log"),
    }


def imported(target: Target, inventory: Inventory) -> Command:  # noqa: ARG001 - the seam's
    """A report covers nothing: by which rules it was made is not told."""
    return Command(argv=(), facts={"root": target.root})


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each result, and a gap for each file that was not looked at to its end. ParseError, at the latest
    at its end, where the run looked at nothing or broke."""
    value, notes = _formats.read(raw.stdout, "semgrep's report")
    if not isinstance(value, dict) or not {"results", "errors"} <= value.keys():
        raise _formats.refuse(value, "semgrep's report")
    report = convert(value, _Report)
    yield from notes
    given = _given(raw)
    seen: dict[tuple[object, ...], Sighting] = {}
    hidden = 0
    for result in report.results:
        hider = _hider(result, raw)
        sighting = _sighting(result, hider)
        place = sighting.place
        # Several ways of a value to one place are one finding.
        key = (sighting.rule and sighting.rule.id, place)
        if key not in seen:
            seen[key] = sighting
            hidden += bool(hider)
            yield sighting
    if hidden:
        message = f"comments `nosemgrep` would have hidden {hidden} of the findings; they are not followed"
        yield Notification(level=Level.NOTE, message=message)
    yield from _left_out(raw.command.facts)
    failures = []
    told: set[str] = set()
    for error in report.errors:
        if error.file and error.file in told:
            continue
        if error.file and _is_of_file(error, given):
            told.add(error.file)
            reason = f"it was not looked at to its end: {error.text}"
            yield _gap(_relative(error.file, raw), reason, "mend it, or exclude it")
        elif error.level == "error":
            failures.append(error.text)
        else:
            yield Notification(level=Level.WARNING, message=f"it warns: {error.text}")
    if report.skipped_rules:
        message = f"it left out {len(report.skipped_rules)} rules that it does not understand"
        yield Notification(level=Level.WARNING, message=message)
    if failures:
        raise ParseError(f"it says that it broke: {failures[0]}")
    scanned = set(report.paths.scanned) if report.paths else set()
    if not scanned and (given or report.paths is not None or not report.results):
        raise ParseError("it looked at no file")
    missed = [path for path in given if path not in scanned and path not in told]
    for path in missed:
        yield _gap(_relative(path, raw), "it was given the file and did not look at it", "")
    yield Metric(name="files", value=len(given) - len(missed) if given else len(scanned))


def _given(raw: RawOutput) -> tuple[str, ...]:
    """The files that the command named; none for a report made elsewhere."""
    count = int(raw.command.facts.get("given", "0"))
    return raw.command.argv[len(raw.command.argv) - count :] if count else ()


def _is_of_file(error: _Error, given: tuple[str, ...]) -> bool:
    """Whether it is one file that could not be looked at, not a rule or the run."""
    kind = error.kind.lower()
    if "rule" in kind or "pattern" in kind or "config" in kind or kind == "semgreperror":
        return False
    return not given or error.file in given


def _relative(path: str, raw: RawOutput) -> str:
    root = raw.command.facts.get("root", "")
    return path.removeprefix(f"{root}/") if root else path


def _gap(path: str, reason: str, hint: str) -> Gap:
    return Gap(kind=GapKind.FILE, domain=Domain.CODE, path=path, reason=reason, hint=hint)


def _left_out(facts: Mapping[str, str]) -> Iterator[Said]:
    minified = facts.get("minified", "").split("\0") if facts.get("minified") else []
    for path in minified[:_NAMED_AT_MOST]:
        yield Skipped(reason=SkipReason.GENERATED, path=path, detail="minified")
    if len(minified) > _NAMED_AT_MOST:
        detail = f"{len(minified) - _NAMED_AT_MOST} more files, minified"
        yield Skipped(reason=SkipReason.GENERATED, path="*.min.js", detail=detail)
    for path in facts.get("ignored", "").split("\0") if facts.get("ignored") else ():
        yield Notification(level=Level.NOTE, message="it is not followed: what it names was looked at", path=path)


def _hider(result: _Result, raw: RawOutput) -> str:
    """The comment that would have kept it back: on its first line, or alone on the line before."""
    if result.extra.get("is_ignored") is True:
        return "a comment in the source (nosemgrep)"
    data = raw.input(result.path) if result.path in raw.command.inputs else None
    if data is None or b"nosem" not in data.lower():
        return ""
    lines = data.split(b"\n")
    number = result.start.line
    line = lines[number - 1] if 1 <= number <= len(lines) else b""
    before = lines[number - 2] if 2 <= number <= len(lines) else b""
    return "a comment in the source (nosemgrep)" if _NOSEM.search(line) or _LONE_NOSEM.match(before) else ""


def _sighting(result: _Result, hider: str) -> Sighting:
    extra = result.extra
    metadata = extra.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    cwe = tuple(sorted({f"CWE-{match[1]}" for text in _texts(metadata.get("cwe")) if (match := _CWE.search(text))}))
    domain, rule_id = _named(result, cwe)
    own = _semgrep_rules.own(result.check_id)
    native = str(extra.get("severity") or "")
    severity = _SEVERITIES.get(native.upper(), Severity.UNKNOWN)
    message = str(extra.get("message") or "").strip()
    title = next(_texts(metadata.get("title")), "") or result.check_id.rpartition(".")[2].replace("-", " ")
    is_secret = domain is Domain.SECRETS
    place = Place(
        path=result.path,
        start_line=max(result.start.line, 1),
        # A secret is a part of what the rule matches, and is found on the line.
        start_column=None if is_secret else result.start.col,
        end_line=result.end.line if result.end and not is_secret else None,
        end_column=result.end.col if result.end and not is_secret else None,
        column_unit="characters",
    )
    return Sighting(
        native_rule=result.check_id,
        domain=domain,
        # What a rule says of a secret may hold it.
        message=title if is_secret else message or title,
        rule=Rule(
            id=rule_id,
            domain=domain,
            title=title,
            description=message if own else "",
            help=next(_texts(metadata.get("help")), "") if own else "",
            cwe=cwe,
            references=tuple(_texts(metadata.get("references"))),
            severity=severity,
        ),
        native_severity=native,
        severity=severity,
        confidence=_CONFIDENCES.get(str(metadata.get("confidence") or "").upper(), Confidence.MEDIUM),
        place=place,
        url=next(_texts(metadata.get("source")), next(_texts(metadata.get("shortlink")), "")),
        hidden_by=hider,
    )


def _named(result: _Result, cwe: tuple[str, ...]) -> tuple[Domain, str]:
    """The domain and the canonical rule. The same rule has the same name, whichever of the two programs ran it."""
    known = _semgrep_rules.canonical(result.check_id)
    if known:
        return Domain(known.partition("/")[0]), known
    parts = result.check_id.split(".")
    if _CREDENTIALS & set(cwe) or "secrets" in parts:
        domain = Domain.SECRETS
    elif _WORKFLOW.search(result.path) or "github-actions" in parts:
        domain = Domain.WORKFLOWS
    else:
        domain = Domain.CODE
    return domain, f"{domain.value}/semgrep.{slug(result.check_id)}"


def _texts(value: Any) -> Iterator[str]:
    """The texts of a value that is one, or a list of them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, str))
