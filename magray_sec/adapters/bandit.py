"""bandit: dangerous calls and settings in Python code.

https://github.com/PyCQA/bandit

All of its tests are run, over every Python file by name: its own list of folders to leave out is not used, nor are the
target's `.bandit`, `pyproject.toml` or comments `# nosec`; what those comments would have hidden is told. A file that
does not parse is a gap. Severity and confidence are bandit's; where the name of a variable is all that makes its text
a password, the confidence is low. Reports made elsewhere (format `json`) can be taken in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from magray_sec.adapters import _bandit_tests, _formats, _source_files
from magray_sec.adapters._read import convert
from magray_sec.languages import language_of
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said, Stated
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
    Target,
)
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean

_LANGUAGE = "python"
_NOTHING = "/nonexistent/nothing"
"""For --exclude: its own list names `CVS` and `.git`, and holds it against every part of every path."""
_TOTALS = "_totals"
_NOSEC = re.compile(r"#\s*nosec\b", re.IGNORECASE)
_SEVERITIES = {"HIGH": Severity.HIGH, "MEDIUM": Severity.MEDIUM, "LOW": Severity.LOW}
_CONFIDENCES = {"HIGH": Confidence.HIGH, "MEDIUM": Confidence.MEDIUM, "LOW": Confidence.LOW}


class _Weakness(msgspec.Struct):
    id: int | None = None


class _Result(msgspec.Struct):
    test_id: str
    filename: str
    line_number: int
    issue_text: str = ""
    issue_severity: str = ""
    issue_confidence: str = ""
    test_name: str = ""
    more_info: str = ""
    code: str = ""
    line_range: list[int] = msgspec.field(default_factory=list)
    col_offset: int | None = None
    end_col_offset: int | None = None
    issue_cwe: _Weakness | None = None


class _Error(msgspec.Struct):
    filename: str = ""
    reason: str = ""


class _Report(msgspec.Struct):
    results: list[_Result]
    errors: list[_Error]
    metrics: dict[str, dict[str, Any]] | None = None


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """The target's Python code."""
    items = (item for item in inventory.of(ItemKind.LANGUAGE) if item.name == _LANGUAGE)
    return tuple(Claim(domain=Domain.CODE, item=item.id) for item in items)


def reads(path: str) -> bool:
    """Python files, and what may be a Python script by its first line."""
    return language_of(path) == _LANGUAGE or _source_files.may_be_script(path)


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """As many files at once as a command line holds."""
    inventory = context.inventory or Inventory()
    paths = _source_files.by_language(target.root, inventory, frozenset({_LANGUAGE})).get(_LANGUAGE, [])
    return tuple(
        Command(
            argv=("{tool}", "--format", "json", "--quiet", "--ignore-nosec", "--exclude", _NOTHING, "--", *batch),
            claims=claims,
            facts={"root": target.root, "given": str(len(batch))},
        )
        for batch in _source_files.batches(target.root, paths)
    )


def imported(target: Target, inventory: Inventory) -> Command:  # noqa: ARG001 - the seam's
    """A report covers nothing: which tests it was told to leave out it does not say."""
    return Command(argv=(), facts={"root": target.root})


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each result, and a gap for each file that does not parse. ParseError where the report is not that
    of a finished run."""
    value, notes = _formats.read(raw.stdout, "bandit's report")
    if not isinstance(value, dict) or not {"results", "errors"} <= value.keys() or "paths" in value:
        raise _formats.refuse(value, "bandit's report")
    report = convert(value, _Report)
    given = _given(raw)
    metrics = report.metrics or {}
    if _TOTALS not in metrics and (given or not report.results):
        raise ParseError("it tells no totals, as every finished run does")
    yield from notes
    hidden = 0
    for result in report.results:
        hider = "a comment in the source (nosec)" if _is_hidden(result) else ""
        hidden += bool(hider)
        yield _sighting(result, hider)
    if hidden:
        message = f"comments `nosec` would have hidden {hidden} of the findings; they are not followed"
        yield Notification(level=Level.NOTE, message=message)
    told: set[str] = set()
    for error in report.errors:
        if error.filename in told:
            continue
        told.add(error.filename)
        reason = f"bandit could not read it: {clean(error.reason, limit=200) or 'no reason is given'}"
        yield _gap(error.filename, raw, reason, "mend it, or exclude it")
    scanned = set(metrics) - {_TOTALS}
    missed = [path for path in given if path not in scanned and path not in told]
    if given and len(missed) == len(given):
        raise ParseError("it looked at none of the files")
    for path in missed:
        yield _gap(path, raw, "it was given the file and did not look at it", "")
    yield Metric(name="files", value=len((set(given) or scanned) - told - set(missed)))
    if given:
        totals = metrics[_TOTALS]
        counts = [count for name, count in totals.items() if name.startswith("SEVERITY.") and isinstance(count, int)]
        yield Stated(findings=sum(counts))


def _given(raw: RawOutput) -> tuple[str, ...]:
    count = int(raw.command.facts.get("given", "0"))
    return raw.command.argv[len(raw.command.argv) - count :] if count else ()


def _gap(path: str, raw: RawOutput, reason: str, hint: str) -> Gap:
    root = raw.command.facts.get("root", "")
    relative = path.removeprefix(f"{root}/") if root else path
    return Gap(kind=GapKind.FILE, domain=Domain.CODE, path=relative, reason=reason, hint=hint)


def _lines(result: _Result) -> list[str]:
    """The code of the lines that the result is of, as it is printed: each line behind its number."""
    numbers = {*result.line_range, result.line_number}
    numbered = (line.partition(" ") for line in result.code.splitlines())
    return [text for number, _, text in numbered if number.isdigit() and int(number) in numbers]


def _is_hidden(result: _Result) -> bool:
    return any(_NOSEC.search(line) for line in _lines(result))


def _sighting(result: _Result, hider: str) -> Sighting:
    test = result.test_id.strip().upper()
    rating, trust = result.issue_severity.upper(), result.issue_confidence.upper()
    rule, title = _bandit_tests.meaning(test, severity=rating, confidence=trust, code="\n".join(_lines(result)))
    domain = Domain(rule.partition("/")[0])
    is_secret = domain is Domain.SECRETS
    title = title or result.test_name.replace("_", " ") or test
    confidence = _CONFIDENCES.get(trust, Confidence.MEDIUM)
    severity = _SEVERITIES.get(rating, Severity.UNKNOWN)
    weakness = result.issue_cwe.id if result.issue_cwe else None
    is_one_line = len(result.line_range) <= 1
    column = result.col_offset if not is_secret else None
    end = result.end_col_offset if not is_secret and is_one_line else None
    return Sighting(
        native_rule=test,
        domain=domain,
        # Its words for a password hold it.
        message=title if is_secret else result.issue_text or title,
        rule=Rule(
            id=rule,
            domain=domain,
            title=title,
            cwe=(f"CWE-{weakness}",) if weakness else (),
            references=(result.more_info,) if result.more_info else (),
            severity=severity,
        ),
        native_severity=f"{rating}, confidence {trust}" if trust else rating,
        severity=severity,
        confidence=min(confidence, Confidence.LOW, key=lambda entry: entry.rank)
        if _bandit_tests.is_guess(test)
        else confidence,
        place=Place(
            path=result.filename,
            start_line=max(result.line_number, 1),
            # Columns count from 0, in the bytes of UTF-8.
            start_column=column + 1 if column is not None and column >= 0 else None,
            end_column=end + 1 if end is not None and column is not None and end > column else None,
            column_unit="bytes",
        ),
        url=result.more_info,
        hidden_by=hider,
    )


ADAPTER = Adapter(
    id="bandit",
    title="Dangerous calls and settings in Python code",
    domains=frozenset({Domain.CODE, Domain.SECRETS}),
    claims=claims,
    reads=reads,
    versions=">=1.8,<2",
    executable="bandit",
    install="pip install bandit",
    finding_exits=frozenset({1}),
    commands=commands,
    imported=imported,
    parse=parse,
)
