"""Every key of a policy, of the settings and of a policy's tests, misspelt, mistyped and misplaced at its place: each is
refused with file, line, column, what is wrong and the likely word. So is what YAML hides, and none of it takes long.
"""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from magray_sec.errors import SettingsError
from magray_sec.policy.load import parse_policy
from magray_sec.policy.trial import load_trials
from magray_sec.settings import load_operator, load_target_file

Step = tuple[str | int, ...]
DAY = "2027-01-31"
WHO = {"reason": "r", "owner": "o", "expires": DAY}
POLICY: dict[str, Any] = {
    "version": 1,
    "description": "everything",
    "extends": ["default"],
    "require": ["dependencies", {"domain": "licenses", "on_incomplete": "warn"}],
    "on_incomplete": "block",
    "require_scanners": ["cargo-audit"],
    "rules": [
        {
            "id": "everything",
            "description": "every key",
            "match": {
                "identity": "v1:00000000000000000000000000000001",
                "domain": ["dependencies", "supply-chain"],
                "rule": ["RUSTSEC-2023-0071"],
                "tool": "cargo-audit",
                "severity": [">=high", "unknown"],
                "score": [">=4.0,<7.0", 9.8],
                "confidence": ">=medium",
                "verified": False,
                "path": ["tests/**"],
                "lockfile": "Cargo.lock",
                "package": ["rsa"],
                "version": ">=0.9, <0.10",
                "license": ["MIT"],
                "license_not": "Zlib",
                "cwe": ["CWE-798", 89],
                "fix": "available",
                "state": ["new"],
                "branch": "release/*",
                "kind": "vulnerability",
                "dependency_kind": ["normal"],
            },
            "when": {"branch": "main", "event": ["push"], "path": "src/**"},
            "max": 3,
            "verdict": "review",
        }
    ],
    "default": "review",
    "gaps": {"item": "review", "file": "incomplete"},
    "accept": [{"path": "docs/**", "item": "lockfile:x", "scanner": "zizmor", **WHO}],
    "database": {"max_age_days": 14},
    "licenses": {
        "allow": ["MIT"],
        "deny": ["GPL-3.0-only"],
        "review": ["MPL-2.0"],
        "unlisted": "block",
        "exceptions": [{"package": "a", "version": "<2", "allow": ["ISC"], "reason": "r"}],
        "clarify": [{"package": "b", "version": "1.0", "license": "MIT AND ISC", "reason": "r"}],
    },
    "inline_allow": "ignore",
    "waiver_limits": {"critical": "30d", "high": "90d", "medium": "1d", "low": "2d", "info": "3d", "unknown": "4d"},
    "warn_before": "14d",
    "waivers": [
        {
            "match": {
                "identity": ["v1:00000000000000000000000000000001"],
                "rule": "x",
                "package": "rsa",
                "version": "<1",
                "path": "a/**",
            },
            **WHO,
            "created": "2026-12-31",
            "until_fixed": True,
        }
    ],
}
TARGET: dict[str, Any] = {
    "version": 1,
    "policy": "default",
    "exclude": ["docs/**"],
    "rule_settings": {"secrets/github-pat": {"enabled": True, "reason": "r", "severity": "high", "entropy": 3.5}},
    "max_file_size": "5MB",
}
OPERATOR: dict[str, Any] = {
    "version": 1,
    "tools": {"cargo-audit": "/opt/cargo-audit"},
    "cache": "/tmp/cache",
    "advisory_db": "/tmp/db",
    "timeout": "10m",
    "jobs": 2,
    "offline": True,
    "allow_build": False,
    "verify_secrets": False,
}
TRIAL: dict[str, Any] = {
    "version": 1,
    "policy": "default",
    "cases": [
        {
            "name": "one",
            "today": DAY,
            "branch": "main",
            "event": "push",
            "findings": [
                {
                    "domain": "dependencies",
                    "severity": "high",
                    "confidence": "high",
                    "rule": "x",
                    "aliases": ["CVE-1"],
                    "tool": "t",
                    "score": 7.5,
                    "path": "a",
                    "package": "rsa",
                    "version": "1.0",
                    "lockfile": "Cargo.lock",
                    "license": "MIT",
                    "fixed": ["2"],
                    "dependency_kind": "dev",
                    "kind": "yanked",
                    "cwe": ["CWE-1"],
                    "state": "new",
                    "identity": "v1:00000000000000000000000000000001",
                    "count": 2,
                }
            ],
            "gaps": [{"domain": "code", "item": "language:c", "path": "x", "scanner": "y"}],
            "failed": ["a"],
            "missing": ["b"],
            "database_age": 3,
            "expect": {"verdict": "block", "complete": False, "rules": [], "belongs": [], "waived": 0, "notes": []},
        }
    ],
}
FREE = {("rule_settings", "secrets/github-pat"), ("tools", "cargo-audit")}
"""Keys that are names of the user's own."""


def _policy(text: str, _: Path) -> None:
    parse_policy(text, file="it.yaml")


def _target(text: str, folder: Path) -> None:
    (folder / "it.yaml").write_text(text)
    load_target_file(str(folder / "it.yaml"), str(folder), name="it.yaml")


def _operator(text: str, folder: Path) -> None:
    (folder / "it.yaml").write_text(text)
    load_operator(str(folder / "it.yaml"))


def _trial(text: str, folder: Path) -> None:
    (folder / "it.yaml").write_text(text)
    load_trials(str(folder / "it.yaml"))


KINDS: dict[str, tuple[dict[str, Any], Callable[[str, Path], None]]] = {
    "policy": (POLICY, _policy),
    "target": (TARGET, _target),
    "operator": (OPERATOR, _operator),
    "trial": (TRIAL, _trial),
}


def steps(data: Any, path: Step = ()) -> Iterator[Step]:
    """The paths of all entries of mappings."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield (*path, key)
            yield from steps(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from steps(value, (*path, index))


KEYS = [(kind, path) for kind, (data, _) in KINDS.items() for path in steps(data) if path not in FREE]
assert len(KEYS) * 3 >= 200


def holder(data: Any, path: Step) -> Any:
    for step in path[:-1]:
        data = data[step]
    return data


def changed(data: dict[str, Any], path: Step, key: str, value: Any) -> dict[str, Any]:
    """The data with another key and value at the path, in the same place."""
    made = copy.deepcopy(data)
    inner = holder(made, path)
    entries = [(key, value) if name == path[-1] else (name, old) for name, old in inner.items()]
    inner.clear()
    inner.update(entries)
    return made


def refused(kind: str, made: Any, folder: Path) -> tuple[list[SettingsError], str]:
    text = json.dumps(made, indent=1)
    with pytest.raises(SettingsError) as caught:
        KINDS[kind][1](text, folder)
    every = [caught.value, *caught.value.more]
    for error in every:
        assert re.search(r"it\.yaml:[1-9][0-9]*:[1-9][0-9]*: \S", str(error)), str(error)
        assert "\n" not in str(error) + error.hint
    return every, text


def line_of(text: str, word: str) -> int:
    (found,) = [number for number, line in enumerate(text.splitlines(), 1) if f'"{word}"' in line]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_changed_is_right_before(kind: str, tmp_path: Path) -> None:
    KINDS[kind][1](json.dumps(KINDS[kind][0], indent=1), tmp_path)


@pytest.mark.parametrize(("kind", "path"), KEYS, ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else value)  # fmt: skip
def test_a_key_misspelt_mistyped_and_misplaced(kind: str, path: Step, tmp_path: Path) -> None:
    data, _ = KINDS[kind]
    key = str(path[-1])
    value = holder(data, path)[key]

    misspelt = f"{key}x" if len(key) < 3 else key[:1] + key[2:]
    errors, text = refused(kind, changed(data, path, misspelt, value), tmp_path)
    line = line_of(text, misspelt)
    told = [error for error in errors if f"it.yaml:{line}:" in str(error) and f"unknown key '{misspelt}'" in str(error)]
    assert told, [str(error) for error in errors]
    assert key in told[0].hint or len(key) < 3

    mistyped: list[Any] = [[[True]], "zzz" if isinstance(value, dict) else {"zzz": [True]}]
    for wrong in mistyped:
        errors, text = refused(kind, changed(data, path, key, wrong), tmp_path)
        part = text.splitlines()
        at = {int(re.search(r"it\.yaml:([0-9]+):", str(error))[1]) for error in errors}  # type: ignore[index]
        assert any(
            f'"{key}"' in part[line - 1] or part[line - 1].strip(' "[]{},') in ("zzz", "true", "") for line in at
        )

    misplaced = copy.deepcopy(data)
    if len(path) > 1:
        misplaced[f"{key}"] = misplaced.get(key)
        known = key in data
        del holder(misplaced, path)[key]
        if not known:
            misplaced[key] = value
            errors, text = refused(kind, misplaced, tmp_path)
            told = [error for error in errors if f"unknown key '{key}'" in str(error)]
            assert told or any("may not be set here" in str(error) for error in errors), [str(e) for e in errors]
            if told:
                assert "belongs in" in told[0].hint or "did you mean" in told[0].hint
                assert f"it.yaml:{len(text.splitlines()) - len(json.dumps(value, indent=1).splitlines())}:" in str(
                    told[0]
                )
    else:
        name = next((name for name, entry in data.items() if isinstance(entry, dict) and name != key), None)
        if name is not None and kind == "policy":
            misplaced[name] = {**misplaced[name], key: value}
            errors, _ = refused(kind, misplaced, tmp_path)


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("require: no\nrules: []\n", "2:10", "expected a list of domains, found the text 'no'"),
        ("require: [no]\nrules: []\n", "2:11", "'no' is not allowed"),
        ("require: []\nrules: off\n", "3:8", "expected a list of rules, found the text 'off'"),
        ("require: []\nrules: [{id: no, match: {verified: yes}, verdict: no}]\n", "3:36", "expected true or false, found the text 'yes'"),
        ("require: []\nrules: [{id: 2026-01-01, match: {}, verdict: on}]\n", "3:46", "'on' is not allowed"),
        ("require: []\nrules: []\ndatabase: {max_age_days: 1_000}\n", "4:26", "expected a whole number"),
        ("require: []\nrules: []\ndatabase: {max_age_days: 1e9}\n", "4:26", "1000000000.0 is more than 100000"),
        ("require: []\nrules: []\ndatabase: {max_age_days: .inf}\n", "4:26", "no number to reckon with"),
        ("require: []\nrules: []\ndatabase: {max_age_days: 0o777777777777777777777}\n", "4:26", "is more than"),
        ("require: []\nrules: []\nwarn_before: 14\n", "4:14", "found the number 14"),
        ("require: []\nrules: []\nwarn_before: 14 days\n", "4:14", "a number of days such as 30d"),
        ("require: []\nrules: []\nwaiver_limits: {critical: 2026-01-01}\n", "4:27", "a number of days"),
        ("require: []\nrules: []\nwaivers: [{match: {rule: x}, reason: r, owner: o, expires: 2026-1-1}]\n", "4:60", "expected a date"),
        ("require: []\nrules: []\nwaivers: [{match: {rule: x}, reason: r, owner: o, expires: 2026-01-01T00:00:00Z}]\n", "4:60", "expected a date"),
        ("require: []\nrules: []\nwaivers: [{match: {rule: x}, reason: r, owner: o, expires: 2026-01-01, created: 2026-02-01}]\n", "4:81", "made after its last day"),
        ("require: &a []\nrules: []\n", "2:10", "an anchor"),
        ("require: []\nrules: *a\n", "3:8", "an alias"),
        ("require: []\n<<: {rules: []}\n", "3:1", "a merge key"),
        ("require: !!seq []\nrules: []\n", "2:10", "a tag"),
        ("require: !python/object:os.system []\nrules: []\n", "2:10", "a tag"),
        ("require: []\nrequire: []\nrules: []\n", "3:1", "given twice"),
        ("require: []\nrules: [{id: a, match: {path: a, path: b}, verdict: pass}]\n", "3:34", "given twice in rules[0].match"),
        ("require: []\nrules:\n\t- {id: a}\n", "4:1", "a tab"),
        ("require: []\nrules: []\n\tdefault: pass\n", "4:1", "a tab"),
        ("require: []\nrules: []\n---\nversion: 1\n", "4:1", "a second document"),
        ("require: []\nrules: []\n...\n%YAML 1.1\n---\na: b\n", "", ""),
        ("require: []\nrules: [\n", "4:1", "never closed"),
        ("require: []\nrules: 'x\n", "3:8", "never closed"),
        ("require: []\nrules: []\n? [a, b]\n: c\n", "4:3", "where a key is due"),
        ("require: []\nrules: []\n? {a: b}\n", "4:3", "where a key is due"),
        ("require: []\nrules: []\nnull: x\n", "4:1", "unknown key 'null'"),
        ("require: []\nrules: []\n1: x\n", "4:1", "unknown key '1'"),
        ("require: []\nrules: []\n'': x\n", "4:1", "unknown key ''"),
        ("require: []\nrules: []\ndefault:\n", "4:1", "found nothing"),
        ("require: []\nrules: []\ndefault: |\n  pass\n", "4:10", "is not allowed"),
        ("require: []\nrules: []\ndescription: \x07\n", "4:14", "a control character"),
        ("require: []\nrules: [{id: a, match: {path: [" + "x, " * 7000 + "y]}, verdict: pass}]\n", "3:1", "a line longer than"),
        ("require: []\nrules: " + "[" * 60 + "]" * 60 + "\n", "", "nested deeper than 50 levels"),
        ("require: []\nrules: " + "{a: " * 900 + "}" * 900 + "\n", "", "nested deeper than 50 levels"),
        ("require: []\nrules:\n" + "".join(f"{' ' * n}- \n" for n in range(2, 1000, 2)), "", ""),
        ("lol: &a [x, x]\n" + "".join(f"lol{n}: &b{n} [*a, *a]\n" for n in range(20)), "2:6", "an anchor"),
        ("require: []\nrules: []\n" + "# x\n" * 300_000, "1:1", "larger than"),
        ("require: []\nrules: []\ndescription: '\ud800'\n", "4:15", "a control character"),
        ('require: []\nrules: []\ndescription: "\\ud800"\n', "4:14", "half a character"),
        ("require: []\nrules: []\ndescription: @x\n", "4:14", "needs quotes"),
        ("require: []\nrules: []\ndescription: a: b\n", "4:15", "':' that does not fit"),
        ('require: []\nrules: []\ndescription: "\\q"\n', "4:16", "unknown escape"),
    ],
)  # fmt: skip
def test_what_yaml_hides(text: str, place: str, says: str) -> None:
    began = time.process_time()
    with pytest.raises(SettingsError) as caught:
        parse_policy(f"version: 1\n{text}", file="it.yaml")
    assert time.process_time() - began < 10
    assert str(caught.value).startswith(f"it.yaml:{place}")
    assert re.match(r"it\.yaml:[0-9]+:[0-9]+: \S", str(caught.value))
    assert says in str(caught.value)
