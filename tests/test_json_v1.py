from __future__ import annotations

import io
import json
from dataclasses import replace

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import reports
import strategies
from magray_sec import datafiles
from magray_sec.errors import EngineError, ReportError
from magray_sec.model import run as model_run
from magray_sec.model import scale
from magray_sec.model.finding import Location, Region
from magray_sec.model.report import ScanReport
from magray_sec.report import _json_v1_shape as shape
from magray_sec.report import json_v1, sarif

with open(datafiles.schema("report-v1"), encoding="utf-8") as _file:
    SCHEMA = json.load(_file)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# Whole reports are slow to make smaller, and a failing one says enough as it is.
EVERYTHING = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def rendered(report: ScanReport) -> bytes:
    sink = io.BytesIO()
    json_v1.render(report, sink)
    return sink.getvalue()


def as_sarif(report: ScanReport, profile: str) -> bytes:
    sink = io.BytesIO()
    sarif.render(report, sink, profile=profile)
    return sink.getvalue()


@EVERYTHING
@given(strategies.reports())
def test_a_report_that_was_stored_is_the_same_report(made):
    data = rendered(made)
    again = json_v1.parse(data)
    assert again == json_v1.portable(made)
    assert rendered(again) == data


@settings(EVERYTHING, max_examples=15)
@given(strategies.reports())
def test_a_stored_report_gives_the_same_sarif_byte_by_byte(made):
    again = json_v1.parse(rendered(made))
    for profile in ("github", "full"):
        assert as_sarif(again, profile) == as_sarif(made, profile)


@settings(EVERYTHING, max_examples=15)
@given(strategies.reports())
def test_what_is_written_is_what_the_published_schema_says(made):
    VALIDATOR.validate(json.loads(rendered(made)))


def test_a_real_report_is_what_the_published_schema_says():
    VALIDATOR.validate(json.loads(rendered(reports.realistic())))


def test_the_published_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_published_schema_has_every_field_and_no_other():
    described = {"Report": SCHEMA, **SCHEMA["$defs"]}
    shapes = {
        name: kind
        for name, kind in vars(shape).items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and name not in ("Head", "_Shape")
    }
    assert len(shapes) > 20
    for name, kind in shapes.items():
        fields = {field.name: field.required for field in msgspec.structs.fields(kind)}
        assert set(described[name]["properties"]) == set(fields), name
        assert set(described[name]["required"]) == {field for field, required in fields.items() if required}, name
        assert described[name]["additionalProperties"] is False


@pytest.mark.parametrize(
    "kind",
    [
        scale.Severity,
        scale.Confidence,
        scale.Domain,
        scale.Outcome,
        scale.Verdict,
        scale.State,
        model_run.GapKind,
        model_run.ItemKind,
        model_run.Level,
    ],
    ids=lambda kind: kind.__name__,
)
def test_the_published_schema_has_every_word(kind):
    assert SCHEMA["$defs"][kind.__name__]["enum"] == [member.value for member in kind]


def test_the_published_schema_has_every_reason_to_skip_a_file():
    words = SCHEMA["$defs"]["Skipped"]["properties"]["reason"]["enum"]
    skipped = tuple(model_run.Skipped(reason=reason, path="x") for reason in model_run.SkipReason)
    made = json.loads(rendered(reports.report(skipped=skipped)))
    assert [entry["reason"] for entry in made["skipped"]] == words
    assert len(words) == len(model_run.SkipReason)


def test_says_first_what_it_is_and_what_was_decided():
    made = json.loads(rendered(reports.realistic()))
    assert list(made)[:8] == ["schema", "version", "tool", "target", "started", "duration_s", "whole", "decision"]
    assert (made["schema"], made["version"]) == ("magray-sec/report", 1)
    assert made["tool"] == {"name": "magray-sec", "version": "1.2.3"}
    assert made["started"] == "2026-03-01T12:00:00.250000Z"
    assert made["decision"]["verdict"] == "block"


def test_a_finding_carries_its_ruling_and_names_its_rule():
    made = json.loads(rendered(reports.realistic()))
    first = made["findings"][0]
    assert (first["verdict"], first["policy_rule"], first["waiver"]) == ("pass", "dangerous-patterns", 0)
    assert first["rule"] == "code/sql-format"
    assert [rule["id"] for rule in made["rules"]] == sorted(rule["id"] for rule in made["rules"])
    assert len(made["rules"]) == 4


def test_names_that_are_no_text_are_shown_and_kept():
    location = Location(path="src/b\udcff\x1b[31m ##[x].rs", region=Region(start_line=3))
    made = reports.report((reports.finding(location=location),), anchor="a\udcfe")
    data = rendered(made)
    stored = json.loads(data)["findings"][0]["location"]
    assert stored == {
        "path": "src/b\\xff\\u001b[31m #\\x23[x].rs",
        "uri": "src/b%FF%1B%5B31m%20%23%23%5Bx%5D.rs",
        "region": {"start_line": 3},
    }
    assert json_v1.parse(data) == json_v1.portable(made)


def test_nothing_of_this_machine_is_stored():
    data = rendered(reports.realistic())
    assert b"/home/somebody" not in data
    assert b".cache/db" not in data


def test_each_entry_of_a_list_has_a_line_of_its_own():
    lines = rendered(reports.realistic()).decode("utf-8").splitlines()
    assert lines[0] == "{"
    assert lines[-1] == "}"
    assert sum(line.startswith('  {"identity"') for line in lines) == 5
    assert '"notifications": [' in lines


def test_text_that_no_filter_saw_is_still_written():
    made = reports.report((reports.finding(message="half \ud800 of it"),))
    assert json.loads(rendered(made))["findings"][0]["message"] == "half \ufffd of it"


def test_rulings_that_do_not_fit_are_not_told():
    made = reports.report((reports.finding(1), reports.finding(2)))
    with pytest.raises(EngineError):
        rendered(replace(made, decision=replace(made.decision, rulings=made.decision.rulings[:1])))
    unjudged = replace(made, decision=replace(made.decision, rulings=()))
    assert json_v1.parse(rendered(unjudged)) == json_v1.portable(unjudged)


def _changed(change) -> bytes:
    document = json.loads(rendered(reports.realistic()))
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("data", "says", "todo"),
    [
        (b"", "no report of magray-sec", "scan --json FILE"),
        (b"not json", "no report of magray-sec", "scan --json FILE"),
        (b"\xff\xfe", "no report of magray-sec", "scan --json FILE"),
        (b"[]", "no report of magray-sec", "scan --json FILE"),
        (b"{}", "its schema is not 'magray-sec/report'", "scan --json FILE"),
        (b"[" * 100_000, "no report of magray-sec", "scan --json FILE"),
        (b'{"schema": "magray-sec/report", "version": 1}', "damaged", "scan again"),
        (
            b'{"schema": "magray-sec/report", "version": 2, "tool": {"version": "9.1.0"}}',
            "is of version 2",
            "magray-sec 9.1.0",
        ),
        (
            b'{"schema": "magray-sec/report", "version": 2, "tool": {"version": "\\u001b[1m"}}',
            "version 2",
            "magray-sec that",
        ),
        (rendered(reports.realistic())[:-200], "no report of magray-sec", "scan --json FILE"),
        (_changed(lambda d: d.update(news=1)), "damaged or of a newer magray-sec", "scan again"),
        (_changed(lambda d: d["findings"][0].update(news=1)), "damaged or of a newer magray-sec", "scan again"),
        (_changed(lambda d: d["findings"][0].update(severity="awful")), "damaged", "scan again"),
        (_changed(lambda d: d["findings"][0].update(rule="gone")), "its rule 'gone' is not in it", "scan again"),
        (_changed(lambda d: d["findings"][0].pop("verdict")), "some of its findings have no verdict", "scan again"),
        (_changed(lambda d: d["findings"][1]["location"].update(region={"start_line": 0})), "damaged", "scan again"),
        (_changed(lambda d: d["items"][0].update(kind="tree")), "is not of the kind 'tree'", "scan again"),
        (_changed(lambda d: d["skipped"][0].update(reason="mood")), "'mood' is no reason", "scan again"),
        (_changed(lambda d: d.pop("gaps")), "damaged", "scan again"),
        (_changed(lambda d: d.update(started="yesterday")), "damaged", "scan again"),
    ],
)
def test_what_is_not_one_of_ours_is_refused_with_what_to_do(data, says, todo):
    with pytest.raises(ReportError) as caught:
        json_v1.parse(data)
    assert caught.value.exit_code == 2
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert todo in caught.value.hint


@EVERYTHING
@given(st.binary(max_size=200) | st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("schema", "version", "tool")), inner, max_size=3)).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_other_bytes_are_refused_and_break_nothing(data):
    with pytest.raises(ReportError):
        json_v1.parse(data)


def test_many_findings_come_back():
    made = reports.large(2_000)
    assert json_v1.parse(rendered(made)) == json_v1.portable(made)
