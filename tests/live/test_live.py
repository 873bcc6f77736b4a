"""The real programs over the recorded inputs: what they print today gives the golden findings (`make live`).

A case whose version has no folder is held against the newest older one. What changed is a reason to record.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cases import Case, cases, lay_out
from magray_sec import adapters, runner
from magray_sec.correlate import correlate
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Step
from magray_sec.model.run import Command, Gap
from magray_sec.normalize import normalize
from record import found, real

pytestmark = pytest.mark.live

PROGRAMS = [name for name in adapters.names() if adapters.load(name).executable]
NEWEST = {name: max(case.version for case in cases(name)) for name in PROGRAMS}
CASES = [case for name in PROGRAMS for case in cases(name) if case.version == NEWEST[name]]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_is_installed(name: str) -> None:
    adapter = adapters.load(name)
    assert found(adapter.executable).path, f"install it: {adapter.install}"


@pytest.mark.parametrize("case", [case for case in CASES if "edited" not in case.meta()], ids=lambda case: case.id)
def test_what_it_prints_today_gives_the_golden(case: Case, tmp_path: Path) -> None:
    scene = lay_out(case, tmp_path, is_replay=False)
    adapter, tool = scene.adapter, found(scene.adapter.executable)
    context = real(scene, tool, found("cargo"))
    assert adapter.commands is not None
    assert adapter.parse is not None
    claims = adapter.claims(scene.inventory)
    made = adapter.commands(scene.target, claims, context)
    commands = tuple(entry for entry in made if isinstance(entry, Command))
    gaps = tuple(entry for entry in made if isinstance(entry, Gap))
    step = Step(adapter=adapter, claims=claims, commands=commands, gaps=gaps, tool=tool)
    (output,) = runner.execute((step,), context, target_root=scene.target.root)
    heard = interpret(output, adapter.parse)
    findings = correlate(normalize([heard], scene.source, {adapter.id: adapter}, anchor="").findings)
    golden = json.loads(case.golden.read_text(encoding="ascii"))
    assert heard.run.outcome.value == golden["run"]["outcome"], heard.run.reason
    assert sorted(entry.identity for entry in findings) == sorted(entry["identity"] for entry in golden["findings"])
