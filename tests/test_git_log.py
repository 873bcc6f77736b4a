"""Ranges, merge bases, changes and added lines, held against git's own answers."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histories import FIRST, History
from magray_sec import _git_log as log
from magray_sec._git_objects import GITLINK, LINK, Missing, Repository


def opened(history: History) -> Repository:
    repository = Repository.at(str(history.root))
    assert repository is not None
    return repository


@pytest.fixture(scope="module", params=[True, False], ids=["dates in order", "dates that run backwards"])
def braid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> History:
    """Branches that part and meet, criss-cross too."""
    made = History(tmp_path_factory.mktemp("braid") / "repo")
    source = random.Random(3)
    made.commit({"base.txt": "0\n"})
    made.in_order = request.param
    for number in range(25):
        branches = made.git("branch", "--format=%(refname:short)").split()
        made.git("checkout", "-q", source.choice(branches))
        if number % 7 == 3:
            made.git("checkout", "-q", "-b", f"b{number}")
        made.minutes += 1 if request.param else source.choice((0, 0, 1, -5))
        if number % 4 == 2 and len(branches) > 1:
            made.minutes += 1
            made.git("merge", "-q", "--no-ff", "-X", "ours", "-m", "merge", source.choice(branches))
        else:
            made.commit({f"f{number % 5}.txt": f"{number}\n" * (number % 3 + 1)})
    return made


def test_ranges_hold_what_rev_list_says(braid: History) -> None:
    repository = opened(braid)
    ids = braid.git("rev-list", "--all").split()
    source = random.Random(5)
    for _ in range(60):
        tips, known = source.sample(ids, source.choice((1, 2))), source.sample(ids, source.choice((0, 1, 2)))
        told = set(braid.git("rev-list", *tips, *(f"^{oid}" for oid in known)).split())
        found = log.between(repository, map(bytes.fromhex, tips), map(bytes.fromhex, known))
        assert {commit.id.hex() for commit in found} >= told
        assert len(found) == len(told) or not braid.in_order
        place = {commit.id: number for number, commit in enumerate(found)}
        assert all(place.get(parent, -1) < place[commit.id] for commit in found for parent in commit.parents)


def test_merge_bases_are_among_git_s(braid: History) -> None:
    repository = opened(braid)
    ids = braid.git("rev-list", "--all").split()
    source = random.Random(6)
    for _ in range(60):
        one, other = source.choice(ids), source.choice(ids)
        found = log.merge_base(repository, bytes.fromhex(one), bytes.fromhex(other))
        assert found is not None
        assert found.hex() in braid.git("merge-base", "--all", one, other).split()


def test_unrelated_histories_have_no_merge_base(tmp_path: Path) -> None:
    made = History(tmp_path / "repo")
    one = made.commit({"a": "1"})
    made.git("checkout", "-q", "--orphan", "other")
    other = made.commit({"b": "1"})
    assert log.merge_base(opened(made), bytes.fromhex(one), bytes.fromhex(other)) is None


def test_a_shallow_clone_is_said(braid: History, tmp_path: Path) -> None:
    braid.git("clone", "-q", "--no-local", "--depth=2", f"file://{braid.root}", str(tmp_path / "copy"))
    copy = History(tmp_path / "copy", start=False)
    repository = opened(copy)
    assert repository.shallow()
    with pytest.raises(Missing, match="this is a shallow clone"):
        log.between(repository, [repository.resolve("HEAD")], [])


def changed(repository: Repository, commit: str) -> set[str]:
    read = repository.commit(bytes.fromhex(commit))
    parents = [repository.commit(parent).tree for parent in read.parents]
    found = set()
    for change in log.changes(repository, read.tree, parents):
        assert isinstance(change, log.Change)
        found.add(change.path)
    return found


def test_a_commit_changes_what_git_says(braid: History) -> None:
    repository = opened(braid)
    for commit in braid.git("rev-list", "--all").split():
        # `-c` tells of a merge what differs from all parents, of any other commit what differs from its one.
        told = braid.git("diff-tree", "-c", "-r", "--root", "--no-commit-id", "--name-only", "--diff-filter=d", commit)
        assert changed(repository, commit) == set(told.splitlines())


def test_links_and_submodules_are_told_as_such(tmp_path: Path) -> None:
    made = History(tmp_path / "repo")
    made.root.joinpath("link").symlink_to("/etc/passwd")
    commit = made.commit({"a": "1"})
    made.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    made.git("commit", "-qm", "a submodule")
    repository = opened(made)
    tree = repository.commit(repository.resolve("HEAD")).tree
    modes = {change.path: change.mode for change in log.changes(repository, tree, ()) if isinstance(change, log.Change)}
    assert modes == {"a": 0o100644, "link": LINK, "sub": GITLINK}
    assert set(log.files_at(repository, tree)) == {"a"}
    finder = log.Finder(repository, tree)
    assert finder.blob("a") == bytes.fromhex(made.git("rev-parse", "HEAD:a"))
    assert finder.blob("link") is finder.blob("sub") is finder.blob("no/such/file") is None


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (None, b"a\nb\n", ((1, 2),)),
        (None, b"", ()),
        (b"a\nb\n", b"a\nb\n", ()),
        (b"a\nb\n", b"a\nnew\nb\n", ((2, 2),)),
        (b"a\nb\n", b"b\na\n", ()),  # moved
        (b"a\r\nb\r\n", b"a\nb\nc\n", ((3, 3),)),  # other ends of lines
        (b"first\nx\nsecond\n", b"second\nfirst\nthird", ((3, 3),)),
        (b"same line\n", b"same line\nsame line\n", ((2, 2),)),  # one more of them
        (b"}\n", b"}\nnew line\n}\n", ((2, 2),)),  # a brace more is nothing
        (b"a", b"a\n", ()),
        (b"\0binary", b"text\n", ((1, 1),)),
        ("utf".encode("utf-16"), b"utf\nmore\n", ((2, 2),)),
    ],
)
def test_added_lines(old: bytes | None, new: bytes, lines: log.Lines) -> None:
    assert log.added_lines(new, [] if old is None else [old]) == lines


def test_a_line_that_one_parent_has_is_not_added_by_the_merge() -> None:
    assert log.added_lines(b"a\nb\nevil\n", [b"a\n", b"b\n"]) == ((3, 3),)


@given(
    old=st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), max_size=12),
    new=st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "omega"]), max_size=12),
)
@settings(max_examples=150, deadline=None)
def test_what_is_not_in_the_old_text_is_always_added(old: list[str], new: list[str]) -> None:
    found = log.added_lines("\n".join(new).encode(), ["\n".join(old).encode()])
    marked = {number for first, last in found for number in range(first, last + 1)}
    for number, line in enumerate(new, 1):
        if line not in old:
            assert number in marked
        if new.count(line) <= old.count(line):
            assert number not in marked
    assert all(
        any(number in marked for number, other in enumerate(new, 1) if other == line)
        for line in new
        if new.count(line) > old.count(line)
    )


def test_a_hostile_text_is_compared_in_linear_time() -> None:
    """A million lines, all of them out of place: what an edit script would take for ever over."""
    lines = [b"%d" % (number * 7919 % 1_000_003) for number in range(300_000)]
    assert log.added_lines(b"\n".join(lines), [b"\n".join(reversed(lines))]) == ()


@pytest.mark.parametrize(
    ("seconds", "date"),
    [(FIRST, "2023-11-14T22:13:20Z"), (0, "1970-01-01T00:00:00Z"), (-1, ""), (10**15, ""), (2**62, ""), (None, "")],
)
def test_dates_out_of_range_are_none(seconds: int | None, date: str) -> None:
    assert log.date_of(seconds) == date


def test_everything_that_references_lead_to_is_swept_once(tmp_path: Path) -> None:
    made = History(tmp_path / "repo")
    first = made.commit({"a.txt": "one", "same.txt": "one"})
    second = made.commit({"dir/a.txt": "one", "a.txt": "two"})
    made.git("checkout", "-q", "-b", "side", first)
    side = made.commit({"b.txt": "three"})
    made.git("checkout", "-q", "main")
    made.git("branch", "-D", "-q", "side")
    made.git("update-ref", "refs/remotes/origin/side", side)
    alone = made.git("hash-object", "-w", "--stdin", stdin="a blob with a tag")
    made.git("tag", "blob", alone)
    made.git("tag", "tree", made.git("rev-parse", f"{first}^{{tree}}"))
    history = log.sweep(opened(made))
    assert history.commits[0].id.hex() == first
    found = {brought.blob.hex(): (brought.path, brought.commit) for brought in history.blobs}
    place = {commit.id.hex(): number for number, commit in enumerate(history.commits)}
    assert len(found) == len(history.blobs) == 4
    assert found[made.git("rev-parse", f"{first}:a.txt")] == ("a.txt", place[first])
    assert found[made.git("rev-parse", f"{second}:a.txt")] == ("a.txt", place[second])
    assert found[made.git("rev-parse", f"{side}:b.txt")] == ("b.txt", place[side])
    assert found[alone] == (alone, -1)
    assert not history.unread
    assert not history.missing


def test_a_reference_that_leads_nowhere_is_said(tmp_path: Path) -> None:
    made = History(tmp_path / "repo")
    made.commit({"a": "1"})
    (made.root / ".git/refs/heads/lost").write_text("ab" * 20 + "\n")
    history = log.sweep(opened(made))
    assert history.missing == 1
    assert "refs/heads/lost" in history.unread[0][1]
    assert len(history.commits) == 1
