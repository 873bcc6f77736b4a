"""One test over every fixture folder of every scanner: what the real tool printed gives the golden findings."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import REQUIRED, Case, cases, heard, lay_out, outcome
from magray_sec import adapters
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Step, StepOutput
from magray_sec.model.run import Command, RawOutput
from magray_sec.model.scale import Outcome

CASES = cases()
# What is nearly a report: valid JSON of every kind, and nested beyond reason.
ALMOST = (
    b"",
    b"{}",
    b"null",
    b"0",
    b'""',
    b"{" * 9,
    b"[" * 100_000,
    b'{"results": null}',
    b'{"runs": []}',
    b"\xff\xfe{}",
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case_gives_its_golden(case: Case, tmp_path: Path, golden: bool) -> None:
    made = json.dumps(outcome(lay_out(case, tmp_path)), indent=1, ensure_ascii=True, sort_keys=False) + "\n"
    if golden:
        case.golden.write_text(made, encoding="ascii")
    assert case.golden.exists(), "no golden yet: run `make golden` and read it"
    assert json.loads(made) == json.loads(case.golden.read_text(encoding="ascii"))


@pytest.mark.parametrize("name", adapters.names())
def test_every_scanner_has_its_cases(name: str) -> None:
    """None, one, many, and at least one whose output is not that of a whole run."""
    own = [case for case in CASES if case.adapter == name]
    missing = [kind for kind in REQUIRED if not any(case.name.startswith(kind) for case in own)]
    ended = [json.loads(case.golden.read_text())["run"] for case in own if case.golden.exists()]
    broken = [run for run in ended if run["outcome"] not in ("completed", "not-applicable") and run.get("reason")]
    missing += [] if broken else ["broken"]
    assert not missing, f"fixtures/adapters/{name}/<version>/ has no case for: {', '.join(missing)}"


@pytest.mark.parametrize("case", [case for case in CASES if case.name.startswith("none")], ids=lambda case: case.id)
def test_a_clean_run_is_completed_without_findings(case: Case, tmp_path: Path) -> None:
    interpretation = heard(lay_out(case, tmp_path))
    assert interpretation.run.outcome is Outcome.COMPLETED
    assert not interpretation.sightings


@pytest.mark.parametrize("case", [case for case in CASES if case.name.startswith("many")], ids=lambda case: case.id)
def test_many_are_many(case: Case, tmp_path: Path) -> None:
    assert len(heard(lay_out(case, tmp_path)).sightings) > 1


@pytest.mark.parametrize("name", [name for name in adapters.names() if adapters.load(name).parse])
@settings(max_examples=60, deadline=None)
@given(
    data=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode), st.sampled_from(ALMOST)),
    exit_code=st.integers(-15, 255),
    is_import=st.booleans(),
)
def test_random_bytes_are_never_a_completed_run(name: str, data: bytes, exit_code: int, is_import: bool) -> None:
    adapter = adapters.load(name)
    command = Command(argv=("x",), facts={"root": "/target", "unchecked": "", "generated": ""})
    raw = RawOutput(command=command, exit_code=exit_code, stdout=data, stderr=data)
    step = Step(adapter=adapter, claims=(), commands=(command,))
    output = StepOutput(step=step, version=None, outputs=(raw,), started=datetime.now(UTC), duration_s=0.0)
    assert adapter.parse is not None
    assert interpret(output, adapter.parse, is_import=is_import).run.outcome is not Outcome.COMPLETED
