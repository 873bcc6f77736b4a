"""bandit: what its tests mean here, what hides nothing, reports made elsewhere; one flaw seen by three is one finding."""

from __future__ import annotations

import json
from typing import Any

import pytest

from magray_sec import adapters, datafiles
from magray_sec.adapters import _bandit_tests
from magray_sec.model.adapter import ParseError, Said
from magray_sec.model.finding import Sighting
from magray_sec.model.run import Command, Gap, RawOutput
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.regex.pack import load_packs
from planting import token

BANDIT = adapters.load("bandit")


def result(test: str, **changed: Any) -> dict[str, Any]:
    return {
        "test_id": test,
        "filename": "./app.py",
        "line_number": 3,
        "line_range": [3],
        "issue_text": "words",
        "issue_severity": "MEDIUM",
        "issue_confidence": "HIGH",
        "code": "2 import os\n3 os.system(line)\n",
    } | changed


def heard(*results: dict[str, Any], **report: Any) -> list[Said]:
    assert BANDIT.parse is not None
    printed = {"results": results, "errors": [], "metrics": {"_totals": {"loc": 3}}} | report
    return list(BANDIT.parse(RawOutput(command=Command(argv=()), stdout=json.dumps(printed).encode())))


def only(*results: dict[str, Any]) -> Sighting:
    (sighting,) = [entry for entry in heard(*results) if isinstance(entry, Sighting)]
    return sighting


@pytest.mark.parametrize(
    ("reported", "rule"),
    [
        (result("B608"), "code/sql-injection"),
        (result("B608", issue_confidence="LOW"), "code/sql-statement-formatting"),
        (result("B605", issue_severity="HIGH"), "code/shell-command-from-variable"),
        (result("B605", issue_severity="HIGH", code='3 os.system("a " + b)\n'), "code/command-injection"),
        (result("B602", issue_severity="LOW"), "code/bandit.b602"),
        (result("B301"), "code/unsafe-deserialization"),
        (result("B101"), "code/bandit.b101"),
        (result("B999"), "code/bandit.b999"),
    ],
)
def test_what_a_test_means(reported: dict[str, Any], rule: str) -> None:
    sighting = only(reported)
    assert sighting.rule is not None
    assert sighting.rule.id == rule


def test_rules_of_the_packs_are_called_as_there() -> None:
    ours = {rule.canonical: rule.title for rule in load_packs(datafiles.files("rules"), None).rules}
    for number in range(100, 800):
        for severity, confidence in (("HIGH", "HIGH"), ("MEDIUM", "LOW")):
            rule, title = _bandit_tests.meaning(f"B{number}", severity=severity, confidence=confidence, code='f"{a}"')
            if ".b" not in rule:
                assert ours[rule] == title


def test_a_password_is_a_secret_of_low_confidence_and_is_not_told() -> None:
    value = token(20)
    sighting = only(result("B105", issue_text=f"Possible hardcoded password: '{value}'", issue_severity="LOW"))
    assert (sighting.domain, sighting.confidence, sighting.severity) == (Domain.SECRETS, Confidence.LOW, Severity.LOW)
    assert value not in repr(sighting)


def test_what_a_comment_would_have_hidden_is_marked() -> None:
    assert only(result("B605", code="3 os.system(line)  # nosec B605\n")).hidden_by
    assert not only(result("B605", code="2 other()  # nosec\n3 os.system(line)\n")).hidden_by


def test_reports_of_old_versions() -> None:
    old = {
        "test_id": "B303",
        "filename": "a.py",
        "line_number": 1,
        "issue_severity": "MEDIUM",
        "issue_confidence": "HIGH",
    }
    assert only(old).severity is Severity.MEDIUM


def test_a_file_that_does_not_parse_is_a_gap() -> None:
    errors = [{"filename": "bad.py", "reason": "syntax error while parsing AST from file"}]
    gaps = [entry for entry in heard(errors=errors) if isinstance(entry, Gap)]
    assert [gap.path for gap in gaps] == ["bad.py"]


def test_what_is_no_report_of_a_finished_run() -> None:
    with pytest.raises(ParseError, match="totals"):
        heard(metrics={})
    assert BANDIT.parse is not None
    for other in (
        b'{"results": [], "errors": [], "paths": {"scanned": []}}',
        b"[]",
        b'{"runs": [], "version": "2.1.0"}',
    ):
        with pytest.raises(ParseError):
            list(BANDIT.parse(RawOutput(command=Command(argv=()), stdout=other)))


def test_it_fails_where_it_looked_at_none_of_the_files() -> None:
    assert BANDIT.parse is not None
    command = Command(argv=("bandit", "--", "/t/a.py"), facts={"root": "/t", "given": "1"})
    stdout = json.dumps({"results": [], "errors": [], "metrics": {"_totals": {}}}).encode()
    with pytest.raises(ParseError, match="none of the files"):
        list(BANDIT.parse(RawOutput(command=command, stdout=stdout)))
