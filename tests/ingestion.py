"""What GitHub code scanning refuses or mangles, as a check over a SARIF file: what the Multitool does not catch too."""

from __future__ import annotations

import re
from collections import Counter

_URI = re.compile(r"(?:[A-Za-z0-9_.~!$&'()*+,;=@/-]|%[0-9A-Fa-f]{2})+")
_LINE_HASH = re.compile(r"[0-9a-f]{1,16}:[1-9][0-9]*")
_LEVELS = ("note", "warning", "error")


def complaints(log: dict) -> list[str]:
    """What is wrong with the file, one line each; empty: GitHub takes it whole and shows all of it."""
    found = [*_nulls(log, "log")]
    runs = log.get("runs") or []
    if log.get("version") != "2.1.0" or not log.get("$schema"):
        found.append("version or $schema is missing")
    if not 1 <= len(runs) <= 20:
        found.append(f"{len(runs)} runs")
    categories = Counter(_category(run) for run in runs)
    found += [f"{count} runs are of the category {name}" for name, count in categories.items() if count > 1]
    for number, run in enumerate(runs):
        found += [f"run {number}: {text}" for text in _run(run)]
    return found


def _category(run: dict) -> tuple[str, str]:
    return (run["tool"]["driver"].get("name", ""), run.get("automationDetails", {}).get("id", "").rpartition("/")[0])


def _nulls(value, where: str):
    if value is None:
        yield f"{where} is null"
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _nulls(entry, f"{where}.{key}")
    elif isinstance(value, list):
        for entry in value:
            yield from _nulls(entry, f"{where}[]")


def _run(run: dict):
    driver = run["tool"]["driver"]
    rules = driver.get("rules", [])
    if not driver.get("name"):
        yield "the driver has no name"
    if not run.get("automationDetails", {}).get("id", "").endswith("/"):
        yield "the id does not end in '/'"
    if "results" not in run:
        yield "there are no results, not even none"
    if len(run.get("results", [])) > 5000:
        yield "more results than are stored"
    if len(rules) > 25_000 or not rules:
        yield f"{len(rules)} rules"
    if len(run["tool"].get("extensions", [])) > 100:
        yield "more than 100 extensions"
    if run.get("columnKind") != "utf16CodeUnits":
        yield "columns are not said to be UTF-16 units"
    for invocation in run.get("invocations", []):
        if not invocation.get("executionSuccessful"):
            yield "an invocation says it was not successful"
    for rule in rules:
        yield from (f"rule {rule.get('id')}: {text}" for text in _rule(rule))
    for number, result in enumerate(run.get("results", [])):
        yield from (f"result {number}: {text}" for text in _result(result, rules))


def _rule(rule: dict):
    properties = rule.get("properties", {})
    for name in ("shortDescription", "fullDescription", "help"):
        text = rule.get(name, {}).get("text", "")
        if not text.strip():
            yield f"no {name}"
        if name != "help" and len(text) > 1024:
            yield f"{name} is longer than 1024"
    if not rule.get("id") or len(rule.get("name", "")) > 255:
        yield "its id or name"
    if rule.get("defaultConfiguration", {}).get("level") not in _LEVELS:
        yield "no level"
    severity = properties.get("security-severity", "5.0")
    if not isinstance(severity, str) or not re.fullmatch(r"\d{1,2}\.\d", severity) or not 0.0 < float(severity) <= 10.0:
        yield f"security-severity {severity!r}"
    elif severity == "9.0":
        yield "security-severity between two bands"
    tags = properties.get("tags", [])
    if len(tags) > 10 or len(set(tags)) < len(tags) or not all(isinstance(tag, str) for tag in tags):
        yield f"{len(tags)} tags"
    if properties.get("precision") not in ("very-high", "high", "medium", "low"):
        yield "precision"
    if properties.get("problem.severity", "error") not in ("error", "warning", "recommendation"):
        yield "problem.severity"


def _result(result: dict, rules: list[dict]):
    index = result.get("ruleIndex", -1)
    if not 0 <= index < len(rules) or rules[index]["id"] != result.get("ruleId"):
        yield "its rule"
    if result.get("level") not in _LEVELS:
        yield "no level of its own"
    text = result.get("message", {}).get("text", "")
    if not text.strip() or "`" in text or "](" in text or "\n" in text:
        yield f"its message: {text!r}"
    if {"suppressions", "baselineState", "kind"} & result.keys():
        yield "what is ignored, so that a closed alert opens"
    locations = result.get("locations", [])
    if not 1 <= len(locations) <= 100:
        yield f"{len(locations)} locations"
    for location in locations[:1]:
        yield from _location(location.get("physicalLocation", {}))
    if not result.get("partialFingerprints"):
        yield "no fingerprint"
    line_hash = result.get("partialFingerprints", {}).get("primaryLocationLineHash", "0:1")
    if not _LINE_HASH.fullmatch(line_hash):
        yield f"the line hash {line_hash!r}"


def _location(physical: dict):
    uri = physical.get("artifactLocation", {}).get("uri", "")
    if not _URI.fullmatch(uri) or uri.startswith(("/", "./")) or ".." in uri.split("/"):
        yield f"the URI {uri!r}"
    region = physical.get("region", {})
    start, end = region.get("startLine", 0), region.get("endLine", 0)
    if not isinstance(start, int) or start < 1 or start != end:
        yield f"the lines {start} to {end}"
    first, last = region.get("startColumn", 1), region.get("endColumn")
    if first < 1 or (last is not None and last < first):
        yield f"the columns {first} to {last}"
