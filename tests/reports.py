"""Reports for tests and benchmarks: a small one as a real scan makes it, and one of any number of findings."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime

from magray_sec.model.decision import Decision, GapRuling, Reason, Ruling, WaiverUse
from magray_sec.model.finding import Finding, Location, Package, Region, Rule, Witness
from magray_sec.model.report import Coverage, ScanReport
from magray_sec.model.run import (
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
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity, Verdict

STARTED = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
TARGET = Target(
    root="/home/somebody/checkouts/demo",
    name="demo",
    commit="0123456789abcdef0123456789abcdef01234567",
    branch="main",
    repository="https://example.com/acme/demo",
    is_git=True,
)
LOCKFILE = Item(kind=ItemKind.LOCKFILE, name="Cargo.lock", ecosystem="cargo", domains=frozenset({Domain.DEPENDENCIES}))
TREE = Item(kind=ItemKind.TREE, name=".", domains=frozenset({Domain.SECRETS}), files=40)
RUST = Item(kind=ItemKind.LANGUAGE, name="rust", domains=frozenset({Domain.CODE}), files=30)
COVERED = (
    Coverage(domain=Domain.CODE, item=RUST.id, covered_by=("regex-rules",), files=30),
    Coverage(domain=Domain.DEPENDENCIES, item=LOCKFILE.id, covered_by=("cargo-audit",)),
    Coverage(domain=Domain.SECRETS, item=TREE.id, covered_by=("regex-rules",), files=40),
)


def run(adapter: str = "regex-rules", outcome: Outcome = Outcome.COMPLETED, **changes) -> ToolRun:
    """A scanner's run; of its usual domains."""
    domains = {"cargo-audit": (Domain.DEPENDENCIES,), "regex-rules": (Domain.CODE, Domain.SECRETS)}
    values = {"domains": domains.get(adapter, (Domain.SECRETS,)), "version": "1.2.3", "started": STARTED} | changes
    return ToolRun(adapter=adapter, outcome=outcome, **values)


def finding(number: int = 1, **changes) -> Finding:
    """A finding, another one for each number."""
    rule = Rule(
        id="code/sql-format",
        domain=Domain.CODE,
        title="SQL built by formatting",
        description="A statement is put together from values, so that a value can change what it does.",
        help='Bind the values:\n\n```rust\nsqlx::query!("select 1 where a = ?", a)\n```',
        cwe=("CWE-89",),
        references=("https://example.com/sql",),
    )
    values = {
        "identity": f"v1:{number:032x}",
        "domain": Domain.CODE,
        "rule": rule,
        "severity": Severity.HIGH,
        "confidence": Confidence.MEDIUM,
        "message": "A statement is built from 'name'",
        "location": Location(
            path="src/db.rs", region=Region(start_line=number, start_column=9, end_line=number, end_column=40)
        ),
        "line_hash": f"{number + 16:x}:1",
        "witnesses": (Witness(tool="regex-rules", native_rule="sql-format", native_severity="high"),),
    }
    return Finding(**(values | changes))


def report(findings: tuple[Finding, ...] = (), verdicts: tuple[Verdict, ...] = (), **changes) -> ScanReport:
    """A complete scan of everything with these findings."""
    decision_changes = {name: changes.pop(name) for name in ("gaps", "waivers", "rulings") if name in changes}
    verdicts = verdicts or (Verdict.REVIEW,) * len(findings)
    rulings = tuple(
        Ruling(identity=entry.identity, rule="dangerous-patterns", verdict=verdict)
        for entry, verdict in zip(findings, verdicts, strict=True)
    )
    decision = Decision(
        **({"verdict": Verdict.REVIEW, "complete": True, "policy": "default", "rulings": rulings} | decision_changes)
    )
    values = {
        "tool_version": "1.2.3",
        "target": TARGET,
        "started": STARTED,
        "duration_s": 1.5,
        "items": (RUST, LOCKFILE, TREE),
        "coverage": COVERED,
        "runs": (run("cargo-audit"), run("regex-rules")),
        "findings": findings,
        "decision": decision,
        "anchor": "Cargo.toml",
    }
    return ScanReport(**(values | changes))


def realistic() -> ScanReport:
    """A report with one of each: a vulnerable package, a secret, a pattern, a waiver, gaps, notes, skipped files."""
    advisory = Rule(
        id="RUSTSEC-2020-0071",
        domain=Domain.DEPENDENCIES,
        title="Potential segfault in the time crate",
        description="The affected functions set environment variables without synchronization.",
        help="| | |\n|---|---|\n| Aliases | CVE-2020-26235 |\n| Fixed in | `>=0.2.23` |",
        cwe=("CWE-476",),
        references=("https://example.com/advisories/RUSTSEC-2020-0071", "not a link"),
        severity=Severity.MEDIUM,
        score=6.2,
    )
    vulnerable = finding(
        1,
        identity="v1:" + "a" * 32,
        also_known_as=("v1:" + "b" * 32,),
        domain=Domain.DEPENDENCIES,
        rule=advisory,
        severity=Severity.MEDIUM,
        score=6.2,
        score_source="cvss-3.1",
        confidence=Confidence.HIGH,
        message="The package 'time 0.1.42' is affected by 'RUSTSEC-2020-0071'. It is reached through 'demo' and 'chrono'.",
        location=Location(path="Cargo.lock", region=Region(start_line=14)),
        package=Package(
            purl="pkg:cargo/time@0.1.42",
            name="time",
            version="0.1.42",
            fixed_versions=(">=0.2.23",),
            path=("demo 0.1.0", "chrono 0.4.19", "time 0.1.42"),
            lockfile="Cargo.lock",
        ),
        aliases=("CVE-2020-26235",),
        kind="vulnerability",
        witnesses=(Witness(tool="cargo-audit", native_rule="RUSTSEC-2020-0071"),),
    )
    secret = finding(
        2,
        identity="v1:" + "c" * 32,
        domain=Domain.SECRETS,
        rule=Rule(id="secrets/aws-access-key-id", domain=Domain.SECRETS, title="AWS access key ID", cwe=("CWE-798",)),
        severity=Severity.CRITICAL,
        confidence=Confidence.VERIFIED,
        message="An AWS access key ID, [REDACTED], is in `src/a b#c.py`, see [here](x)",
        location=Location(
            path="src/a b#c\udcff:%.py", region=Region(start_line=1, start_column=1, end_line=3, end_column=2)
        ),
        preview="AKIA, 20 characters",
        witnesses=(
            Witness(tool="gitleaks", native_rule="aws-access-token"),
            Witness(tool="regex-rules", native_rule="aws-access-key-id"),
        ),
    )
    waived = finding(3, identity="v1:" + "d" * 32, line_hash=None)
    whole_file = finding(4, identity="v1:" + "e" * 32, location=Location(path="src/lib.rs"), severity=Severity.LOW)
    licence = finding(
        5,
        domain=Domain.LICENSES,
        rule=Rule(id="licenses/not-allowed", domain=Domain.LICENSES, title="A licence that is not allowed: {0}"),
        severity=Severity.UNKNOWN,
        location=Location(path="Cargo.toml", region=Region(start_line=7)),
    )
    gaps = (
        GapRuling(
            gap=Gap(kind=GapKind.FILE, path="src/bad.rs", reason="it does not parse", scanner="semgrep"),
            effect="review",
        ),
        GapRuling(
            gap=Gap(
                kind=GapKind.ITEM,
                domain=Domain.SUPPLY_CHAIN,
                item="lockfile:package-lock.json",
                path="package-lock.json",
                reason="no scanner of this version looks at package-lock.json",
                hint="accept the gap",
            ),
            effect="noted",
        ),
    )
    made = report(
        (waived, whole_file, vulnerable, licence, secret),
        (Verdict.PASS, Verdict.PASS, Verdict.REVIEW, Verdict.BLOCK, Verdict.BLOCK),
        gaps=gaps,
        waivers=(
            WaiverUse(
                label="rule code/sql-format",
                reason="only in tests",
                owner="@sec",
                expires=date(2026, 12, 31),
                line=30,
                used=1,
                expired=False,
            ),
        ),
        runs=(
            run(
                "cargo-audit",
                commands=("/usr/local/bin/cargo-audit audit --file {target}/Cargo.lock --db /home/me/db",),
            ),
            run("gitleaks", outcome=Outcome.MISSING, reason="it is not installed", version=""),
            run("licences", domains=(Domain.LICENSES,)),
            run(
                "regex-rules",
                version="",
                metrics=(("files", 40),),
                notifications=(Notification(level=Level.WARNING, message="one rule was cut", path="rules/x.yaml"),),
            ),
            run(
                "semgrep",
                outcome=Outcome.PARTIAL,
                domains=(Domain.CODE,),
                reason="src/bad.rs: it does not parse",
                exit_code=3,
                duration_s=2.0,
                gaps=(gaps[0].gap,),
            ),
        ),
        skipped=(
            Skipped(reason=SkipReason.TOO_LARGE, path="data/big.bin", detail="200 MB"),
            Skipped(reason=SkipReason.BINARY, path="logo.png"),
        ),
        notifications=(Notification(level=Level.NOTE, message="the advisory database is 3 days old"),),
        database=Database(path="/home/me/.cache/db", date=date(2026, 2, 26), advisories=800),
        options=(("MAGRAY_SEC_JOBS", "2"),),
        line_hashes=(("Cargo.toml", "1a:1"), ("src/bad.rs", "2b:1")),
    )
    reasons = (Reason(verdict=Verdict.BLOCK, rule="exposed-secrets", message="1 finding, 0 allowed", count=1, max=0),)
    rulings = (replace(made.decision.rulings[0], waiver=0), *made.decision.rulings[1:])
    return replace(made, decision=replace(made.decision, verdict=Verdict.BLOCK, reasons=reasons, rulings=rulings))


def large(count: int, domains: tuple[Domain, ...] = tuple(Domain), seed: int = 1) -> ScanReport:
    """A report of `count` findings spread evenly over the domains, over 200 rules and 2,000 files."""
    dice = random.Random(seed)
    rules = [
        Rule(
            id=f"{domain.value}/rule-{number}",
            domain=domain,
            title=f"Problem number {number} of {domain.value}",
            description="What it is and why it matters. " * 5,
            help="## What to do\n\n" + "Mend it like this. " * 30,
            cwe=(f"CWE-{number + 20}",),
            references=(f"https://example.com/{domain.value}/{number}",),
        )
        for domain in domains
        for number in range(200 // len(domains))
    ]
    by_domain = {domain: [rule for rule in rules if rule.domain is domain] for domain in domains}
    scanners = tuple(f"scanner-{domain.value}" for domain in domains)
    found, rulings = [], []
    for number in range(count):
        domain = domains[number % len(domains)]
        rule = dice.choice(by_domain[domain])
        line, column = dice.randrange(1, 3000), dice.randrange(1, 80)
        identity = f"v1:{dice.getrandbits(128):032x}"
        package = None
        if domain is Domain.DEPENDENCIES:
            name = f"package-{dice.randrange(500)}"
            package = Package(purl=f"pkg:cargo/{name}@1.0.0", name=name, version="1.0.0", fixed_versions=(">=1.0.1",))
        found.append(
            Finding(
                identity=identity,
                domain=domain,
                rule=rule,
                severity=dice.choice(tuple(Severity)),
                score=dice.choice((None, 5.0, 7.5, 9.0, 9.8)),
                score_source="cvss-3.1",
                confidence=dice.choice(tuple(Confidence)),
                message=f"Something is wrong with 'item_{number}' in 'module_{number % 50}', which others can reach",
                location=Location(
                    path=f"crates/part-{number % 40}/src/module_{dice.randrange(50)}.rs",
                    region=Region(start_line=line, start_column=column, end_line=line, end_column=column + 20),
                ),
                line_hash=f"{dice.getrandbits(64):x}:1",
                package=package,
                witnesses=(Witness(tool=f"scanner-{domain.value}", native_rule=f"native-{number % 300}"),),
            )
        )
        verdict = dice.choice(tuple(Verdict))
        rulings.append(Ruling(identity=identity, rule=f"policy-rule-{number % 5}", verdict=verdict))
    return report(
        tuple(found),
        rulings=tuple(rulings),
        coverage=(),
        runs=tuple(run(scanner, domains=(domain,)) for scanner, domain in zip(scanners, domains, strict=True)),
    )
