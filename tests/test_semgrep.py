"""semgrep and opengrep: our packs and what they find, what is not looked at, reports made elsewhere."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cases import ROOT, Case, cases
from magray_sec import adapters, datafiles
from magray_sec.adapters import _semgrep
from magray_sec.model.adapter import Adapter, ParseError, Said
from magray_sec.model.finding import Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    File,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    RawOutput,
    Target,
)
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.regex.pack import load_packs
from planting import token
from record import surroundings

SEMGREP, OPENGREP = adapters.load("semgrep"), adapters.load("opengrep")
PACKS = sorted(Path(datafiles.folder("rules"), "semgrep").glob("*.yaml"))
RULES = [(pack.stem, rule) for pack in PACKS for rule in YAML(typ="safe").load(pack)["rules"]]
EXAMPLES = [case for name in ("semgrep", "opengrep") for case in cases(name) if case.name.startswith("rules-")]
ANNOTATION = re.compile(r"\s*(?:#|//) (ruleid|ok): (\S+)")


def annotated(case: Case) -> dict[tuple[str, int], bool]:
    """(rule, line) -> whether the rule is to find something there, by the comment on the line above."""
    (file,) = (case.folder / "input").iterdir()
    lines = file.read_text(encoding="utf-8").splitlines()
    found = [(number, match) for number, line in enumerate(lines, 2) if (match := ANNOTATION.match(line))]
    return {(match[2], number): match[1] == "ruleid" for number, match in found}


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case.id)
def test_each_rule_finds_what_its_examples_say_and_nothing_else(case: Case) -> None:
    printed = json.loads((case.folder / "raw.0.stdout").read_bytes())["results"]
    found = {(result["check_id"], result["start"]["line"]) for result in printed}
    assert found == {place for place, is_wanted in annotated(case).items() if is_wanted}


def test_each_rule_has_examples_both_ways() -> None:
    stated = [annotated(case) for case in EXAMPLES if case.adapter == "semgrep"]
    for wanted in (True, False):
        shown = {rule for places in stated for (rule, _), is_wanted in places.items() if is_wanted is wanted}
        assert {rule["id"] for _, rule in RULES} <= shown


def test_a_flaw_is_called_the_same_by_every_engine() -> None:
    ours = {rule.canonical: rule for rule in load_packs(datafiles.files("rules/code"), None).rules}
    for pack, rule in RULES:
        name, language = rule["id"].split(".")[1:]
        assert language == pack
        same, metadata = ours[f"code/{name}"], rule["metadata"]
        said = (metadata["title"], rule["message"], rule["severity"].lower())
        assert said == (same.title, same.description, same.severity.value)
        assert metadata["cwe"] in same.cwe
        assert metadata["confidence"] in ("HIGH", "MEDIUM", "LOW")
        assert metadata["help"]
        assert metadata["references"]


def test_ids_are_told_apart_by_the_language() -> None:
    """Of two rules with one id in several packs the programs run the last alone."""
    ids = [rule["id"] for _, rule in RULES]
    assert len(ids) == len(set(ids))


def test_the_packs_are_not_taken_for_packs_of_patterns() -> None:
    assert not [path for path in datafiles.files("rules") if "semgrep" in path]


def made(*paths: str, adapter: Adapter = SEMGREP, root: str = "/t") -> tuple[Command | Gap, ...]:
    languages = ("python", "javascript", "typescript", "go", "rust")
    items = tuple(Item(kind=ItemKind.LANGUAGE, name=name) for name in languages)
    inventory = Inventory(items=items, files=tuple(File(path=path, size=9) for path in paths))
    assert adapter.commands is not None
    claims = tuple(Claim(domain=Domain.CODE, item=item.id) for item in items if item.name == "python")
    return adapter.commands(Target(root=root, name="t"), claims, replace(surroundings("/w"), inventory=inventory))


def test_files_are_named_one_by_one_after_all_options() -> None:
    (command,) = made("a.py", "-rf.py", "x.pyi", "web/a.ts")
    assert isinstance(command, Command)
    assert command.argv[command.argv.index("--") + 1 :] == ("/t/-rf.py", "/t/a.py", "/t/x.pyi")
    assert not command.network


def test_files_of_a_language_that_the_suffix_does_not_tell_are_given_to_its_rules_alone() -> None:
    known, others = made("a.py", "window.pyw")
    assert isinstance(others, Command)
    assert "--scan-unknown-extensions" in others.argv
    assert others.argv[-1] == "/t/window.pyw"
    assert isinstance(known, Command)
    assert "--scan-unknown-extensions" not in known.argv


def test_a_name_that_is_no_text_is_a_gap() -> None:
    gap, command = made("a.py", "bad\udcff.py")
    assert isinstance(gap, Gap)
    assert (gap.kind, gap.path) == (GapKind.FILE, "bad\udcff.py")
    assert isinstance(command, Command)
    assert command.argv[-1] == "/t/a.py"


def test_many_files_are_several_processes() -> None:
    commands = made(*(f"{number:0200}.py" for number in range(3000)))
    assert len(commands) == 2
    assert all(isinstance(entry, Command) and entry.claims for entry in commands)


def test_opengrep_is_not_given_what_it_does_not_know() -> None:
    (command,) = made("a.py", adapter=OPENGREP)
    assert isinstance(command, Command)
    assert "--metrics" not in command.argv
    (command,) = made("a.py")
    assert isinstance(command, Command)
    assert command.argv[command.argv.index("--metrics") + 1] == "off"


def result(check: str, path: str = "src/app.py", line: int = 3, **extra: Any) -> dict[str, Any]:
    return {
        "check_id": check,
        "path": path,
        "start": {"line": line, "col": 5, "offset": 9},
        "end": {"line": line, "col": 15, "offset": 19},
        "extra": {"message": "words", "severity": "ERROR", "metadata": {}} | extra,
    }


def heard(*results: dict[str, Any], **report: Any) -> list[Said]:
    assert SEMGREP.parse is not None
    printed = {"results": results, "errors": [], "paths": {"scanned": ["src/app.py"]}, "version": "1.50.0"} | report
    return list(SEMGREP.parse(RawOutput(command=Command(argv=()), stdout=json.dumps(printed).encode())))


def sightings(*results: dict[str, Any], **report: Any) -> list[Sighting]:
    return [entry for entry in heard(*results, **report) if isinstance(entry, Sighting)]


@pytest.mark.parametrize(
    ("check", "rule"),
    [
        ("code.sql-injection.python", "code/sql-injection"),
        ("home.me.rules.semgrep.code.sql-injection.go", "code/sql-injection"),
        ("python.lang.security.audit.eval-detected.eval-detected", "code/dynamic-code"),
        ("python.lang.security.audit.subprocess-shell-true.subprocess-shell-true", "code/shell-command-from-variable"),
        ("go.lang.security.audit.crypto.use_of_weak_crypto.use-of-md5", "code/weak-hash"),
        (
            "rust.lang.security.reqwest-accept-invalid.reqwest-accept-invalid",
            "code/tls-certificate-verification-disabled",
        ),
        ("my.rules.House-Rule", "code/semgrep.my.rules.house-rule"),
    ],
)
def test_rules_that_mean_the_same_bear_one_name(check: str, rule: str) -> None:
    (sighting,) = sightings(result(check))
    assert sighting.rule is not None
    assert sighting.rule.id == rule
    assert sighting.native_rule == check


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("CRITICAL", "critical"),
        ("ERROR", "high"),
        ("HIGH", "high"),
        ("WARNING", "medium"),
        ("INFO", "low"),
        ("", "unknown"),
    ],
)
def test_severities_of_old_and_new_reports(word: str, severity: str) -> None:
    assert sightings(result("a.b", severity=word))[0].severity is Severity(severity)


def test_a_credential_is_a_secret_and_its_rule_s_words_are_not_told() -> None:
    value = token(24)
    metadata = {"cwe": ["CWE-798: Use of Hard-coded Credentials"], "confidence": "LOW"}
    (sighting,) = sightings(result("a.hardcoded-thing", message=f"password {value}", metadata=metadata))
    assert (sighting.domain, sighting.confidence) == (Domain.SECRETS, Confidence.LOW)
    assert value not in repr(sighting)
    assert sighting.place is not None
    assert sighting.place.start_column is None


def test_an_ignored_result_is_told_with_what_hides_it() -> None:
    assert sightings(result("a.b", is_ignored=True))[0].hidden_by


def test_two_ways_to_one_place_are_one() -> None:
    assert len(sightings(result("a.b"), result("a.b"), result("a.b", line=4))) == 2


def test_errors_of_a_file_are_gaps_and_of_the_run_the_end() -> None:
    spans = [{"file": "src/x.py", "start": {"line": 1, "col": 1}, "end": {"line": 1, "col": 2}}]
    errors = [
        {"code": 3, "level": "warn", "type": ["PartialParsing", []], "message": "bad", "path": "src/a.py"},
        {"code": 3, "level": "warn", "type": "Timeout", "message": "slow", "path": "src/a.py"},
        {"code": 2, "level": "warn", "type": "Syntax error", "long_msg": "bad", "spans": spans},
    ]
    gaps = [entry for entry in heard(errors=errors) if isinstance(entry, Gap)]
    assert [gap.path for gap in gaps] == ["src/a.py", "src/x.py"]
    with pytest.raises(ParseError, match="no config"):
        heard(result("a.b"), errors=[{"code": 7, "level": "error", "type": "SemgrepError", "message": "no config"}])


def test_a_run_over_nothing_is_none() -> None:
    with pytest.raises(ParseError, match="no file"):
        heard(paths={"scanned": []})
    with pytest.raises(ParseError, match="sarif"):
        list(_semgrep.parse(RawOutput(command=Command(argv=()), stdout=b'{"version": "2.1.0", "runs": []}')))


def test_a_file_that_was_given_and_not_looked_at_is_a_gap() -> None:
    command = Command(argv=("semgrep", "--", "/t/a.py", "/t/b.py"), facts={"root": "/t", "given": "2"})
    stdout = json.dumps({"results": [], "errors": [], "paths": {"scanned": ["/t/a.py"]}}).encode()
    gaps = [entry for entry in _semgrep.parse(RawOutput(command=command, stdout=stdout)) if isinstance(entry, Gap)]
    assert [gap.path for gap in gaps] == ["b.py"]


def test_both_programs_say_the_same() -> None:
    for name in ("one", "many", "hiding"):
        said = []
        for folder in (ROOT / "semgrep", ROOT / "opengrep"):
            newest = max(folder.iterdir())
            golden = json.loads((newest / name / "findings.json").read_text())
            said.append(sorted((finding["identity"], finding["severity"]) for finding in golden["findings"]))
        assert said[0] == said[1]
