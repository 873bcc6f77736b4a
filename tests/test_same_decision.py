"""One decision, said the same in every format: the terminal, JSON, SARIF, Markdown and the exit code."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
from magray_sec.model.report import ScanReport
from magray_sec.model.scale import Verdict
from magray_sec.policy.explain import Case
from magray_sec.policy.judge import exit_code
from magray_sec.report import json_v1, markdown, sarif, text
from test_judge import POLICIES, TODAY

_LEVELS = {Verdict.BLOCK: "error", Verdict.REVIEW: "warning", Verdict.PASS: "note"}


@st.composite
def judged_reports(draw) -> ScanReport:
    """A report whose decision a policy made of what is in it."""
    report = draw(strategies.reports())
    made = Case(
        findings=report.findings,
        gaps=tuple(ruling.gap for ruling in report.decision.gaps),
        runs=report.runs,
        not_applicable=draw(st.frozensets(strategies.domains, max_size=2)),
        database=report.database,
        policy=draw(st.sampled_from(POLICIES)),
        today=TODAY,
        branch=draw(st.sampled_from((None, "main"))),
        event=draw(st.sampled_from((None, "push"))),
    )
    return replace(report, decision=made.judged())


def rendered(report: ScanReport) -> tuple[str, dict[str, Any], dict[str, Any], str]:
    page, stored, full, summary = io.StringIO(), io.BytesIO(), io.BytesIO(), io.BytesIO()
    text.render(report, page, verbose=True)
    json_v1.render(report, stored)
    sarif.render(report, full, profile="full")
    markdown.render(report, summary)
    return page.getvalue(), json.loads(stored.getvalue()), json.loads(full.getvalue()), summary.getvalue().decode()


@settings(max_examples=60, deadline=None)
@given(judged_reports())
def test_every_format_says_what_the_decision_says(report: ScanReport) -> None:
    decision = report.decision
    verdict, incomplete = decision.verdict.value, not decision.complete
    page, stored, full, summary = rendered(report)

    headline = next(line for line in page.splitlines() if line.startswith("Verdict: "))
    assert headline == f"Verdict: {verdict.upper()}{', INCOMPLETE' if incomplete else ''}"

    assert (stored["decision"]["verdict"], stored["decision"]["complete"]) == (verdict, decision.complete)
    assert [entry["verdict"] for entry in stored["findings"]] == [ruling.verdict.value for ruling in decision.rulings]
    assert [reason["message"] for reason in stored["decision"].get("reasons", [])] == [
        reason.message for reason in decision.reasons
    ]

    top = summary.splitlines()[0].upper()
    assert verdict.upper() in top
    assert ("INCOMPLETE" in top) is incomplete

    levels = Counter(
        result.get("level", "warning")
        for run in full["runs"]
        if not run["automationDetails"]["id"].endswith("/coverage/")
        for result in run["results"]
        if result.get("baselineState") != "absent"
    )
    assert levels == Counter(_LEVELS[ruling.verdict] for ruling in decision.rulings)

    again = json_v1.parse(json.dumps(stored).encode())
    for fail_on in ("block", "review", "never"):
        assert exit_code(again.decision, fail_on) == exit_code(decision, fail_on)
    if exit_code(decision, "block") == 1:
        assert headline.startswith("Verdict: BLOCK")
