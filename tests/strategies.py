"""Hypothesis strategies for what the model holds: texts as the filter leaves them, hostile paths, findings, whole reports.

A text that has passed `clean` may still look like Markdown, markup, a template or a command; a path may hold any byte
but NUL.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime

from hypothesis import strategies as st

from magray_sec.model.decision import Decision, GapRuling, Reason, Ruling, WaiverUse
from magray_sec.model.finding import Finding, Location, Package, Region, Rule, Witness
from magray_sec.model.report import Coverage, ScanReport
from magray_sec.model.run import (
    Claim,
    Database,
    Gap,
    GapKind,
    Item,
    ItemKind,
    Level,
    Notification,
    Skipped,
    SkipReason,
    Target,
    ToolRun,
)
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity, State, Verdict
from magray_sec.model.text import clean, clean_block

HOSTILE = (
    "",
    "::error file=a::b",
    "x ##[group]y",
    "[click](javascript:alert(1)) `code` [REDACTED]",
    "{0} {1} '{2}' {{3}}",
    "<script>alert(1)</script> | a | b |",
    "\x1b[31mred\x1b[0m \u202eright to left\ufeff",
    "line one\r\nline two\tend",
    "\ud800 lone \udcff surrogates",
    "\u00e9\u4e2d\U0001f600 a\u0301",
    "https://user:password@example.com/x?y#z",
    "'quoted' \"double\" \\ back",
    "%41 %zz 100%",
)
HOSTILE_PARTS = ("a b", "100%", "x:y", "q?", "h#", "[z]", "-n", "::error", "##[x]", "\x1b[31m", "n\nl", "\u00e9\U0001f600", "b\udcff", "...", "\\w", "`", "%2e%2e")  # fmt: skip

_any_text = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))
texts = _any_text.map(clean)
words = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,20}", fullmatch=True)
blocks = st.lists(_any_text, max_size=4).map(lambda lines: clean_block("\n".join(lines)))


def _tuples(values, max_size=3):
    return st.lists(values, max_size=max_size).map(tuple)


_part = (
    st.one_of(
        st.sampled_from(HOSTILE_PARTS),
        st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True),
        st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=8),
        st.binary(min_size=1, max_size=6).map(lambda raw: os.fsdecode(raw.replace(b"/", b"_").replace(b"\0", b"_"))),
    )
    .map(lambda part: os.fsdecode(os.fsencode(part)))
    .filter(lambda part: part not in (".", ".."))
)
paths = st.lists(_part, min_size=1, max_size=4).map("/".join)
domains = st.sampled_from(Domain)
identities = st.from_regex(r"v1:[0-9a-f]{32}", fullmatch=True)
hashes = st.from_regex(r"[1-9a-f][0-9a-f]{15}:[1-9]", fullmatch=True)
scores = st.integers(min_value=0, max_value=100).map(lambda tenths: tenths / 10)
moments = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - the strategy adds the time zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
days = st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 1, 1))
durations = st.floats(min_value=0, max_value=1e6, allow_nan=False)
scanners = st.sampled_from(("cargo-audit", "regex-rules", "gitleaks", "semgrep", "zizmor"))


@st.composite
def regions(draw):
    start = draw(st.integers(1, 3000))
    start_column = draw(st.none() | st.integers(1, 500))
    end = draw(st.none() | st.integers(start, start + 20))
    end_column = None
    if start_column is not None:
        end_column = draw(st.none() | st.integers(start_column if end in (None, start) else 1, 600))
    return Region(start_line=start, start_column=start_column, end_line=end, end_column=end_column)


locations = st.builds(
    Location,
    path=paths,
    region=st.none() | regions(),
    commit=st.none() | st.from_regex(r"[0-9a-f]{40}", fullmatch=True),
)
packages = st.builds(
    Package,
    purl=words.map(lambda name: f"pkg:cargo/{name}@1.0.0"),
    name=words,
    version=words,
    fixed_versions=_tuples(texts),
    path=_tuples(texts),
    lockfile=paths,
    lock_is_generated=st.booleans(),
    license=st.none() | texts,
    dependency_kind=st.none() | st.sampled_from(("normal", "dev", "build")),
)
rules = st.builds(
    Rule,
    id=st.one_of(words, st.tuples(words, words).map("/".join)),
    domain=domains,
    title=texts,
    description=texts,
    help=blocks,
    cwe=_tuples(st.integers(1, 1400).map(lambda number: f"CWE-{number}"), 14),
    references=_tuples(st.one_of(texts, words.map(lambda name: f"https://example.com/{name}"))),
    severity=st.sampled_from(Severity),
    score=st.none() | scores,
)
witnesses = st.builds(Witness, tool=scanners, native_rule=texts, native_severity=texts, url=texts)
gaps = st.builds(
    Gap,
    kind=st.sampled_from(GapKind),
    reason=texts,
    hint=texts,
    domain=st.none() | domains,
    item=st.one_of(st.just(""), paths.map(lambda path: f"lockfile:{path}"), st.just("language:rust")),
    path=st.one_of(st.just(""), paths),
    scanner=st.one_of(st.just(""), scanners),
)
notifications = st.builds(
    Notification,
    level=st.sampled_from(Level),
    message=texts,
    path=st.one_of(st.just(""), paths),
    scanner=st.one_of(st.just(""), scanners),
)
skipped = st.builds(Skipped, reason=st.sampled_from(SkipReason), path=paths, detail=texts)
items = st.builds(
    Item,
    kind=st.sampled_from(ItemKind),
    name=paths,
    ecosystem=st.sampled_from(("", "cargo", "npm")),
    domains=st.frozensets(domains, max_size=3),
    files=st.integers(0, 10_000),
    facts=st.dictionaries(words, texts, max_size=2).map(lambda facts: tuple(sorted(facts.items()))),
)
tool_runs = st.builds(
    ToolRun,
    adapter=scanners,
    domains=st.lists(domains, min_size=1, max_size=3, unique=True).map(tuple),
    outcome=st.sampled_from(Outcome),
    reason=texts,
    hint=texts,
    version=st.one_of(st.just(""), words),
    commands=_tuples(texts),
    started=st.none() | moments,
    duration_s=durations,
    exit_code=st.none() | st.integers(-64, 255),
    claims=_tuples(st.builds(Claim, domain=domains, item=paths.map(lambda path: f"lockfile:{path}"))),
    gaps=_tuples(gaps),
    skipped=_tuples(skipped),
    notifications=_tuples(notifications),
    metrics=st.dictionaries(words, st.integers(0, 10**9), max_size=2).map(lambda found: tuple(sorted(found.items()))),
    is_import=st.booleans(),
)
waiver_uses = st.builds(
    WaiverUse,
    label=texts,
    reason=texts,
    owner=texts,
    expires=st.none() | days,
    line=st.integers(0, 500),
    used=st.integers(0, 50),
    expired=st.booleans(),
    file=texts,
    is_inline=st.booleans(),
)
reasons = st.builds(
    Reason,
    verdict=st.sampled_from(Verdict),
    rule=texts,
    message=texts,
    count=st.integers(0, 50),
    max=st.none() | st.integers(0, 50),
    incomplete=st.booleans(),
)
targets = st.builds(
    Target,
    root=st.just("/somewhere/of/this/machine"),
    name=texts,
    commit=st.none() | st.from_regex(r"[0-9a-f]{40}", fullmatch=True),
    branch=st.none() | texts,
    repository=st.none()
    | st.sampled_from(
        (
            "https://example.com/a/b",
            "git@example.com:a/b.git",
            "example.com:a/b.git",
            "/srv/git/x.git",
            "../x",
            "file:///x",
        )
    ),
    is_git=st.booleans(),
    is_dirty=st.booleans(),
)


@st.composite
def findings(draw, rule=rules):
    made = draw(rule)
    return Finding(
        identity=draw(identities),
        also_known_as=tuple(sorted(draw(st.sets(identities, max_size=2)))),
        domain=made.domain,
        rule=made,
        severity=draw(st.sampled_from(Severity)),
        severity_source=draw(texts),
        score=draw(st.none() | scores),
        score_source=draw(texts),
        confidence=draw(st.sampled_from(Confidence)),
        message=draw(texts),
        location=draw(locations),
        line_hash=draw(st.none() | hashes),
        package=draw(st.none() | packages),
        aliases=draw(_tuples(words)),
        kind=draw(texts),
        preview=draw(texts),
        witnesses=draw(_tuples(witnesses)),
        state=draw(st.sampled_from(State)),
        hidden_by=draw(_tuples(texts)),
    )


@st.composite
def reports(draw, *, is_whole=True, max_findings=6):
    """A report as a scan could make it: one rule an id, one ruling a finding."""
    known = draw(st.lists(rules, min_size=1, max_size=4, unique_by=lambda rule: rule.id))
    found = tuple(draw(st.lists(findings(rule=st.sampled_from(known)), max_size=max_findings)))
    waivers = draw(_tuples(waiver_uses))
    rulings = tuple(
        Ruling(
            identity=finding.identity,
            rule=draw(words),
            verdict=draw(st.sampled_from(Verdict)),
            waiver=draw(st.none() | st.integers(0, len(waivers) - 1)) if waivers else None,
        )
        for finding in found
    )
    decision = Decision(
        verdict=draw(st.sampled_from(Verdict)),
        complete=draw(st.booleans()),
        reasons=draw(_tuples(reasons)),
        rulings=rulings,
        waivers=waivers,
        gaps=draw(
            _tuples(
                st.builds(
                    GapRuling,
                    gap=gaps,
                    effect=st.sampled_from(("incomplete", "review", "accepted", "noted")),
                    accepted_because=texts,
                ),
                4,
            )
        ),
        not_applicable=draw(st.lists(domains, max_size=2, unique=True).map(tuple)),
        policy=draw(words),
        policy_digest=draw(st.from_regex(r"[0-9a-f]{16}", fullmatch=True)),
        notes=draw(_tuples(texts)),
    )
    return ScanReport(
        tool_version="1.2.3",
        target=draw(targets),
        started=draw(moments),
        duration_s=draw(durations),
        items=draw(_tuples(items)),
        coverage=draw(
            _tuples(
                st.builds(
                    Coverage,
                    domain=domains,
                    item=paths.map(lambda path: f"lockfile:{path}"),
                    covered_by=_tuples(scanners, 2),
                    files=st.integers(0, 100),
                )
            )
        ),
        runs=draw(_tuples(tool_runs, 4)),
        findings=found,
        decision=decision,
        skipped=draw(_tuples(skipped)),
        notifications=draw(_tuples(notifications)),
        database=draw(
            st.none()
            | st.builds(
                Database,
                path=st.just("/somewhere/of/this/machine/db"),
                date=st.none() | days,
                advisories=st.integers(0, 5000),
                commit=st.none() | words,
                chosen_by_user=st.booleans(),
            )
        ),
        options=draw(_tuples(st.tuples(words, texts))),
        is_whole=is_whole,
        anchor=draw(st.one_of(st.just(""), st.just("Cargo.toml"), paths)),
        line_hashes=draw(_tuples(st.tuples(paths, hashes))),
    )
