"""cargo-licenses: what the recorded cases do not show, and the whole way through the command line with a cargo of ours."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from command_line import magray_sec, read, surroundings
from crates import CRATES_IO, lock, manifest, packed, shelve
from magray_sec.adapters import _cargo
from magray_sec.adapters.cargo_licenses import ADAPTER
from magray_sec.discover import discover
from magray_sec.model.adapter import Said
from magray_sec.model.finding import Sighting
from magray_sec.model.run import Command, Gap, GapKind, ItemKind, Limits, ScanContext, Tool
from magray_sec.source import TreeSource

CARGO = {"cargo": Tool(name="cargo", path="/opt/cargo", found_by="path")}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target" / "src").mkdir(parents=True)
    (tmp_path / "target" / "src" / "lib.rs").touch()
    return tmp_path / "target"


def context(tmp_path: Path, target: Path, **changes: Any) -> ScanContext:
    made = ScanContext(
        today=date(2026, 1, 1),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        work=str(tmp_path / "work"),
        cache=str(tmp_path / "cache"),
        tools=CARGO,
        inventory=discover(str(target), Limits())[1],
    )
    return replace(made, **changes)


def said(target: Path, told: ScanContext) -> list[Said]:
    assert ADAPTER.inspect
    assert told.inventory
    source = TreeSource(str(target), told.inventory.files)
    return list(ADAPTER.inspect(source, ADAPTER.claims(told.inventory), told))


def sightings(entries: Iterable[Said]) -> dict[str, Sighting]:
    return {entry.package.name: entry for entry in entries if isinstance(entry, Sighting) and entry.package}


def gaps(entries: Iterable[Said]) -> list[Gap]:
    return [entry for entry in entries if isinstance(entry, Gap)]


def one_crate(target: Path, home: Path, package: str = 'license = "MIT"') -> None:
    """A package that asks for one crate, which lies in the download cache of `home`."""
    checksum = shelve(home, "x", "1.0.0", packed("x", "1.0.0", {"Cargo.toml": manifest("x", "1.0.0", package)}))
    (target / "Cargo.toml").write_text(manifest("app", "0.1.0", rest='[dependencies]\nx = "1"\n'))
    (target / "Cargo.lock").write_bytes(
        lock(("app", "0.1.0", None, ("x",)), ("x", "1.0.0", CRATES_IO, ()), checksums={"x": checksum})
    )


@pytest.mark.parametrize("whose", ["ours", "operator's"])
def test_our_cargos_cache_and_the_operators_are_read(tmp_path: Path, target: Path, whose: str) -> None:
    told = context(tmp_path, target)
    one_crate(target, Path(_cargo.home(told)) if whose == "ours" else tmp_path / "theirs")
    told = context(tmp_path, target, environment={"CARGO_HOME": str(tmp_path / "theirs")}, offline=True)
    entries = said(target, told)
    found = sightings(entries)["x"]
    assert found.package
    assert (found.package.license, found.package.dependency_kind) == ("MIT", "normal")
    assert found.message == "x 1.0.0, a direct dependency of app, is under MIT"
    assert gaps(entries) == []


def test_a_kind_that_an_unknown_manifest_decides_is_not_told(tmp_path: Path, target: Path) -> None:
    home = tmp_path / "cache" / "cargo"
    crates = {name: packed(name, "1.0.0", {"Cargo.toml": manifest(name, "1.0.0")}) for name in ("known", "both")}
    checksums = {name: shelve(home, name, "1.0.0", crate) for name, crate in crates.items()}
    rest = '[dependencies]\nabsent = "1"\n\n[dev-dependencies]\nknown = "1"\nboth = "1"\n'
    (target / "Cargo.toml").write_text(manifest("app", "0.1.0", rest=rest))
    entries = (
        ("app", "0.1.0", None, ("absent", "both", "known")),
        ("absent", "1.0.0", CRATES_IO, ("both",)),
        ("both", "1.0.0", CRATES_IO, ()),
        ("known", "1.0.0", CRATES_IO, ()),
    )
    (target / "Cargo.lock").write_bytes(lock(*entries, checksums=checksums))
    kinds = {
        name: entry.package.dependency_kind
        for name, entry in sightings(said(target, context(tmp_path, target))).items()
        if entry.package
    }
    assert kinds == {"known": "dev", "both": None}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"offline": True}, "the scan is offline"),
        ({"tools": {}}, "cargo is not installed"),
        ({}, None),
    ],
)
def test_an_unknown_licence_is_a_gap_of_its_lock_file(
    tmp_path: Path, target: Path, changes: dict[str, Any], why: str | None
) -> None:
    one_crate(target, tmp_path / "elsewhere")
    (gap,) = gaps(said(target, context(tmp_path, target, **changes)))
    assert (gap.kind, gap.item, gap.path) == (GapKind.ITEM, "lockfile:Cargo.lock", "Cargo.lock")
    reason = "the licences of 1 of its 1 dependencies are not known, since they are not on disk (x 1.0.0)"
    assert gap.reason == reason + (f": {why}" if why else "")
    assert gap.hint
    assert "commit the Cargo.lock" not in gap.hint


def test_a_lock_file_that_its_manifest_outgrew_says_so(tmp_path: Path, target: Path) -> None:
    one_crate(target, tmp_path / "elsewhere")
    told = context(tmp_path, target)
    assert told.inventory
    mended = Path(_cargo.fetched_lock(told.inventory.of(ItemKind.LOCKFILE)[0], told))
    mended.parent.mkdir(parents=True)
    mended.write_bytes(lock(("app", "0.1.0", None, ())))
    (gap,) = gaps(said(target, told))
    assert gap.reason.endswith(
        "the lock file does not fit its manifests any more, cargo takes other versions than it pins"
    )


def test_a_package_outside_of_the_repository_is_no_part_of_it(tmp_path: Path, target: Path) -> None:
    rest = '[dependencies]\npart = { path = "part" }\nbeside = { path = "../beside" }\n'
    (target / "Cargo.toml").write_text(manifest("app", "0.1.0", rest=rest))
    (target / "part" / "src").mkdir(parents=True)
    (target / "part" / "Cargo.toml").write_text(manifest("part", "0.1.0"))
    (target / "Cargo.lock").write_bytes(
        lock(("app", "0.1.0", None, ("beside", "part")), ("beside", "0.1.0", None, ()), ("part", "0.1.0", None, ()))
    )
    entries = said(target, context(tmp_path, target))
    assert not sightings(entries)
    (gap,) = [gap for gap in gaps(entries) if gap.path == "Cargo.lock"]
    assert "1 of its 1 dependencies" in gap.reason
    assert "beside 0.1.0" in gap.reason


def test_a_lock_file_without_a_manifest_is_shown_by_its_own_lines(tmp_path: Path, target: Path) -> None:
    one_crate(target, tmp_path / "cache" / "cargo")
    (target / "Cargo.toml").unlink()
    found = sightings(said(target, context(tmp_path, target)))["x"]
    assert found.place
    assert (found.place.path, found.place.start_line) == ("Cargo.lock", 11)


def prepared(tmp_path: Path, target: Path, **changes: Any) -> list[Command | Gap]:
    assert ADAPTER.prepare
    told = context(tmp_path, target, **changes)
    assert told.inventory
    found, inventory = discover(str(target), Limits())
    return list(ADAPTER.prepare(found, ADAPTER.claims(inventory), told))


def test_a_committed_lock_file_is_fetched_by_a_copy(tmp_path: Path, target: Path) -> None:
    one_crate(target, tmp_path / "elsewhere")
    (fetch,) = prepared(tmp_path, target)
    assert isinstance(fetch, Command)
    assert fetch.argv[:2] == ("/opt/cargo", "fetch")
    assert fetch.is_preparation
    assert fetch.may_fail
    assert fetch.farm
    assert fetch.farm.copied == {"Cargo.lock"}
    assert {".cargo", "rust-toolchain.toml", "rust-toolchain", ".git"} <= fetch.farm.leave_out


@pytest.mark.parametrize("changes", [{"offline": True}, {"tools": {}}])
def test_nothing_is_fetched_offline_or_without_cargo(tmp_path: Path, target: Path, changes: dict[str, Any]) -> None:
    one_crate(target, tmp_path / "elsewhere")
    assert prepared(tmp_path, target, **changes) == []


def test_nothing_is_fetched_from_elsewhere_unless_the_operator_says_so(tmp_path: Path, target: Path) -> None:
    one_crate(target, tmp_path / "elsewhere")
    git = '[dependencies]\nx = { git = "https://example.org/x" }\n'
    (target / "Cargo.toml").write_text(manifest("app", "0.1.0", rest=git))
    assert prepared(tmp_path, target) == []
    assert len(prepared(tmp_path, target, resolve=True)) == 1


def test_a_manifest_is_resolved_first_and_its_claim_is_lost_with_it(tmp_path: Path, target: Path) -> None:
    (target / "Cargo.toml").write_text(manifest("app", "0.1.0"))
    generate, fetch = prepared(tmp_path, target)
    assert isinstance(generate, Command)
    assert isinstance(fetch, Command)
    assert "generate-lockfile" in generate.argv
    assert not generate.may_fail
    assert fetch.farm is None
    assert generate.argv[-1] == fetch.argv[-1]
    (gap,) = prepared(tmp_path, target, tools={})
    assert isinstance(gap, Gap)
    assert gap.reason == "it has no Cargo.lock, and none can be made: cargo is not installed"


FAKE_CARGO = """\
#!{python} -IS
import os, shutil, sys
with open({log!r}, "a") as log:
    log.write(sys.argv[1] + "\\n")
if sys.argv[1] == "generate-lockfile":
    place = os.path.dirname(sys.argv[sys.argv.index("--manifest-path") + 1])
    shutil.copy({lock!r}, os.path.join(place, "Cargo.lock"))
elif sys.argv[1] == "fetch":
    shutil.copytree({home!r}, os.environ["CARGO_HOME"], dirs_exist_ok=True)
"""


def test_two_scanners_share_one_lock_file_and_one_download(tmp_path: Path, target: Path) -> None:
    one_crate(target, tmp_path / "ready", 'license = "GPL-3.0-only"\nlinks = "x"')
    (target / "Cargo.lock").rename(tmp_path / "ready.lock")
    (tmp_path / "bin").mkdir()
    cargo = tmp_path / "bin" / "cargo"
    log = tmp_path / "cargo.log"
    words = {"log": str(log), "lock": str(tmp_path / "ready.lock"), "home": str(tmp_path / "ready")}
    cargo.write_text(FAKE_CARGO.format(python=sys.executable, **words))
    cargo.chmod(0o755)
    (tmp_path / "home").mkdir()
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        json.dumps(
            {
                "version": 1,
                "require": ["licenses", "supply-chain"],
                "rules": [
                    {"id": "copyleft", "match": {"domain": "licenses", "license_not": ["MIT"]}, "verdict": "block"},
                    {"id": "rest", "match": {"domain": "supply-chain"}, "verdict": "pass"},
                ],
                "default": "pass",
            }
        )
    )
    ended = magray_sec(
        "scan", target, "--policy", policy, "--tool", "cargo-licenses", "--tool", "cargo-tree", "--json",
        tmp_path / "report.json", environment=surroundings(tmp_path / "home", tmp_path / "bin"),
    )  # fmt: skip
    report = read(tmp_path / "report.json")
    assert ended.code == 1, ended.said
    assert log.read_text().split() == ["generate-lockfile", "fetch"]
    assert {run["adapter"]: run["outcome"] for run in report["runs"] if run["outcome"] != "skipped"} == {
        "cargo-licenses": "completed",
        "cargo-tree": "completed",
    }
    found = {finding["rule"]: finding for finding in report["findings"]}
    assert set(found) == {"licenses/copyleft", "supply-chain/native-code"}
    assert not (target / "Cargo.lock").exists()
