from __future__ import annotations

import errno
import os
import random
import sys
from pathlib import Path

import pytest

from magray_sec import discover as module
from magray_sec.discover import discover
from magray_sec.errors import UsageError
from magray_sec.languages import LANGUAGES
from magray_sec.model.run import GapKind, Inventory, Item, ItemKind, Level, Limits, SkipReason, Target
from magray_sec.model.scale import Domain
from trees import git, reachable, repository, unprivileged, write

DEPENDENCIES = frozenset({Domain.DEPENDENCIES, Domain.LICENSES, Domain.SUPPLY_CHAIN})


def look(path: Path, **limits: object) -> tuple[Target, Inventory]:
    return discover(str(path), Limits(**limits))  # type: ignore[arg-type]


def paths(inventory: Inventory) -> list[str]:
    return [file.path for file in inventory.files]


def skipped(inventory: Inventory) -> dict[str, tuple[SkipReason, str]]:
    return {entry.path: (entry.reason, entry.detail) for entry in inventory.skipped}


def items(inventory: Inventory) -> dict[str, Item]:
    return {item.id: item for item in inventory.items}


# The target


@pytest.mark.parametrize("name", ["gone", "gone/deeper", "a.txt/x", "a\0b"])
def test_a_missing_target_is_a_usage_error(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"a.txt": ""})
    with pytest.raises(UsageError, match="there is no") as caught:
        discover(f"{tmp_path}/{name}", Limits())
    assert caught.value.hint


def test_a_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        look(write(tmp_path, {"a.txt": ""}) / "a.txt")


def test_a_folder_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    root = write(tmp_path / "closed", {"a.txt": ""})
    root.chmod(0)
    try:
        with reachable(root), unprivileged(), pytest.raises(UsageError, match="cannot be read"):
            look(root)
    finally:
        root.chmod(0o755)


def test_a_bare_repository_is_a_usage_error(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    with pytest.raises(UsageError, match="without a work tree") as caught:
        look(tmp_path / "bare.git")
    assert "clone" in caught.value.hint
    with pytest.raises(UsageError, match="without a work tree"):
        look(repository(tmp_path / "repo", {"a": ""}) / ".git")


def test_an_empty_folder_is_a_gap(tmp_path: Path) -> None:
    target, inventory = look(tmp_path)
    assert (inventory.items, inventory.files, target.is_git) == ((), (), False)
    (gap,) = inventory.gaps
    assert (gap.kind, gap.domain, gap.reason) == (GapKind.ITEM, None, "there is no file in the folder")


def test_a_folder_through_a_link_is_resolved(tmp_path: Path) -> None:
    write(tmp_path / "real", {"a.txt": ""})
    (tmp_path / "alias").symlink_to("real")
    target, inventory = look(tmp_path / "alias")
    assert (target.root, target.name, paths(inventory)) == (str(tmp_path / "real"), "real", ["a.txt"])


def test_a_clean_work_tree(tmp_path: Path) -> None:
    root = repository(tmp_path / "work", {"a.txt": "x", "src/main.rs": "fn main() {}"})
    git(root, "remote", "add", "origin", "https://user:word@example.com/owner/project.git?x=1#f")
    os.utime(root / "a.txt", (1, 1))
    target, _ = look(root)
    assert target == Target(
        root=str(root),
        name="project",
        commit=git(root, "rev-parse", "HEAD").strip(),
        branch="main",
        repository="https://example.com/owner/project.git",
        is_git=True,
        is_dirty=False,
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("git@example.com:owner/project.git", "ssh://example.com/owner/project.git"),
        ("ssh://git@example.com:2222/owner/project", "ssh://example.com:2222/owner/project"),
        ("https://user:p@ss@example.com/o/p", "https://example.com/o/p"),
        ("/srv/git/project.git", None),
        ("../project", None),
        ("file:///srv/project", None),
        ("C:\\work\\project", None),
    ],
)
def test_the_repository_is_an_address_without_user_or_place_on_this_machine(
    tmp_path: Path, url: str, expected: str | None
) -> None:
    root = repository(tmp_path / "w", {"a": ""})
    git(root, "remote", "add", "upstream", url)
    assert look(root)[0].repository == expected


def test_a_detached_head_has_no_branch_and_a_packed_one_has(tmp_path: Path) -> None:
    root = repository(tmp_path / "w", {"a": ""})
    commit = git(root, "rev-parse", "HEAD").strip()
    git(root, "pack-refs", "--all")
    git(root, "gc", "-q")
    assert (look(root)[0].commit, look(root)[0].branch, look(root)[0].is_dirty) == (commit, "main", False)
    git(root, "checkout", "-q", "--detach")
    assert (look(root)[0].commit, look(root)[0].branch) == (commit, None)


def test_a_work_tree_without_a_commit(tmp_path: Path) -> None:
    git(write(tmp_path, {"a.txt": "", "b.txt": ""}), "init", "-q")
    git(tmp_path, "add", "a.txt")
    target, inventory = look(tmp_path)
    assert (target.is_git, target.commit, target.branch, target.is_dirty) == (True, None, "main", True)
    assert paths(inventory) == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    "change", ["content", "same size", "untracked", "deleted", "staged", "staged and reverted", "type"]
)
def test_a_changed_work_tree_is_dirty(tmp_path: Path, change: str) -> None:
    root = repository(tmp_path, {"a.txt": "one", "b.txt": "two"})
    match change:
        case "content":
            write(root, {"a.txt": "longer"})
        case "same size":
            write(root, {"a.txt": "eno"})
        case "untracked":
            write(root, {"c.txt": ""})
        case "deleted":
            (root / "a.txt").unlink()
        case "staged":
            write(root, {"a.txt": "changed"})
            git(root, "add", "-A")
        case "staged and reverted":
            write(root, {"a.txt": "changed"})
            git(root, "add", "-A")
            write(root, {"a.txt": "one"})
        case "type":
            (root / "a.txt").unlink()
            (root / "a.txt").symlink_to("b.txt")
    assert look(root)[0].is_dirty


def test_a_copy_with_other_times_is_clean(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a.txt": "one", "b/c.txt": "two"})
    (root / "link").symlink_to("a.txt")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "two")
    for name in ("a.txt", "b/c.txt", "link"):
        os.utime(root / name, (1_000_000_000, 1_000_000_000), follow_symlinks=False)
    assert not look(root)[0].is_dirty


# What git tracks, does not track, and ignores


def test_tracked_and_untracked_are_files_and_ignored_are_said(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a.txt": "", ".gitignore": "*.log\nbuild/\n/only\n", "kept/forced.log": ""})
    write(
        root, {"new/b.txt": "", "x.log": "", "y/1.log": "", "y/2.log": "", "y/n.txt": "", "build/o/p": "", "only": ""}
    )
    write(root, {".git/info/exclude": "private\n", "private": ""})
    _, inventory = look(root)
    assert paths(inventory) == [".gitignore", "a.txt", "kept/forced.log", "new/b.txt", "y/n.txt"]
    assert skipped(inventory) == {
        ".": (SkipReason.IGNORED, "3 files"),
        "y": (SkipReason.IGNORED, "2 files"),
        "build": (SkipReason.IGNORED, "folder"),
    }


def test_what_is_tracked_in_an_ignored_folder_is_looked_at_and_the_rest_is_not(tmp_path: Path) -> None:
    root = repository(tmp_path, {"out/deep/forced.txt": "", ".gitignore": "out/\n"})
    write(root, {"out/deep/other.txt": "", "out/loose/x": "", "out/deep/loose/y": ""})
    _, inventory = look(root)
    assert paths(inventory) == [".gitignore", "out/deep/forced.txt"]
    assert skipped(inventory) == {
        "out/deep/other.txt": (SkipReason.IGNORED, ""),
        "out/deep/loose": (SkipReason.IGNORED, "folder"),
        "out/loose": (SkipReason.IGNORED, "folder"),
    }


def test_a_part_of_a_work_tree(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a/b/c.txt": "", "a/b/d.log": "", "other.txt": "", "a/x.txt": ""})
    write(root, {".gitignore": "*.tmp\n/a/b/named\n", "a/.gitignore": "b/more\n", "a/b/.gitignore": "/here\n"})
    write(root, {"a/b/n.tmp": "", "a/b/named": "", "a/b/more": "", "a/b/here": "", "a/b/e/here": "", "a/b/new": ""})
    git(root, "remote", "add", "origin", "https://example.com/o/project")
    target, inventory = look(root / "a" / "b")
    assert (target.root, target.name, target.is_git, target.branch) == (f"{root}/a/b", "project/a/b", True, "main")
    assert paths(inventory) == [".gitignore", "c.txt", "d.log", "e/here", "new"]
    assert skipped(inventory) == {".": (SkipReason.IGNORED, "4 files")}


def test_a_part_is_clean_where_the_change_is_elsewhere(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a/b.txt": "", "c.txt": ""})
    write(root, {"c.txt": "changed", "new.txt": ""})
    git(root, "add", "c.txt")
    assert not look(root / "a")[0].is_dirty
    assert look(root)[0].is_dirty


def test_a_folder_of_which_the_work_tree_around_it_tracks_nothing_stands_alone(tmp_path: Path) -> None:
    root = repository(tmp_path / "home", {"dotfile": "", ".gitignore": "*\n"})
    write(root / "project", {"a.txt": ""})
    target, inventory = look(root / "project")
    assert (target.is_git, target.commit, paths(inventory)) == (False, None, ["a.txt"])


def test_a_linked_work_tree(tmp_path: Path) -> None:
    root = repository(tmp_path / "main", {"a.txt": ""})
    git(root, "worktree", "add", "-q", "-b", "side", "../linked")
    write(tmp_path / "linked", {"b.txt": ""})
    target, inventory = look(tmp_path / "linked")
    assert (target.branch, target.commit) == ("side", git(root, "rev-parse", "HEAD").strip())
    assert paths(inventory) == ["a.txt", "b.txt"]
    assert inventory.skipped == ()


def test_submodules_and_nested_repositories_are_said(tmp_path: Path) -> None:
    library = repository(tmp_path / "library", {"lib.rs": ""})
    root = repository(tmp_path / "main", {"a.txt": ""})
    git(root, "submodule", "add", "-q", str(library), "vendor/library")
    git(root, "commit", "-qm", "two")
    repository(root / "nested", {"own.txt": ""})
    _, inventory = look(root)
    assert paths(inventory) == [".gitmodules", "a.txt"]
    assert skipped(inventory) == {
        "nested": (SkipReason.NESTED_REPOSITORY, ""),
        "vendor/library": (SkipReason.SUBMODULE, ""),
    }
    target, inventory = look(root / "vendor" / "library")
    assert (target.is_git, paths(inventory)) == (True, ["lib.rs"])


def test_a_folder_of_repositories_is_looked_at_whole(tmp_path: Path) -> None:
    repository(tmp_path / "one", {"a.txt": "", ".gitignore": "*.o\n"})
    write(tmp_path / "one", {"b.o": ""})
    repository(tmp_path / "two", {"b.txt": ""})
    _, inventory = look(tmp_path)
    assert paths(inventory) == ["one/.gitignore", "one/a.txt", "two/b.txt"]
    assert skipped(inventory) == {"one/b.o": (SkipReason.HIDDEN_BY_TARGET, "")}


def test_tracked_files_that_are_not_on_disk_are_a_note(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a.txt": "", "b/c.txt": "", "d.txt": ""})
    (root / "a.txt").unlink()
    (root / "b/c.txt").unlink()
    (root / "b").rmdir()
    target, inventory = look(root)
    assert [(note.level, note.message) for note in inventory.notifications] == [
        (Level.NOTE, "2 tracked files are not on disk and not looked at")
    ]
    assert (target.is_dirty, inventory.gaps, paths(inventory)) == (True, (), ["d.txt"])


def test_what_is_excluded_is_not_called_absent(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a.txt": "", "b/c.txt": ""})
    target, inventory = look(root, exclude=("b/",))
    assert (inventory.notifications, target.is_dirty) == ((), False)


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_every_version_of_the_index(tmp_path: Path, version: str) -> None:
    root = repository(tmp_path, {"a/b/c.txt": "", "a/b/d.txt": "", "z.txt": "", ".gitignore": "a\n"})
    write(root, {"a/e.txt": ""})
    git(root, "update-index", "--index-version", version)
    if version == "3":
        git(root, "add", "-f", "--intent-to-add", "a/e.txt")
    expected = [".gitignore", "a/b/c.txt", "a/b/d.txt"] + ["a/e.txt"] * (version == "3") + ["z.txt"]
    assert paths(look(root)[1]) == expected


@pytest.mark.parametrize("kind", ["--sparse-index", "--no-sparse-index"])
def test_what_a_sparse_checkout_leaves_out_is_said_and_no_change(tmp_path: Path, kind: str) -> None:
    root = repository(tmp_path, {"in/a.txt": "a", "out/b.txt": "b", "out/c/d.txt": "d", "top.txt": "t"})
    git(root, "sparse-checkout", "init", "--cone", kind)
    git(root, "sparse-checkout", "set", "in")
    target, inventory = look(root)
    assert (target.is_git, target.is_dirty, paths(inventory)) == (True, False, ["in/a.txt", "top.txt"])
    (note,) = inventory.notifications
    what = "1 tracked folder is" if kind == "--sparse-index" else "2 tracked files are"
    assert note.message == f"{what} not on disk and not looked at"


def test_an_index_that_is_not_understood_is_said_and_no_list_is_guessed(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a.txt": "", "b.log": "", ".gitignore": "*.log\n"})
    git(root, "update-index", "--split-index")
    target, inventory = look(root)
    (note,) = inventory.notifications
    assert (note.level, target.is_git, target.commit) == (Level.WARNING, False, None)
    assert "extension link" in note.message
    assert paths(inventory) == [".gitignore", "a.txt"]
    assert skipped(inventory) == {"b.log": (SkipReason.HIDDEN_BY_TARGET, "")}


def test_a_repository_with_sha256(tmp_path: Path) -> None:
    git(write(tmp_path, {"a/b.txt": "x", "c.txt": ""}), "init", "-q", "--object-format=sha256")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    target, inventory = look(tmp_path)
    assert (target.commit, paths(inventory)) == (git(tmp_path, "rev-parse", "HEAD").strip(), ["a/b.txt", "c.txt"])


def test_conflicts_are_dirty_and_one_file(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a.txt": "one"})
    git(root, "checkout", "-qb", "side")
    write(root, {"a.txt": "side"})
    git(root, "commit", "-qam", "side")
    git(root, "checkout", "-q", "main")
    write(root, {"a.txt": "main"})
    git(root, "commit", "-qam", "main")
    with pytest.raises(Exception, match="merge"):
        git(root, "merge", "side")
    target, inventory = look(root)
    assert (target.is_dirty, paths(inventory)) == (True, ["a.txt"])


# Folders that are no work trees


def test_ignore_files_hide_in_a_plain_folder_and_that_is_said(tmp_path: Path) -> None:
    write(
        tmp_path, {".gitignore": "*.log\n!keep.log\n", ".ignore": "docs/\n", "a.log": "", "keep.log": "", "docs/x": ""}
    )
    write(tmp_path, {"sub/.gitignore": "!a.log\nown\n", "sub/a.log": "", "sub/own": "", "sub/b.log": ""})
    _, inventory = look(tmp_path)
    assert paths(inventory) == [".gitignore", ".ignore", "keep.log", "sub/.gitignore", "sub/a.log"]
    assert skipped(inventory) == {
        "a.log": (SkipReason.HIDDEN_BY_TARGET, ""),
        "docs": (SkipReason.HIDDEN_BY_TARGET, "folder"),
        "sub": (SkipReason.HIDDEN_BY_TARGET, "2 files"),
    }


def test_a_lock_file_that_an_unpacked_archive_ignores_is_an_item(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "Cargo.lock\n", "Cargo.toml": "[package]\nname='a'", "Cargo.lock": ""})
    _, inventory = look(tmp_path)
    assert "lockfile:Cargo.lock" in items(inventory)
    git(tmp_path, "init", "-q")
    _, inventory = look(tmp_path)
    assert "manifest:Cargo.toml" in items(inventory)
    assert skipped(inventory) == {"Cargo.lock": (SkipReason.IGNORED, "")}


@pytest.mark.parametrize("as_git", [False, True])
def test_what_tools_make_is_left_out_and_said(tmp_path: Path, as_git: bool) -> None:
    write(tmp_path, {"a.txt": "", "node_modules/x/y.js": "", "target/CACHEDIR.TAG": "", "target/o": ""})
    write(tmp_path, {".venv/pyvenv.cfg": "", ".venv/lib/z.py": "", "sub/target/mine.rs": "", "venv/code.py": ""})
    if as_git:
        git(tmp_path, "init", "-q")
    _, inventory = look(tmp_path)
    assert paths(inventory) == ["a.txt", "sub/target/mine.rs", "venv/code.py"]
    assert skipped(inventory) == {
        ".venv": (SkipReason.GENERATED, "a Python environment"),
        "node_modules": (SkipReason.GENERATED, "installed packages"),
        "target": (SkipReason.GENERATED, "a build's output"),
    }


def test_what_tools_make_is_looked_at_where_it_is_tracked(tmp_path: Path) -> None:
    root = repository(tmp_path, {"node_modules/x/y.js": "", "target/CACHEDIR.TAG": "", "target/o": ""})
    write(root, {"node_modules/x/z.js": ""})
    assert paths(look(root)[1]) == ["node_modules/x/y.js", "node_modules/x/z.js", "target/CACHEDIR.TAG", "target/o"]


# Limits


def test_limits_of_the_operator_and_of_the_target(tmp_path: Path) -> None:
    write(
        tmp_path, {"a.txt": "", "docs/b.txt": "", "docs/c/d.txt": "", "gen/e.rs": "", "f.min.js": "", "big": "x" * 101}
    )
    _, inventory = look(
        tmp_path, exclude=("docs/**", "!docs/c"), target_exclude=("/gen/", "*.min.js"), max_file_bytes=100
    )
    assert paths(inventory) == ["a.txt"]
    assert skipped(inventory) == {
        "big": (SkipReason.TOO_LARGE, "101 bytes"),
        "docs/b.txt": (SkipReason.EXCLUDED, ""),
        "docs/c/d.txt": (SkipReason.EXCLUDED, ""),
        "f.min.js": (SkipReason.HIDDEN_BY_TARGET, ""),
        "gen": (SkipReason.HIDDEN_BY_TARGET, "folder"),
    }


def test_limits_hold_for_tracked_files_and_links(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "", "b.txt": "", "c/d": ""})
    (tmp_path / "out").symlink_to("/etc/passwd")
    repository(tmp_path, {})
    _, inventory = look(tmp_path, exclude=("b.txt", "out"), target_exclude=("c",))
    assert paths(inventory) == ["a.txt"]
    assert skipped(inventory) == {
        "b.txt": (SkipReason.EXCLUDED, ""),
        "c": (SkipReason.HIDDEN_BY_TARGET, "folder"),
        "out": (SkipReason.EXCLUDED, ""),
    }


def test_a_lock_file_too_large_to_be_read_as_text_stays_an_item(tmp_path: Path) -> None:
    write(tmp_path, {"Cargo.lock": "#" * 1000, "package-lock.json": " " * 1000, "Cargo.toml": "[package]\nname='a'\n"})
    _, inventory = look(tmp_path, max_file_bytes=100)
    assert {"lockfile:Cargo.lock", "lockfile:package-lock.json"} <= items(inventory).keys()
    assert paths(inventory) == ["Cargo.toml"]
    assert items(inventory)["lockfile:Cargo.lock"].fact("members") == "Cargo.toml"


# The kinds of things


def test_the_items(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"src/a.rs": "", "src/b.rs": "", "go.mod": "module x\n", "go.sum": "", "README.md": "", "x.json": "{}"},
    )
    write(tmp_path, {".github/workflows/a.yml": "", ".github/workflows/b.yaml": "", ".github/workflows/c.txt": ""})
    write(tmp_path, {"sub/.github/workflows/d.yml": "", "run": "#!/usr/bin/env python3\n", "data": "#!/bin/sh\n"})
    (tmp_path / "run").chmod(0o755)
    _, inventory = look(tmp_path)
    assert inventory.items == (
        Item(kind=ItemKind.LANGUAGE, name="python", domains=frozenset({Domain.CODE})),
        Item(kind=ItemKind.LANGUAGE, name="rust", domains=frozenset({Domain.CODE, Domain.UNSAFE}), files=2),
        Item(kind=ItemKind.LOCKFILE, name="go.mod", ecosystem="golang", domains=DEPENDENCIES),
        Item(kind=ItemKind.TREE, name="files", domains=frozenset({Domain.SECRETS}), files=12),
        Item(kind=ItemKind.WORKFLOWS, name=".github/workflows", domains=frozenset({Domain.WORKFLOWS}), files=2),
    )
    assert {item.name for item in inventory.of(ItemKind.LANGUAGE)} <= LANGUAGES


def test_lock_files_of_every_ecosystem(tmp_path: Path) -> None:
    expected = {
        "cargo": ["Cargo.lock"],
        "npm": ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"],
        "pypi": [
            "poetry.lock",
            "uv.lock",
            "Pipfile.lock",
            "pdm.lock",
            "pylock.toml",
            "pylock.dev.toml",
            "requirements.txt",
            "requirements-dev.txt",
            "dev-requirements.txt",
            "requirements/base.txt",
        ],
        "golang": ["go.mod"],
        "gem": ["Gemfile.lock"],
        "composer": ["composer.lock"],
        "maven": ["gradle.lockfile", "pom.xml"],
        "nuget": ["packages.lock.json"],
        "hex": ["mix.lock"],
        "pub": ["pubspec.lock"],
        "swift": ["Package.resolved"],
        "conan": ["conan.lock"],
    }
    write(tmp_path, {name: "" for names in expected.values() for name in names})
    write(tmp_path, {"go.sum": "", "requirements.md": "", "myrequirementsfile.txt": "", "notes.txt": ""})
    _, inventory = look(tmp_path)
    found: dict[str, list[str]] = {}
    for item in inventory.of(ItemKind.LOCKFILE):
        assert item.domains == DEPENDENCIES
        found.setdefault(item.ecosystem, []).append(item.name)
    assert found == {ecosystem: sorted(names) for ecosystem, names in expected.items()}


@pytest.mark.parametrize(
    ("name", "text", "lock"),
    [
        ("package.json", '{"dependencies": {"a": "1"}}', "package-lock.json"),
        ("package.json", '\ufeff{"devDependencies": {"a": "1"}}', "yarn.lock"),
        ("pyproject.toml", "[project]\ndependencies = ['a']", "uv.lock"),
        ("pyproject.toml", "[tool.poetry.dependencies]\npython = '3'\nrequests = '*'", "poetry.lock"),
        ("pyproject.toml", "[dependency-groups]\ndev = ['a']", "uv.lock"),
        ("Pipfile", "[packages]\na = '*'", "Pipfile.lock"),
        ("setup.py", "setup(install_requires=['a'])", "uv.lock"),
        ("setup.cfg", "[options]\ninstall_requires = a", "uv.lock"),
        ("Gemfile", "gem 'a'", "Gemfile.lock"),
        ("composer.json", '{"require": {"a/b": "1"}}', "composer.lock"),
        ("build.gradle", "dependencies {\n implementation 'a:b:1' }", "gradle.lockfile"),
        ("app.csproj", '<PackageReference Include="a"/>', "packages.lock.json"),
        ("mix.exs", "defp deps do", "mix.lock"),
        ("pubspec.yaml", "name: a\ndependencies:\n  b: any\n", "pubspec.lock"),
        ("Package.swift", '.package(url: "https://example.com/a")', "Package.resolved"),
    ],
)
def test_a_manifest_is_an_item_where_nothing_pins_it(tmp_path: Path, name: str, text: str, lock: str) -> None:
    write(tmp_path, {f"sub/{name}": text})
    (item,) = look(tmp_path)[1].of(ItemKind.MANIFEST)
    assert (item.name, item.domains, item.facts) == (f"sub/{name}", DEPENDENCIES, ())
    write(tmp_path, {f"sub/{lock}": ""})
    _, inventory = look(tmp_path)
    assert (inventory.of(ItemKind.MANIFEST), [entry.name for entry in inventory.of(ItemKind.LOCKFILE)]) == (
        (),
        [f"sub/{lock}"],
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package.json", '{"name": "a", "scripts": {}, "dependencies": {}}'),
        ("package.json", "[]"),
        ("pyproject.toml", "[build-system]\nrequires = ['hatchling']\n[tool.ruff]\n"),
        ("pyproject.toml", "[tool.poetry.dependencies]\npython = '3'"),
        ("setup.py", "setup()"),
        ("composer.json", '{"name": "a/b"}'),
    ],
)
def test_a_manifest_that_asks_for_nothing_is_no_item(tmp_path: Path, name: str, text: str) -> None:
    _, inventory = look(write(tmp_path, {name: text}))
    assert (inventory.of(ItemKind.MANIFEST), inventory.gaps) == ((), ())


@pytest.mark.parametrize(
    ("name", "text"),
    [("package.json", "{"), ("package.json", "[" * 100_000), ("pyproject.toml", "a = ["), ("pyproject.toml", b"\xff")],
)
def test_a_manifest_that_does_not_parse_is_an_item_and_a_gap(tmp_path: Path, name: str, text: str) -> None:
    _, inventory = look(write(tmp_path, {name: text}))
    (item,) = inventory.of(ItemKind.MANIFEST)
    (gap,) = inventory.gaps
    assert item.fact("unparsed") == name
    assert (gap.kind, gap.path, gap.domain) == (GapKind.FILE, name, Domain.DEPENDENCIES)


def test_the_lock_file_of_a_javascript_workspace_pins_its_members_alone(tmp_path: Path) -> None:
    asks = '{"dependencies": {"x": "1"}}'
    write(tmp_path, {"package.json": '{"workspaces": ["packages/*"], "dependencies": {"x": "1"}}', "yarn.lock": ""})
    write(
        tmp_path, {"packages/a/package.json": asks, "packages/a/deep/package.json": asks, "tools/b/package.json": asks}
    )
    found = [item.name for item in look(tmp_path)[1].of(ItemKind.MANIFEST)]
    assert found == ["packages/a/deep/package.json", "tools/b/package.json"]


def test_the_lock_files_of_pnpm_and_uv_name_their_members(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pnpm-lock.yaml": "importers:\n\n  .: {}\n\n  web/app:\n    x: 1\n",
            "uv.lock": 'source = { editable = "py/a" }\n',
        },
    )
    write(tmp_path, {f"web/{name}/package.json": '{"dependencies": {"x": "1"}}' for name in ("app", "apps")})
    write(tmp_path, {f"py/{name}/pyproject.toml": "[project]\ndependencies = ['x']" for name in ("a", "b")})
    found = [item.name for item in look(tmp_path)[1].of(ItemKind.MANIFEST)]
    assert found == ["py/b/pyproject.toml", "web/apps/package.json"]


def test_manifests_of_installed_packages_are_a_note(tmp_path: Path) -> None:
    asks = '{"dependencies": {"x": "1"}}'
    root = repository(tmp_path, {"package-lock.json": "{}", "node_modules/a/package.json": asks, "package.json": asks})
    _, inventory = look(root)
    assert [item.name for item in inventory.of(ItemKind.MANIFEST)] == []
    assert "1 manifest lies in folders of installed packages" in inventory.notifications[0].message


def test_a_lock_file_behind_a_link_with_another_name_is_an_item(tmp_path: Path) -> None:
    write(tmp_path, {"locks/rust.toml": "version = 4", "Cargo.toml": "[package]\nname='a'", "locks/Gemfile.lock": ""})
    (tmp_path / "Cargo.lock").symlink_to("locks/rust.toml")
    (tmp_path / "Gemfile.lock").symlink_to("locks/Gemfile.lock")
    _, inventory = look(tmp_path)
    assert [item.name for item in inventory.of(ItemKind.LOCKFILE)] == ["Cargo.lock", "locks/Gemfile.lock"]
    assert paths(inventory) == ["Cargo.toml", "locks/Gemfile.lock", "locks/rust.toml"]


# The same every time


def test_the_order_is_that_of_the_bytes(tmp_path: Path) -> None:
    names = ["a/b", "a.b", "a-b", "Z", "é", os.fsdecode(b"\xff"), "a/B", "\U0001f600", "\uffff"]
    write(tmp_path, dict.fromkeys(names, "x"))
    assert paths(look(tmp_path)[1]) == sorted(names, key=os.fsencode)


def test_the_order_of_listing_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {f"{a}/{b}.rs": "" for a in "abc" for b in "xyz"})
    write(tmp_path, {".gitignore": "*.o\n", "a/1.o": "", "a/2.o": "", "b/Cargo.toml": "[package]", "c/Cargo.toml": "["})
    (tmp_path / "loop").symlink_to("loop")
    expected = look(tmp_path)
    real = os.scandir

    class Shuffled:
        def __init__(self, path: str) -> None:
            with real(path) as listing:
                self.entries = list(listing)
            random.Random(len(path)).shuffle(self.entries)

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Shuffled)
    assert look(tmp_path) == expected


def test_two_places_give_the_same(tmp_path: Path) -> None:
    contents = {"a.rs": "", "Cargo.toml": "[package]\nname='a'", ".gitignore": "x\n", "x": "", "sub/b.py": ""}
    one = look(write(tmp_path / "one" / "same", contents))
    two = look(write(tmp_path / "two" / "deeper" / "same", contents))
    assert one[1] == two[1]
    assert one[0].name == two[0].name


def test_nothing_heavy_is_loaded_for_a_clean_listing(tmp_path: Path) -> None:
    import subprocess

    root = repository(tmp_path, {"a.rs": "", ".gitignore": "target\n"})
    code = (
        "import sys; from magray_sec.discover import discover; from magray_sec.model.run import Limits;"
        f"discover({str(root)!r}, Limits()); print({{'pathspec', 're2', 'rich', 'jsonschema'}} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


# What cannot be looked at


def test_an_unreadable_file_and_an_unreadable_folder_are_gaps(tmp_path: Path) -> None:
    root = write(tmp_path / "r", {"a.txt": "", "closed/b.txt": "", "secret.rs": "", "c/Cargo.lock": ""})
    for name in ("secret.rs", "closed", "c/Cargo.lock"):
        (root / name).chmod(0)
    try:
        with reachable(root), unprivileged():
            _, inventory = look(root)
    finally:
        (root / "closed").chmod(0o755)
    assert paths(inventory) == ["a.txt"]
    assert [(gap.kind, gap.path, gap.reason) for gap in inventory.gaps] == [
        (GapKind.FILE, "c/Cargo.lock", "the file cannot be read: Permission denied"),
        (GapKind.FILE, "closed", "the folder cannot be read: Permission denied"),
        (GapKind.FILE, "secret.rs", "the file cannot be read: Permission denied"),
    ]
    assert "lockfile:c/Cargo.lock" in items(inventory)


def test_a_folder_that_vanishes_or_breaks_while_it_is_listed_is_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a.txt": "", "bad/b.txt": ""})
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("/bad"):
            raise OSError(errno.EIO, "Input/output error")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    _, inventory = look(tmp_path)
    assert (paths(inventory), [gap.path for gap in inventory.gaps]) == (["a.txt"], ["bad"])


def test_a_cargo_manifest_that_is_absurdly_large_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"Cargo.toml": "[package]\nname='a'\n" + "#" * 2000})
    monkeypatch.setattr(module, "_MOST_MANIFEST_BYTES", 1000)
    _, inventory = look(tmp_path)
    (item,) = inventory.of(ItemKind.MANIFEST)
    assert item.fact("unparsed") == "Cargo.toml"
    assert "it is too large" in inventory.gaps[0].reason
