"""Objects and references as git itself tells them, from packs and loose files, whole and damaged."""

from __future__ import annotations

import os
import random
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histories import History
from magray_sec._git_objects import BlobSource, Damaged, GitTrouble, Missing, Objects, Repository, _patched


def opened(history: History) -> Repository:
    repository = Repository.at(str(history.root))
    assert repository is not None
    return repository


def every(history: History) -> list[tuple[str, str, int]]:
    listed = history.git("cat-file", "--batch-check", "--batch-all-objects")
    return [(oid, kind, int(size)) for oid, kind, size in (line.split() for line in listed.splitlines())]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Versions of a large file and of a few small ones, partly packed with deltas."""
    made = History(tmp_path_factory.mktemp("objects") / "repo")
    source = random.Random(1)
    lines = [f"line {source.random()}" for _ in range(400)]
    for number in range(12):
        lines[source.randrange(400)] = f"changed {number}"
        lines.insert(source.randrange(400), "inserted " * number)
        made.commit({"big.txt": "\n".join(lines), f"dir/{number}.txt": str(number), "empty": ""})
    made.git("tag", "-a", "v1", "-m", "a tag", "HEAD~2")
    made.git("tag", "-a", "of-tag", "-m", "a tag of a tag", "v1")
    return made


@pytest.mark.parametrize("layout", ["loose", "packed", "two packs", "reference deltas", "packed and loose"])
def test_every_object_is_what_git_says(history: History, layout: str, tmp_path: Path) -> None:
    copy = History(tmp_path / "copy", start=False)
    history.git("clone", "-q", "--bare", "--no-local", str(history.root), str(tmp_path / "copy" / ".git"))
    copy.git("config", "core.bare", "false")
    match layout:
        case "loose":
            (pack,) = (copy.root / ".git/objects/pack").glob("*.pack")
            data = pack.read_bytes()
            for file in (copy.root / ".git/objects/pack").iterdir():
                file.unlink()
            copy.git("unpack-objects", "-q", stdin=data)
        case "packed":
            copy.git("repack", "-adfq", "--depth=50", "--window=50")
        case "two packs":
            copy.git("repack", "-adfq")
            copy.git("reset", "-q", "--hard")
            copy.commit({"big.txt": "another"})
            copy.git("repack", "-dq")
            assert len(list((copy.root / ".git/objects/pack").glob("*.pack"))) == 2
        case "reference deltas":
            copy.git("-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq")
        case _:
            copy.git("repack", "-adfq")
            copy.git("reset", "-q", "--hard")
            copy.commit({"more.txt": "loose"})
    objects = opened(copy).objects
    listed = every(copy)
    assert len(listed) > 40
    for oid, kind, size in listed:
        found, data = objects.read(bytes.fromhex(oid))
        assert (found, len(data), objects.size(bytes.fromhex(oid))) == (kind, size, size)
        assert copy.git("hash-object", "--stdin", "-t", kind, "--literally", stdin=data) == oid if size < 50 else True
        assert objects.starting_with(oid[:12]) == {bytes.fromhex(oid)}
    big = copy.git("rev-parse", "HEAD~3:big.txt")
    assert objects.of_kind(bytes.fromhex(big), "blob") == copy.git("cat-file", "blob", big).encode()


def test_sha256_repositories_are_read(tmp_path: Path) -> None:
    made = History(tmp_path / "repo", start=False)
    made.root.mkdir()
    made.git("init", "-q", "--object-format=sha256")
    made.commit({"a.txt": "one\n" * 100})
    made.commit({"a.txt": "one\n" * 100 + "two\n"})
    made.git("repack", "-adfq")
    repository = opened(made)
    for oid, kind, size in every(made):
        found, data = repository.objects.read(bytes.fromhex(oid))
        assert (found, len(data)) == (kind, size)
    commit = repository.commit(repository.resolve("HEAD"))
    assert [name for _, name, _ in repository.tree(commit.tree)] == [b"a.txt"]


@pytest.mark.parametrize(
    "name",
    [
        "HEAD",
        "@",
        "main",
        "refs/heads/main",
        "heads/main",
        "v1",
        "of-tag",
        "tags/v1",
        "HEAD~3",
        "main^",
        "HEAD~2^0",
        "v1~1",
    ],
)
def test_names_mean_what_git_says(history: History, name: str) -> None:
    assert opened(history).resolve(name).hex() == history.git("rev-parse", f"{name}^{{commit}}")


def test_the_start_of_an_id_is_a_name(history: History) -> None:
    oid = history.git("rev-parse", "HEAD~1")
    assert opened(history).resolve(oid[:10]).hex() == oid


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nosuch", "no branch, tag or commit"),
        ("", "no branch, tag or commit"),
        ("../../etc/passwd", "no branch, tag or commit"),
        ("refs/../config", "no branch, tag or commit"),
        ("main@{1}", "is not read"),
        ("main^{tree}", "is not read"),
        ("HEAD:big.txt", "no branch, tag or commit"),
        ("HEAD~500", "no such parent"),
        ("HEAD^2", "no such parent"),
        ("HEAD~" + "9" * 30, "too far back"),
        ("a\0b", "no branch, tag or commit"),
    ],
)
def test_what_is_no_name_is_said(history: History, name: str, reason: str) -> None:
    with pytest.raises(GitTrouble, match=reason):
        opened(history).resolve(name)


def test_references_of_every_kind_are_found(tmp_path: Path) -> None:
    made = History(tmp_path / "repo")
    first = made.commit({"a": "1"})
    made.git("branch", "packed")
    made.git("pack-refs", "--all")
    second = made.commit({"a": "2"})
    made.git("branch", "we/ird\u00e9")
    made.git("notes", "add", "-m", "a note", first)
    for number in (1, 2):
        (made.root / "a").write_text(f"stashed {number}")
        made.git("stash", "-q")
    made.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"), first)
    found = {name: oid.hex() for name, oid in opened(made).references().items()}
    told = dict(
        reversed(line.split(" ", 1))
        for line in made.git("for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    )
    assert {name: oid for name, oid in found.items() if name.startswith("refs/")} == told
    assert found["HEAD"] == second
    assert found["refs/heads/packed"] == first
    assert found["worktrees/linked/HEAD"] == first
    assert {found["stash@{0}"], found["stash@{1}"]} == set(made.git("reflog", "refs/stash", "--format=%H").split())
    linked = Repository.at(str(tmp_path / "linked"))
    assert linked is not None
    assert linked.head() == bytes.fromhex(first)
    assert linked.resolve("main").hex() == second


def test_a_loose_reference_hides_the_packed_one(tmp_path: Path) -> None:
    made = History(tmp_path / "repo")
    made.commit({"a": "1"})
    made.git("pack-refs", "--all")
    second = made.commit({"a": "2"})
    assert opened(made).references()["refs/heads/main"].hex() == second == opened(made).resolve("main").hex()


def test_what_is_not_a_regular_file_is_not_opened(tmp_path: Path) -> None:
    made = History(tmp_path / "repo")
    oid = made.commit({"a": "1"})
    place = made.loose(oid)
    place.unlink()
    os.mkfifo(place)
    os.mkfifo(made.root / ".git/refs/heads/pipe")
    repository = opened(made)
    assert "refs/heads/pipe" not in repository.references()
    with pytest.raises(Damaged):
        repository.commit(bytes.fromhex(oid))
    place.unlink()
    place.symlink_to("/etc/hostname")
    with pytest.raises(Damaged):
        repository.commit(bytes.fromhex(oid))


def test_missing_and_damaged_objects_are_told_apart(tmp_path: Path) -> None:
    made = History(tmp_path / "repo")
    made.commit({"a": "some text that is long enough\n" * 20})
    blob = made.git("rev-parse", "HEAD:a")
    objects = opened(made).objects
    source = BlobSource(str(made.root), (), objects)
    made.loose(blob).chmod(0o600)
    for data in (
        b"",
        b"junk",
        zlib.compress(b"blob 5\0123456"),
        zlib.compress(b"blob 99999999999999\0"),
        zlib.compress(b"x"),
    ):
        made.loose(blob).write_bytes(data)
        with pytest.raises(Damaged):
            objects.read(bytes.fromhex(blob))
        with pytest.raises(OSError, match=blob[:12]):
            source.read_blob(blob)
    made.lose(blob)
    with pytest.raises(Missing):
        objects.read(bytes.fromhex(blob))
    with pytest.raises(OSError, match="is not here"):
        source.read_blob(blob)
    with pytest.raises(OSError, match="non-hexadecimal"):
        source.read_blob("no id")


def test_a_stored_size_that_lies_costs_no_memory(tmp_path: Path) -> None:
    """A loose object of 30 bytes, by its own word, that would inflate to a gigabyte."""
    made = History(tmp_path / "repo")
    oid = "ab" * 20
    made.loose(oid).parent.mkdir()
    packer = zlib.compressobj()
    bomb = (
        packer.compress(b"blob 30\0")
        + b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(1 << 8))
        + packer.flush()
    )
    made.loose(oid).write_bytes(bomb)
    with pytest.raises(Damaged):
        Objects(str(made.root / ".git/objects")).read(bytes.fromhex(oid))


@pytest.fixture(scope="module")
def packed(history: History, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Path, bytes], list[bytes]]:
    """A packed copy: its folder, the bytes of its pack and index, and the ids of some objects."""
    folder = tmp_path_factory.mktemp("packed")
    history.git("clone", "-q", "--bare", "--no-local", str(history.root), str(folder / ".git"))
    (pack,) = (folder / ".git/objects/pack").glob("*.pack")
    names = (pack, pack.with_suffix(".idx"))
    for name in names:
        name.chmod(0o600)
    return folder, {name: name.read_bytes() for name in names}, [bytes.fromhex(oid) for oid, _, _ in every(history)]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_pack_is_trouble_and_no_crash(
    data: st.DataObject, packed: tuple[Path, dict[Path, bytes], list[bytes]]
) -> None:
    folder, whole, ids = packed
    for name, content in whole.items():
        name.write_bytes(content)
    name = data.draw(st.sampled_from(sorted(whole)))
    raw = bytearray(whole[name])
    if data.draw(st.booleans()):
        for _ in range(data.draw(st.integers(1, 20))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    else:
        del raw[data.draw(st.integers(0, len(raw))) :]
    name.write_bytes(raw)
    repository = Repository.at(str(folder))
    assert repository is not None
    for oid in ids:
        try:
            assert repository.objects.read(oid)[0] in ("commit", "tree", "blob", "tag")
            assert repository.objects.size(oid) >= 0
        except GitTrouble:
            continue


@given(base=st.binary(max_size=300), delta=st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_bytes_as_a_delta_end(base: bytes, delta: bytes) -> None:
    try:
        assert isinstance(_patched(base, delta), bytes)
    except Damaged:
        return


def test_a_folder_without_a_repository_is_none(tmp_path: Path) -> None:
    assert Repository.at(str(tmp_path)) is None
