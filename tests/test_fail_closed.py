"""A scanner that does not come to an end that can be trusted is never a clean scan: through the real command line, for
every scanner that is a program, with fakes that behave as badly as programs do.

One scan a behaviour: all programs misbehave in the same way over a tree in which each has something to look at, and each
is judged by itself.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command_line import Scanned, scan, surroundings
from fake_tools import BEHAVIOURS, FakeTools, is_alive
from magray_sec import adapters
from planting import DATABASE, SECRET_RULE, found, notifications, operator, plant, policy
from replays import (
    NOWHERE,
    PROGRAMS,
    SCANNERS,
    Whole,
    case_of,
    lay_over,
    lay_over_all,
    lay_over_what_lacks,
    programs,
    replays,
    scan_whole,
)

# The history is looked at where it is asked for: see test_scopes.
WORKERS = tuple(name for name in SCANNERS if name not in PROGRAMS and not adapters.load(name).needs.git_history)
TIME_LIMIT_S = 2
"""For the fakes that do not end; the others of the same scan need a small part of it."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """How a run ends, and words of the sentence that says so."""

    outcome: str
    says: str


def failed(says: str) -> Expected:
    return Expected(outcome="failed", says=says)


def missing(says: str) -> Expected:
    return Expected(outcome="missing", says=says)


PLANTED = "planted/settings.env"
TIMED_OUT = Expected(outcome="timed-out", says=f"it was ended after {TIME_LIMIT_S} s")
NOT_WHOLE = failed("its output is not that of a finished run")
TABLE: Mapping[str, Expected] = {
    "missing": missing("is not there"),
    "not executable": missing("is not executable"),
    "wrong platform": failed("made for another platform, or damaged"),
    "exits 101": failed("it ended with exit code 101: thread 'main' panicked"),
    "prints garbage": NOT_WHOLE,
    "prints nothing": NOT_WHOLE,
    "a million nested brackets": failed("its output "),
    "ignores SIGTERM": TIMED_OUT,
    "fills 1 GB of output": failed("it printed more than the 256 MB that are read"),
    "is killed": failed("it ended with signal 9"),
}


def run(folder: Path, cache: Path, target: Path, tools: Mapping[str, str], *, ends: bool = True) -> Whole:
    """Scan with these programs and a policy that requires every domain of theirs and blocks nothing."""
    home = folder / "home"
    operator(home, {"tools": dict(tools)})
    domains = sorted({"secrets", *(domain.value for name in PROGRAMS for domain in adapters.load(name).domains)})
    arguments = ["--policy", policy(folder, *domains), *DATABASE, "--allow-build", "--jobs", "32"]
    arguments += [] if ends else ["--timeout", str(TIME_LIMIT_S)]
    environment = surroundings(home, XDG_CACHE_HOME=str(cache))
    return scan_whole(target, *arguments, environment=environment, reports=folder / "reports")


Look = Callable[[str], Whole]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Look:
    """One scan a behaviour."""

    @functools.cache
    def made(behaviour: str) -> Whole:
        folder = tmp_path_factory.mktemp("behaviour")
        target = folder / "target"
        plant(target)
        lay_over_what_lacks(target)
        behave = BEHAVIOURS.get(behaviour, lambda fakes, _: fakes.folder / "nothing")
        tools = programs(folder, lambda fakes, _, executable: behave(fakes, executable))
        return run(folder, warm_cache, target, tools, ends=TABLE[behaviour] is not TIMED_OUT)

    return made


@pytest.mark.parametrize("adapter", PROGRAMS)
@pytest.mark.parametrize("behaviour", TABLE)
def test_no_behaviour_is_a_clean_scan(behaviour: str, adapter: str, scans: Look) -> None:
    scanned, expected = scans(behaviour).of(adapter), TABLE[behaviour]
    own = scanned.run(adapter)
    assert (own["outcome"], expected.says in own["reason"]) == (expected.outcome, True), own
    assert scanned.code == 3, scanned.said
    assert "INCOMPLETE" in scanned.out
    said_everywhere(scanned, adapter, expected.says)
    withheld(scanned, adapter)
    the_rest_goes_on(scanned)


def said_everywhere(scanned: Scanned, adapter: str, says: str) -> None:
    """A sentence that names the scanner and the reason stands in every format. Of one that is not installed, where
    others looked at all that it would have looked at, only that it was not there."""

    def holds(lines: list[str]) -> bool:
        return any(adapter in line and says in line for line in lines)

    if not lost(scanned, adapter):
        assert holds([line.replace("not installed", "is not installed") for line in scanned.out.splitlines()]), (
            scanned.out
        )
        assert holds([str(run) for run in scanned.json["runs"]])
        return
    assert holds(scanned.out.splitlines()), f"'{says}' is not in the terminal's report\n{scanned.out}"
    assert holds([str(gap) for gap in scanned.json["gaps"]]), f"'{says}' is not among the gaps of the JSON report"
    assert holds(scanned.coverage()), f"'{says}' is not in the SARIF coverage run\n{scanned.coverage()}"
    assert holds(notifications(scanned.full)), f"'{says}' is not in the full SARIF\n{notifications(scanned.full)}"
    assert not scanned.json["decision"]["complete"]


def lost(scanned: Scanned, adapter: str) -> set[str]:
    """The domains in which something was not looked at since a scanner did not come to its end."""
    own = scanned.run(adapter)
    covered = {(row["domain"], row["item"]) for row in scanned.json["coverage"] if row.get("covered_by")}
    broke = own["outcome"] in ("failed", "timed-out")
    return {claim["domain"] for claim in own["claims"] if broke or (claim["domain"], claim["item"]) not in covered}


def withheld(scanned: Scanned, adapter: str) -> None:
    """The github SARIF has no run of a domain in which an item was lost: it would close its alerts."""
    assert lost(scanned, adapter) or scanned.run(adapter)["outcome"] == "missing"
    assert not lost(scanned, adapter) & set(scanned.domains()), scanned.domains()


def the_rest_goes_on(scanned: Scanned) -> None:
    """magray-sec's own rules came to their end and found what is there, and each report has it."""
    assert scanned.run("regex-rules")["outcome"] == "completed"
    assert PLANTED in {finding["location"]["path"] for finding in found(scanned.json, SECRET_RULE)}
    assert SECRET_RULE in scanned.out or re.search(r"\.\.\. and \d+ more", scanned.out)
    assert SECRET_RULE in {result["ruleId"] for entry in scanned.full["runs"] for result in entry["results"]}


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Scanned:
    """A scan that leaves the scanners of our own, each in a process, no time to begin."""
    folder = tmp_path_factory.mktemp("hurried")
    target = lay_over_all(folder / "target")
    operator(folder, {"tools": programs(folder, lambda *_: Path(NOWHERE))})
    domains = sorted({domain.value for name in WORKERS for domain in adapters.load(name).domains})
    return scan(
        target,
        *("--policy", policy(folder, *domains), *DATABASE, "--timeout", "0.01"),
        environment=surroundings(folder, XDG_CACHE_HOME=str(warm_cache)),
        reports=folder / "reports",
    )


@pytest.mark.parametrize("adapter", WORKERS)
def test_a_worker_that_is_ended_is_no_clean_scan(adapter: str, hurried: Scanned) -> None:
    own = hurried.run(adapter)
    assert (own["outcome"], own["reason"]) == ("timed-out", "it was ended after 0 s")
    assert hurried.code == 3, hurried.said
    said_everywhere(hurried, adapter, "it was ended after 0 s")
    withheld(hurried, adapter)


# Fakes that say what the real program said, or a part of it, or more.


NEWS = b"\nA newer version of this tool is available\n"
REPLAYS: Mapping[str, Callable[[bytes], bytes]] = {
    "whole": bytes,
    "half a JSON": lambda data: data[: len(data) // 2],
    "JSON after log lines": lambda data: b"INFO loading\nINFO done\n" + data,
    "JSON then text": lambda data: data + NEWS,
}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Look:
    """One scan for each change to what was recorded; every program leaves a process behind that outlives it."""

    @functools.cache
    def made(name: str) -> Whole:
        folder = tmp_path_factory.mktemp("replayed")
        target = folder / "target"
        plant(target)
        lay_over_all(target)
        orphans = folder / "orphans"
        orphans.mkdir()

        def fake(fakes: FakeTools, adapter: str, _: str) -> Path:
            leave = ""
            if name == "whole":
                child = FakeTools(folder / "child" / adapter, version="").forks_session("child", orphans / adapter)
                leave = f"os.spawnv(os.P_WAIT, {str(child)!r}, [{str(child)!r}])"
            return replays(fakes.folder, case_of(adapter), change=REPLAYS[name], first=leave)

        return run(folder, warm_cache, target, programs(folder, fake))

    return made


@pytest.mark.parametrize("adapter", PROGRAMS)
def test_the_report_of_a_whole_run_is_believed(adapter: str, replayed: Look) -> None:
    """So that it is the change which the tests below see."""
    scanned = replayed("whole").of(adapter)
    assert scanned.run(adapter)["outcome"] in ("completed", "partial")
    assert seen_by(adapter, scanned)


@pytest.mark.parametrize("adapter", PROGRAMS)
def test_half_a_report_is_none(adapter: str, replayed: Look) -> None:
    scanned = replayed("half a JSON").of(adapter)
    own = scanned.run(adapter)
    assert own["outcome"] == "failed", own
    assert scanned.code == 3, scanned.said
    said_everywhere(scanned, adapter, own["reason"].partition(": ")[2][:60])
    withheld(scanned, adapter)
    the_rest_goes_on(scanned)


@pytest.mark.parametrize("name", ["JSON after log lines", "JSON then text"])
@pytest.mark.parametrize("adapter", PROGRAMS)
def test_a_report_among_other_words_is_whole_or_none(adapter: str, name: str, replayed: Look) -> None:
    """Either it is not believed, or all of it is heard; what follows it is said."""
    scanned, whole = replayed(name).of(adapter), replayed("whole").of(adapter)
    own = scanned.run(adapter)
    if own["outcome"] == "failed":
        assert scanned.code == 3
        withheld(scanned, adapter)
    else:
        assert (own["outcome"], seen_by(adapter, scanned)) == (
            whole.run(adapter)["outcome"],
            seen_by(adapter, whole),
        ), own
    the_rest_goes_on(scanned)


@pytest.mark.parametrize("adapter", PROGRAMS)
def test_a_process_that_a_program_leaves_behind_is_ended(
    adapter: str, replayed: Look, tmp_path_factory: pytest.TempPathFactory
) -> None:
    replayed("whole")
    (note,) = tmp_path_factory.getbasetemp().glob(f"replayed*/orphans/{adapter}")
    assert not is_alive(int(note.read_text()))


def seen_by(adapter: str, scanned: Scanned) -> set[str]:
    """The identities of what a scanner saw."""
    findings = scanned.json["findings"]
    return {f["identity"] for f in findings if adapter in {witness["tool"] for witness in f["witnesses"]}}


def test_a_program_that_is_installed_nowhere_is_said_with_the_line_that_installs_it(
    tmp_path: Path, bare_python: Path, warm_cache: Path
) -> None:
    """Found neither by the operator's word nor on PATH nor beside the Python that runs this."""
    target = tmp_path / "target"
    plant(target)
    for name in PROGRAMS:
        lay_over(case_of(name), target)
    domains = sorted({domain.value for name in PROGRAMS for domain in adapters.load(name).domains})
    scanned = scan(
        target,
        *("--policy", policy(tmp_path, *sorted({"secrets", *domains})), *DATABASE, "--allow-build"),
        environment=surroundings(tmp_path, XDG_CACHE_HOME=str(warm_cache)),
        reports=tmp_path / "reports",
        python=bare_python,
    )
    assert scanned.code == 3
    for name in PROGRAMS:
        program = adapters.load(name)
        own: Any = scanned.run(name)
        assert own["outcome"] == "missing", own
        assert own["reason"] == f"{program.executable} is not installed"
        assert own["hint"] == program.install
        said_everywhere(scanned, name, "is not installed")
    assert any(adapters.load(name).install in scanned.out for name in PROGRAMS)
    the_rest_goes_on(scanned)
