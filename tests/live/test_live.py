"""The real programs (`make live`): over the recorded inputs, where what they print today gives the golden findings, and
all at once over whole repositories, under the confinement that every scan has.

A case whose version has no folder is held against the newest older one. What changed is a reason to record.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import live_scans
import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cases import Case, cases, lay_out
from command_line import SAMPLE, Ended
from magray_sec import adapters, runner
from magray_sec.correlate import correlate
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Step
from magray_sec.model.run import Command, Gap
from magray_sec.normalize import normalize
from record import found, real, version_of

pytestmark = pytest.mark.live

PROGRAMS = [name for name in adapters.names() if adapters.load(name).executable]
NEWEST = {name: max((case.version for case in cases(name)), key=Version) for name in PROGRAMS}
CASES = [case for name in PROGRAMS for case in cases(name) if case.version == NEWEST[name]]


def test_every_program_has_a_recipe() -> None:
    assert {name: adapters.load(name).executable for name in PROGRAMS} == {
        name: recipe["program"] for name, recipe in live_scans.recipes().items()
    }


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_is_installed_in_a_version_that_is_known(name: str) -> None:
    adapter = adapters.load(name)
    tool = found(adapter.executable)
    assert tool.path, live_scans.why_not(name)
    stated = version_of(adapter, tool)
    assert stated == "unversioned" or Version(stated) in SpecifierSet(adapter.versions, prereleases=True)


@pytest.mark.parametrize("case", [case for case in CASES if "edited" not in case.meta()], ids=lambda case: case.id)
def test_what_it_prints_today_gives_the_golden(case: Case, tmp_path: Path) -> None:
    scene = lay_out(case, tmp_path, is_replay=False)
    adapter, tool = scene.adapter, found(scene.adapter.executable)
    assert tool.path, live_scans.why_not(adapter.id)
    context = real(scene, tool, found("cargo"))
    assert adapter.commands is not None
    assert adapter.parse is not None
    claims = adapter.claims(scene.inventory)
    made = adapter.commands(scene.target, claims, context)
    commands = tuple(entry for entry in made if isinstance(entry, Command))
    gaps = tuple(entry for entry in made if isinstance(entry, Gap))
    step = Step(adapter=adapter, claims=claims, commands=commands, gaps=gaps, tool=tool)
    (output,) = runner.execute((step,), context, target_root=scene.target.root)
    if sys.platform == "linux":
        assert all(raw.is_confined is not False for raw in output.outputs), "it had the network, or could write"
    heard = interpret(output, adapter.parse)
    findings = correlate(normalize([heard], scene.source, {adapter.id: adapter}, anchor="").findings)
    golden = json.loads(case.golden.read_text(encoding="ascii"))
    assert heard.run.outcome.value == golden["run"]["outcome"], heard.run.reason
    assert sorted(entry.identity for entry in findings) == sorted(entry["identity"] for entry in golden["findings"])


def test_a_whole_scan_is_done_by_every_scanner(whole: tuple[Path, Ended, Any]) -> None:
    root, ended, report = whole
    assert report is not None, ended.said
    assert ended.code in {0, 1, 3}, ended.said
    assert {run["adapter"] for run in report["runs"]} >= {name for name in PROGRAMS if found_on_path(name)}, root
    wrong = {run["adapter"]: said for run in report["runs"] if (said := live_scans.trouble(run))}
    assert not wrong


def test_a_whole_scan_leaves_the_target_as_it_was(whole: tuple[Path, Ended, Any]) -> None:
    _, ended, report = whole
    assert report is not None, ended.said
    said = [entry.get("message", entry.get("reason")) for entry in (*report["notifications"], *report["gaps"])]
    assert not [text for text in said if "changed while" in text]


def test_what_each_scanner_takes_and_finds(
    whole: tuple[Path, Ended, Any], pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    root, ended, report = whole
    assert report is not None, ended.said
    alone = live_scans.each_alone(report, root, tmp_path)
    rows = live_scans.figures(report, alone)
    load = os.getloadavg()[1]
    summary = f"{root.name}: {len(report['findings'])} findings in {report['duration_s']:.1f} s, all scanners at once"
    lines = pytestconfig.stash.setdefault(live_scans.TABLE, [])
    lines += ["", summary, *live_scans.table(rows)]
    if root != SAMPLE:
        live_scans.store(report, rows, load)
    assert rows
    assert all(row.seconds is not None for row in rows if row.outcome != "skipped")


def found_on_path(name: str) -> bool:
    return found(adapters.load(name).executable).path is not None
