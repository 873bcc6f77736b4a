"""cargo-tree: what the recorded cases do not show."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from crates import CRATES_IO, lock, manifest
from magray_sec.adapters._popular_crates import lookalike
from magray_sec.adapters.cargo_tree import ADAPTER, MOST_INDIRECT
from magray_sec.discover import discover
from magray_sec.model.adapter import Interpretation, Metric, Said
from magray_sec.model.finding import Sighting
from magray_sec.model.run import Limits, ScanContext, ToolRun
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity
from magray_sec.normalize import normalize
from magray_sec.source import TreeSource

Entry = tuple[str, str, str | None, tuple[str, ...]]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target" / "src").mkdir(parents=True)
    (tmp_path / "target" / "src" / "lib.rs").touch()
    return tmp_path / "target"


def said(target: Path, dependencies: str, *entries: Entry) -> list[Said]:
    """What is said of a package with these dependencies, and this lock file."""
    (target / "Cargo.toml").write_text(manifest("app", "0.1.0", rest=dependencies))
    (target / "Cargo.lock").write_bytes(lock(*entries))
    _, inventory = discover(str(target), Limits())
    told = ScanContext(
        today=date(2026, 1, 1),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        work=str(target.parent / "work"),
        cache=None,
        offline=True,
        inventory=inventory,
    )
    assert ADAPTER.inspect
    return list(ADAPTER.inspect(TreeSource(str(target), inventory.files), ADAPTER.claims(inventory), told))


def of(entries: list[Said], rule: str) -> list[Sighting]:
    return [entry for entry in entries if isinstance(entry, Sighting) and entry.native_rule == rule]


@pytest.mark.parametrize("over", [0, 1])
def test_more_than_the_limit_of_indirect_crates_is_one_finding(target: Path, over: int) -> None:
    names = tuple(f"crate-{number}" for number in range(MOST_INDIRECT + over))
    crates = [(name, "1.0.0", CRATES_IO, ()) for name in names]
    entries = said(
        target,
        '[dependencies]\nfirst = "1"\n',
        ("app", "0.1.0", None, ("first",)),
        ("first", "1.0.0", CRATES_IO, names),
        *crates,
    )
    found = of(entries, "many-indirect-dependencies")
    assert len(found) == over
    assert Metric(name="indirect", value=MOST_INDIRECT + over) in entries
    assert Metric(name="direct", value=1) in entries
    if found:
        assert (
            found[0].message
            == f"{MOST_INDIRECT + 1} crates come in through the 1 asked for; the limit is {MOST_INDIRECT}"
        )
        assert found[0].place
        assert (found[0].place.path, found[0].place.start_line) == ("Cargo.toml", 1)


@pytest.mark.parametrize(
    ("source", "severity", "message"),
    [
        (
            "git+https://user:word@example.org/x?rev=012#0123",
            Severity.LOW,
            "1 crate from the git repository https://example.org/x, fixed to the commit 012: x 1.0.0",
        ),
        (
            "git+https://example.org/x?branch=b#0123",
            Severity.MEDIUM,
            "1 crate from the git repository https://example.org/x, as its branch b is when the lock file is made: x 1.0.0",
        ),
        ("git+http://[::1", Severity.MEDIUM, None),
        (
            "registry+https://token@example.org/index",
            Severity.LOW,
            "1 crate from the registry https://example.org/index: x 1.0.0",
        ),
        ("nonsense", Severity.LOW, "1 crate from the registry nonsense: x 1.0.0"),
    ],
)
def test_a_source_of_its_own_is_told_without_its_user(
    target: Path, source: str, severity: Severity, message: str | None
) -> None:
    entries = said(target, '[dependencies]\nx = "1"\n', ("app", "0.1.0", None, ("x",)), ("x", "1.0.0", source, ()))
    (found,) = [*of(entries, "git-source"), *of(entries, "other-registry")]
    assert found.severity is severity
    assert message is None or found.message == message
    assert found.package
    assert "word" not in found.package.purl
    assert "token" not in found.package.purl


@pytest.mark.parametrize(
    ("path", "is_outside"), [("../x", True), ("/opt/x", True), ("sub/../../x", True), ("sub/../x", False)]
)
def test_a_path_is_outside_by_where_it_leads(target: Path, path: str, is_outside: bool) -> None:
    rest = f'[dependencies]\nx = {{ path = "{path}" }}\n'
    entries = said(target, rest, ("app", "0.1.0", None, ("x",)), ("x", "1.0.0", None, ()))
    assert len(of(entries, "path-outside")) == is_outside


def test_a_patched_crate_may_lie_outside(target: Path) -> None:
    rest = '[dependencies]\nx = "1"\n\n[patch.crates-io]\nx = { path = "../x" }\n'
    entries = said(target, rest, ("app", "0.1.0", None, ("x",)), ("x", "1.0.0", None, ()))
    (found,) = of(entries, "path-outside")
    assert found.message == "x 1.0.0 lies outside of the repository: no commit pins it, no scan looks at it"


def test_what_nobody_asks_for_any_more_is_not_outside(target: Path) -> None:
    entries = said(target, "", ("app", "0.1.0", None, ()), ("its-old-name", "0.1.0", None, ()))
    assert not of(entries, "path-outside")
    assert Metric(name="packages", value=0) in entries


@pytest.mark.parametrize(
    ("requirement", "is_wild"),
    [
        ('"*"', True),
        ('{ version = " * " }', True),
        ('"1.*"', False),
        ('">=1"', False),
        ('{ version = "*", path = "x" }', False),
        ('{ git = "https://example.org/x" }', False),
    ],
)
def test_a_requirement_that_takes_any_version(target: Path, requirement: str, is_wild: bool) -> None:
    rest = f"[target.'cfg(unix)'.dependencies]\nx = {requirement}\n"
    assert len(of(said(target, rest, ("app", "0.1.0", None, ())), "wildcard-version")) == is_wild


def test_two_crates_that_one_line_brings_in_are_two_findings(target: Path) -> None:
    entries = said(
        target,
        '[dependencies]\nfirst = "1"\n',
        ("app", "0.1.0", None, ("first",)),
        ("first", "1.0.0", CRATES_IO, ("serde_jsom", "reqwset")),
        ("reqwset", "1.0.0", CRATES_IO, ()),
        ("serde_jsom", "1.0.0", CRATES_IO, ()),
    )
    run = ToolRun(adapter=ADAPTER.id, domains=(Domain.SUPPLY_CHAIN,), outcome=Outcome.COMPLETED)
    seen = Interpretation(run=run, sightings=tuple(entry for entry in entries if isinstance(entry, Sighting)))
    source = TreeSource(str(target), discover(str(target), Limits())[1].files)
    findings = normalize([seen], source, {ADAPTER.id: ADAPTER}, anchor="").findings
    found = [finding for finding in findings if finding.rule.id == "supply-chain/lookalike-name"]
    assert {finding.location.line for finding in found} == {6}
    assert len({finding.identity for finding in found}) == 2


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("serde_jsn", "serde_json"),
        ("reqwset", "reqwest"),
        ("tokioo", "tokio"),
        ("serde-json", "serde_json"),
        ("rustdecimal", "rust_decimal"),
        ("serde_json", None),
        ("sha3", None),
        ("base85", None),
        ("windows-sys", None),
        ("proc-macro-error2", None),
        ("rand", None),
        ("something-else", None),
        ("", None),
    ],
)
def test_a_name_one_slip_away_from_a_well_known_one(name: str, meant: str | None) -> None:
    assert lookalike(name) == meant


def test_a_lookalike_is_doubtful(target: Path) -> None:
    entries = said(
        target,
        '[dependencies]\nreqwset = "1"\n',
        ("app", "0.1.0", None, ("reqwset",)),
        ("reqwset", "0.1.0", CRATES_IO, ()),
        ("reqwset", "1.0.0", CRATES_IO, ()),
    )
    (found,) = of(entries, "lookalike-name")
    assert (found.severity, found.confidence) == (Severity.HIGH, Confidence.LOW)
