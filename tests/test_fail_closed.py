"""A scanner that does not come to an end that can be trusted is never a clean scan: through the real command line, for
every scanner that is a program, with fakes that behave as badly as programs do.

One scan a behaviour: all programs misbehave in the same way over a tree that holds each one's own fixture, and each is
judged by itself. Where the fake needs what the real one would have printed, each has a scan of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command_line import Scanned, scan, surroundings
from fake_tools import BEHAVIOURS, FakeTools, is_alive
from magray_sec import adapters
from planting import DATABASE, SECRET_RULE, found, notifications, operator, plant, policy
from replays import SCANNERS, case_of, lay_over, lay_over_all, replays

PROGRAMS = tuple(name for name in SCANNERS if adapters.load(name).executable)
# The history is looked at where it is asked for: see test_scopes.
WORKERS = tuple(name for name in SCANNERS if name not in PROGRAMS and not adapters.load(name).needs.git_history)
TIME_LIMIT_S = 4
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


TIMED_OUT = Expected(outcome="timed-out", says=f"it was ended after {TIME_LIMIT_S} s")
NOT_WHOLE = failed("its output is not that of a finished run")
TABLE: Mapping[str, Expected] = {
    "missing": missing("is not there"),
    "not executable": missing("is not executable"),
    "wrong platform": failed("made for another platform, or damaged"),
    "exits 101": failed("it ended with exit code 101: thread 'main' panicked"),
    "prints garbage": NOT_WHOLE,
    "prints nothing": NOT_WHOLE,
    "a million nested brackets": failed("nested too deeply"),
    "hangs": TIMED_OUT,
    "ignores SIGTERM": TIMED_OUT,
    "fills 1 GB of output": failed("it printed more than the 256 MB that are read"),
    "is killed": failed("it ended with signal 9"),
}


def run(
    folder: Path, cache: Path, target: Path, fakes: Mapping[str, Path], *domains: str, ends: bool = True
) -> Scanned:
    """Scan with the fakes in the programs' places, nothing in the places of what they would start, and a policy that
    requires the domains and blocks nothing.
    """
    home = folder / "home"
    helpers = {name: f"/nonexistent/{name}" for entry in adapters.names() for name in adapters.load(entry).uses}
    operator(home, {"tools": helpers | {adapters.load(name).executable: str(path) for name, path in fakes.items()}})
    arguments = ["--policy", policy(folder, "secrets", *domains), *DATABASE, "--allow-build"]
    arguments += [] if ends else ["--timeout", str(TIME_LIMIT_S)]
    environment = surroundings(home, XDG_CACHE_HOME=str(cache))
    return scan(target, *arguments, environment=environment, reports=folder / "reports")


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Callable[[str], Scanned]:
    """One scan a behaviour, of a tree with every program's fixture in it."""

    @functools.cache
    def made(behaviour: str) -> Scanned:
        folder = tmp_path_factory.mktemp("behaviour")
        target = folder / "target"
        plant(target)
        fakes: dict[str, Path] = {}
        for name in PROGRAMS:
            case, executable = case_of(name), adapters.load(name).executable
            lay_over(case, target)
            tools = FakeTools(folder / name, version=f"{name} {case.version}")
            fakes[name] = (
                tools.folder / "nothing" if behaviour == "missing" else BEHAVIOURS[behaviour](tools, executable)
            )
        domains = sorted({domain.value for name in PROGRAMS for domain in adapters.load(name).domains})
        return run(folder, warm_cache, target, fakes, *domains, ends=TABLE[behaviour] is not TIMED_OUT)

    return made


@pytest.mark.parametrize("adapter", PROGRAMS)
@pytest.mark.parametrize("behaviour", TABLE)
def test_no_behaviour_is_a_clean_scan(behaviour: str, adapter: str, scans: Callable[[str], Scanned]) -> None:
    scanned, expected = scans(behaviour), TABLE[behaviour]
    own = scanned.run(adapter)
    assert (own["outcome"], expected.says in own["reason"]) == (expected.outcome, True), own
    assert scanned.code == 3, scanned.said
    assert "INCOMPLETE" in scanned.out
    said_everywhere(scanned, adapter, expected.says)
    withheld(scanned, adapter)
    the_rest_goes_on(scanned)


def said_everywhere(scanned: Scanned, adapter: str, says: str) -> None:
    """A sentence that names the scanner and the reason stands in every format."""

    def holds(lines: list[str]) -> bool:
        return any(adapter in line and says in line for line in lines)

    assert holds(scanned.out.splitlines()), f"'{says}' is not in the terminal's report\n{scanned.out}"
    assert holds([str(gap) for gap in scanned.json["gaps"]]), f"'{says}' is not among the gaps of the JSON report"
    assert holds(scanned.coverage()), f"'{says}' is not in the SARIF coverage run\n{scanned.coverage()}"
    assert holds(notifications(scanned.full)), f"'{says}' is not in the full SARIF\n{notifications(scanned.full)}"
    assert not scanned.json["decision"]["complete"]


def withheld(scanned: Scanned, adapter: str) -> None:
    """The github SARIF has no run of a domain in which an item was lost: it would close its alerts."""
    own = scanned.run(adapter)
    covered = {(row["domain"], row["item"]) for row in scanned.json["coverage"] if row.get("covered_by")}
    broke = own["outcome"] in ("failed", "timed-out")
    lost = {c["domain"] for c in own["claims"] if broke or (c["domain"], c["item"]) not in covered}
    assert lost, own
    assert not lost & set(scanned.domains()), scanned.domains()


def the_rest_goes_on(scanned: Scanned) -> None:
    """magray-sec's own rules came to their end and found what is there, and each report has it."""
    assert scanned.run("regex-rules")["outcome"] == "completed"
    assert len(found(scanned.json, SECRET_RULE)) == 1
    assert SECRET_RULE in scanned.out
    assert SECRET_RULE in {result["ruleId"] for entry in scanned.full["runs"] for result in entry["results"]}


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Scanned:
    """A scan that leaves the scanners of our own, each in a process, no time to begin."""
    folder = tmp_path_factory.mktemp("hurried")
    target = lay_over_all(folder / "target")
    operator(folder, {"tools": {name: f"/nonexistent/{name}" for name in ("cargo", "cargo-audit")}})
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


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What becomes of each recorded output, and how the run ends. `leaves`: a process that outlives the program."""

    change: Callable[[bytes], bytes] = bytes
    expected: Expected
    leaves: bool = False


REPLAYS: Mapping[str, Replay] = {
    "half a JSON": Replay(change=lambda data: data[: len(data) // 2], expected=NOT_WHOLE),
    "JSON after log lines": Replay(change=lambda data: b"INFO loading\nINFO done\n" + data, expected=NOT_WHOLE),
    "JSON then text": Replay(
        change=lambda data: data + b"\nA newer version of this tool is available\n",
        expected=Expected(outcome="completed", says="what follows its report"),
    ),
    "forks a child with its own session": Replay(leaves=True, expected=Expected(outcome="completed", says="")),
}


@pytest.mark.parametrize("adapter", PROGRAMS)
@pytest.mark.parametrize("name", REPLAYS)
def test_output_that_is_not_quite_that_of_a_whole_run(
    name: str, adapter: str, tmp_path: Path, warm_cache: Path
) -> None:
    replay, case, target, orphan = REPLAYS[name], case_of(adapter), tmp_path / "target", tmp_path / "orphan.pid"
    plant(target)
    lay_over(case, target)
    leave = ""
    if replay.leaves:
        child = FakeTools(tmp_path / "child", version="").forks_session("child", orphan)
        leave = f"os.spawnv(os.P_WAIT, {str(child)!r}, [{str(child)!r}])"
    fake = replays(tmp_path / "tools", case, change=replay.change, first=leave)
    scanned = run(tmp_path, warm_cache, target, {adapter: fake})
    own = scanned.run(adapter)
    assert own["outcome"] == replay.expected.outcome, own
    the_rest_goes_on(scanned)
    if replay.expected.outcome == "completed":
        assert scanned.code == 0, scanned.said
        assert [f for f in scanned.json["findings"] if adapter in {witness["tool"] for witness in f["witnesses"]}]
        assert {domain.value for domain in adapters.load(adapter).domains} <= set(scanned.domains())
        warnings = [entry for entry in own.get("notifications", ()) if replay.expected.says in entry["message"]]
        assert warnings or not replay.expected.says, own
    else:
        assert scanned.code == 3, scanned.said
        said_everywhere(scanned, adapter, replay.expected.says)
        withheld(scanned, adapter)
    if replay.leaves:
        assert not is_alive(int(orphan.read_text()))


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
        *("--policy", policy(tmp_path, "secrets", *domains), *DATABASE, "--offline"),
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
        assert program.install in scanned.out
        said_everywhere(scanned, name, "is not installed")
    the_rest_goes_on(scanned)
