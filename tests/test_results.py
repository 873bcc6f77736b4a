"""What scanners said of unchanged files is remembered; nothing else is."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from magray_sec.model.adapter import Adapter, Interpretation, Step
from magray_sec.model.finding import Place, Sealed, Sighting
from magray_sec.model.run import (
    Capabilities,
    Command,
    File,
    Gap,
    GapKind,
    Level,
    Notification,
    ScanContext,
    Skipped,
    SkipReason,
    Tool,
    ToolRun,
)
from magray_sec.model.scale import Domain, Outcome
from magray_sec.results import Results, changed, merge, states

LATER_NS = time.time_ns() + 3600 * 1_000_000_000
"""As if the scan began an hour after the files were written."""


def tree(root: Path, **files: str) -> tuple[File, ...]:
    root.mkdir(exist_ok=True)
    for name, text in files.items():
        (root / name).write_text(text)
    return tuple(File(path=path.name, size=path.stat().st_size) for path in sorted(root.iterdir()))


def adapter(**changes: object) -> Adapter:
    made = Adapter(id="fake", title="a fake", domains=frozenset({Domain.CODE}), claims=lambda _: (), executable="fake")
    return replace(made, **changes)  # type: ignore[arg-type]


def step(**changes: object) -> Step:
    return Step(adapter=adapter(**changes), claims=(), commands=(Command(argv=("{tool}", "--json")),))


def context(tmp_path: Path, **changes: object) -> ScanContext:
    made = ScanContext(
        today=date(2026, 11, 25),
        started=datetime(2026, 11, 25, tzinfo=UTC),
        work=str(tmp_path / "work"),
        cache=str(tmp_path / "cache"),
        tools={"fake": Tool(name="fake", path=os.path.realpath("/bin/sh"))},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def results_of(tmp_path: Path, files: tuple[File, ...]) -> Results:
    root = str(tmp_path / "tree")
    return Results(folder=str(tmp_path / "cache"), root=root, files=files, states=states(root, files))


def said(*paths: str, outcome: Outcome = Outcome.COMPLETED, **changes: object) -> Interpretation:
    run = ToolRun(adapter="fake", domains=(Domain.CODE,), outcome=outcome, version="1.2", metrics=(("rules", 7),))
    sightings = tuple(
        Sighting(native_rule="r", domain=Domain.CODE, message=f"in {path}", place=Place(path=path, start_line=1))
        for path in paths
    )
    return Interpretation(run=replace(run, **changes), sightings=sightings)  # type: ignore[arg-type]


def same(text: str) -> str:
    return text


def remember(tmp_path: Path, files: tuple[File, ...], asked: Step, told: Interpretation, **changes: object) -> None:
    kept = results_of(tmp_path, files)
    kept.recall(asked, context(tmp_path, **changes))
    kept.keep(asked, told, same, now_ns=LATER_NS)


def test_an_unchanged_tree_is_not_scanned_again(tmp_path: Path) -> None:
    files = tree(tmp_path / "tree", a="1", b="2")
    told = said("a", gaps=(Gap(kind=GapKind.FILE, path="b", reason="odd"),), outcome=Outcome.PARTIAL, reason="a gap")
    remember(tmp_path, files, step(), told)
    known = results_of(tmp_path, files).recall(step(), context(tmp_path))
    assert known is not None
    assert known.files == ()
    assert known.interpretation == told


@pytest.mark.parametrize("change", ["content", "times", "new file", "gone"])
def test_a_changed_tree_is(tmp_path: Path, change: str) -> None:
    files = tree(tmp_path / "tree", a="1", b="2")
    remember(tmp_path, files, step(), said("a"))
    match change:
        case "content":
            files = tree(tmp_path / "tree", a="3")
        case "times":
            os.utime(tmp_path / "tree" / "a", (1, 1))
        case "new file":
            files = tree(tmp_path / "tree", c="3")
        case "gone":
            files = files[:1]
    assert results_of(tmp_path, files).recall(step(), context(tmp_path)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"today": date(2026, 11, 26)},
        {"offline": True},
        {"tools": {"fake": Tool(name="fake", path="/bin/cat")}},
        {"packs": (__file__,)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_circumstances_are_another_entry(tmp_path: Path, change: dict[str, object]) -> None:
    files = tree(tmp_path / "tree", a="1")
    remember(tmp_path, files, step(), said("a"))
    assert results_of(tmp_path, files).recall(step(), context(tmp_path, **change)) is None
    assert results_of(tmp_path, files).recall(step(), context(tmp_path)) is not None


def test_another_command_line_is_another_entry_and_another_work_folder_is_not(tmp_path: Path) -> None:
    files = tree(tmp_path / "tree", a="1")

    def in_work(work: str, word: str) -> Step:
        return replace(step(), commands=(Command(argv=("{tool}", word, f"{work}/out")),))

    remember(tmp_path, files, in_work(str(tmp_path / "work"), "x"), said("a"))
    other = str(tmp_path / "work-2")
    assert results_of(tmp_path, files).recall(in_work(other, "x"), context(tmp_path, work=other)) is not None
    assert results_of(tmp_path, files).recall(in_work(other, "y"), context(tmp_path, work=other)) is None


def test_a_fresh_look_recalls_nothing_and_is_kept(tmp_path: Path) -> None:
    files = tree(tmp_path / "tree", a="1")
    remember(tmp_path, files, step(), said("a"))
    again = results_of(tmp_path, files)
    again.is_fresh = True
    assert again.recall(step(), context(tmp_path)) is None
    again.keep(step(), said("a", "a"), same, now_ns=LATER_NS)
    known = results_of(tmp_path, files).recall(step(), context(tmp_path))
    assert known is not None
    assert len(known.interpretation.sightings) == 2


def test_what_it_does_not_read_may_change(tmp_path: Path) -> None:
    files = tree(tmp_path / "tree", lock="1", other="2")
    asked = step(reads=lambda path: path == "lock")
    remember(tmp_path, files, asked, said("lock"))
    files = tree(tmp_path / "tree", other="22")
    assert results_of(tmp_path, files).recall(asked, context(tmp_path)) is not None
    files = tree(tmp_path / "tree", lock="11")
    assert results_of(tmp_path, files).recall(asked, context(tmp_path)) is None


def test_a_per_file_scanner_is_given_the_changed_files_and_the_rest_is_remembered(tmp_path: Path) -> None:
    files = tree(tmp_path / "tree", a="1", b="2", c="3")
    whole = said(
        "a",
        "b",
        "c",
        skipped=(Skipped(reason=SkipReason.BINARY, path="c"),),
        notifications=(Notification(level=Level.NOTE, message="of no file"),),
    )
    remember(tmp_path, files, step(per_file=True), whole)
    files = tree(tmp_path / "tree", b="22", d="4")
    (tmp_path / "tree" / "a").unlink()
    files = tuple(file for file in files if file.path != "a")
    known = results_of(tmp_path, files).recall(step(per_file=True), context(tmp_path))
    assert known is not None
    assert [file.path for file in known.files] == ["b", "d"]
    assert [entry.message for entry in known.interpretation.sightings] == ["in c"]
    assert known.interpretation.run.notifications == ()
    fresh = said("d", gaps=(Gap(kind=GapKind.FILE, path="b", reason="odd"),), outcome=Outcome.PARTIAL, reason="a gap")
    both = merge(known.interpretation, fresh)
    assert [entry.message for entry in both.sightings] == ["in c", "in d"]
    assert (both.run.outcome, both.run.reason) == (Outcome.PARTIAL, "a gap")
    assert both.run.skipped == whole.run.skipped


def test_a_file_on_which_all_depends_changes_all(tmp_path: Path) -> None:
    asked = step(per_file=True, shared=frozenset({"base"}))
    files = tree(tmp_path / "tree", a="1", b="2", base="3")
    remember(tmp_path, files, asked, said("a"))
    files = tree(tmp_path / "tree", b="22")
    known = results_of(tmp_path, files).recall(asked, context(tmp_path))
    assert known is not None
    assert [file.path for file in known.files] == ["b", "base"]
    files = tree(tmp_path / "tree", base="33")
    assert results_of(tmp_path, files).recall(asked, context(tmp_path)) is None


def test_durations_are_remembered(tmp_path: Path) -> None:
    kept = results_of(tmp_path, ())
    assert kept.durations() == {}
    kept.keep_durations({"a": 1.25})
    kept.keep_durations({"b": 2})
    assert results_of(tmp_path, ()).durations() == {"a": 1.2, "b": 2.0}


def test_a_failed_rescan_is_a_failed_run(tmp_path: Path) -> None:
    failed = said(outcome=Outcome.FAILED, reason="it broke")
    assert merge(said("a"), failed) is failed


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.TIMED_OUT, Outcome.SKIPPED, Outcome.MISSING])
def test_a_run_that_did_not_end_well_is_not_remembered(tmp_path: Path, outcome: Outcome) -> None:
    files = tree(tmp_path / "tree", a="1")
    remember(tmp_path, files, step(), said("a", outcome=outcome))
    assert results_of(tmp_path, files).recall(step(), context(tmp_path)) is None


def test_no_secret_is_kept(tmp_path: Path) -> None:
    files = tree(tmp_path / "tree", a="1")
    secret = "s3cr" + "et" * 9
    asked = step()
    sealed = said("a")
    sealed = replace(sealed, sightings=(replace(sealed.sightings[0], secret=Sealed(secret.encode())),))
    kept = results_of(tmp_path, files)
    kept.recall(asked, context(tmp_path))
    kept.keep(asked, sealed, same, now_ns=LATER_NS)
    assert not list((tmp_path / "cache").glob("*.results")), "a sealed value is never written"
    spoken = said("a")
    spoken = replace(spoken, sightings=(replace(spoken.sightings[0], message=f"{secret} is bad"),))
    kept.keep(asked, spoken, lambda text: text.replace(secret, "[hidden]"), now_ns=LATER_NS)
    (entry,) = (tmp_path / "cache").glob("*.results")
    assert secret.encode() not in entry.read_bytes()
    assert (entry.stat().st_mode & 0o077, (tmp_path / "cache").stat().st_mode & 0o077) == (0, 0)


def test_a_file_written_a_moment_ago_is_not_trusted(tmp_path: Path) -> None:
    files = tree(tmp_path / "tree", a="1", b="2")
    os.utime(tmp_path / "tree" / "b", ns=(1, 1))
    kept = results_of(tmp_path, files)
    kept.recall(step(), context(tmp_path))
    kept.keep(step(), said("a"), same, now_ns=os.lstat(tmp_path / "tree" / "a").st_mtime_ns + 1)
    assert results_of(tmp_path, files).recall(step(), context(tmp_path)) is None


@pytest.mark.parametrize("damage", ["cut", "flipped", "other format", "empty"])
def test_a_damaged_entry_is_a_miss(tmp_path: Path, damage: str) -> None:
    files = tree(tmp_path / "tree", a="1")
    remember(tmp_path, files, step(), said("a"))
    (entry,) = (tmp_path / "cache").glob("*.results")
    data = bytearray(entry.read_bytes())
    match damage:
        case "cut":
            del data[-5:]
        case "flipped":
            data[-5] ^= 1
        case "other format":
            data[-40:] = b"x" * 40
        case "empty":
            data.clear()
    entry.write_bytes(data)
    assert results_of(tmp_path, files).recall(step(), context(tmp_path)) is None


@pytest.mark.parametrize("needs", [Capabilities(runs_target_code=True), Capabilities(git_history=True)])
def test_what_depends_on_more_than_the_files_is_not_remembered(tmp_path: Path, needs: Capabilities) -> None:
    files = tree(tmp_path / "tree", a="1")
    remember(tmp_path, files, step(needs=needs), said("a"))
    assert results_of(tmp_path, files).recall(step(needs=needs), context(tmp_path)) is None


def test_names_that_are_no_text_are_remembered(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    files = tree(tmp_path / "tree", **{name: "1"})
    remember(tmp_path, files, step(), said(name))
    known = results_of(tmp_path, files).recall(step(), context(tmp_path))
    assert known is not None
    assert known.interpretation == said(name)


def test_states_tell_what_changed(tmp_path: Path) -> None:
    files = tree(tmp_path / "tree", a="1", b="2")
    root = str(tmp_path / "tree")
    before = states(root, files)
    (tmp_path / "tree" / "a").write_text("22")
    (tmp_path / "tree" / "b").unlink()
    assert changed(before, states(root, files)) == ("a", "b")
    assert changed(before, before) == ()
