"""What a scan is of: added lines of the work tree and of commits, the history, standard input; from the command line."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import Ended, magray_sec, surroundings
from histories import History
from magray_sec.correlate import correlate
from magray_sec.errors import UsageError
from magray_sec.model.finding import Finding, Location, Region, Rule, Witness
from magray_sec.model.run import Limits, Origin, ScopeKind, SkipReason
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.report import json_v1
from magray_sec.scopes import Scene, Wanted, look
from planting import token
from trees import write

ZERO = "0" * 40
LIMITS = Limits()


@dataclass(frozen=True)
class Runner:
    """Runs scans with a warm cache."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str | Path, cwd: Path, stdin: bytes = b"", **more: str) -> tuple[Ended, Any]:
        """A scan and its JSON report (None where it made none)."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        ended = magray_sec(
            "scan", *arguments, "--json", report, "--offline", environment=self.environment | more, cwd=cwd, stdin=stdin
        )
        return ended, json.loads(report.read_text()) if report.exists() else None


@pytest.fixture
def scan(tmp_path: Path, warm_cache: Path) -> Runner:
    home = tmp_path / "home"
    home.mkdir()
    return Runner(tmp_path, surroundings(home, XDG_CACHE_HOME=str(warm_cache)))


def secret(seed: str) -> str:
    return f"TOKEN={token(seed)}\n"


def places(report: Any) -> list[tuple[str, int]]:
    return [(found["location"]["path"], found["location"]["region"]["start_line"]) for found in report["findings"]]


def ranged(history: History, *ranges: str, not_in: str = "", limits: Limits = LIMITS) -> Scene:
    return look(str(history.root), limits, Wanted(ranges=ranges, not_in=not_in))


def lines(scene: Scene) -> dict[tuple[str, str], Any]:
    return {(file.path, file.origin.commit if file.origin else ""): file.lines for file in scene.inventory.files}


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Five commits: one old secret, one that came and went, one that stays, and a lock file that changed."""
    made = History(tmp_path / "repo")
    made.commit({"README.md": "hi\n", "old.env": secret("old")})
    made.commit({"src/a.rs": "fn main() {}\n", "Cargo.lock": "version = 4\n"})
    made.commit({"src/a.rs": f"fn main() {{}}\n// {secret('middle')}"})
    made.commit({"src/a.rs": "fn main() {}\nfn more() {}\n"})
    made.commit({"src/b.txt": f"one\n{secret('last')}"})
    return made


# --- ranges


def test_a_secret_of_a_middle_commit_is_found_in_its_range(history: History, scan: Runner, tmp_path: Path) -> None:
    write(history.root, {"src/b.txt": "the work tree is not read\n", "untracked.env": secret("untracked")})
    ended, report = scan("--range", "main~4..main", cwd=history.root)
    assert ended.code == 1
    assert places(report) == [("src/a.rs", 2), ("src/b.txt", 2)]
    middle, last = report["findings"]
    assert middle["origin"]["commit"] == middle["location"]["commit"] == history.git("rev-parse", "main~2")
    assert middle["origin"]["date"] == "2023-11-14T22:16:20Z"
    assert not middle["origin"].get("at_head")
    assert last["origin"]["at_head"]
    assert report["scope"]["kind"] == "range"
    assert report["scope"]["commits"] == 4
    assert not report["whole"]
    for said in ("no longer at HEAD", "still at HEAD", "the lines that 4 commits add", "Cargo.lock: it changed"):
        assert said in ended.out
    assert token("middle") not in ended.said + json.dumps(report)
    stored = json_v1.parse((tmp_path / "report.json").read_bytes())
    assert (stored.scope.kind, stored.scope.commits, stored.scope.unlooked[0].value) == (
        ScopeKind.RANGE,
        4,
        "dependencies",
    )
    assert [found.origin.is_at_head for found in stored.findings if found.origin] == [False, True]


def test_domains_that_a_part_cannot_show_are_said_and_never_clean(
    history: History, scan: Runner, tmp_path: Path
) -> None:
    markdown = tmp_path / "report.md"
    ended, report = scan("--range", "main~4..main~3", "--markdown", markdown, cwd=history.root)
    assert ended.code == 0
    unlooked = ["dependencies", "unsafe", "licenses", "supply-chain"]
    assert report["scope"]["unlooked"] == unlooked
    assert report["decision"]["complete"]
    assert not report["decision"].get("not_applicable")
    assert "All that the policy requires was looked at" not in ended.out + markdown.read_text()
    assert "The rest of the target was not looked at." in ended.out
    for text in (ended.out, markdown.read_text()):
        assert "ot looked at: dependencies, unsafe, licenses" in text.replace("&#45;", "-")
    skipped = {run["adapter"]: run["reason"] for run in report["runs"] if run["outcome"] == "skipped"}
    assert "it looks at whole trees; this scan is of the lines that 1 commit adds" in skipped["cargo-audit"]
    quiet, _ = scan("--range", "main~4..main~3", "-q", cwd=history.root)
    assert "not looked at: dependencies" in quiet.out


def test_only_lines_that_a_commit_adds_count(history: History, scan: Runner) -> None:
    history.commit({"old.env": f"# a comment\n{secret('old')}MORE=1\n"})
    ended, report = scan("--range", "main~1..main", cwd=history.root)
    assert ended.code == 0
    assert not report["findings"]
    (file,) = ranged(history, "main~1..main").inventory.files
    assert file.lines == ((1, 1), (3, 3))


def test_the_same_secret_of_two_commits_is_one_finding(history: History, scan: Runner) -> None:
    history.commit({"again.env": secret("again")})
    first = history.git("rev-parse", "HEAD")
    history.commit({"again.env": "gone\n"})
    history.commit({"again.env": secret("again")})
    _, report = scan("--range", "main~3..main", cwd=history.root)
    (found,) = report["findings"]
    assert found["origin"]["commit"] == first
    assert found["origin"]["at_head"]


def test_a_new_branch_holds_what_the_remote_lacks(history: History) -> None:
    history.git("update-ref", "refs/remotes/origin/main", "main~1")
    head = history.git("rev-parse", "HEAD")
    scene = ranged(history, f"{ZERO}..{head}", not_in="origin")
    assert lines(scene) == {("src/b.txt", head): ((1, 2),)}
    assert "and not in origin" in scene.scope.label
    assert lines(ranged(history, "main", not_in="origin")) == lines(scene)


def test_a_first_push_to_an_empty_remote_holds_everything(history: History) -> None:
    scene = ranged(history, f"{ZERO}..main", not_in="origin")
    assert scene.scope.commits == 5
    assert ("old.env", history.git("rev-parse", "main~4")) in lines(scene)
    assert "no branch of 'origin' is known here" in scene.inventory.notifications[0].message


def test_a_reference_that_is_deleted_holds_nothing(history: History, scan: Runner) -> None:
    ended, report = scan("--range", f"main..{ZERO}", cwd=history.root)
    assert ended.code == 0
    assert "commits" not in report["scope"]
    assert not report["items"]


def test_a_forced_push_holds_what_was_not_there_before(history: History) -> None:
    old = history.git("rev-parse", "HEAD")
    history.git("reset", "-q", "--hard", "HEAD~2")
    new = history.commit({"forced.txt": "x\n"})
    assert lines(ranged(history, f"{old}..{new}")) == {("forced.txt", new): ((1, 1),)}


def test_what_the_remote_had_and_is_not_here_needs_a_word_of_what_is_known(history: History) -> None:
    gone = "ab" * 20
    with pytest.raises(UsageError, match="abababababab is not here") as raised:
        ranged(history, f"{gone}..main")
    assert "--not-in" in raised.value.hint
    history.git("update-ref", "refs/remotes/origin/main", "main~1")
    scene = ranged(history, f"{gone}..main", not_in="origin")
    assert scene.scope.commits == 1
    assert "is not here" in scene.inventory.notifications[0].message


def test_several_references_are_one_scan(history: History) -> None:
    history.git("checkout", "-q", "-b", "side", "main~3")
    side = history.commit({"side.txt": "x\n"})
    scene = ranged(history, "main~1..main", f"main~3..{side}")
    assert {path for path, _ in lines(scene)} == {"src/b.txt", "side.txt"}


def test_a_merge_adds_what_no_parent_has(history: History) -> None:
    history.git("checkout", "-q", "-b", "side", "main~1")
    history.commit({"side.txt": "x\n"})
    history.git("checkout", "-q", "main")
    history.minutes += 1
    history.git("merge", "-q", "--no-ff", "--no-commit", "side")
    merge = history.commit({"src/b.txt": f"one\n{secret('last')}evil = 1\n"})
    assert len(history.git("rev-parse", "HEAD^@").split()) == 2
    scene = ranged(history, "HEAD^1..HEAD", "HEAD^2..HEAD")
    assert {key: value for key, value in lines(scene).items() if key[1] == merge} == {("src/b.txt", merge): ((3, 3),)}


def test_a_folder_of_a_repository_is_looked_at_alone(history: History) -> None:
    scene = look(str(history.root / "src"), Limits(), Wanted(ranges=("main",)))
    assert {path for path, _ in lines(scene)} == {"a.rs", "b.txt"}


def test_what_is_left_out_of_a_range_is_said(history: History) -> None:
    made = history
    os.symlink("/etc/passwd", made.root / "link")
    commit = made.commit(
        {
            "big.txt": "x" * 2000,
            "vendor/a.txt": "x\n",
            "binary": b"\0\1",
            "lfs.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            ".gitattributes": "*.txt filter=evil\n",
        }
    )
    made.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    made.minutes += 1
    made.git("commit", "-qm", "a submodule")
    scene = ranged(made, "main~2..main", limits=Limits(max_file_bytes=1000, target_exclude=("vendor/",)))
    assert {(skip.path, skip.reason) for skip in scene.inventory.skipped} == {
        ("big.txt", SkipReason.TOO_LARGE),
        ("vendor/a.txt", SkipReason.HIDDEN_BY_TARGET),
        ("lfs.bin", SkipReason.LFS_POINTER),
        ("sub", SkipReason.SUBMODULE),
    }
    assert {path for path, _ in lines(scene)} == {".gitattributes", "binary"}


def test_damaged_objects_are_gaps(history: History, scan: Runner) -> None:
    history.lose(history.git("rev-parse", "main:src/b.txt"))
    history.lose(history.git("rev-parse", "main~2:src"))
    ended, report = scan("--range", "main~4..main", cwd=history.root)
    assert ended.code == 3
    kinds = {(gap["kind"], gap["path"]) for gap in report["gaps"]}
    assert ("file", "src/b.txt") in kinds
    assert ("item", "src") in kinds


def test_names_of_a_hostile_repository_are_shown_harmless(tmp_path: Path, scan: Runner) -> None:
    made = History(tmp_path / "repo")
    made.commit({"a": "1"})
    name = b"we\x1b[31mird\n::error::\xff.env"
    place = os.path.join(os.fsencode(made.root), name)
    with open(place, "wb") as file:
        file.write(secret("hostile").encode())
    made.commit()
    ended, report = scan("--range", "main~1..main", cwd=made.root)
    (found,) = report["findings"]
    assert ended.code == 1
    assert "\x1b" not in ended.out
    assert "\n::error" not in ended.out
    assert found["location"]["uri"] == "we%1B%5B31mird%0A%3A%3Aerror%3A%3A%FF.env"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("a...b", "three dots"),
        ("..", "names no commit"),
        ("nosuch..main", "no branch, tag or commit 'nosuch'"),
        ("main..nosuch", "no branch, tag or commit 'nosuch'"),
        ("main:README.md", "no branch, tag or commit"),
    ],
)
def test_a_range_that_is_none_is_refused(history: History, words: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        ranged(history, words)


# --- the work tree


def test_added_lines_of_the_work_tree_are_found(history: History, scan: Runner) -> None:
    history.git("branch", "feature")
    history.git("checkout", "-q", "feature")
    history.git("branch", "-f", "main", "main~1")
    history.commit({"committed.env": secret("committed")})
    history.git("checkout", "-q", "main")
    history.commit({"theirs.env": secret("theirs")})
    history.git("checkout", "-q", "feature")
    write(
        history.root,
        {
            "README.md": f"hi\n{secret('unstaged')}",
            "staged.env": secret("staged"),
            "untracked.env": secret("untracked"),
            "ignored.env": secret("ignored"),
            ".gitignore": "ignored.env\n",
        },
    )
    history.git("add", "staged.env")
    ended, report = scan("--diff", "main", cwd=history.root)
    assert ended.code == 1
    assert places(report) == [
        ("README.md", 2),
        ("committed.env", 1),
        ("src/b.txt", 2),
        ("staged.env", 1),
        ("untracked.env", 1),
    ]
    base = history.git("merge-base", "main", "feature")
    assert report["scope"]["base"] == base
    assert f"the lines added since main (merge base {base[:12]})" in ended.out
    assert not any("origin" in found or "commit" in found["location"] for found in report["findings"])


def test_an_unchanged_work_tree_adds_nothing(history: History) -> None:
    for path in history.root.rglob("*"):
        if path.is_file() and ".git" not in path.parts:
            os.utime(path, (1, 1))  # touched, and the same
    scene = look(str(history.root), Limits(), Wanted(diff="HEAD"))
    assert not scene.inventory.files
    assert scene.scope.kind is ScopeKind.DIFF


def test_other_ends_of_lines_are_no_change(history: History) -> None:
    write(history.root, {"old.env": secret("old").replace("\n", "\r\n")})
    assert not look(str(history.root), Limits(), Wanted(diff="HEAD")).inventory.files


def test_a_missing_merge_base_is_refused(history: History, tmp_path: Path) -> None:
    history.git("clone", "-q", "--no-local", "--depth=1", f"file://{history.root}", str(tmp_path / "copy"))
    copy = History(tmp_path / "copy", start=False)
    with pytest.raises(UsageError, match="no branch, tag or commit 'feature'") as raised:
        look(str(copy.root), Limits(), Wanted(diff="feature"))
    assert "fetch-depth: 0" in raised.value.hint
    history.git("branch", "feature", "main~3")
    copy.git("fetch", "-q", "--depth=1", "origin", "feature:feature")
    with pytest.raises(UsageError, match="no commit in common") as raised:
        look(str(copy.root), Limits(), Wanted(diff="feature"))
    assert "fetch-depth: 0" in raised.value.hint
    with pytest.raises(UsageError, match="this is a shallow clone") as raised:
        look(str(copy.root), Limits(), Wanted(ranges=("feature..main",)))
    assert "fetch-depth: 0" in raised.value.hint


@pytest.mark.parametrize("wanted", [Wanted(diff="main"), Wanted(ranges=("main",)), Wanted(history=True)])
def test_what_is_no_repository_is_refused(tmp_path: Path, wanted: Wanted) -> None:
    with pytest.raises(UsageError, match="in no git work tree"):
        look(str(tmp_path), Limits(), wanted)


@pytest.mark.parametrize("wanted", [Wanted(diff="main"), Wanted(ranges=("main",)), Wanted(history=True)])
def test_borrowed_objects_are_not_read(history: History, tmp_path: Path, wanted: Wanted) -> None:
    history.git("clone", "-q", "--shared", str(history.root), str(tmp_path / "copy"))
    with pytest.raises(UsageError, match="borrows objects"):
        look(str(tmp_path / "copy"), Limits(), wanted)


# --- standard input


def test_standard_input_is_scanned_under_its_name(tmp_path: Path, scan: Runner) -> None:
    text = f"step 1\n{secret('log')}".encode()
    ended, report = scan("-", "--stdin-name", "logs/build.log", cwd=tmp_path, stdin=text)
    assert ended.code == 1
    assert places(report) == [("logs/build.log", 2)]
    assert f"standard input ({len(text)} bytes)" in ended.out
    assert not any(token("log").encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    clean, _ = scan("-", cwd=tmp_path, stdin=b"nothing\n")
    assert clean.code == 0


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a//b", "a/./b", ""])
def test_a_name_out_of_the_target_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no path below the target"):
        look(str(tmp_path), Limits(), Wanted(text=b"x", text_name=name))


def test_binary_standard_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="binary"):
        look(str(tmp_path), Limits(), Wanted(text=b"\0\1"))


# --- the history


def test_the_history_and_the_tree_are_one_report(history: History, scan: Runner, tmp_path: Path) -> None:
    history.commit({"src/b.txt": f"inserted\none\n{secret('last')}"})
    sarif = tmp_path / "github.sarif"
    ended, report = scan("--history", "--tool", "regex-rules", "--tool", "secret-history", cwd=history.root)
    assert ended.code == 1
    found = {place["location"]["path"]: place for place in report["findings"]}
    assert set(found) == {"old.env", "src/a.rs", "src/b.txt"}
    assert len(report["findings"]) == 3
    assert found["src/b.txt"]["location"]["region"]["start_line"] == 3
    assert found["src/b.txt"]["origin"] == {
        "commit": history.git("rev-parse", "main~1"),
        "date": "2023-11-14T22:18:20Z",
        "at_head": True,
    }
    assert "commit" not in found["src/b.txt"]["location"]
    assert found["src/a.rs"]["location"]["commit"] == history.git("rev-parse", "main~3")
    assert not found["src/a.rs"]["origin"].get("at_head")
    whole, report = scan("--history", "--sarif", sarif, cwd=history.root)
    assert report["whole"]
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for run in json.loads(sarif.read_text())["runs"]
        for result in run["results"]
        if run["automationDetails"]["id"] == "magray-sec/secrets/"
    }
    assert uris == {"old.env", "src/b.txt"}
    assert "secrets: 1 found in commits alone" in whole.out


def test_a_shallow_history_is_incomplete(history: History, tmp_path: Path, scan: Runner) -> None:
    history.git("clone", "-q", "--no-local", "--depth=2", f"file://{history.root}", str(tmp_path / "copy"))
    ended, report = scan("--history", "--tool", "secret-history", "--policy", "advisory", cwd=tmp_path / "copy")
    reasons = [gap["reason"] for gap in report["gaps"] if gap["item"] == "history:commits"]
    assert "this is a shallow clone: what lies before 1 commit is not here" in reasons
    assert "fetch-depth: 0" in json.dumps(report)
    del ended


def test_a_history_that_is_not_finished_is_no_clean_scan(history: History, scan: Runner) -> None:
    ended, report = scan("--history", "--timeout", "0.01", cwd=history.root)
    assert ended.code in (1, 3)
    assert not report["decision"]["complete"]
    (run,) = [run for run in report["runs"] if run["adapter"] == "secret-history"]
    assert run["outcome"] == "timed-out"
    assert any(gap.get("item") == "history:commits" for gap in report["gaps"])


def test_a_partial_history_is_incomplete(history: History, tmp_path: Path, scan: Runner) -> None:
    history.git("config", "uploadpack.allowFilter", "true")
    history.git("clone", "-q", "--no-local", "--filter=blob:none", f"file://{history.root}", str(tmp_path / "copy"))
    _, report = scan("--history", "--tool", "secret-history", cwd=tmp_path / "copy")
    assert any("this is a partial clone" in gap["reason"] for gap in report["gaps"])


def test_the_history_of_a_folder_is_refused(history: History) -> None:
    with pytest.raises(UsageError, match="a folder of a repository"):
        look(str(history.root / "src"), Limits(), Wanted(history=True))


@given(order=st.permutations(range(5)))
@settings(max_examples=30, deadline=None)
def test_findings_of_commits_and_of_the_tree_are_merged_whatever_the_order(order: list[int]) -> None:
    def found(commit: str | None, rank: int, line: int, tool: str, path: str = "a.env") -> Finding:
        origin = (
            Origin(commit=commit, date=f"202{rank}-01-01T00:00:00Z", rank=rank, is_at_head=rank == 2)
            if commit
            else None
        )
        place = Location(path=path, region=Region(start_line=line, start_column=1), commit=commit)
        rule = Rule(id="secrets/x", domain=Domain.SECRETS, title="x", severity=Severity.HIGH)
        return Finding(
            identity=f"v1:{path}",
            domain=Domain.SECRETS,
            rule=rule,
            severity=Severity.HIGH,
            confidence=Confidence.HIGH,
            message="x",
            location=place,
            witnesses=(Witness(tool=tool, native_rule="x"),),
            origin=origin,
        )

    all_found = [
        found(None, 0, 7, "tree"),
        found("aa", 2, 1, "later"),
        found("bb", 1, 3, "first"),
        found("cc", 2, 1, "gone", "b.env"),
        found("dd", 1, 1, "gone", "b.env"),
    ]
    merged = correlate([all_found[index] for index in order])
    assert merged == correlate(all_found) == correlate(merged)
    here, gone = merged
    assert (here.location.commit, here.location.line) == (None, 7)
    assert here.origin == Origin(commit="bb", date="2021-01-01T00:00:00Z", is_at_head=True)
    assert {witness.tool for witness in here.witnesses} == {"tree", "later", "first"}
    assert (gone.location.commit, gone.origin and gone.origin.commit) == ("dd", "dd")


# --- all of them


def test_equal_scans_give_equal_bytes(history: History, scan: Runner, tmp_path: Path) -> None:
    reports = []
    for jobs, seed, zone in (("1", "1", "UTC"), ("4", "77", "Asia/Tokyo")):
        for words in (("--range", "main"), ("--history",)):
            more = {"SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": seed, "TZ": zone}
            scan(*words, "--jobs", jobs, "--tool", "regex-rules", "--tool", "secret-history", cwd=history.root, **more)
            reports.append((tmp_path / "report.json").read_bytes())
    assert reports[:2] == reports[2:]


def test_a_large_part_is_looked_at_by_a_worker_with_the_same_words(
    history: History, scan: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    history.commit({f"many/{number}.txt": "x\n" for number in range(2001)})
    pinned = {"SOURCE_DATE_EPOCH": "1700000000"}
    _, large = scan("--range", "main", cwd=history.root, **pinned)
    _, small = scan("--range", "main~1", cwd=history.root, **pinned)
    assert large["findings"] == small["findings"]
    (one,) = [run for run in large["runs"] if run["adapter"] == "regex-rules"]
    (other,) = [run for run in small["runs"] if run["adapter"] == "regex-rules"]
    assert one["commands"] == other["commands"]
    assert one["outcome"] == other["outcome"] == "completed"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--diff", "main", "--range", "main"), "--diff and --range do not go together"),
        (("-", "--history"), "- and --history do not go together"),
        (("--not-in", "origin"), "there is no --range"),
        (("--stdin-name", "x"), "which is not scanned"),
        (("--range", "main", "--sarif", "x.sarif"), "--range leaves out a part"),
        (("--diff", "main", "--tool", "cargo-audit"), "no scanner that can look at a part"),
        (("--diff", "main", "--input", "sarif=README.md"), "--input takes in a report on a whole tree"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    history: History, scan: Runner, arguments: tuple[str, ...], reason: str
) -> None:
    ended, report = scan(*arguments, cwd=history.root)
    assert ended.code == 2
    assert reason in ended.err
    assert report is None
