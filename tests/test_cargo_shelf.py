"""Where manifests are believed, and where not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crates import CRATES_IO, manifest, packed, shelve
from magray_sec.adapters._cargo_lock import Locked
from magray_sec.adapters._cargo_shelf import Manifest, Shelf, describe
from memory import MemorySource

MIT = manifest("x", "1.0.0", 'license = "MIT"')


def locked(checksum: str | None, source: str = CRATES_IO, name: str = "x") -> Locked:
    return Locked(name=name, version="1.0.0", source=source, line=None, checksum=checksum)


def shelf(*homes: Path, files: dict[str, bytes] | None = None) -> Shelf:
    return Shelf.over(MemorySource(files or {}), tuple(map(str, homes)))


def license_of(found: Manifest | None) -> str | None:
    return found.license if found else "(nothing is known)"


def test_a_crate_that_the_lock_file_pins_is_believed(tmp_path: Path) -> None:
    checksum = shelve(tmp_path, "x", "1.0.0", packed("x", "1.0.0", {"Cargo.toml": MIT, "src/lib.rs": ""}))
    assert license_of(shelf(tmp_path).find(locked(checksum))) == "MIT"
    assert license_of(shelf(tmp_path).find(locked(checksum.upper()))) == "MIT"


@pytest.mark.parametrize("checksum", ["0" * 64, None])
def test_a_crate_that_the_lock_file_does_not_pin_is_not(tmp_path: Path, checksum: str | None) -> None:
    shelve(tmp_path, "x", "1.0.0", packed("x", "1.0.0", {"Cargo.toml": MIT}))
    assert shelf(tmp_path).find(locked(checksum)) is None


def test_every_home_and_every_registry_is_looked_through(tmp_path: Path) -> None:
    shelve(tmp_path / "a", "x", "1.0.0", packed("x", "1.0.0", {"Cargo.toml": manifest("x", "1.0.0")}))
    checksum = shelve(tmp_path / "b", "x", "1.0.0", packed("x", "1.0.0", {"Cargo.toml": MIT}), folder="mirror")
    found = shelf(tmp_path / "absent", tmp_path / "a", tmp_path / "b").find(locked(checksum))
    assert license_of(found) == "MIT"


@pytest.mark.parametrize(
    "crate",
    [
        b"",
        b"no archive at all",
        packed("x", "1.0.0", {"Cargo.toml": MIT})[:-40],
        packed("x", "1.0.0", {"src/Cargo.toml": MIT}),
        packed("y", "1.0.0", {"Cargo.toml": MIT}),
        packed("x", "1.0.0", {"Cargo.toml": "[package"}),
    ],
    ids=["empty", "text", "cut", "deeper", "of another", "no TOML"],
)
def test_a_damaged_crate_says_nothing(tmp_path: Path, crate: bytes) -> None:
    checksum = shelve(tmp_path, "x", "1.0.0", crate)
    assert shelf(tmp_path).find(locked(checksum)) is None


@pytest.mark.parametrize(
    ("package", "files", "has_script"),
    [
        ("", ("build.rs",), True),
        ("", ("src/build.rs",), False),
        ("build = false", ("build.rs",), False),
        ('build = "elsewhere.rs"', (), True),
    ],
)
def test_a_build_script_is_named_or_lies_beside(
    tmp_path: Path, package: str, files: tuple[str, ...], has_script: bool
) -> None:
    files_ = {"Cargo.toml": manifest("x", "1.0.0", package), "src/lib.rs": "", **dict.fromkeys(files, "")}
    checksum = shelve(tmp_path, "x", "1.0.0", packed("x", "1.0.0", files_))
    found = shelf(tmp_path).find(locked(checksum), with_build_script=True)
    assert found is not None
    assert found.has_build_script is has_script


def vendored(checksum: str | None, text: str = MIT) -> dict[str, bytes]:
    return {
        "vendor/x/Cargo.toml": text.encode(),
        "vendor/x/.cargo-checksum.json": json.dumps({"files": {}, "package": checksum}).encode(),
    }


def test_a_vendored_copy_of_what_is_pinned_is_believed() -> None:
    assert license_of(shelf(files=vendored("ab")).find(locked("ab"))) == "MIT"
    assert shelf(files=vendored("cd")).find(locked("ab")) is None
    assert license_of(shelf(files=vendored("cd")).find(locked(None))) == "MIT"
    git = "git+https://example.org/x#0123456789"
    assert license_of(shelf(files=vendored(None)).find(locked(None, git))) == "MIT"
    assert shelf(files={**vendored("ab"), "vendor/x/.cargo-checksum.json": b"[]"}).find(locked("ab")) is None


def test_what_was_downloaded_comes_before_what_was_vendored(tmp_path: Path) -> None:
    checksum = shelve(tmp_path, "x", "1.0.0", packed("x", "1.0.0", {"Cargo.toml": manifest("x", "1.0.0")}))
    assert license_of(shelf(tmp_path, files=vendored(checksum)).find(locked(checksum))) is None


def test_a_git_checkout_is_searched_for_the_package_and_its_workspace(tmp_path: Path) -> None:
    checkout = tmp_path / "git" / "checkouts" / "repo-0a1b" / "0123456"
    (checkout / "crates" / "x").mkdir(parents=True)
    (checkout / "Cargo.toml").write_text('[workspace]\nmembers = ["crates/*"]\n[workspace.package]\nlicense = "ISC"\n')
    (checkout / "crates" / "x" / "Cargo.toml").write_text(manifest("x", "1.0.0", "license.workspace = true"))
    (checkout / "crates" / "loop").symlink_to(checkout)
    source = "git+https://example.org/repo?branch=main#0123456789abcdef"
    assert license_of(shelf(tmp_path).find(locked(None, source))) == "ISC"
    assert shelf(tmp_path).find(locked(None, source, name="y")) is None
    assert shelf(tmp_path).find(locked(None, "git+https://example.org/repo#9999999999")) is None


def test_a_name_that_is_a_path_leads_nowhere(tmp_path: Path) -> None:
    checksum = shelve(tmp_path, "x", "1.0.0", packed("x", "1.0.0", {"Cargo.toml": MIT}))
    assert shelf(tmp_path).find(locked(checksum, name="../registry-of-crates/x")) is None


def test_a_package_without_a_source_is_on_no_shelf(tmp_path: Path) -> None:
    assert shelf(tmp_path).find(Locked(name="x", version="1.0.0", source=None, line=None)) is None


def test_what_a_manifest_says() -> None:
    found = describe(
        {
            "package": {"license": {"workspace": True}, "license-file": 3, "links": "z", "build": True},
            "lib": {"proc-macro": True},
            "dependencies": {"a": "1", "b": {"package": "c"}, "d": {"workspace": True}},
            "target": {"cfg(unix)": {"build-dependencies": {"a": "1"}}},
            "dev_dependencies": {"e": "1"},
        },
        workspace={"workspace": {"package": {"license": "MIT"}, "dependencies": {"d": {"package": "f"}}}},
    )
    assert found == Manifest(
        license="MIT",
        asks={
            "a": frozenset({"normal", "build"}),
            "c": frozenset({"normal"}),
            "f": frozenset({"normal"}),
            "e": frozenset({"dev"}),
        },
        has_build_script=True,
        is_proc_macro=True,
        links="z",
    )
    assert describe({"package": [], "lib": 3, "dependencies": [], "target": {"x": 1}}) == Manifest()
