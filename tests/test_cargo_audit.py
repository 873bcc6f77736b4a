from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from magray_sec.adapters import _rustsec
from magray_sec.adapters._audit_toml import read_audit_toml
from magray_sec.adapters.cargo_audit import ADAPTER, claims, commands, parse
from magray_sec.discover import discover
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Interpretation, Metric, ParseError, Said, Stated, Step, StepOutput
from magray_sec.model.finding import Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    Database,
    Farm,
    File,
    Gap,
    Inventory,
    Item,
    ItemKind,
    Level,
    Limits,
    Notification,
    RawOutput,
    ScanContext,
    Target,
    Tool,
)
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity

RECORDED = Path(__file__).parent.parent / "fixtures" / "adapters" / "cargo-audit" / "0.22.2"
STARTED = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TARGET = Target(root="/target", name="target")
DATABASE = Database(path="/database", date=None, advisories=11)
CARGO = Tool(name="cargo", path="/bin/cargo", found_by="path")


def context(*items: Item, files: tuple[str, ...] = (), **changes: Any) -> ScanContext:
    plain = ScanContext(
        today=STARTED.date(),
        started=STARTED,
        work="/scan",
        cache="/cache",
        tools={"cargo": CARGO},
        database=DATABASE,
        inventory=Inventory(items=items, files=tuple(File(path=path, size=1) for path in files)),
    )
    return replace(plain, **changes)


def item(name: str, **facts: str) -> Item:
    kind = ItemKind.LOCKFILE if name.endswith(".lock") else ItemKind.MANIFEST
    pairs = tuple(sorted((key.replace("_", "-"), value) for key, value in facts.items()))
    return Item(kind=kind, name=name, ecosystem="cargo", domains=frozenset({Domain.DEPENDENCIES}), facts=pairs)


def planned(scan: ScanContext) -> tuple[Command | Gap, ...]:
    assert scan.inventory
    return commands(TARGET, claims(scan.inventory), scan)


def only(scan: ScanContext) -> Command:
    (command,) = planned(scan)
    assert isinstance(command, Command)
    return command


# --- What is run ---


def test_every_cargo_lock_file_and_manifest_is_claimed_and_nothing_else() -> None:
    npm = Item(kind=ItemKind.LOCKFILE, name="package-lock.json", ecosystem="npm")
    inventory = Inventory(items=(item("Cargo.lock"), npm, item("fuzz/Cargo.toml"), item("sub/Cargo.lock")))
    assert {claim.key for claim in claims(inventory)} == {
        ("dependencies", "lockfile:Cargo.lock"),
        ("dependencies", "lockfile:sub/Cargo.lock"),
        ("dependencies", "manifest:fuzz/Cargo.toml"),
    }
    assert claims(Inventory()) == ()


def test_a_lock_file_is_audited_after_the_index_was_brought_up_to_date() -> None:
    index, audit = planned(context(item("sub/Cargo.lock"), files=("sub/Cargo.lock", "sub/Cargo.toml")))
    assert isinstance(index, Command)
    assert isinstance(audit, Command)
    assert index.argv[:4] == ("/bin/cargo", "update", "--workspace", "--dry-run")
    assert index.is_preparation
    assert index.may_fail, "without the index all but yanked versions is known"
    assert isinstance(index.farm, Farm)
    assert (index.farm.source, index.farm.within) == ("/target", "sub")
    assert index.farm.at.startswith("/scan/")
    assert index.farm.leave_out == {"target", ".git", ".cargo", "rust-toolchain", "rust-toolchain.toml"}
    assert index.argv[4:] == ("--manifest-path", f"{index.farm.at}/sub/Cargo.toml")
    assert audit.argv == (
        "{tool}", "audit", "--json", "--no-fetch", "--stale", "--db", "/database", "--file", "/target/sub/Cargo.lock",
    )  # fmt: skip
    assert index.environment["CARGO_HOME"] == audit.environment["CARGO_HOME"] == "/cache/cargo"
    assert audit.inputs == (
        "/target/sub/Cargo.lock", "/target/sub/.cargo/audit.toml", "/target/.cargo/audit.toml",
    )  # fmt: skip
    assert index.claims == audit.claims == (Claim(domain=Domain.DEPENDENCIES, item="lockfile:sub/Cargo.lock"),)


@pytest.mark.parametrize(
    ("changes", "facts", "why"),
    [
        ({"offline": True}, {}, "the scan is offline"),
        ({"tools": {}}, {}, "cargo is not installed"),
        ({"tools": {"cargo": Tool(name="cargo", refused="it lies in the target")}}, {}, "it lies in the target"),
        ({}, {"foreign_source": "git https://example.com/x"}, "git https://example.com/x"),
        ({"inventory": Inventory(items=(item("Cargo.lock"),))}, {}, "no Cargo.toml lies beside the lock file"),
    ],
)
def test_where_the_index_cannot_be_had_yanked_versions_are_not_asked_for(changes, facts, why: str) -> None:
    audit = only(context(item("Cargo.lock", **facts), files=("Cargo.toml",), **changes))
    assert audit.argv[-1] == "--no-yanked"
    assert why in audit.facts["unchecked"]


def test_a_manifest_is_resolved_in_a_farm_that_holds_no_lock_file_and_no_settings() -> None:
    scan = context(
        item("fuzz/Cargo.toml", members="fuzz/Cargo.toml\nlib/Cargo.toml"),
        files=("Cargo.toml", "fuzz/Cargo.toml", "fuzz/my-Cargo.toml", "lib/Cargo.toml"),
        environment={"CARGO_CONFIG": "/home/me/.cargo/config.toml", "RUSTUP_TOOLCHAIN": "1.95"},
    )
    generate, audit = planned(scan)
    assert isinstance(generate, Command)
    assert isinstance(audit, Command)
    assert generate.farm
    place = generate.farm.at
    assert generate.argv == (
        "/bin/cargo", "generate-lockfile", "--manifest-path", f"{place}/fuzz/Cargo.toml",
        "--config", "/home/me/.cargo/config.toml",
    )  # fmt: skip
    assert generate.is_preparation
    assert not generate.may_fail
    assert generate.farm.within == "fuzz"
    assert generate.farm.leave_out >= {"Cargo.lock", ".cargo", "target", ".git", "rust-toolchain.toml"}
    assert generate.environment["RUSTUP_TOOLCHAIN"] == "1.95"
    assert generate.environment["RUSTUP_AUTO_INSTALL"] == "0"
    assert audit.argv[-2:] == ("--file", f"{place}/fuzz/Cargo.lock")
    assert audit.inputs == (
        f"{place}/fuzz/Cargo.lock", "/target/fuzz/.cargo/audit.toml", "/target/.cargo/audit.toml",
        "/target/fuzz/Cargo.toml", "/target/lib/Cargo.toml", "/target/Cargo.toml",
    )  # fmt: skip


def test_offline_a_manifest_is_resolved_from_what_is_cached() -> None:
    generate, audit = planned(context(item("Cargo.toml"), offline=True, cache=None))
    assert isinstance(generate, Command)
    assert isinstance(audit, Command)
    assert generate.argv[-1] == "--offline"
    assert generate.environment["CARGO_HOME"] == "/scan/cargo"
    assert audit.argv[-1] == "--no-yanked"


def test_two_items_never_share_a_farm() -> None:
    names = ("a/b/Cargo.toml", "a_b/Cargo.toml", "a/b_/Cargo.toml", "a__b/Cargo.toml")
    made = planned(context(*(item(name) for name in names)))
    farms = {command.farm.at for command in made if isinstance(command, Command) and command.farm}
    assert len(farms) == len(names)


@pytest.mark.parametrize(
    ("changes", "facts", "why", "hint"),
    [
        ({"tools": {}}, {}, "cargo is not installed", "install Rust"),
        ({"tools": {"cargo": Tool(name="cargo", refused="it lies in the target")}}, {}, "it lies in the", "install"),
        ({}, {"foreign_source": "Cargo.toml: dependency x from git y"}, "dependency x from git y", "--resolve"),
        ({}, {"orphan": "elsewhere/Cargo.toml"}, "elsewhere/Cargo.toml for its workspace", "[workspace]"),
        (
            {"resolve": True},
            {"orphan": "elsewhere/Cargo.toml"},
            "elsewhere/Cargo.toml for its workspace",
            "[workspace]",
        ),
        ({"database": None}, {}, "no advisory database", "--advisory-db"),
    ],
)
def test_a_manifest_that_cannot_be_resolved_is_a_gap(changes, facts, why: str, hint: str) -> None:
    (gap,) = planned(context(item("Cargo.toml", **facts), **changes))
    assert isinstance(gap, Gap)
    assert why in gap.reason
    assert hint in gap.hint
    assert (gap.domain, gap.item, gap.path) == (Domain.DEPENDENCIES, "manifest:Cargo.toml", "Cargo.toml")


def test_the_operator_may_let_cargo_fetch_from_elsewhere() -> None:
    made = planned(context(item("Cargo.toml", foreign_source="git x"), resolve=True))
    assert [isinstance(entry, Command) for entry in made] == [True, True]


def test_without_a_database_every_claim_is_a_gap() -> None:
    made = planned(context(item("Cargo.lock"), item("a/Cargo.toml"), item("b/Cargo.lock"), database=None))
    assert len(made) == 3
    assert all(isinstance(entry, Gap) for entry in made)


@pytest.mark.parametrize("name", ["-rf/Cargo.lock", "with space/Cargo.lock", "\udcff\udcfe/Cargo.lock"])
def test_no_name_of_the_target_can_be_an_option(name: str) -> None:
    audit = only(context(item(name), offline=True))
    assert audit.argv[audit.argv.index("--file") + 1] == f"/target/{name}"
    for command in planned(context(item(name), files=(name, name.replace(".lock", ".toml")))):
        assert isinstance(command, Command)
        assert all(os.path.isabs(word) for word in command.argv if "Cargo" in word)


# --- What a real run printed ---


def recorded(case: str, *, work: str = "/scan") -> tuple[StepOutput, tuple[Gap, ...]]:
    """A case's recorded processes, as the runner would have handed them over."""
    folder = RECORDED / case
    meta = tomllib.loads((folder / "meta.toml").read_text())
    root = str(folder / "input")
    scan = context(
        inventory=discover(root, Limits())[1],
        work=work,
        today=meta["context"]["today"],
        offline=meta["context"]["offline"],
        tools={"cargo": CARGO} if meta["context"]["cargo"] else {},
    )
    assert scan.inventory
    made = commands(Target(root=root, name=case), claims(scan.inventory), scan)
    step = Step(
        adapter=ADAPTER,
        claims=claims(scan.inventory),
        commands=tuple(entry for entry in made if isinstance(entry, Command)),
        gaps=tuple(entry for entry in made if isinstance(entry, Gap)),
    )
    outputs = []
    for index, said in enumerate(meta["commands"]):
        command = step.commands[index]
        assert [word.replace(root, "{target}").replace(work, "{work}") for word in command.argv] == [
            word.replace("{cargo}", "/bin/cargo").replace("{database}", "/database") for word in said["argv"]
        ], "the recorded run is the one that the adapter asks for"
        outputs.append(
            RawOutput(
                command=command,
                exit_code=said["exit_code"],
                stdout=(folder / f"raw.{index}.stdout").read_bytes(),
                stderr=(folder / f"raw.{index}.stderr").read_bytes(),
                inputs=dict(inputs(command, folder, work)),
            )
        )
    return StepOutput(step=step, version=None, outputs=tuple(outputs), started=STARTED, duration_s=1.0), step.gaps


def inputs(command: Command, folder: Path, work: str) -> Iterator[tuple[str, bytes]]:
    for path in command.inputs:
        stored = Path(path.replace(work, str(folder / "work"), 1) if path.startswith(work + "/") else path)
        if stored.is_file():
            yield path, stored.read_bytes()


def run(case: str) -> Interpretation:
    return interpret(recorded(case)[0], parse)


def raw(case: str) -> RawOutput:
    return recorded(case)[0].outputs[-1]


def said(output: RawOutput) -> list[Said]:
    return list(parse(output))


def messages(interpretation: Interpretation) -> str:
    return "\n".join(f"{entry.level.value}: {entry.message}" for entry in interpretation.run.notifications)


def by_rule(interpretation: Interpretation) -> dict[tuple[str, str], Sighting]:
    found = {(sighting.native_rule, sighting.package.version if sighting.package else ""): sighting
             for sighting in interpretation.sightings}  # fmt: skip
    assert len(found) == len(interpretation.sightings)
    return found


def test_none_is_completed_and_clean() -> None:
    found = run("none")
    assert (found.run.outcome, found.sightings) == (Outcome.COMPLETED, ())
    assert dict(found.run.metrics) == {"packages": 2}
    assert messages(found) == "note: yanked versions were not checked: the scan is offline"


def test_one_says_all_that_a_report_needs() -> None:
    found = run("one")
    assert found.run.outcome is Outcome.COMPLETED
    (sighting,) = found.sightings
    assert sighting.message == (
        "time 0.1.43, a direct dependency of greeter, has a vulnerability: Potential segfault in the time crate "
        "(RUSTSEC-2020-0071, fixed in >=0.2.23)"
    )
    assert (sighting.severity, sighting.score, sighting.score_source) == (Severity.MEDIUM, 6.2, "cvss-3.1")
    assert sighting.native_severity == "CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"
    assert (sighting.kind, sighting.confidence) == ("vulnerability", Confidence.HIGH)
    assert sighting.aliases == ("CVE-2020-26235", "GHSA-wcg3-cvx6-7396", "RUSTSEC-2020-0071")
    assert sighting.url == "https://rustsec.org/advisories/RUSTSEC-2020-0071"
    assert sighting.package
    assert sighting.package.purl == "pkg:cargo/time@0.1.43"
    assert sighting.package.fixed_versions == (">=0.2.23",)
    assert sighting.package.path == ("greeter 0.1.0", "time 0.1.43")
    assert (sighting.package.lockfile, sighting.package.lock_is_generated) == ("Cargo.lock", False)
    assert sighting.place
    place = sighting.place
    line = (RECORDED / "one/input/Cargo.lock").read_text().splitlines()[(place.start_line or 0) - 1]
    assert place.path == "Cargo.lock"
    assert place.end_line == place.start_line
    assert line[(place.start_column or 0) - 1 : (place.end_column or 0) - 1] == line == 'name = "time"'
    assert sighting.rule
    rule = sighting.rule
    assert (rule.id, rule.domain, rule.severity, rule.score) == (
        "dependencies/RUSTSEC-2020-0071", Domain.DEPENDENCIES, Severity.MEDIUM, 6.2,
    )  # fmt: skip
    assert rule.cwe == ("CWE-119", "CWE-94")
    assert rule.references == (
        "https://rustsec.org/advisories/RUSTSEC-2020-0071", "https://github.com/time-rs/time/issues/293",
    )  # fmt: skip
    assert "| Patched versions | `>=0.2.23` |" in rule.help
    assert "| Affected function | `time::now` in `^0.1` |" in rule.help
    assert "`cargo update -p time --precise 0.2.23`" in rule.help
    assert "| CVSS | 6.2 (`CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H`) |" in rule.help
    assert "reading environment variables" in rule.description


def test_many_kinds_and_scores() -> None:
    found = run("many")
    assert (found.run.outcome, found.run.reason, found.run.exit_code) == (Outcome.COMPLETED, "", 1)
    assert found.run.notifications == ()
    table = {
        key: (entry.kind, entry.severity, entry.score, entry.score_source) for key, entry in by_rule(found).items()
    }
    vulnerability = "vulnerability"
    assert table == {
        ("RUSTSEC-2024-0421", "0.4.0"): (vulnerability, Severity.MEDIUM, 5.5, "category"),
        ("RUSTSEC-2022-0040", "0.4.1"): (vulnerability, Severity.HIGH, 8.0, "category"),
        ("RUSTSEC-2019-0024", "0.0.1"): (vulnerability, Severity.UNKNOWN, None, ""),
        ("RUSTSEC-2099-0001", "0.0.1"): (vulnerability, Severity.HIGH, 8.7, "cvss-4.0"),
        ("RUSTSEC-2021-0003", "0.6.9"): (vulnerability, Severity.CRITICAL, 9.8, "cvss-3.1"),
        ("RUSTSEC-2021-0003", "1.6.0"): (vulnerability, Severity.CRITICAL, 9.8, "cvss-3.1"),
        ("RUSTSEC-2020-0071", "0.1.43"): (vulnerability, Severity.MEDIUM, 6.2, "cvss-3.1"),
        ("RUSTSEC-2025-0008", "0.6.6"): ("notice", Severity.LOW, None, ""),
        ("RUSTSEC-2024-0375", "0.2.14"): ("unmaintained", Severity.LOW, None, ""),
        ("RUSTSEC-2021-0145", "0.2.14"): ("unsound", Severity.MEDIUM, None, ""),
        ("yanked", "0.6.9"): ("yanked", Severity.LOW, None, ""),
    }


def test_many_sentences_and_places() -> None:
    found = by_rule(run("many"))
    lines = (RECORDED / "many/input/Cargo.lock").read_text().splitlines()
    for (_, version), sighting in found.items():
        assert sighting.place
        assert sighting.package
        line = sighting.place.start_line or 0
        assert lines[line - 1 : line + 1] == [f'name = "{sighting.package.name}"', f'version = "{version}"']
        assert sighting.package.path[-1] == f"{sighting.package.name} {version}"
        assert sighting.package.path[0] in ("app 0.1.0", "core-of-many 0.1.0")
    indirect = found["RUSTSEC-2024-0421", "0.4.0"]
    assert indirect.message.startswith("idna 0.4.0, which core-of-many gets through url 2.4.1, has a vulnerability: ")
    assert found["RUSTSEC-2022-0040", "0.4.1"].message.endswith("(RUSTSEC-2022-0040, no fixed version is known)")
    assert found["RUSTSEC-2024-0375", "0.2.14"].message == (
        "atty 0.2.14, a direct dependency of core-of-many, is unmaintained (RUSTSEC-2024-0375)"
    )
    yanked = found["yanked", "0.6.9"]
    assert yanked.message.endswith("was yanked from its registry by its publisher")
    assert yanked.rule
    assert (yanked.rule.id, yanked.aliases, yanked.url) == ("dependencies/yanked", (), "")
    old, new = found["RUSTSEC-2021-0003", "0.6.9"].rule, found["RUSTSEC-2021-0003", "1.6.0"].rule
    assert old == new, "an advisory's rule is the same whatever version it was seen in"
    later = found["RUSTSEC-2099-0001", "0.0.1"]
    assert later.package
    assert later.package.fixed_versions == (">=2.0.0",), "later versions that are not affected are what to upgrade to"
    unmaintained = found["RUSTSEC-2024-0375", "0.2.14"].rule
    assert unmaintained
    assert unmaintained.cwe == ("CWE-1104",)
    assert "derived from its category" in (found["RUSTSEC-2024-0421", "0.4.0"].rule or yanked.rule).help


def test_what_the_targets_audit_toml_would_hide_is_marked_and_reported() -> None:
    found = run("audit-toml")
    assert found.run.outcome is Outcome.COMPLETED
    assert len(found.sightings) == 10
    hidden = {key[0]: sighting.hidden_by for key, sighting in by_rule(found).items() if sighting.hidden_by}
    assert hidden == {
        "RUSTSEC-2022-0040": ".cargo/audit.toml ignores RUSTSEC-2022-0040",
        "RUSTSEC-2020-0071": ".cargo/audit.toml leaves out scores below 7",
        "RUSTSEC-2024-0375": ".cargo/audit.toml leaves out advisories that are 'unmaintained'",
        "RUSTSEC-2021-0145": ".cargo/audit.toml confines the audit to linux",
    }
    assert "note: .cargo/audit.toml would have hidden 4 of the findings; it is not followed" in messages(found)


def test_a_generated_lock_is_never_called_committed_and_points_at_the_manifests() -> None:
    found = run("no-lock")
    assert found.run.outcome is Outcome.COMPLETED
    assert "note: no Cargo.lock is committed; one was generated on 2026-11-24" in messages(found)
    places = {}
    for sighting in found.sightings:
        assert sighting.package
        assert sighting.place
        assert (sighting.package.lockfile, sighting.package.lock_is_generated) == ("Cargo.toml", True)
        lines = (RECORDED / "no-lock/input" / sighting.place.path).read_text().splitlines()
        text = lines[(sighting.place.start_line or 0) - 1]
        shown = text[(sighting.place.start_column or 0) - 1 : (sighting.place.end_column or 0) - 1]
        places[sighting.package.name] = (sighting.place.path, shown)
    assert places == {
        "time": ("member/Cargo.toml", "clock.workspace = true"),
        "smallvec": ("member/Cargo.toml", 'smallvec = "=1.6.0"'),
        "remove_dir_all": ("member/Cargo.toml", 'remove_dir_all = "=0.5.3"'),
    }


def test_a_manifest_below_what_it_depends_on_is_resolved() -> None:
    found = run("no-lock-nested")
    assert found.run.outcome is Outcome.COMPLETED
    assert {(s.place.path, s.place.start_line) for s in found.sightings if s.place} == {("lib/Cargo.toml", 7)}
    assert {s.package.path for s in found.sightings if s.package} == {("lib 0.1.0", "atty 0.2.14")}
    assert {s.package.lockfile for s in found.sightings if s.package} == {"fuzz/Cargo.toml", "lib/Cargo.toml"}


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("empty-lock", "the lock file holds no package"),
        ("empty-database", "its advisory database holds no advisory"),
        ("missing-database", "it printed nothing"),
        ("bad-advisory", "it printed nothing"),
        ("truncated-lock", "exit code 2"),
        ("truncated-json", "its JSON breaks off after 1000 characters"),
        ("log-before-json", "text stands where its JSON should begin"),
        ("no-lock-unresolvable", "exit code 101"),
    ],
)
def test_a_broken_run_is_failed_with_its_reason(case: str, why: str) -> None:
    found = run(case)
    assert found.run.outcome is Outcome.FAILED
    assert why in found.run.reason
    assert found.sightings == ()


def test_an_advisory_about_the_tool_itself_is_a_warning() -> None:
    found = run("self-advisory")
    assert (found.run.outcome, len(found.sightings)) == (Outcome.COMPLETED, 1)
    assert "warning: what follows its report" in messages(found)
    assert "warning: it complains: This copy of cargo-audit has known advisories!" in messages(found)


def test_yanked_versions_that_could_not_be_checked_are_counted() -> None:
    found = run("index-unknown")
    assert (found.run.outcome, len(found.sightings)) == (Outcome.COMPLETED, 1)
    assert "warning: yanked versions were not checked for 5 packages" in messages(found)
    assert "couldn't check" not in messages(found)


# --- What a run could print ---


def changed(case: str = "one", **changes: Any) -> RawOutput:
    """A recorded output with fields of its report replaced; a dotted name with `__`."""
    output = raw(case)
    report = json.loads(output.stdout)
    for name, value in changes.items():
        *path, last = name.split("__")
        place = report
        for step in path:
            place = place[int(step) if step.isdigit() else step]
        place[last.replace("_of_", "-")] = value
    return replace(output, stdout=json.dumps(report).encode())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"settings__ignore": ["RUSTSEC-2020-0071"]}, "leave advisories out"),
        ({"settings__severity": "high"}, "leave advisories out"),
        ({"settings__target_os": ["linux"]}, "leave advisories out"),
        ({"settings__target_arch": ["x86_64"]}, "leave advisories out"),
        ({"settings__informational_warnings": ["unsound", "notice"]}, "leave informational advisories out"),
        ({"database__advisory_of_count": 0}, "holds no advisory"),
        ({"lockfile__dependency_of_count": 0}, "holds no package"),
        ({"lockfile__dependency_of_count": 5}, "it read 5 packages, the lock file holds 6"),
        ({"vulnerabilities__list__0__advisory__id": "../x\n"}, "an advisory's id is none"),
        ({"vulnerabilities": None}, "not of the known shape"),
        ({"warnings": []}, "not of the known shape"),
    ],
)
def test_a_report_that_is_not_to_be_trusted_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ParseError, match=why):
        said(changed(**changes))


def test_a_count_that_is_not_reached_is_stated() -> None:
    entries = said(changed(vulnerabilities__count=3))
    assert Stated(findings=3) in entries
    assert sum(isinstance(entry, Sighting) for entry in entries) == 1
    assert Stated(findings=1) in said(raw("one"))


def test_the_same_advisory_and_package_is_said_once() -> None:
    output = raw("one")
    report = json.loads(output.stdout)
    report["vulnerabilities"]["list"] *= 2
    report["vulnerabilities"]["count"] = 2
    entries = said(replace(output, stdout=json.dumps(report).encode()))
    assert sum(isinstance(entry, Sighting) for entry in entries) == 1
    assert Stated(findings=1) in entries


def test_a_vector_that_cannot_be_read_gives_no_score_and_is_said() -> None:
    advisory = "vulnerabilities__list__0__advisory__"
    for vector in ("CVSS:3.1/AV:L", "CVSS:9.9/AV:L", "nonsense", "CVSS:4.0/AV:X"):
        entries = said(changed(**{advisory + "cvss": vector, advisory + "categories": []}))
        (sighting,) = [entry for entry in entries if isinstance(entry, Sighting)]
        assert (sighting.severity, sighting.score, sighting.score_source) == (Severity.UNKNOWN, None, "")
        assert any(isinstance(entry, Notification) and "cannot be read" in entry.message for entry in entries)
    entries = said(changed(**{advisory + "cvss": "CVSS:3.1/AV:L"}))
    (sighting,) = [entry for entry in entries if isinstance(entry, Sighting)]
    assert (sighting.score, sighting.score_source) == (8.0, "category")


def test_an_imported_report_is_read_without_its_lock_file() -> None:
    output = replace(raw("many"), command=Command(argv=()), inputs={}, stderr=b"")
    entries = said(output)
    sightings = [entry for entry in entries if isinstance(entry, Sighting)]
    assert len(sightings) == 11
    assert {sighting.place for sighting in sightings} == {None}
    assert not [entry for entry in entries if isinstance(entry, Notification)]
    assert sightings[0].message.startswith("idna 0.4.0 has a vulnerability: ")


def test_a_lock_file_that_cannot_be_read_again_costs_lines_and_is_said() -> None:
    for inputs in ({}, {raw("one").command.inputs[0]: b"[["}):
        entries = said(replace(raw("one"), inputs=inputs))
        (sighting,) = [entry for entry in entries if isinstance(entry, Sighting)]
        assert sighting.place is None
        warnings = [
            entry.message for entry in entries if isinstance(entry, Notification) and entry.level is Level.WARNING
        ]
        assert len(warnings) == 1
        assert "lines and paths of its packages are not known" in warnings[0]
        assert Metric(name="packages", value=6) in entries


def test_a_target_whose_audit_toml_does_not_parse_is_told() -> None:
    output = raw("one")
    path = next(path for path in output.command.inputs if path.endswith("audit.toml"))
    entries = said(replace(output, inputs={**output.inputs, path: b"[advisories\n"}))
    assert any(
        isinstance(entry, Notification) and entry.message.startswith(".cargo/audit.toml is not one that cargo-audit")
        for entry in entries
    )


def test_what_an_advisory_says_cannot_break_a_report() -> None:
    advisory = "vulnerabilities__list__0__advisory__"
    evil = "\x1b[31mred\x1b[0m ::error::x | `code` \u202e\n::warning::y"
    names = ("title", "description", "package", "date")
    changes = {advisory + name: evil for name in names}
    changes |= {advisory + "references": ["javascript:alert(1)", "https://example.com/x"], advisory + "url": "file:///"}
    (sighting,) = [entry for entry in said(changed(**changes)) if isinstance(entry, Sighting)]
    assert sighting.rule
    for text in (sighting.message, sighting.rule.title, sighting.rule.description, sighting.rule.help):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\n::" not in text
        assert not text.startswith("::")
    assert "\n" not in sighting.message + sighting.rule.title
    assert sighting.rule.references == (
        "https://rustsec.org/advisories/RUSTSEC-2020-0071", "https://example.com/x",
    )  # fmt: skip
    rows = [line for line in sighting.rule.help.splitlines() if line.startswith("| ")]
    assert all(line.replace("\\|", "").count("|") == 3 for line in rows)


def test_an_imported_advisory_keeps_the_page_that_its_licence_asks_for() -> None:
    advisory = "vulnerabilities__list__0__advisory__"
    page = "https://github.com/advisories/GHSA-wcg3-cvx6-7396"
    entries = said(changed(**{advisory + "license": "CC-BY-4.0", advisory + "url": page}))
    assert [entry.url for entry in entries if isinstance(entry, Sighting)] == [page]


@pytest.mark.parametrize(
    ("source", "purl"),
    [
        (None, "pkg:cargo/time@0.1.43"),
        (_rustsec.DEFAULT_SOURCE, "pkg:cargo/time@0.1.43"),
        ("git+https://example.com/t#1", "pkg:cargo/time@0.1.43?vcs_url=git%2Bhttps://example.com/t%231"),
        ("sparse+https://example.com/i/", "pkg:cargo/time@0.1.43?repository_url=https://example.com/i/"),
    ],
)
def test_a_package_is_named_with_where_it_came_from(source: str | None, purl: str) -> None:
    entries = said(changed(vulnerabilities__list__0__package__source=source))
    (found,) = [entry.package for entry in entries if isinstance(entry, Sighting)]
    assert found
    assert found.purl == purl


def test_a_word_in_place_of_a_list_is_read_as_cargo_audit_does() -> None:
    read = read_audit_toml(
        b'[target]\nos = "windows"\narch = ["x86"]\n[advisories]\nseverity_threshold = 3\n', path="a"
    )
    assert (read.systems, read.architectures, read.threshold, read.kinds) == ({"windows"}, {"x86"}, 0.0, None)
    with pytest.raises(ValueError, match="not TOML"):
        read_audit_toml(b"\xff", path="a")


def test_an_audit_toml_that_switches_yanked_off_hides_yanked_versions() -> None:
    read = read_audit_toml(b"[yanked]\nenabled = false\n", path=".cargo/audit.toml")
    hit = _rustsec.Hit(package=_rustsec.HitPackage(name="x", version="1.0.0"), advisory=None, kind="yanked")
    assert read.hides(hit, None) == ".cargo/audit.toml switches the check for yanked versions off"
    assert not read_audit_toml(b"", path="a").hides(hit, None)
