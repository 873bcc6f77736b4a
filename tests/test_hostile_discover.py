"""A target that was made to run something, to hang us, to lead us out, or to hide something from us."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from magray_sec.discover import discover
from magray_sec.model.run import Inventory, ItemKind, Level, Limits, SkipReason, Target
from magray_sec.model.text import clean
from magray_sec.source import TreeSource
from trees import NOBODY, git, repository, write


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """What hangs fails."""

    def late(*_: object) -> None:
        raise AssertionError("it took too long")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def look(path: Path, limits: Limits | None = None) -> tuple[Target, Inventory]:
    return discover(str(path), limits or Limits())


def paths(inventory: Inventory) -> list[str]:
    return [file.path for file in inventory.files]


def skipped(inventory: Inventory) -> dict[str, SkipReason]:
    return {entry.path: entry.reason for entry in inventory.skipped}


def snapshot(root: Path) -> dict[str, tuple[int, int, bytes]]:
    found = {}
    for place, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = os.path.join(place, name)
            state = os.lstat(path)
            data = Path(path).read_bytes() if os.path.isfile(path) and not os.path.islink(path) else b""
            found[path] = (state.st_mode, state.st_mtime_ns, data)
    return found


def become_fifo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path):
        path.unlink()
    os.mkfifo(path)


def index(*names: bytes, mode: int = 0o100644) -> bytes:
    """A git index of version 2 with entries of any name."""
    found = b"DIRC" + struct.pack(">II", 2, len(names))
    for name in names:
        entry = struct.pack(">10I20sH", 0, 0, 0, 0, 0, 0, mode, 0, 0, 0, b"\0" * 20, min(len(name), 0xFFF)) + name
        found += entry + b"\0" * (8 - len(entry) % 8)
    return found + b"\0" * 20


# Nothing of it is run


def test_no_setting_of_the_repository_runs_anything(tmp_path: Path) -> None:
    root = repository(
        tmp_path / "repo", {"a.txt": "one", "b.bin": "two", ".gitattributes": "* filter=evil diff=evil\n"}
    )
    canary = tmp_path / "ran"
    script = tmp_path / "run.sh"
    script.write_text(f"#!/bin/sh\necho ran >> {canary}\n")
    script.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("fsmonitor-watchman", "post-index-change", "reference-transaction", "post-checkout", "pre-commit"):
        for folder in (hooks, root / ".git" / "hooks"):
            (folder / name).write_text(script.read_text())
            (folder / name).chmod(0o755)
    (root / ".git" / "config").write_text(
        f"""[core]
	repositoryformatversion = 0
	fsmonitor = {script}
	hooksPath = {hooks}
	sshCommand = {script}
	pager = {script}
	editor = {script}
	gitProxy = {script}
	askPass = {script}
[filter "evil"]
	clean = {script}
	smudge = {script}
	process = {script}
	required = true
[diff]
	external = {script}
[diff "evil"]
	textconv = {script}
	command = {script}
[credential]
	helper = !{script}
[alias]
	status = !{script}
	ls-files = !{script}
[remote "origin"]
	url = ext::{script}
	uploadpack = {script}
[uploadpack]
	packObjectsHook = {script}
"""
    )
    os.utime(root / "a.txt", (1, 1))
    write(root, {"new.txt": ""})
    for names in ([".gitattributes", "a.txt", "b.bin", "new.txt"], [".gitattributes", "a.txt", "b.bin"]):
        before = snapshot(root)
        target, inventory = look(root)
        # The second time the tree is clean, and the commit's own objects are compared.
        assert (target.is_git, target.repository, target.is_dirty) == (True, None, "new.txt" in names)
        assert paths(inventory) == names
        assert not canary.exists()
        assert snapshot(root) == before
        (root / "new.txt").unlink(missing_ok=True)


def test_an_executable_without_a_suffix_is_read_and_not_run(tmp_path: Path) -> None:
    root = write(tmp_path / "repo", {"git": f"#!/bin/sh\ntouch {tmp_path}/ran\n", "cargo": "#!/bin/sh\n"})
    for name in ("git", "cargo"):
        (root / name).chmod(0o755)
    _, inventory = look(root)
    assert [(item.name, item.files) for item in inventory.of(ItemKind.LANGUAGE)] == [("shell", 2)]
    assert not (tmp_path / "ran").exists()


def test_a_repository_of_another_owner_is_read(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a.txt": ""})
    if os.geteuid() == 0:
        for place in (root, root / ".git", root / ".git" / "config"):
            os.chown(place, NOBODY, NOBODY)
    target, inventory = look(root)
    assert (target.is_git, target.is_dirty, paths(inventory)) == (True, False, ["a.txt"])


# Nothing makes it wait


@pytest.mark.parametrize(
    "name",
    [".gitignore", ".ignore", ".gitattributes", ".gitmodules", "sub/.gitignore", "Cargo.toml", "Cargo.lock", "run"]
    + [".cargo/config.toml", "package.json", "pyproject.toml", ".github/workflows/a.yml"]
    + [f".git/{name}" for name in ("config", "index", "HEAD", "packed-refs", "info/exclude", "info/attributes")]
    + [f".git/{name}" for name in ("commondir", "shallow", "refs/heads/main", "objects/info/alternates")]
    + [f".git/{name}" for name in ("objects/pack/pack-0.idx", "objects/00/" + "0" * 38)],
)
@pytest.mark.parametrize("as_git", [True, False])
def test_a_fifo_anywhere(tmp_path: Path, name: str, as_git: bool) -> None:
    root = write(tmp_path, {"a.rs": "", "sub/b.txt": ""})
    if as_git:
        repository(root, {})
        os.utime(root / "a.rs", (1, 1))
    elif name.startswith(".git/"):
        write(root, {".git/HEAD": "ref: refs/heads/main", ".git/objects/x": ""})
    become_fifo(root / name)
    _, inventory = look(root)
    assert {"a.rs", "sub/b.txt"} <= set(paths(inventory))
    if not name.startswith(".git/"):
        assert skipped(inventory)[name] is SkipReason.NOT_A_FILE
        assert name not in paths(inventory)


@pytest.mark.parametrize(
    "line", ["[include]\n\tpath = ../fifo\n", "[core]\n\texcludesFile = {}/fifo\n\tattributesFile = {}/fifo\n"]
)
def test_a_setting_that_names_a_fifo(tmp_path: Path, line: str) -> None:
    root = repository(tmp_path, {"a.txt": ""})
    os.mkfifo(root / "fifo")
    with open(root / ".git" / "config", "a") as file:
        file.write(line.format(root, root))
    os.utime(root / "a.txt", (1, 1))
    target, inventory = look(root)
    assert (target.is_git, paths(inventory)) == (True, ["a.txt"])


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 25 + "b",
        "**/a/" * 20 + "b",
        "**/*a/" * 20 + "**/b",
        "[a-z]*" * 30,
        "?" * 5000,
        "**/" * 5000,
        "*" * 9999 + "b",
    ],
)
def test_patterns_take_linear_time(tmp_path: Path, pattern: str) -> None:
    deep = "a/" * 60
    root = write(tmp_path, {"a" * 200: "", deep + "c": "", ".gitignore": pattern + "\n"})
    assert ".gitignore" in paths(look(root)[1])
    _, inventory = look(root, Limits(exclude=(pattern,), target_exclude=(pattern,)))
    assert ".gitignore" in paths(inventory)


def test_an_absurd_ignore_file_is_not_obeyed_and_that_is_said(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*.rs\n" * 250_000, "a.rs": ""})
    _, inventory = look(tmp_path)
    assert paths(inventory) == [".gitignore", "a.rs"]
    assert [(note.level, note.path) for note in inventory.notifications] == [(Level.WARNING, ".gitignore")]


def test_a_very_deep_tree_ends_in_a_gap(tmp_path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir(tmp_path)
    try:
        # Few steps of long names: what removes temporary folders goes down by recursion.
        for _ in range(40):
            os.mkdir("deep" * 50)
            os.chdir("deep" * 50)
        Path("bottom.txt").write_text("")
    finally:
        os.fchdir(here)
        os.close(here)
    try:
        _, inventory = look(tmp_path)
    finally:
        # Neither Python nor pytest can remove a tree this deep, and each later session would try to.
        subprocess.run(["rm", "-rf", str(tmp_path / ("deep" * 50))], check=True)
    (gap,) = inventory.gaps
    assert "File name too long" in gap.reason
    assert gap.path.startswith("deep" * 50 + "/")


def test_loops_of_links_end(tmp_path: Path) -> None:
    write(tmp_path, {"a/b/c.txt": ""})
    for name, leads in (("self", "self"), ("one", "two"), ("two", "one"), ("a/up", ".."), ("a/b/root", str(tmp_path))):
        (tmp_path / name).symlink_to(leads)
    (tmp_path / "dangling").symlink_to("nothing")
    _, inventory = look(tmp_path)
    assert paths(inventory) == ["a/b/c.txt"]
    assert skipped(inventory) == dict.fromkeys(("dangling", "one", "self", "two"), SkipReason.LINK_LOOP)


def test_devices_sockets_and_fifos_are_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.rs")
    (tmp_path / "to-fifo.rs").symlink_to("fifo.rs")
    _, inventory = look(tmp_path)
    assert (paths(inventory), skipped(inventory)) == ([], {"fifo.rs": SkipReason.NOT_A_FILE})
    assert inventory.gaps == ()


# Nothing leads out of it


def test_links_that_leave_are_said_and_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"secret.rs": "", "more/x.rs": ""})
    root = write(tmp_path / "repo", {"a.rs": ""})
    for name, leads in (("file.rs", "../outside/secret.rs"), ("folder", "../outside"), ("passwd", "/etc/passwd")):
        (root / name).symlink_to(leads)
    (root / "hop").symlink_to("folder/more")
    for as_git in (False, True):
        if as_git:
            repository(root, {})
        _, inventory = look(root)
        assert paths(inventory) == ["a.rs"]
        assert skipped(inventory) == dict.fromkeys(("file.rs", "folder", "hop", "passwd"), SkipReason.LINK_OUTSIDE)


def test_a_link_into_gits_own_folder_is_outside(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a.txt": ""})
    (root / "config.toml").symlink_to(".git/config")
    assert skipped(look(root)[1]) == {"config.toml": SkipReason.LINK_OUTSIDE}


def test_a_work_tree_that_points_elsewhere_stays_here(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"secret.txt": ""})
    root = repository(tmp_path / "repo", {"a.txt": ""})
    git(root, "config", "core.worktree", str(tmp_path / "outside"))
    target, inventory = look(root)
    assert (target.root, paths(inventory)) == (str(root), ["a.txt"])


def test_names_in_the_index_that_lead_out_are_nothing_but_absent(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo", {"a.txt": ""})
    write(tmp_path, {"outside.txt": ""})
    names = (b"../outside.txt", b"/etc/passwd", b"a.txt", b"x/../../outside.txt", b".git/config", b"", b"a\0"[:1])
    (root / ".git" / "index").write_bytes(index(*names))
    _, inventory = look(root)
    assert paths(inventory) == ["a.txt"]


@pytest.mark.parametrize(
    "pointer", ["gitdir: ../elsewhere/.git", "gitdir: /nowhere", "gitdir: .git", "gitdir: ", "nonsense", ""]
)
def test_a_pointer_in_the_place_of_a_repository(tmp_path: Path, pointer: str) -> None:
    repository(tmp_path / "elsewhere", {"other.txt": "", "a.txt": ""})
    root = write(tmp_path / "repo", {"a.txt": "", ".git": pointer})
    target, inventory = look(root)
    assert target.root == str(root)
    assert set(paths(inventory)) - {".git"} == {"a.txt"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"DIRC",
        b"DIRC\0\0\0\2\xff\xff\xff\xff",
        b"x" * 5000,
        index(b"a.txt")[:-25],
        index(b"a.txt") + b"more",
        b"DIRC" + struct.pack(">II", 9, 0) + b"\0" * 20,
        b"DIRC" + struct.pack(">II", 4, 1) + b"\0" * 62 + b"\xff" * 90,
    ],
)
def test_an_index_of_garbage_is_said_and_the_files_are_looked_at(tmp_path: Path, data: bytes) -> None:
    root = repository(tmp_path, {"a.txt": "", "b/c.txt": ""})
    (root / ".git" / "index").write_bytes(data)
    target, inventory = look(root)
    assert (target.is_git, paths(inventory)) == (False, ["a.txt", "b/c.txt"])
    (note,) = inventory.notifications
    assert (note.level, "the index cannot be read" in note.message) == (Level.WARNING, True)


@pytest.mark.parametrize(
    "head", ["ref: refs/../../../outside", "ref: HEAD", "ref: refs/heads/loop", "zz", "ref: refs/heads/\x1b[31m"]
)
def test_a_head_of_garbage(tmp_path: Path, head: str) -> None:
    root = repository(tmp_path / "repo", {"a.txt": ""})
    write(tmp_path, {"outside": "0" * 40, "repo/.git/refs/heads/loop": "ref: refs/heads/loop"})
    (root / ".git" / "HEAD").write_text(head)
    target, inventory = look(root)
    assert (target.commit, paths(inventory), target.is_dirty) == (None, ["a.txt"], True)
    assert "\x1b" not in (target.branch or "")


# Nothing hides in it unsaid


def test_ignore_files_that_hide_everything(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*\n", "evil.rs": "", "src/more.rs": ""})
    for as_git in (False, True):
        if as_git:
            git(tmp_path, "init", "-q")
        _, inventory = look(tmp_path)
        assert paths(inventory) == []
        reason = SkipReason.IGNORED if as_git else SkipReason.HIDDEN_BY_TARGET
        assert skipped(inventory) == {".": reason, "src": reason}


def test_a_planted_nested_repository_hides_no_tracked_file_and_is_said_else(tmp_path: Path) -> None:
    root = repository(tmp_path, {"tracked/evil.rs": ""})
    for place in ("tracked", "loose"):
        write(
            root, {f"{place}/.git/HEAD": "ref: refs/heads/main", f"{place}/.git/objects/x": "", f"{place}/new.rs": ""}
        )
    _, inventory = look(root)
    assert paths(inventory) == ["tracked/evil.rs", "tracked/new.rs"]
    assert skipped(inventory) == {"loose": SkipReason.NESTED_REPOSITORY}


def test_a_folder_that_is_only_named_like_a_repository_is_looked_at(tmp_path: Path) -> None:
    write(tmp_path, {"a/.git/evil.rs": "", "b/.git": "evil", ".git/evil.rs": ""})
    assert paths(look(tmp_path)[1]) == [".git/evil.rs", "a/.git/evil.rs", "b/.git"]


def test_marks_of_tools_hide_only_what_is_said(tmp_path: Path) -> None:
    write(tmp_path, {"target/CACHEDIR.TAG": "", "target/evil.rs": "", "node_modules/evil.js": "", "a.rs": ""})
    assert skipped(look(tmp_path)[1]) == {"target": SkipReason.GENERATED, "node_modules": SkipReason.GENERATED}


def test_entries_that_the_index_marks_as_skipped_or_unchanged_are_looked_at(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a.rs": "", "b.rs": ""})
    git(root, "update-index", "--skip-worktree", "a.rs")
    git(root, "update-index", "--assume-unchanged", "b.rs")
    write(root, {"a.rs": "changed"})
    target, inventory = look(root)
    assert (paths(inventory), target.is_dirty) == (["a.rs", "b.rs"], True)


def test_a_file_that_is_recorded_as_a_submodule_is_said(tmp_path: Path) -> None:
    root = repository(tmp_path, {"a.rs": "", "evil/b.rs": ""})
    (root / ".git" / "index").write_bytes(index(b"evil", mode=0o160000))
    _, inventory = look(root)
    assert skipped(inventory)["evil"] is SkipReason.SUBMODULE


def test_a_checksum_file_does_not_hide_a_manifest(tmp_path: Path) -> None:
    write(tmp_path, {"Cargo.toml": "[package]\nname='a'", ".cargo-checksum.json": "{}"})
    assert [item.name for item in look(tmp_path)[1].of(ItemKind.MANIFEST)] == ["Cargo.toml"]


# Names


NAMES = [
    "--help",
    "-rf",
    "a\nb.rs",
    "a\x1b[31m.rs",
    "::error::x.rs",
    "$(touch x).rs",
    "`x`.rs",
    "a b.rs",
    "\u202e.rs",
    "##[error].rs",
]


def test_any_name_is_kept_exactly(tmp_path: Path) -> None:
    names = [*NAMES, *(os.fsdecode(raw) for raw in (b"caf\xe9.rs", b"\xff\xfe/x.rs", "é.rs".encode(), b"\xed\xa0\x80"))]
    for root in (
        write(tmp_path / "plain", dict.fromkeys(names, "x")),
        repository(tmp_path / "git", dict.fromkeys(names, "x")),
    ):
        target, inventory = look(root)
        assert set(paths(inventory)) == set(names)
        assert not target.is_dirty
        source = TreeSource(target.root, inventory.files)
        assert {source.read(path) for path in paths(inventory)} == {b"x"}


def test_names_in_patterns_facts_and_messages_are_harmless(tmp_path: Path) -> None:
    folder = os.fsdecode(b"\x1b[31m\xff::error::")
    write(
        tmp_path,
        {
            f"{folder}/Cargo.toml": "[package]\nname='a'\n[dependencies]\n\"::error::x\\n\" = {git='https://u:p@example.com/x?t=1'}"
        },
    )
    write(tmp_path, {f"{folder}/sub/Cargo.toml": "\x1b[31m"})
    _, inventory = look(tmp_path)
    text = [gap.reason for gap in inventory.gaps] + [item.fact("foreign-source") or "" for item in inventory.items]
    text += [note.message for note in inventory.notifications]
    assert any("example.com" in line for line in text)
    for line in text:
        assert clean(line) == line
        assert "u:p" not in line


def test_a_folder_name_with_a_line_break_cannot_forge_a_member(tmp_path: Path) -> None:
    write(tmp_path, {"Cargo.toml": "[workspace]\nmembers = ['*']", "a/Cargo.toml": "[package]\nname='a'"})
    write(tmp_path, {"b\nevil/Cargo.toml": "[package]\nname='b'"})
    _, inventory = look(tmp_path)
    assert [item.fact("members") for item in inventory.of(ItemKind.MANIFEST)] == ["a/Cargo.toml"]
    assert [gap.path for gap in inventory.gaps] == ["b\nevil/Cargo.toml"]


# Manifests


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 200_000,
        "a" + ".a" * 20_000 + " = 1\n[package]",
        "a = " + "9" * 10_000,
        "[package]\nname = 'a'\nworkspace = '.'",
        "[package]\nname = 'a'\nworkspace = '../../../../..'",
        "[package]\nname = 'a'\nworkspace = 7",
        "package = 3\nworkspace = 'x'\ndependencies = []\ntarget = 1\npatch = []\nreplace = 4",
        "[workspace]\nmembers = 3\nexclude = {a = 1}\ndependencies = 'x'",
        "[workspace]\nmembers = ['', '.', '..', '/', '../..', '**', '*/**/*', '[', 7]",
        "[package]\nname = 'a'\n[dependencies]\na = {path = '.'}\nb = {path = '/'}\nc = {path = 3}\nd = 4\ne = {git = 5}",
        "[package]\nname = 'a'\n[dependencies]\na = {path = '\\u0000'}",
    ],
)
def test_a_manifest_of_nonsense_neither_breaks_nor_hides(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"Cargo.toml": text, "a.rs": "", "crates/b/Cargo.toml": "[package]\nname='b'"})
    _, inventory = look(tmp_path)
    assert "a.rs" in paths(inventory)
    assert inventory.of(ItemKind.MANIFEST, "cargo")


def test_globs_of_members_take_no_time(tmp_path: Path) -> None:
    stars = ", ".join(["'" + "**/" * 200 + "*a*a*a*a*a*a*a*a*b'"] * 200)
    write(tmp_path, {"Cargo.toml": f"[workspace]\nmembers = [{stars}]"})
    write(tmp_path, {f"{'a' * 30}{n}/{'a' * 100}/Cargo.toml": "[package]\nname='a'" for n in range(20)})
    assert len(look(tmp_path)[1].of(ItemKind.MANIFEST)) == 20


def test_members_beyond_measure_are_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from magray_sec import _cargo_workspace

    monkeypatch.setattr(_cargo_workspace, "_MOST_COMPARISONS", 100)
    write(
        tmp_path,
        {"Cargo.toml": "[workspace]\nmembers = [" + "'x*'," * 100 + "]", "a/Cargo.toml": "[package]\nname='a'"},
    )
    (gap,) = look(tmp_path)[1].gaps
    assert "too many workspace members" in gap.reason


def test_a_cycle_of_path_dependencies_ends(tmp_path: Path) -> None:
    for one, two in (("a", "b"), ("b", "c"), ("c", "a")):
        write(
            tmp_path, {f"{one}/Cargo.toml": f"[package]\nname='{one}'\n[dependencies]\n{two} = {{path = '../{two}'}}"}
        )
    write(tmp_path, {"Cargo.toml": "[workspace]\nmembers = ['a']"})
    (item,) = look(tmp_path)[1].of(ItemKind.MANIFEST)
    assert item.fact("members") == "a/Cargo.toml\nb/Cargo.toml\nc/Cargo.toml"
