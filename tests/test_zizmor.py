"""zizmor: which files it is given, where its findings are placed, what would have hidden them, older reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from magray_sec.adapters.zizmor import ADAPTER, claims, commands, imported, parse
from magray_sec.discover import discover
from magray_sec.model.adapter import ParseError
from magray_sec.model.finding import Sighting
from magray_sec.model.run import Command, Gap, GapKind, Limits, RawOutput, ScanContext
from magray_sec.model.scale import Confidence, Severity
from trees import write

WORKFLOW = "on: push\njobs:\n  a:\n    steps:\n      - run: |\n          x\n          echo ${{ github.head_ref }}\n"


def location(
    rows: tuple[int, int],
    feature: str,
    *,
    kind: str = "Primary",
    key_only: bool = False,
    columns: tuple[int, int] = (0, 4),
) -> dict[str, Any]:
    return {
        "symbolic": {
            "key": {"Local": {"verbatim_path": "/t/.github/workflows/a.yml"}},
            "annotation": "here",
            "kind": kind,
            "feature_kind": "KeyOnly" if key_only else "Normal",
        },
        "concrete": {
            "location": {
                "start_point": {"row": rows[0], "column": columns[0]},
                "end_point": {"row": rows[1], "column": columns[1]},
                "offset_span": {"start": 0, "end": 1},
            },
            "feature": feature,
            "comments": [],
        },
    }


def finding(ident: str, *locations: dict[str, Any], **more: Any) -> dict[str, Any]:
    determinations = {"severity": "High", "confidence": "Low", "persona": "Regular"}
    base = {"ident": ident, "desc": "flaw", "url": "https://docs.zizmor.sh/audits/", "determinations": determinations}
    return {**base, "locations": list(locations), "ignored": False, "fixes": [], **more}


def heard(*findings: dict[str, Any], inputs: Mapping[str, bytes] = {}) -> list[Any]:
    paths = {f"/t/{name}": data for name, data in inputs.items()}
    command = Command(argv=("x",), inputs=tuple(paths), facts={"root": "/t", "files": ""})
    return list(parse(RawOutput(command=command, exit_code=0, stdout=json.dumps(findings).encode(), inputs=paths)))


def seen(*findings: dict[str, Any], inputs: Mapping[str, bytes] = {}) -> list[Sighting]:
    return [entry for entry in heard(*findings, inputs=inputs) if isinstance(entry, Sighting)]


def test_every_workflow_and_action_is_named(tmp_path: Path) -> None:
    files = {
        ".github/workflows/a.yml": WORKFLOW,
        ".github/workflows/-n.yaml": WORKFLOW,
        ".github/workflows/notes.md": "",
        "tools/action.yml": "runs:\n  using: composite\n",
        ".github/dependabot.yml": "version: 2\n",
        "zizmor.yml": "rules: {}\n",
        "other.yml": "",
    }
    target, inventory = discover(str(write(tmp_path / "t", files)), Limits())
    now = datetime(2026, 11, 24, tzinfo=UTC)
    context = ScanContext(today=now.date(), started=now, work="/w", cache=None, inventory=inventory)
    (command,) = commands(target, claims(inventory), context)
    assert isinstance(command, Command)
    given = [word.removeprefix(f"{target.root}/") for word in command.argv if word.startswith(target.root)]
    assert sorted(given) == sorted(
        [".github/workflows/a.yml", ".github/workflows/-n.yaml", "tools/action.yml", ".github/dependabot.yml"]
    )
    assert {"--offline", "--no-config", "--no-ignores", "--no-exit-codes"} <= set(command.argv)
    assert not command.network


def test_an_injection_stands_from_the_key_of_its_block_on() -> None:
    (entry,) = seen(
        finding(
            "template-injection",
            location((4, 6), "run", kind="Related", key_only=True, columns=(8, 11)),
            location((6, 6), "...", columns=(20, 35)),
        )
    )
    assert entry.place is not None
    place = entry.place
    assert (place.start_line, place.start_column, place.end_line, place.end_column) == (5, 9, 7, 36)
    assert (entry.severity, entry.confidence) == (Severity.HIGH, Confidence.LOW)


@pytest.mark.parametrize(
    ("ident", "feature", "line"),
    [
        ("insecure-commands", "env:\n  A: 1\n  ACTIONS_ALLOW_UNSECURE_COMMANDS: true", 5),
        ("github-env", 'run: |\n  x\n  echo "A=1" >> $GITHUB_PATH', 5),
        ("excessive-permissions", "jobs:\n  a:\n    b", 3),
    ],
)
def test_of_a_block_the_line_that_matters_is_shown(ident: str, feature: str, line: int) -> None:
    (entry,) = seen(finding(ident, location((2, 4), feature)))
    assert entry.place is not None
    assert (entry.place.start_line, entry.place.end_line) == (line, None)


def test_inherited_secrets_stand_where_they_are_inherited() -> None:
    related = location((8, 8), "secrets: inherit", kind="Related", columns=(4, 20))
    (entry,) = seen(finding("secrets-inherit", location((7, 7), "a/b@v1"), related))
    assert entry.place is not None
    assert entry.place.start_line == 9


def test_what_the_target_would_have_hidden_is_marked() -> None:
    config = (
        b"rules:\n  one:\n    disable: true\n  two:\n    ignore: [a.yml:3, b.yml]\n  three:\n    ignore: [a.yml:9]\n"
    )
    place = location((2, 2), "x")
    said = heard(
        finding("one", place),
        finding("two", place),
        finding("three", place),
        finding("four", place, ignored=True),
        inputs={"zizmor.yml": config},
    )
    hidden = [entry.hidden_by for entry in said if isinstance(entry, Sighting)]
    assert hidden == [
        "zizmor.yml switches one off",
        "zizmor.yml ignores two in a.yml:3",
        "",
        "a comment in the file: # zizmor: ignore",
    ]
    assert any("would have hidden 2" in getattr(entry, "message", "") for entry in said)


@pytest.mark.parametrize("config", [b"rules: [", b"- a", b"\xff\xfe", b"a: &x 1\nb: *x\n", b"rules:\n  one: 3\n"])
def test_settings_that_zizmor_would_not_follow_hide_nothing(config: bytes) -> None:
    (entry,) = seen(finding("one", location((2, 2), "x")), inputs={"zizmor.yml": config})
    assert entry.hidden_by == ""


def test_files_that_could_not_be_parsed_and_are_not_named_are_a_gap_of_all(tmp_path: Path) -> None:
    target, inventory = discover(str(write(tmp_path / "t", {".github/workflows/a.yml": WORKFLOW})), Limits())
    command = Command(
        argv=("x",), claims=claims(inventory), facts={"root": target.root, "files": ".github/workflows/a.yml"}
    )
    stderr = b" WARN zizmor::registry::input: failed to parse input: a\n WARN x: failed to parse input: b\n"
    said = list(parse(RawOutput(command=command, exit_code=0, stdout=b"[]", stderr=stderr)))
    gaps = [entry for entry in said if isinstance(entry, Gap)]
    assert [(gap.kind, gap.item) for gap in gaps] == [(GapKind.ITEM, "workflows:.github/workflows")]
    assert "2 files could not be parsed" in gaps[0].reason


def test_an_older_report_is_taken_in(tmp_path: Path) -> None:
    """Before 1.6 a place had no kind, and named its file otherwise."""
    target, inventory = discover(str(write(tmp_path / "t", {".github/workflows/a.yml": WORKFLOW})), Limits())
    old = location((2, 2), "x")
    old["symbolic"] = {"key": {"Local": {"prefix": ".", "given_path": "./.github/workflows/a.yml"}}, "annotation": "a"}
    report = [finding("unpinned-uses", old), finding("brand-new-audit", old, extra={"a": 1})]
    raw = RawOutput(command=imported(target, inventory), stdout=json.dumps(report).encode())
    entries = [entry for entry in parse(raw) if isinstance(entry, Sighting)]
    assert [entry.native_rule for entry in entries] == ["unpinned-uses", "brand-new-audit"]
    assert all(entry.place and entry.place.path == "./.github/workflows/a.yml" for entry in entries)


@pytest.mark.parametrize("report", [b'{"runs": []}', b"[1]", b'[{"ident": "a", "locations": []}]', b""])
def test_what_is_no_report_is_refused(report: bytes) -> None:
    with pytest.raises(ParseError):
        list(parse(RawOutput(command=Command(argv=(), facts={"root": "/t"}), stdout=report)))


def test_hard_coded_credentials_are_secrets() -> None:
    assert ADAPTER.canonical["hardcoded-container-credentials"].startswith("secrets/")
