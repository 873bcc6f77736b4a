"""cargo-deny, cargo-vet, cargo-geiger and clippy: what is run, and what their own words become."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from magray_sec import adapters
from magray_sec.adapters import _clippy_lints
from magray_sec.adapters._deny_toml import read_deny_toml
from magray_sec.adapters.clippy import parse as parse_clippy
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Interpretation, ParseError, Step, StepOutput
from magray_sec.model.finding import Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    Database,
    File,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    RawOutput,
    ScanContext,
    Target,
    Tool,
)
from magray_sec.model.scale import Domain, Outcome, Severity
from magray_sec.plan import make_plan

STARTED = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
TARGET = Target(root="/target", name="target")
CARGO = Tool(name="cargo", path="/bin/cargo", found_by="path")
NAMES = ("cargo-deny", "cargo-geiger", "cargo-vet", "clippy")
BUILDERS = ("cargo-geiger", "clippy")


def lock(name: str = "Cargo.lock", **facts: str) -> Item:
    kind = ItemKind.LOCKFILE if name.endswith(".lock") else ItemKind.MANIFEST
    facts.setdefault("members", name.replace("Cargo.lock", "Cargo.toml"))
    pairs = tuple(sorted((key.replace("_", "-"), value) for key, value in facts.items()))
    return Item(kind=kind, name=name, ecosystem="cargo", facts=pairs)


def context(*items: Item, **changes: Any) -> ScanContext:
    rust = Item(kind=ItemKind.LANGUAGE, name="rust", domains=frozenset({Domain.CODE, Domain.UNSAFE}))
    paths = ("Cargo.toml", "Cargo.lock", "sub/Cargo.toml", "sub/Cargo.lock", "src/lib.rs", "supply-chain/config.toml")
    files = tuple(File(path=path, size=1) for path in (*paths, "sub/supply-chain/config.toml"))
    plain = ScanContext(
        today=STARTED.date(),
        started=STARTED,
        work="/scan",
        cache="/cache",
        tools={"cargo": CARGO},
        database=Database(path="/database", date=None, advisories=11),
        inventory=Inventory(items=(*items, rust), files=files),
    )
    return replace(plain, **changes)


def planned(name: str, scan: ScanContext) -> tuple[Command | Gap, ...]:
    adapter = adapters.load(name)
    assert adapter.commands
    assert scan.inventory
    return adapter.commands(TARGET, adapter.claims(scan.inventory), scan)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_offline_in_a_farm_that_cargo_has_fetched_into(name: str) -> None:
    fetch, run = planned(name, context(lock("sub/Cargo.lock")))
    assert isinstance(fetch, Command)
    assert isinstance(run, Command)
    assert fetch.argv[:2] == ("/bin/cargo", "fetch")
    assert (fetch.is_preparation, fetch.network, run.network) == (True, True, False)
    assert run.argv[run.argv.index("--manifest-path") + 1] == fetch.argv[fetch.argv.index("--manifest-path") + 1]
    assert not [word for word in run.argv if word.startswith("/target")]
    assert {"--offline", "--frozen"} & set(run.argv)
    assert run.environment["CARGO"] == "/bin/cargo"
    assert run.environment["CARGO_HOME"] == "/cache/cargo"
    assert run.environment["CARGO_NET_OFFLINE"] == "true"


@pytest.mark.parametrize("name", BUILDERS)
def test_what_builds_has_a_folder_of_its_own_and_is_run_where_the_operator_says_so(name: str) -> None:
    adapter = adapters.load(name)
    assert adapter.needs.runs_target_code
    run = planned(name, context(lock()))[-1]
    assert isinstance(run, Command)
    assert run.environment["CARGO_TARGET_DIR"].startswith("/scan/cargo-targets/")


@pytest.mark.parametrize("name", NAMES)
def test_sources_of_strangers_are_not_asked(name: str) -> None:
    made = planned(name, context(lock(foreign_source="git https://example.org/x")))
    assert made
    for entry in made:
        assert isinstance(entry, Gap)
        assert "crates.io" in entry.reason
        assert "--resolve" in entry.hint


@pytest.mark.parametrize("name", NAMES)
def test_without_cargo_it_is_missing(name: str) -> None:
    adapter = adapters.load(name)
    tools = {adapter.executable: Tool(name=adapter.executable, path="/bin/tool", found_by="path")}
    scan = context(lock(), tools=tools, allow_build=True)
    assert scan.inventory
    made = make_plan(TARGET, scan.inventory, (adapter,), scan, worker=lambda *_: Command(argv=()), deselected={})
    assert not made.steps
    (run,) = made.skips
    assert (run.outcome, run.reason) == (Outcome.MISSING, "cargo, which it starts, is not installed")


def test_deny_has_settings_of_ours_and_a_database_that_it_takes_for_fresh() -> None:
    run = planned("cargo-deny", context(lock()))[-1]
    assert isinstance(run, Command)
    assert run.reports_on_stderr
    assert run.argv[run.argv.index("--config") + 1] == "/dev/stdin"
    assert b'unmaintained = "all"' in run.stdin
    assert b"ignore" not in run.stdin
    assert run.farm
    assert run.farm.source == "/database"
    assert run.farm.files == ((".git/FETCH_HEAD", b""),)
    assert {claim.domain for claim in run.claims} == {Domain.DEPENDENCIES, Domain.LICENSES, Domain.SUPPLY_CHAIN}


def test_deny_without_a_database_looks_at_all_else() -> None:
    *_, run = planned("cargo-deny", context(lock(), database=None))
    assert isinstance(run, Command)
    assert "advisories" not in run.argv
    assert {claim.domain for claim in run.claims} == {Domain.LICENSES, Domain.SUPPLY_CHAIN}
    (gap,) = [entry for entry in planned("cargo-deny", context(lock(), database=None)) if isinstance(entry, Gap)]
    assert gap.domain is Domain.DEPENDENCIES


def test_vet_is_of_workspaces_that_keep_a_record_and_gets_a_copy_of_it() -> None:
    adapter = adapters.load("cargo-vet")
    inventory = Inventory(items=(lock(),), files=(File(path="Cargo.toml", size=1),))
    assert adapter.claims(inventory) == ()
    run = planned("cargo-vet", context(lock("sub/Cargo.lock")))[-1]
    assert isinstance(run, Command)
    assert run.farm
    assert run.farm.source == "/target/sub/supply-chain"
    assert run.farm.copied == {"config.toml", "audits.toml", "imports.lock"}
    assert run.argv[run.argv.index("--store-path") + 1] == run.farm.at


def test_geiger_is_run_once_for_each_package() -> None:
    made = planned("cargo-geiger", context(lock(members="a/Cargo.toml\nb/Cargo.toml")))
    runs = [entry for entry in made if isinstance(entry, Command) and not entry.is_preparation]
    assert [run.argv[-1].rpartition("-fetch/")[2] for run in runs] == ["a/Cargo.toml", "b/Cargo.toml"]


# --- What the target's deny.toml would have changed ---


def test_what_deny_toml_hides_is_told() -> None:
    text = b"""
[advisories]
ignore = ["RUSTSEC-2020-0001", { id = "RUSTSEC-2020-0002", reason = "x" }, { crate = "old@1.0.0" }]
unmaintained = "none"
[sources]
allow-git = ["https://example.org/x"]
[sources.allow-org]
github = ["rustsec"]
[licenses]
copyleft = "warn"
"""
    file = read_deny_toml(text, path="deny.toml")
    assert file.hides("RUSTSEC-2020-0001", "vulnerability", "a", "1.0.0") == "deny.toml ignores RUSTSEC-2020-0001"
    assert file.hides("RUSTSEC-2020-0002", "vulnerability", "a", "1.0.0")
    assert not file.hides("RUSTSEC-2020-0003", "vulnerability", "a", "1.0.0")
    assert file.hides("RUSTSEC-2020-0003", "unmaintained", "a", "1.0.0")
    assert file.hides("yanked", "yanked", "old", "1.0.0")
    assert not file.hides("yanked", "yanked", "old", "1.0.1")
    assert file.hides_source("https://example.org/x?branch=main#1")
    assert file.hides_source("https://github.com/rustsec/rustsec")
    assert not file.hides_source("https://github.com/someone/x")
    assert file.removed == ("licenses.copyleft",)
    with pytest.raises(ValueError, match="not TOML"):
        read_deny_toml(b"[a]\n[a]\n", path="deny.toml")


# --- Runs that could not do all ---


def heard(name: str, *raws: RawOutput, is_import: bool = False) -> Interpretation:
    adapter = adapters.load(name)
    assert adapter.parse
    commands = tuple(raw.command for raw in raws)
    step = Step(adapter=adapter, claims=commands[0].claims, commands=commands)
    output = StepOutput(step=step, version=None, outputs=raws, started=STARTED, duration_s=0.0)
    return interpret(output, adapter.parse, is_import=is_import)


RUST = (Claim(domain=Domain.CODE, item="language:rust"),)


def test_an_exit_for_a_part_is_believed_only_with_a_gap() -> None:
    command = Command(argv=("x",), claims=RUST, facts={"root": "/target"})
    failed = b'{"reason":"build-finished","success":false}\n'
    told = heard("clippy", RawOutput(command=command, exit_code=101, stdout=failed))
    assert told.run.outcome is Outcome.PARTIAL
    assert [gap.kind for gap in told.run.gaps] == [GapKind.FILE]
    done = b'{"reason":"build-finished","success":true}\n'
    assert heard("clippy", RawOutput(command=command, exit_code=101, stdout=done)).run.outcome is Outcome.FAILED
    nothing = heard("clippy", RawOutput(command=command, exit_code=101, stderr=b"error: no such thing\n")).run
    assert (nothing.outcome, nothing.reason) == (Outcome.FAILED, "it ended with exit code 101: error: no such thing")


def test_what_geiger_says_of_a_crate_in_two_runs_is_said_once() -> None:
    zero = {name: {"safe": 0, "unsafe_": 0} for name in ("functions", "exprs", "item_impls", "item_traits", "methods")}
    source = {"Registry": {"name": "crates.io", "url": "https://github.com/rust-lang/crates.io-index"}}
    used = {**zero, "exprs": {"safe": 1, "unsafe_": 2}}
    entry = {
        "package": {"id": {"name": "itoa", "version": "1.0.11", "source": source}},
        "unsafety": {"used": used, "unused": zero, "forbids_unsafe": False},
    }
    out = json.dumps({"packages": [entry]}).encode()
    claims = (Claim(domain=Domain.UNSAFE, item="language:rust"),)
    commands = [Command(argv=(name,), claims=claims, facts={"root": "/target"}) for name in ("a", "b")]
    told = heard("cargo-geiger", *(RawOutput(command=command, exit_code=0, stdout=out) for command in commands))
    assert [sighting.message for sighting in told.sightings] == ["itoa 1.0.11 uses unsafe code"]


def test_deny_that_prints_fewer_errors_than_it_counts_is_not_whole() -> None:
    counts = {"advisories": {"errors": 1, "helps": 0, "notes": 0, "warnings": 0}}
    out = json.dumps({"type": "summary", "fields": counts}).encode() + b"\n"
    command = Command(argv=(), facts={"root": "/target", "imported": "yes"}, reports_on_stderr=True)
    told = heard("cargo-deny", RawOutput(command=command, stdout=out), is_import=True).run
    assert told.outcome is Outcome.FAILED
    assert "it counts 1 errors and prints 0" in told.reason


# --- Places of clippy ---


def span(path: str, line: int, **more: Any) -> dict[str, Any]:
    return {
        "file_name": path,
        "line_start": line,
        "line_end": line,
        "column_start": 5,
        "column_end": 9,
        "is_primary": True,
        "expansion": None,
        **more,
    }


def clippy(*spans: dict[str, Any], code: str = "clippy::unwrap_used", **facts: str) -> list[Sighting]:
    message = {"message": "it is wrong", "level": "warning", "code": {"code": code}, "spans": list(spans)}
    line = {"reason": "compiler-message", "manifest_path": "/farm/a/Cargo.toml", "message": message}
    end = {"reason": "build-finished", "success": True}
    out = "".join(json.dumps(entry) + "\n" for entry in (line, line, end)).encode()
    command = Command(argv=(), claims=RUST, facts={"root": "/target", "farm": "/farm", **facts})
    return [entry for entry in parse_clippy(RawOutput(command=command, stdout=out)) if isinstance(entry, Sighting)]


def test_a_diagnostic_of_two_targets_is_told_once() -> None:
    (found,) = clippy(span("a/src/lib.rs", 3))
    assert found.place
    assert (found.place.path, found.place.start_line, found.place.column_unit) == ("a/src/lib.rs", 3, "characters")
    assert found.severity is Severity.LOW


def test_what_a_macro_makes_stands_at_its_outermost_call_in_the_target() -> None:
    outer = {"macro_decl_name": "outer!", "span": span("a/src/main.rs", 9)}
    inner = {"macro_decl_name": "inner!", "span": span("a/src/macros.rs", 5, expansion=outer)}
    (found,) = clippy(span("/home/x/.cargo/registry/src/y/z-1.0.0/src/lib.rs", 2, expansion=inner))
    assert found.place
    assert (found.place.path, found.place.start_line) == ("a/src/main.rs", 9)
    assert "outer!" in found.message


def test_what_stands_in_no_file_of_the_target_is_shown_at_the_manifest() -> None:
    (found,) = clippy(span("/scan/cargo-targets/clippy-1/debug/build/a-1/out/made.rs", 2))
    assert found.place
    assert (found.place.path, found.place.start_line) == ("a/Cargo.toml", None)


def test_lints_that_nobody_asked_for_are_left_out_but_of_a_report_that_was_made_elsewhere() -> None:
    assert not clippy(span("a/src/lib.rs", 3), code="clippy::needless_return")
    assert not clippy(span("a/src/lib.rs", 3), code="unused_variables")
    (found,) = clippy(span("a/src/lib.rs", 3), code="unused_variables", imported="yes")
    assert found.severity is Severity.INFO


def test_every_lint_has_a_severity_and_a_cwe_of_ours() -> None:
    assert len(_clippy_lints.LINTS) > 150
    for name in _clippy_lints.LINTS:
        rule = _clippy_lints.rule(f"clippy::{name}")
        assert rule.id == f"code/clippy.{name}"
        assert rule.severity is not Severity.UNKNOWN
        assert rule.cwe


def test_chatter_before_the_report_is_no_report() -> None:
    out = b'loading\n{"reason":"build-finished","success":true}\n'
    with pytest.raises(ParseError, match="text stands where its JSON should begin"):
        list(parse_clippy(RawOutput(command=Command(argv=(), facts={"root": "/t"}), stdout=out)))
