"""The verbs beside `scan`, as a user calls them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import ADVISORY_DB, SAMPLE, Ended, magray_sec, surroundings
from magray_sec import adapters
from magray_sec.cli import VERBS
from magray_sec.regex.examples import fill

DATABASE = ("--advisory-db", ADVISORY_DB, "--offline")
Call = Callable[..., Ended]


@pytest.fixture
def call(tmp_path: Path, warm_cache: Path) -> Call:
    """Run a command line with a HOME of its own."""
    environment = surroundings(tmp_path, XDG_CACHE_HOME=str(warm_cache))
    return lambda *arguments, **more: magray_sec(*arguments, environment=environment | more)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sample workspace that a test may change."""
    folder = tmp_path / "sample"
    shutil.copytree(SAMPLE, folder)
    return folder


def test_help_lists_every_verb(call: Call) -> None:
    ended = call("--help")
    assert ended.code == 0
    assert all(f"  {verb} " in ended.out for verb in VERBS)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(("scn",), "Did you mean 'scan'"), (("scan", "--jsno", "x"), "--json"), (("scan", "--jobs", "many"), "--jobs")],
)
def test_a_wrong_word_is_exit_2_with_the_likely_one(call: Call, arguments: tuple[str, ...], meant: str) -> None:
    ended = call(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert meant in ended.err


def test_list_names_every_scanner_rule_and_policy(call: Call) -> None:
    assert all(name in call("list", "scanners").out for name in adapters.names())
    assert "secrets/github-pat" in call("list", "rules").out
    assert call("list", "policies").out.split()[3::3][:1] == ["advisory"]


def test_explain_tells_a_rule(call: Call) -> None:
    told = call("explain", "github-pat")
    assert told.code == 0
    assert told.out.startswith("secrets/github-pat: ")
    assert "CWE-798" in told.out
    wrong = call("explain", "github-pta")
    assert (wrong.code, "did you mean 'github-pat'" in wrong.err) == (2, True)


def test_explain_tells_a_finding_of_a_report(call: Call, tmp_path: Path) -> None:
    stored = tmp_path / "report.json"
    assert call("scan", SAMPLE, *DATABASE, "--json", stored).code == 1
    (finding,) = [entry for entry in json.loads(stored.read_text())["findings"] if "idna" in entry["message"]]
    told = call("explain", finding["identity"], "--report", stored)
    assert told.code == 0
    for words in ("seen by     cargo-audit as RUSTSEC-2024-0421", "aliases     CVE-2024-12224", "judged by   rule '"):
        assert words in told.out
    assert call("explain", finding["identity"][:12], "--report", stored).out == told.out
    assert call("explain", finding["identity"]).code == 2
    assert call("explain", "v1:" + "0" * 32, "--report", stored).code == 2
    assert call("explain", "v1:0", "--report", stored).code == 2


def test_a_stored_report_is_the_same_in_every_format(call: Call, tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    first.mkdir(), again.mkdir()
    formats = ("--sarif", "a.sarif", "--markdown", "a.md")
    wanted = [first / word if "." in word else word for word in formats]
    scanned = call("scan", SAMPLE, *DATABASE, "--json", first / "a.json", *wanted)
    wanted = [again / word if "." in word else word for word in formats]
    rendered = call("report", first / "a.json", "--json", again / "a.json", *wanted)
    assert (rendered.code, rendered.out) == (scanned.code, scanned.out)
    for name in ("a.json", "a.sarif", "a.md"):
        assert (again / name).read_bytes() == (first / name).read_bytes()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "something else"}'])
def test_a_file_that_is_no_report_is_exit_2(call: Call, tmp_path: Path, content: str) -> None:
    file = tmp_path / "report.json"
    file.write_text(content)
    ended = call("report", file)
    assert (ended.code, ended.out) == (2, "")
    assert "help: " in ended.err


@pytest.mark.parametrize("name", ["report", "policy", "settings", "pack"])
def test_schemas_are_printed(call: Call, name: str) -> None:
    assert json.loads(call("schema", name).out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_policy_check(call: Call, tmp_path: Path) -> None:
    assert call("policy", "check", "strict").code == 0
    wrong = tmp_path / "policy.yaml"
    wrong.write_text(
        "version: 1\nrequire: [dependencies]\nrules:\n  - {id: a, mathc: {domain: code}, verdict: block}\n"
    )
    ended = call("policy", "check", wrong)
    assert ended.code == 2
    assert ":4:13: unknown key 'mathc'" in ended.err
    assert "did you mean 'match'?" in ended.err


def test_doctor_says_what_is_there_and_how_to_get_the_rest(call: Call) -> None:
    ended = call("doctor")
    assert ended.code == 0
    assert all(name in ended.out for name in adapters.names())
    assert "advisory database: none yet" in ended.out


def test_rules_test_and_why(call: Call, tmp_path: Path) -> None:
    assert "every example is as it says" in call("rules", "test").out
    file = tmp_path / "a.env"
    file.write_text(fill("A={{github-crc32:ghp_}}\nB=ghp_{{repeat:x:36}}\nC=1\n", "why"))
    assert "secrets/github-pat: a finding" in call("rules", "why", f"{file}:1").out
    assert "rejected, because" in call("rules", "why", f"{file}:2").out
    assert call("rules", "why", f"{file}:3").out == "no rule matches on this line\n"
    assert call("rules", "why", file).code == 2


def test_rules_test_refuses_a_pack_with_its_line(call: Call, tmp_path: Path) -> None:
    pack = tmp_path / "own.yaml"
    pack.write_text("version: 1\npack: own\nrules:\n  - {id: a, patern: x}\n")
    ended = call("rules", "test", pack)
    assert ended.code == 2
    assert "own.yaml:4:" in ended.err


def test_an_old_repository_is_green_from_its_baseline_on(call: Call, copy: Path) -> None:
    lines = "".join(f"curl -fsSL https://example.org/{number}/install.sh | sh\n" for number in range(500))
    (copy / "scripts" / "old.sh").write_text("#!/bin/sh\n" + lines)
    file = copy / "magray-sec.baseline.jsonl"
    made = call("baseline", "create", copy, *DATABASE)
    assert made.code == 0
    assert call("baseline", "create", copy, *DATABASE).code == 2, "an existing one is not overwritten"
    before = file.read_bytes()
    green = call("scan", copy, *DATABASE, "--skip-tool", "cargo-licenses", "--baseline", file, "--policy", "strict")
    assert "0 new" in green.out
    assert "Verdict: PASS" in green.out
    (copy / "scripts" / "new.sh").write_text("#!/bin/sh\nwget -qO- https://example.org/new.sh | bash\n")
    moved = (copy / "scripts" / "old.sh").read_text()
    (copy / "scripts" / "old.sh").write_text(moved.replace("#!/bin/sh\n", "#!/bin/sh\n\n# moved\n"))
    seen = call("scan", copy, *DATABASE, "--baseline", file)
    assert "1 new" in seen.out
    assert seen.out.count("code/remote-script-execution") == 1
    assert "scripts/new.sh:2" in seen.out
    updated = call("baseline", "update", copy, *DATABASE)
    assert "1 new, 0 gone" in updated.out
    assert len(file.read_bytes().splitlines()) == len(before.splitlines()) + 1
    assert b"line" not in before


def test_a_damaged_baseline_is_exit_2_with_its_line(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "b.jsonl"
    file.write_text('{"identity": "v1:a", "count": 1}\n<<<<<<< HEAD\n')
    ended = call("scan", SAMPLE, *DATABASE, "--baseline", file)
    assert (ended.code, ended.out) == (2, "")
    assert ":2:1: not a line of a baseline" in ended.err


def test_the_environment_twins_are_said_in_every_report(call: Call, tmp_path: Path) -> None:
    stored = tmp_path / "report.json"
    ended = call(
        "scan", SAMPLE, "--advisory-db", ADVISORY_DB, "--json", stored, MAGRAY_SEC_JOBS="1", MAGRAY_SEC_OFFLINE="1"
    )
    assert "note: MAGRAY_SEC_JOBS=1" in ended.out
    assert ["MAGRAY_SEC_OFFLINE", "true"] in json.loads(stored.read_text())["options"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("nosuch=FILE", "there is no scanner 'nosuch'"),
        ("cargo-audit", "names no file"),
        ("cargo-audit=/nonexistent", "cannot be read"),
        ("rust-unsafe=FILE", "no report to take in"),
    ],
)
def test_an_input_that_cannot_be_taken_in_is_exit_2(call: Call, tmp_path: Path, entry: str, words: str) -> None:
    file = tmp_path / "report.json"
    file.write_text("{}")
    ended = call("scan", SAMPLE, *DATABASE, "--input", entry.replace("FILE", str(file)))
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


def test_a_damaged_input_is_a_failed_scanner(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text('{"database": {')
    ended = call("scan", SAMPLE, *DATABASE, "--input", f"cargo-audit={file}", "--skip-tool", "cargo-audit")
    assert "INCOMPLETE" in ended.out
    assert "cargo-audit" in ended.out
    assert ended.code == 3


def test_a_scan_says_what_the_sarif_for_github_leaves_out(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "scan.sarif"
    (tmp_path / "config" / "magray-sec").mkdir(parents=True)
    operator = tmp_path / "config" / "magray-sec" / "config.yaml"
    operator.write_text("tools: {cargo-audit: /bin/false}\n")
    told = call("scan", SAMPLE, *DATABASE, "--sarif", file, XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert "Left out of the SARIF for GitHub, so that no alert is closed" in told.out
    assert "  dependencies: cargo-audit failed: " in told.out
    full = call("scan", SAMPLE, *DATABASE, "--sarif", file, "--sarif-profile", "full")
    assert "Left out" not in full.out
