"""What cargo itself says of the same trees (`cargo metadata --no-deps`) was compared by hand; no cargo is needed here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from magray_sec.discover import discover
from magray_sec.model.run import GapKind, Item, ItemKind, Limits
from magray_sec.model.scale import Domain
from trees import write


def package(name: str, more: str = "") -> str:
    return f"[package]\nname = '{name}'\nversion = '0.1.0'\n{more}\n"


def cargo(root: Path, contents: dict[str, str] | None = None) -> list[Item]:
    _, inventory = discover(str(write(root, contents or {})), Limits())
    return [item for item in inventory.items if item.ecosystem == "cargo"]


def told(items: list[Item]) -> dict[str, list[str]]:
    return {item.id: (item.fact("members") or "").split("\n") for item in items}


def foreign(root: Path, contents: dict[str, str]) -> str | None:
    (item,) = [entry for entry in cargo(root, contents) if entry.name in ("Cargo.toml", "Cargo.lock")]
    return item.fact("foreign-source")


def test_a_package_alone(tmp_path: Path) -> None:
    (item,) = cargo(tmp_path, {"Cargo.toml": package("a")})
    assert (item.kind, item.name, item.facts) == (ItemKind.MANIFEST, "Cargo.toml", (("members", "Cargo.toml"),))
    assert item.domains == {Domain.DEPENDENCIES, Domain.LICENSES, Domain.SUPPLY_CHAIN}
    (item,) = cargo(tmp_path, {"Cargo.lock": "version = 4\n"})
    assert (item.kind, item.name, item.facts) == (ItemKind.LOCKFILE, "Cargo.lock", (("members", "Cargo.toml"),))


def test_a_lock_file_alone(tmp_path: Path) -> None:
    (item,) = cargo(tmp_path, {"x/Cargo.lock": ""})
    assert (item.id, item.facts) == ("lockfile:x/Cargo.lock", ())


def test_a_workspace_is_one_item_with_its_members(tmp_path: Path) -> None:
    contents = {f"crates/{name}/Cargo.toml": package(name) for name in ("b", "a", "c")}
    contents |= {"Cargo.toml": "[workspace]\nmembers = ['crates/*', 'tools/x', 'gone', 'no/*']\nexclude = ['crates/c']"}
    contents |= {"tools/x/Cargo.toml": package("x"), "crates/README.md": "", "crates/c/Cargo.lock": ""}
    assert told(cargo(tmp_path, contents)) == {
        "manifest:Cargo.toml": ["crates/a/Cargo.toml", "crates/b/Cargo.toml", "tools/x/Cargo.toml"],
        "lockfile:crates/c/Cargo.lock": ["crates/c/Cargo.toml"],
    }


def test_the_root_package_comes_first(tmp_path: Path) -> None:
    contents = {
        "Cargo.toml": package("z", "[workspace]\nmembers = ['a']"),
        "a/Cargo.toml": package("a"),
        "Cargo.lock": "",
    }
    assert told(cargo(tmp_path, contents)) == {"lockfile:Cargo.lock": ["Cargo.toml", "a/Cargo.toml"]}


@pytest.mark.parametrize(
    "table",
    [
        "[dependencies]\nb = {path = 'b'}",
        "[dev-dependencies]\nb = {path = './b/'}",
        "[build-dependencies]\nb = {path = 'c/../b', version = '1'}",
        "[dependencies.b]\npath = 'b'",
        "[target.'cfg(unix)'.dependencies]\nb = {path = 'b', optional = true}",
    ],
)
def test_path_dependencies_are_members_all_the_way(tmp_path: Path, table: str) -> None:
    contents = {"Cargo.toml": package("a", f"{table}\n[workspace]"), "c/Cargo.toml": package("c")}
    contents |= {"b/Cargo.toml": package("b", "[dependencies]\nc = {path = '../c'}")}
    assert told(cargo(tmp_path, contents)) == {"manifest:Cargo.toml": ["Cargo.toml", "b/Cargo.toml", "c/Cargo.toml"]}


def test_an_inherited_path_is_relative_to_the_root(tmp_path: Path) -> None:
    contents = {
        "Cargo.toml": "[workspace]\nmembers = ['a']\n[workspace.dependencies]\nb = {path = 'libs/b'}\nd = {path = 'd'}"
    }
    contents |= {"a/Cargo.toml": package("a", "[dependencies]\nb.workspace = true"), "libs/b/Cargo.toml": package("b")}
    assert told(cargo(tmp_path, contents)) == {"manifest:Cargo.toml": ["a/Cargo.toml", "libs/b/Cargo.toml"]}


def test_a_package_that_the_workspace_does_not_list_is_an_orphan(tmp_path: Path) -> None:
    contents = {
        "Cargo.toml": "[workspace]\nmembers = ['a']",
        "a/Cargo.toml": package("a"),
        "x/y/Cargo.toml": package("y"),
    }
    orphan = next(item for item in cargo(tmp_path, contents) if item.name == "x/y/Cargo.toml")
    assert (orphan.kind, orphan.fact("orphan"), orphan.fact("members")) == (
        ItemKind.MANIFEST,
        "Cargo.toml",
        "x/y/Cargo.toml",
    )
    orphan = next(item for item in cargo(tmp_path, {"x/y/Cargo.lock": ""}) if item.name == "x/y/Cargo.lock")
    assert (orphan.kind, orphan.fact("orphan")) == (ItemKind.LOCKFILE, "Cargo.toml")


def test_an_excluded_package_belongs_to_the_next_root_above(tmp_path: Path) -> None:
    contents = {"Cargo.toml": "[workspace]\nmembers = ['in/er/p']", "in/Cargo.toml": "[workspace]\nexclude = ['er']"}
    contents |= {"in/er/p/Cargo.toml": package("p")}
    assert told(cargo(tmp_path, contents)) == {"manifest:Cargo.toml": ["in/er/p/Cargo.toml"]}


def test_a_member_listed_in_an_excluded_folder_is_one(tmp_path: Path) -> None:
    contents = {
        "Cargo.toml": "[workspace]\nmembers = ['ex/keep']\nexclude = ['ex']",
        "ex/keep/Cargo.toml": package("k"),
    }
    contents |= {"ex/other/Cargo.toml": package("o"), "exact/Cargo.toml": package("e")}
    found = cargo(tmp_path, contents)
    assert told(found) == {
        "manifest:Cargo.toml": ["ex/keep/Cargo.toml"],
        "manifest:ex/other/Cargo.toml": ["ex/other/Cargo.toml"],
        "manifest:exact/Cargo.toml": ["exact/Cargo.toml"],
    }
    assert [item.fact("orphan") for item in found] == [None, None, "Cargo.toml"]


def test_a_package_may_name_its_root(tmp_path: Path) -> None:
    contents = {
        "root/Cargo.toml": "[workspace]\nmembers = ['../beside']",
        "beside/Cargo.toml": package("b", "workspace = '../root'"),
    }
    assert told(cargo(tmp_path, contents)) == {"manifest:root/Cargo.toml": ["beside/Cargo.toml"]}
    (lost,) = cargo(tmp_path / "other", {"a/Cargo.toml": package("a", "workspace = '../gone'")})
    assert lost.fact("orphan") == "gone/Cargo.toml"


def test_a_path_dependency_beside_the_workspace_is_no_member(tmp_path: Path) -> None:
    contents = {
        "ws/Cargo.toml": package("a", "[dependencies]\nb = {path = '../b'}\n[workspace]"),
        "b/Cargo.toml": package("b"),
    }
    assert told(cargo(tmp_path, contents)) == {
        "manifest:b/Cargo.toml": ["b/Cargo.toml"],
        "manifest:ws/Cargo.toml": ["ws/Cargo.toml"],
    }


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", {"a", "b"}),
        ("**", {"a", "b", "a/c", "a/c/d"}),
        ("a/**", {"a", "a/c", "a/c/d"}),
        ("**/d", {"a/c/d"}),
        ("a/?", {"a/c"}),
        ("[ab]", {"a", "b"}),
        ("./b", {"b"}),
        ("x/../a", {"a"}),
    ],
)
def test_patterns_of_members(tmp_path: Path, pattern: str, expected: set[str]) -> None:
    contents = {f"{place}/Cargo.toml": package(place.replace("/", "-")) for place in ("a", "b", "a/c", "a/c/d")}
    contents["Cargo.toml"] = f"[workspace]\nmembers = ['{pattern}']"
    root = next(item for item in cargo(tmp_path, contents) if item.name == "Cargo.toml")
    assert {os.path.dirname(path) for path in (root.fact("members") or "").split("\n")} == expected


def test_an_empty_virtual_workspace_is_nothing(tmp_path: Path) -> None:
    assert cargo(tmp_path, {"Cargo.toml": "[workspace]\n"}) == []


def test_a_manifest_that_does_not_parse_is_an_item_and_a_gap(tmp_path: Path) -> None:
    write(tmp_path, {"Cargo.toml": "[package\n", "x/Cargo.toml": "[dependencies]\n"})
    _, inventory = discover(str(tmp_path), Limits())
    found = {item.name: item.fact("unparsed") for item in inventory.of(ItemKind.MANIFEST, "cargo")}
    assert found == {"Cargo.toml": "Cargo.toml", "x/Cargo.toml": "x/Cargo.toml"}
    assert [(gap.kind, gap.domain, gap.path) for gap in inventory.gaps] == [
        (GapKind.FILE, Domain.DEPENDENCIES, "Cargo.toml"),
        (GapKind.FILE, Domain.DEPENDENCIES, "x/Cargo.toml"),
    ]
    assert "neither [package] nor [workspace]" in inventory.gaps[1].reason


def test_a_member_that_does_not_parse_is_said_by_its_workspace(tmp_path: Path) -> None:
    (item,) = cargo(
        tmp_path, {"Cargo.toml": "[workspace]\nmembers = ['*']", "a/Cargo.toml": "[", "b/Cargo.toml": package("b")}
    )
    assert (item.fact("members"), item.fact("unparsed")) == ("a/Cargo.toml\nb/Cargo.toml", "a/Cargo.toml")


# Where packages come from


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("[dependencies]\nserde = '1'\nx = {version = '1', registry = 'crates-io'}", None),
        (
            "[dependencies]\nx = {git = 'https://u:p@example.com/x?token=t#f'}",
            "dependency x from git https://example.com/x",
        ),
        ("[dependencies]\nx = {git = 'git@example.com:o/x'}", "dependency x from git example.com:o/x"),
        ("[dependencies]\nx = {version = '1', registry = 'own'}", "dependency x from registry own"),
        (
            "[dev-dependencies]\nx = {version = '1', registry-index = 'sparse+https://u@example.com/'}",
            "dependency x from registry sparse+https://example.com/",
        ),
        ("[dependencies]\nx = {path = '../outside'}", "dependency x from a path outside the target"),
        ("[dependencies]\nx = {path = '/usr/src/x'}", "dependency x from a path outside the target"),
        ("[dependencies]\nx = {path = 'linked'}", "dependency x from a path outside the target"),
        (
            "[target.x.build-dependencies]\nx = {git = 'https://example.com/x'}",
            "dependency x from git https://example.com/x",
        ),
        ("[patch.crates-io]\nserde = {git = 'https://example.com/s'}", "[patch] serde from git https://example.com/s"),
        (
            "[replace]\n'serde:1.0.0' = {git = 'https://example.com/s'}",
            "[replace] serde:1.0.0 from git https://example.com/s",
        ),
        ("[patch.crates-io]\nserde = {path = 'inside'}", None),
    ],
)
def test_a_source_that_is_not_crates_io(tmp_path: Path, more: str, expected: str | None) -> None:
    write(tmp_path / "outside", {"Cargo.toml": package("x")})
    root = tmp_path / "target"
    root.mkdir()
    (root / "linked").symlink_to("../outside")
    found = foreign(root, {"Cargo.toml": package("a", more)})
    assert found == (f"Cargo.toml: {expected}" if expected else None)


def test_a_source_is_found_in_members_and_in_what_they_depend_on(tmp_path: Path) -> None:
    git = "[dependencies]\nx = {git = 'https://example.com/x'}"
    member = {"Cargo.toml": "[workspace]\nmembers = ['a']", "a/Cargo.toml": package("a", git)}
    assert foreign(tmp_path / "one", member) == "a/Cargo.toml: dependency x from git https://example.com/x"
    inherited = {
        "Cargo.toml": "[workspace]\nmembers = ['a']\n[workspace.dependencies]\nx = {git = 'https://example.com/x'}"
    }
    inherited |= {"a/Cargo.toml": package("a", "[dependencies]\nx.workspace = true")}
    assert foreign(tmp_path / "two", inherited) == "a/Cargo.toml: dependency x from git https://example.com/x"
    beyond = {
        "Cargo.toml": package("r", "[dependencies]\nb = {path = 'b'}\n[workspace]\nexclude = ['b']"),
        "b/Cargo.toml": package("b", git),
    }
    assert foreign(tmp_path / "three", beyond) == "b/Cargo.toml: dependency x from git https://example.com/x"


def test_an_unused_shared_dependency_is_not_resolved(tmp_path: Path) -> None:
    contents = {
        "Cargo.toml": "[workspace]\nmembers = ['a']\n[workspace.dependencies]\nx = {git = 'https://example.com/x'}"
    }
    assert foreign(tmp_path, contents | {"a/Cargo.toml": package("a")}) is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[source.crates-io]\nreplace-with = 'mirror'", "source crates-io is replaced by mirror"),
        ("[patch.crates-io]\nx = {path = 'x'}", "[patch]"),
        ("paths = ['x']", "[paths]"),
        ("[", "does not parse"),
        ("[build]\nrustflags = []\n[registries.own]\nindex = 'x'", None),
    ],
)
@pytest.mark.parametrize("name", [".cargo/config.toml", ".cargo/config"])
def test_cargos_own_settings_may_send_it_elsewhere(tmp_path: Path, name: str, text: str, part: str | None) -> None:
    found = foreign(tmp_path, {"Cargo.toml": package("a"), name: text})
    assert (found is None) if part is None else (part in (found or ""))


# Copies


def test_vendored_and_built_copies_are_a_note(tmp_path: Path) -> None:
    contents = {"Cargo.toml": package("a"), "Cargo.lock": ""}
    for name in ("x", "y"):
        contents |= {f"vendor/{name}/Cargo.toml": package(name), f"vendor/{name}/.cargo-checksum.json": "{}"}
    _, inventory = discover(str(write(tmp_path, contents)), Limits())
    assert [item.id for item in inventory.of(ItemKind.LOCKFILE)] == ["lockfile:Cargo.lock"]
    assert inventory.of(ItemKind.MANIFEST) == ()
    assert "2 Cargo.toml files that are vendored" in inventory.notifications[0].message
