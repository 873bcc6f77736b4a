"""hadolint and ShellCheck: what they are given, what their words mean, and reports of other versions."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from magray_sec.adapters import _lint
from magray_sec.adapters.hadolint import ADAPTER as HADOLINT
from magray_sec.adapters.shellcheck import ADAPTER as SHELLCHECK
from magray_sec.discover import discover
from magray_sec.model.adapter import Adapter, ParseError
from magray_sec.model.finding import Sighting
from magray_sec.model.run import Command, Gap, GapKind, Limits, Notification, RawOutput, ScanContext
from magray_sec.model.scale import Severity
from trees import write

ENTRY = {"code": "DL3002", "column": 1, "file": "Dockerfile", "level": "warning", "line": 2, "message": "Last USER"}
COMMENT = {"file": "a.sh", "line": 2, "endLine": 2, "column": 6, "endColumn": 8, "level": "info", "code": 2086}


def asked(adapter: Adapter, root: Path) -> tuple[list[Command], list[Gap]]:
    target, inventory = discover(str(root), Limits())
    started = datetime(2026, 1, 1, tzinfo=UTC)
    context = ScanContext(today=date(2026, 1, 1), started=started, work="/work", cache=None, inventory=inventory)
    assert adapter.commands
    made = adapter.commands(target, adapter.claims(inventory), context)
    return [one for one in made if isinstance(one, Command)], [one for one in made if isinstance(one, Gap)]


def said(adapter: Adapter, value: Any, **more: Any) -> list[Any]:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert adapter.parse
    return list(adapter.parse(RawOutput(command=Command(argv=()), stdout=data, **more)))


def sightings(adapter: Adapter, value: Any, **more: Any) -> list[Sighting]:
    return [entry for entry in said(adapter, value, **more) if isinstance(entry, Sighting)]


def test_scripts_are_found_by_suffix_name_and_first_line(tmp_path):
    scripts = {"a.sh": "", "-b.bash": "", ".envrc": "", "run": "#!/usr/bin/env -S bash -e\n", "old": "#!/bin/dash\n"}
    others = {
        "c.py": "",
        "README": "sh\n",
        "tool": "#!/usr/bin/env python\n",
        "d.zsh": "",
        "e": "#!/bin/zsh -f\n",
        ".zshrc": "",
    }
    write(tmp_path, scripts | others)
    (command,), gaps = asked(SHELLCHECK, tmp_path)
    given = command.argv[command.argv.index("--") + 1 :]
    assert sorted(given) == sorted(str(tmp_path / name) for name in scripts)
    assert sorted(gap.path for gap in gaps) == [".zshrc", "d.zsh", "e"]
    assert all(gap.kind is GapKind.FILE and "zsh" in gap.reason for gap in gaps)
    assert {name for name in scripts | others if SHELLCHECK.reads and SHELLCHECK.reads(name)} >= set(scripts)


def test_no_command_line_is_longer_than_systems_allow():
    paths = [f"/{'x' * 200}/{number}" for number in range(5000)]
    batches = list(_lint.batches(paths))
    assert [path for batch in batches for path in batch] == paths
    assert all(sum(map(len, batch)) < 128 * 1024 and len(batch) <= 1000 for batch in batches)
    assert list(_lint.batches(["/" + "y" * 200_000])) == [("/" + "y" * 200_000,)]


@pytest.mark.parametrize("level", ["error", "warning", "info", "style", "", "loud"])
def test_a_level_is_no_more_than_low(level: str):
    expected = {"error": Severity.LOW, "warning": Severity.LOW, "info": Severity.INFO, "style": Severity.INFO}
    for adapter, value in (
        (HADOLINT, [{**ENTRY, "level": level}]),
        (SHELLCHECK, {"comments": [{**COMMENT, "level": level}]}),
    ):
        (one,) = sightings(adapter, value)
        assert (one.severity, one.native_severity) == (expected.get(level, Severity.UNKNOWN), level)


def test_a_report_of_an_old_format_is_read():
    (one,) = sightings(SHELLCHECK, [{**COMMENT, "message": "Double quote"}])
    assert (one.native_rule, one.place and one.place.start_column) == ("SC2086", 6)
    (other,) = sightings(SHELLCHECK, {"comments": [{"file": "a.sh", "code": "SC2294", "line": 1}]})
    assert other.rule
    assert (other.native_rule, other.rule.id) == ("SC2294", "code/eval-variable")
    (least,) = sightings(HADOLINT, [{"code": "DL9999", "line": 0}])
    assert least.rule
    assert least.rule.id == "code/hadolint.dl9999"


@pytest.mark.parametrize("adapter", [HADOLINT, SHELLCHECK], ids=lambda adapter: adapter.id)
@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"", "printed nothing"),
        ({"bomFormat": "CycloneDX"}, "it is a CycloneDX SBOM"),
        ([{"secret_type": "x"}], "secret scanning alerts"),
        (b"[", "breaks off"),
        ({"comments": 3}, "known shape|of ShellCheck"),
        ([3], "known shape"),
    ],
)
def test_what_is_no_report_is_refused(adapter: Adapter, value: Any, says: str):
    with pytest.raises(ParseError, match=says):
        said(adapter, value)


@pytest.mark.parametrize(("adapter", "nothing"), [(HADOLINT, []), (SHELLCHECK, {"comments": []})])
def test_an_exit_code_that_speaks_of_findings_needs_some(adapter: Adapter, nothing: Any):
    with pytest.raises(ParseError, match="says that it found something"):
        said(adapter, nothing, exit_code=1)
    assert not sightings(adapter, nothing, exit_code=0)


def test_files_that_could_not_be_read_have_to_be_named():
    with pytest.raises(ParseError, match="does not say which"):
        said(SHELLCHECK, {"comments": []}, exit_code=2, stderr=b"something\n")


@pytest.mark.parametrize("printed", ["/target/\ufffd.sh", "/target/\ufffd\ufffd\ufffd.sh"])
def test_a_name_that_is_no_utf_8_is_found_again(printed: str):
    path = "/target/\udcff.sh"
    paths = _lint.Paths(Command(argv=(), inputs=(path,), facts={"root": "/target"}))
    assert paths.relative(printed) == "\udcff.sh"


def test_comments_that_silence_shellcheck_are_told():
    path = "/target/a.sh"
    command = Command(argv=(), inputs=(path,), facts={"root": "/target"})
    text = (
        b"#!/bin/sh\n# shellcheck disable=SC1,SC2 # why\n# shellcheck shell=sh\n  # shellcheck  source=a disable=all\n"
    )
    raw = RawOutput(command=command, stdout=b'{"comments": []}', exit_code=0, inputs={path: text})
    assert SHELLCHECK.parse
    (note,) = [entry for entry in SHELLCHECK.parse(raw) if isinstance(entry, Notification)]
    assert (note.path, note.message.rpartition(" on ")[2]) == ("a.sh", "line 2, 4")
